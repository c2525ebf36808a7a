"""Passwords: Argon2id, and the same work whether or not there is an account. RFC 9106, NIST SP 800-63B §5.1.1

Parameters: OWASP Password Storage Cheat Sheet (46 MiB, one pass, one lane). At most a few hashes are computed
at once, so that login requests cannot take the memory of the machine.
"""

from __future__ import annotations

import threading
import unicodedata

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

SHORTEST = 12
LONGEST = 256
_AT_ONCE = 4
_FEWEST_DIFFERENT = 5
_NAME = 4
"""A shorter user name is in many passwords by chance."""

_hasher = PasswordHasher(time_cost=1, memory_cost=47_104, parallelism=1)
_room = threading.BoundedSemaphore(_AT_ONCE)
_OF_NOBODY = (
    "$argon2id$v=19$m=47104,t=1,p=1$QDtqz4ZlYUjmHobA/Neqvw$6ynzRmUS5lxw+mlsJoWbq0f6w56wVBS623+pv183DkE"
)
"""What a password is compared with when there is no account: of random bytes that nobody kept."""


def hash_password(password: str) -> str:
    """Returns the hash to keep."""
    with _room:
        return _hasher.hash(_normalise(password))


def verify_password(password_hash: str, password: str) -> bool:
    """Tells whether a password is the one of the hash; an empty hash is that of nobody and costs as much."""
    with _room:
        try:
            matches = _hasher.verify(password_hash or _OF_NOBODY, _normalise(password))
        except (VerificationError, InvalidHashError):
            return False
    return matches and bool(password_hash)


def is_outdated(password_hash: str) -> bool:
    """Tells whether a hash was made with other parameters than today's."""
    return _hasher.check_needs_rehash(password_hash)


def weakness(password: str, username: str) -> str:
    """Returns why a new password is refused ("short", "long", "name", "simple"), or "" when it is not."""
    folded = _normalise(password).casefold()
    if len(password) < SHORTEST:
        return "short"
    if len(password) > LONGEST:
        return "long"
    if len(username) >= _NAME and username.casefold() in folded:
        return "name"
    return "simple" if len(set(folded)) < _FEWEST_DIFFERENT else ""


def _normalise(password: str) -> str:
    # One person types é as one character, her next keyboard as two.
    text = unicodedata.normalize("NFKC", password)[: 4 * LONGEST]
    return text.encode("utf-8", "replace").decode()
