"""Opaque values: 256 random bits for the client, their SHA-256 for us. RFC 6750 §5.2, RFC 6819 §5.1.4.1.3

A digest of 256 random bits needs neither salt nor a slow hash.
"""

from __future__ import annotations

import hashlib
import secrets


def new_value(prefix: str = "") -> str:
    """Returns 256 random bits in the alphabet of base64url; the prefix tells scanners what leaked."""
    return prefix + secrets.token_urlsafe(32)


def digest(value: str) -> str:
    """Returns what is kept of an opaque value."""
    return hashlib.sha256(value.encode("utf-8", "surrogatepass")).hexdigest()
