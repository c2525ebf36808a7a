"""The public keys of clients: registered with them, or at their jwks_uri and kept as their server says.

https://hl7.org/fhir/smart-app-launch/STU2.2/client-confidential-asymmetric.html#signature-verification
"""

from __future__ import annotations

import json
import re
import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, TypeVar

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, KeySet, RSAKey

from fhir_server.auth.fetch import Fetched, NotFetched, fetch
from fhir_server.storage.oauth.clients import Client

LONGEST_CACHE = 3600
_SHORTEST_CACHE = 5
"""After a failure: a client must not make us fetch at its pace."""
_EARLY = 60
"""Seconds between two looks of one client at keys that are not yet old: it may have a new one."""
_CACHED = 500
_MOST_KEYS = 20
_LEAST_RSA_BITS = 2048
_MEMBERS = ("kty", "kid", "n", "e", "crv", "x", "y")
_MAX_AGE = re.compile(r"(?:^|[,\s])max-age=(\d{1,9})", re.ASCII)

Fetch = Callable[[str], Fetched]
Kept = TypeVar("Kept")


class UnusableKeys(Exception):
    """A key set that cannot be used; the text says why."""


def read_key_set(document: Any) -> list[RSAKey | ECKey]:
    """Returns the public signing keys of a JWK Set; raises UnusableKeys for private or weak ones."""
    keys = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(keys, list) or not 0 < len(keys) <= _MOST_KEYS:
        raise UnusableKeys(f"a key set has 1 to {_MOST_KEYS} keys")
    read = [_read_key(key) for key in keys]
    found = [key for key in read if key is not None]
    if not found:
        raise UnusableKeys("the key set has no RSA or P-384 key for signatures")
    names = [(key.kid, key.key_type) for key in found]
    if len(set(names)) != len(names):
        raise UnusableKeys("two keys of a key set have the same kid and kty")
    return found


def read_stored_key_set(document: Any) -> dict[str, Any]:
    """Returns of a JWK Set what is kept: usable keys, and of each only what a public key needs."""
    read_key_set(document)
    keys = [key for key in document["keys"] if _read_key(key) is not None]
    return {"keys": [{name: key[name] for name in _MEMBERS if name in key} for key in keys]}


def _read_key(key: Any) -> RSAKey | ECKey | None:
    if not isinstance(key, dict) or any(not isinstance(key.get(name), str) for name in ("kty", "kid")):
        raise UnusableKeys("each key needs a kty and a kid")
    if {"d", "p", "q", "dp", "dq", "qi", "k"} & key.keys():
        raise UnusableKeys("a key set holds public keys only")
    if key.get("use", "sig") != "sig" or key["kty"] not in ("RSA", "EC"):
        return None
    if key["kty"] == "EC" and key.get("crv") != "P-384":
        return None
    try:
        read = RSAKey.import_key(key) if key["kty"] == "RSA" else ECKey.import_key(key)
        weak = isinstance(read, RSAKey) and read.raw_value.key_size < _LEAST_RSA_BITS
    except (JoseError, ValueError, TypeError, OverflowError):
        raise UnusableKeys(f"the key {key['kid'][:40]!r} cannot be read") from None
    if weak:
        raise UnusableKeys(f"an RSA key needs {_LEAST_RSA_BITS} bits")
    return read


class KeySets:
    """Finds the keys of clients; one per process."""

    def __init__(self, *, private_addresses: bool = False, fetch_document: Fetch | None = None) -> None:
        self._fetch = fetch_document or (lambda url: fetch(url, private_addresses=private_addresses))
        self._lock = threading.Lock()
        self._cache: OrderedDict[str, tuple[float, list[RSAKey | ECKey]]] = OrderedDict()
        self._looked: OrderedDict[str, float] = OrderedDict()
        self.clock: Callable[[], float] = time.monotonic

    def find(self, client: Client, kid: str, key_type: str) -> KeySet | None:
        """Returns the one key of a client with this kid and kty, None when there is none."""
        keys = self._keys(client, kid)
        matching = [key for key in keys if key.kid == kid and key.key_type == key_type]
        return KeySet(list(matching)) if len(matching) == 1 else None

    def _keys(self, client: Client, kid: str) -> list[RSAKey | ECKey]:
        try:
            if not client.jwks_uri:
                return read_key_set(dict(client.jwks))
        except UnusableKeys:
            return []
        url = str(client.jwks_uri)
        with self._lock:
            cached = self._cache.get(url)
        if cached is None or cached[0] <= self.clock():
            return self._remote(url, [])
        keys = cached[1]
        # Keys that could not be fetched are asked for again soon anyway.
        is_outdated = bool(keys) and all(key.kid != kid for key in keys)
        return self._remote(url, keys) if is_outdated and self._may_look(str(client.client_id)) else keys

    def _may_look(self, client_id: str) -> bool:
        """Tells whether a client is due another early look: anybody can name a kid that is not there."""
        now = self.clock()
        with self._lock:
            if now - self._looked.get(client_id, now - _EARLY) < _EARLY:
                return False
            _keep(self._looked, client_id, now)
        return True

    def _remote(self, url: str, known: list[RSAKey | ECKey]) -> list[RSAKey | ECKey]:
        """Returns the keys at a URL; when they cannot be had, those that are known and not yet old."""
        try:
            fetched = self._fetch(url)
            keys = read_key_set(json.loads(fetched.body))
            seconds = cache_seconds(fetched.cache_control)
        except (NotFetched, UnusableKeys, ValueError, RecursionError):
            if known:
                return known
            keys, seconds = [], _SHORTEST_CACHE
        with self._lock:
            _keep(self._cache, url, (self.clock() + seconds, keys))
        return keys


def _keep(rows: OrderedDict[str, Kept], name: str, row: Kept) -> None:
    """Keeps a row as the newest; the oldest goes when there are too many."""
    rows[name] = row
    rows.move_to_end(name)
    if len(rows) > _CACHED:
        rows.popitem(last=False)


def cache_seconds(cache_control: str) -> int:
    """Returns how long a key set may be kept: never longer than its Cache-Control says."""
    directives = cache_control.lower()
    if "no-store" in directives or "no-cache" in directives:
        return 0
    found = _MAX_AGE.search(directives)
    # Without a word of the client's server the default is short: a withdrawn key must stop working.
    return min(int(found[1]), LONGEST_CACHE) if found else 300
