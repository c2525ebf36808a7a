"""The keys that sign id_tokens: RS256, made here and replaced in time, or given by the operator. RFC 7517

https://openid.net/specs/openid-connect-core-1_0.html#RotateSigningKeys
"""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from fhir_server.settings import SettingsError
from fhir_server.storage.oauth.signing_keys import SigningKeys

ALGORITHM = "RS256"
_BITS = 2048
_REREAD_SECONDS = 60
_DAY = 86_400


class Keys:
    """The signing keys of one server; the newest signs, all that may still be in use are published."""

    def __init__(self, stored: SigningKeys, days: int, given: Path | None = None) -> None:
        self._stored = stored
        self._days = days
        self._given = None if given is None else _read_file(given)
        self._lock = threading.Lock()
        self._read: tuple[float, list[RSAKey]] = (0.0, [])

    def signing_key(self) -> RSAKey:
        """Returns the key that signs now."""
        return self._keys()[0]

    def published(self) -> list[dict[str, Any]]:
        """Returns the public keys as bare JWKs. https://hl7.org/fhir/smart-app-launch/STU2.2/"""
        return [
            {**key.as_dict(private=False), "use": "sig", "alg": ALGORITHM, "kid": key.kid}
            for key in self._keys()
        ]

    def _keys(self) -> list[RSAKey]:
        if self._given is not None:
            return [self._given]
        with self._lock:
            until, keys = self._read
            if until < time.monotonic() or not keys:
                keys = self._read_or_make()
                self._read = (time.monotonic() + _REREAD_SECONDS, keys)
            return keys

    def _read_or_make(self) -> list[RSAKey]:
        period = int(time.time()) // (self._days * _DAY)
        rows = self._stored.list()
        if not rows or rows[0].period < period:
            key = _named(RSAKey.generate_key(_BITS, private=True))
            # A key that no longer signs is published for as long as it signed.
            ends = datetime.now(UTC) + timedelta(days=2 * self._days)
            self._stored.add(str(key.kid), period, key.as_dict(private=True), ends)
            rows = self._stored.list()
        return [_named(RSAKey.import_key(dict(row.jwk))) for row in rows]


def _read_file(path: Path) -> RSAKey:
    """Returns the key that the operator gives; says in a sentence when it is none."""
    try:
        key = RSAKey.import_key(path.read_bytes())
        usable = key.is_private and key.raw_value.key_size >= _BITS
    except (JoseError, ValueError, TypeError, OSError):
        usable = False
    if not usable:
        raise SettingsError([f"SIGNING_KEY: {path} is no private RSA key of {_BITS} bits or more in PEM"])
    return _named(key)


def _named(key: RSAKey) -> RSAKey:
    """Gives a key its thumbprint as name. RFC 7638"""
    key.ensure_kid()
    return key
