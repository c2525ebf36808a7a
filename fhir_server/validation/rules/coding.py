"""Codings and Identifiers: absolute systems, codes that their code system has.

https://hl7.org/fhir/R4/datatypes.html#Coding, https://hl7.org/fhir/R4/datatypes.html#Identifier
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from fhir_server.definitions.registry import Definitions, Structure
from fhir_server.validation.context import Context
from fhir_server.validation.fault import Fault, ObjectCheck, fault, remark, show

_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:\S+")
_OF_FHIR = "http://hl7.org/fhir/"


@lru_cache(maxsize=4096)
def _is_absolute(system: str) -> bool:
    return _ABSOLUTE.fullmatch(system) is not None


def build_object(definitions: Definitions, structure: Structure) -> ObjectCheck | None:
    """Returns the check of a Coding or an Identifier."""
    if structure.name == "Identifier":
        return _check_identifier
    if structure.name != "Coding":
        return None

    def check(value: dict[str, Any], _context: Context) -> list[Fault] | None:
        system = value.get("system")
        if system.__class__ is not str:
            return None
        codes = definitions.code_system(system)
        if codes is None:
            return None if _is_absolute(system) else _relative(system)
        code = value.get("code")
        if code.__class__ is not str or code in codes:
            return None
        return _unknown(code, system)

    return check


def _check_identifier(value: dict[str, Any], _context: Context) -> list[Fault] | None:
    system = value.get("system")
    if system.__class__ is not str:
        return None
    if not _is_absolute(system):
        return _relative(system)
    text = value.get("value")
    if system == "urn:ietf:rfc:3986" and text.__class__ is str and not _is_absolute(text):
        said = f"With the system urn:ietf:rfc:3986 the value is a URI, not {show(text)}."
        return fault("value", said, ".value", id="identifier:uri")
    return None


def _relative(system: str) -> list[Fault]:
    text = f"The system {show(system)} is not an absolute URI."
    return fault("value", text, ".system", id="coding:system")


def _unknown(code: str, system: str) -> list[Fault]:
    # What FHIR itself publishes changes with FHIR only; terminology.hl7.org has new codes every year.
    severity = "error" if system.startswith(_OF_FHIR) else "warning"
    text = f"The code system {system} has no code {show(code)}."
    return remark(severity, "code-invalid", text, ".code", id="coding:code")
