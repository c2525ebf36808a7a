"""Documents of clients are fetched from the public Internet only, no redirects, within limits. CWE-918"""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.auth import fetch as fetching
from fhir_server.auth.fetch import NotFetched, fetch, is_public
from fhir_server.auth.key_sets import KeySets, cache_seconds
from tests.running_server import RunningServer
from tests.smart_app import error_of, public_jwks, register_system, rsa_key, system_token

PRIVATE = [
    "127.0.0.1",
    "127.1.2.3",
    "0.0.0.0",  # noqa: S104
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "192.0.2.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    "64:ff9b::a9fe:a9fe",
    "2002:7f00:1::",
    "2002:a9fe:a9fe::",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "ff02::1",
    "2001:db8::1",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_that_is_not_public_is_known(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "93.184.215.14", "2001:4860:4860::8888", "::ffff:8.8.8.8"])
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(address)


@given(st.ip_addresses(v=4))
def test_an_address_wrapped_in_another_is_judged_by_what_it_wraps(address: Any) -> None:
    packed = f"{int(address):08x}"
    expected = is_public(str(address))
    assert is_public(f"::ffff:{address}") == expected
    assert is_public(f"64:ff9b::{packed[:4]}:{packed[4:]}") == expected
    assert not is_public(f"2002:{packed[:4]}:{packed[4:]}::1") or expected


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "0x7f000001",
        "2130706433",
        "127.1",
        "0177.0.0.1",
        "[::1]",
        "[::ffff:7f00:1]",
        "localhost",
        "0",
    ],
)
def test_no_spelling_of_this_machine_is_fetched(host: str) -> None:
    with pytest.raises(NotFetched):
        fetch(f"https://{host}/jwks")


@pytest.mark.parametrize(
    "url",
    [
        "http://example.org/jwks",
        "file:///etc/passwd",
        "ftp://example.org/",
        "gopher://example.org/",
        "https://user:password@example.org/",
        "https://example.org:22/",
        "https://example.org:99999/",
        "https://example.org/#x",
        "https://example.org/a b",
        "https://example.org/\r\nHost: evil",
        "https://еxample.org/",
        "https:///x",
        "https://[",
        "//example.org/",
        "",
    ],
)
def test_a_url_of_another_kind_is_not_fetched(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(socket, "create_connection", lambda *a, **k: pytest.fail("it connected"))
    with pytest.raises(NotFetched):
        fetch(url)


def answers(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> list[str]:
    """Makes the DNS give these addresses, one answer after the other; returns what was asked."""
    asked: list[str] = []

    def resolve(host: str, *args: Any, **options: Any) -> list[Any]:
        asked.append(host)
        found = addresses[min(len(asked), len(addresses)) - 1]
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, 0)) for one in found.split(",")]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return asked


@pytest.mark.parametrize("answer", ["127.0.0.1", "169.254.169.254", "8.8.8.8,10.0.0.1"])
def test_a_name_that_leads_inside_is_not_followed(monkeypatch: pytest.MonkeyPatch, answer: str) -> None:
    answers(monkeypatch, answer)
    monkeypatch.setattr(socket, "create_connection", lambda *a, **k: pytest.fail("it connected"))
    with pytest.raises(NotFetched, match="public"):
        fetch("https://rebind.example.org/jwks")


