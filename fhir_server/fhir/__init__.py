"""The words of FHIR: plain JSON dicts in, plain JSON dicts out. https://hl7.org/fhir/R4/json.html"""

from __future__ import annotations

from typing import Any

Resource = dict[str, Any]
"""A FHIR resource (or element) as parsed JSON: str, int, Decimal, bool, list and dict only; never float."""
