"""Fetches a document of a client without becoming its tool: https, public addresses, no redirect, bounded.

The name is resolved once and the connection goes to the address that was checked, so that a second answer
of the DNS changes nothing. OWASP ASVS 5 §1.3.6, RFC 9700 §4.11
"""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

MOST_BYTES = 64 * 1024
SECONDS = 3.0
_NAT64 = ipaddress.ip_network("64:ff9b::/96")


class NotFetched(Exception):
    """The document was not fetched; the text says why and may be shown to the owner of the client."""


@dataclass(frozen=True, slots=True)
class Fetched:
    """A document and how long it may be kept."""

    body: bytes
    content_type: str
    cache_control: str


def fetch(url: str, *, private_addresses: bool = False) -> Fetched:
    """Returns the document at a URL; raises NotFetched."""
    parts = check_url(url, private_addresses=private_addresses)
    deadline = time.monotonic() + SECONDS
    address = _resolve(parts, private_addresses)
    with _connection(parts, address) as connection:
        try:
            path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
            connection.request(
                "GET", path, headers={"Accept": "application/json, image/*", "Host": parts.netloc}
            )
            return _read(connection, deadline)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise NotFetched(
                f"the server of {parts.hostname} did not answer: {type(error).__name__}"
            ) from error


def check_url(url: str, *, private_addresses: bool = False) -> SplitResult:
    """Returns the parts of a URL that may be fetched; raises NotFetched."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise NotFetched("the URL cannot be read") from None
    schemes = ("https", "http") if private_addresses else ("https",)
    if parts.scheme not in schemes or not parts.hostname:
        raise NotFetched("the URL must begin with https://")
    if "@" in parts.netloc or parts.fragment or not url.isascii() or any(ord(c) < 33 for c in url):
        raise NotFetched("the URL must have no user name, fragment, space or letter beyond ASCII")
    if not private_addresses and port not in (None, 443, 8443):
        raise NotFetched("the URL must use port 443 or 8443")
    return parts


def is_public(address: str) -> bool:
    """Tells whether an address is one of the public Internet, also when it wraps an IPv4 address."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        if ip in _NAT64:
            ip = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        elif ip.ipv4_mapped or ip.sixtofour or ip.teredo:
            wrapped = ip.ipv4_mapped or ip.sixtofour or (ip.teredo or (None, None))[1]
            return wrapped is not None and wrapped.is_global and not wrapped.is_multicast
    return ip.is_global and not ip.is_multicast


def _resolve(parts: SplitResult, private_addresses: bool) -> str:
    host = parts.hostname or ""
    try:
        rows = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise NotFetched(f"the name {host} is not known") from None
    addresses = [str(row[4][0]) for row in rows]
    # One private address among public ones is refused too: the answer was made to be tried twice.
    if not addresses or not (private_addresses or all(is_public(address) for address in addresses)):
        raise NotFetched(f"{host} is not on the public Internet")
    return addresses[0]


@contextlib.contextmanager
def _connection(parts: SplitResult, address: str) -> Iterator[http.client.HTTPConnection]:
    secure = parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    connection = http.client.HTTPConnection(parts.hostname or "", port, timeout=SECONDS)
    try:
        connected = socket.create_connection((address, port), timeout=SECONDS)
        if secure:
            context = ssl.create_default_context()
            context.minimum_version = ssl.TLSVersion.TLSv1_2
            connected = context.wrap_socket(
                connected, server_hostname=parts.hostname, do_handshake_on_connect=False
            )
    except OSError as error:
        raise NotFetched(f"{parts.hostname} cannot be reached: {type(error).__name__}") from error
    connection.sock = connected
    # The timeout of a socket begins anew with each byte; this one does not.
    end = threading.Timer(SECONDS, _hang_up, (connected,))
    end.start()
    try:
        if isinstance(connected, ssl.SSLSocket):
            connected.do_handshake()
        yield connection
    except OSError as error:
        raise NotFetched(f"{parts.hostname} cannot be reached: {type(error).__name__}") from error
    finally:
        end.cancel()
        connection.close()


def _hang_up(connected: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connected.shutdown(socket.SHUT_RDWR)


def _read(connection: http.client.HTTPConnection, deadline: float) -> Fetched:
    response = connection.getresponse()
    if response.status != 200:
        raise NotFetched(f"the answer has status {response.status}; redirects are not followed")
    body = bytearray()
    while chunk := response.read1(8192):
        body += chunk
        if len(body) > MOST_BYTES:
            raise NotFetched(f"the document is larger than {MOST_BYTES} bytes")
        if time.monotonic() > deadline:
            raise NotFetched("the answer took too long")
    headers = response.headers
    return Fetched(bytes(body), headers.get("Content-Type", ""), headers.get("Cache-Control", ""))
