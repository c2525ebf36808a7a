"""The clock, and FHIR's instant. https://hl7.org/fhir/R4/datatypes.html#instant"""

from __future__ import annotations

import time
from datetime import UTC, datetime


def now_ms() -> int:
    """Returns the time in ms since 1970."""
    return time.time_ns() // 1_000_000


def format_instant(ms: int) -> str:
    """Formats ms since 1970 as an instant in UTC."""
    moment = datetime.fromtimestamp(ms // 1000, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{ms % 1000:03d}Z"
