"""A password that the operator hands over, for one login. NIST SP 800-63B §5.1.1"""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta

LIFETIME = timedelta(days=7)
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


def new_password() -> str:
    """Returns 80 random bits in letters that nobody confuses on paper."""
    letters = [secrets.choice(_ALPHABET) for _ in range(16)]
    return "-".join("".join(letters[start : start + 4]) for start in range(0, 16, 4))


def until() -> datetime:
    """Returns until when the password opens."""
    return datetime.now(UTC) + LIFETIME