def test_the_address_that_was_checked_is_the_one_that_is_called(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = answers(monkeypatch, "93.184.215.14", "127.0.0.1")
    called: list[Any] = []

    def connect(address: Any, timeout: float) -> Any:
        called.append(address)
        raise OSError

    monkeypatch.setattr(socket, "create_connection", connect)
    with pytest.raises(NotFetched):
        fetch("https://rebind.example.org/jwks")
    assert (asked, called) == (["rebind.example.org"], [("93.184.215.14", 443)])


@contextmanager
def serve(answer: bytes, *, slowly: bool = False) -> Iterator[str]:
    """A server that says what it is told, byte by byte if it must."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def run() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    try:
                        connection.recv(4096)
                        for part in [answer[i : i + 1] for i in range(len(answer))] if slowly else [answer]:
                            connection.sendall(part)
                            time.sleep(0.2 if slowly else 0)
                    except OSError:
                        continue

        threading.Thread(target=run, daemon=True).start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/jwks"


def http(body: bytes, status: str = "200 OK", headers: str = "") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode() + body


def test_a_document_is_fetched_where_private_addresses_are_allowed() -> None:
    with serve(http(b"{}", headers="Cache-Control: max-age=60\r\nContent-Type: application/json\r\n")) as url:
        found = fetch(url, private_addresses=True)
    assert (found.body, found.cache_control, found.content_type) == (b"{}", "max-age=60", "application/json")


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary", "404 Not Found", "500 Oops"])
def test_a_redirect_or_an_error_is_no_document(status: str) -> None:
    with serve(http(b"{}", status, "Location: http://127.0.0.1/\r\n")) as url, pytest.raises(NotFetched):
        fetch(url, private_addresses=True)


@pytest.mark.parametrize("answer", [b"", b"nonsense", b"\0" * 100])
def test_what_is_no_http_is_no_document(answer: bytes) -> None:
    with serve(answer) as url, pytest.raises(NotFetched):
        fetch(url, private_addresses=True)


def test_a_large_or_slow_document_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    with serve(http(b"x" * 200_000)) as url, pytest.raises(NotFetched, match="larger"):
        fetch(url, private_addresses=True)
    endless = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1000\r\n" + b"x" * 4096 + b"\r\n"
    with serve(endless * 40) as url, pytest.raises(NotFetched):
        fetch(url, private_addresses=True)
    monkeypatch.setattr(fetching, "SECONDS", 0.5)
    with serve(http(b"x" * 50), slowly=True) as url:
        began = time.monotonic()
        with pytest.raises(NotFetched):
            fetch(url, private_addresses=True)
        assert time.monotonic() - began < 5


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("", 300),
        ("no-store", 0),
        ("no-cache, max-age=600", 0),
        ("max-age=60", 60),
        ("public, Max-Age=600", 600),
        ("max-age=999999999", 3600),
        ("s-maxage=5", 300),
        ("max-age=x", 300),
    ],
)
def test_keys_are_kept_no_longer_than_their_server_says(header: str, seconds: int) -> None:
    assert cache_seconds(header) == seconds


def test_a_system_is_known_by_the_keys_at_its_url(server: RunningServer) -> None:
    authorization = server.app.extensions["fhir_server_authorization"].server
    before = authorization.key_sets._fetch
    calls: list[str] = []
    body = json.dumps(public_jwks(rsa_key())).encode()

    def fetch_document(url: str) -> fetching.Fetched:
        calls.append(url)
        if "broken" in url:
            raise NotFetched("no")
        return fetching.Fetched(body, "application/json", "max-age=60")

    authorization.key_sets._fetch = fetch_document
    try:
        at_url = register_system(server, jwks={}, jwks_uri="https://app.example.org/jwks")
        jku = {"header": {"jku": "https://app.example.org/jwks"}}
        assert system_token(at_url, rsa_key(), "RS384", **jku).status_code == 200
        assert system_token(at_url, rsa_key(), "RS384").status_code == 200
        assert calls == ["https://app.example.org/jwks"]
        other = {"header": {"jku": "https://app.example.org/jwks2"}}
        assert error_of(system_token(at_url, rsa_key(), "RS384", **other), 401) == "invalid_client"
        broken = register_system(server, jwks={}, jwks_uri="https://broken.example.org/jwks")
        for _ in range(3):
            assert error_of(system_token(broken, rsa_key(), "RS384"), 401) == "invalid_client"
        assert len(calls) == 2
    finally:
        authorization.key_sets._fetch = before


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b"[" * 5000, b"\xff", b'{"keys": [1]}', b'{"keys": "x"}']
)
def test_a_key_set_that_cannot_be_read_has_no_keys(server: RunningServer, body: bytes) -> None:
    with serve(http(body)) as url:
        system = register_system(server, jwks={}, jwks_uri=url)
        row = server.inside.oauth.clients.find(system.client_id)
        assert row is not None
        assert KeySets(private_addresses=True).find(row, "rsa-1", "RSA") is None
