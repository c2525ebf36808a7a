"""Fresh logical ids. https://hl7.org/fhir/R4/datatypes.html#id"""

from __future__ import annotations

import uuid


def new_id() -> str:
    """Returns a random logical id."""
    return str(uuid.uuid4())
