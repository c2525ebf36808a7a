"""Fresh logical ids. https://hl7.org/fhir/R4/datatypes.html#id"""

from __future__ import annotations

import os


def new_id() -> str:
    """Returns a random logical id: a UUID of version 4, spelled without the detour over an object."""
    digits = os.urandom(16).hex()
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"
