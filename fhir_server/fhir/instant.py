"""The clock, and FHIR's instant. https://hl7.org/fhir/R4/datatypes.html#instant"""

from __future__ import annotations

import time
from datetime import UTC, datetime
from functools import lru_cache


def now_ms() -> int:
    """Returns the time in ms since 1970."""
    return time.time_ns() // 1_000_000


def format_instant(ms: int) -> str:
    """Formats ms since 1970 as an instant in UTC."""
    return f"{_format_second(ms // 1000)}.{ms % 1000:03d}Z"


@lru_cache(maxsize=64)
def _format_second(seconds: int) -> str:
    # Each request needs the present second several times.
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}"
