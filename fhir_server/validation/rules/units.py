"""UCUM: is a code a unit? https://ucum.org/ucum, https://hl7.org/fhir/R4/valueset-ucum-units.html"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from fhir_server.definitions.registry import Definitions, Structure
from fhir_server.fhir.ucum import canonical_unit
from fhir_server.validation.context import Context
from fhir_server.validation.fault import Fault, ObjectCheck, remark, show

UCUM = "http://unitsofmeasure.org"

# Units without a canonical form here: on scales of their own (Cel, pH, decibel), or never met in care.
_OTHERS = frozenset(
    str.split(
        "' '' AU Ao B Bd Bi By Cel G Gal Gb H Ky Lmb Mx Np Oe P R RAD REM St Wb a_g a_t ar att b bit bit_s"
        " circ cal_IT cal_m cal_th deg dyn erg gf gon mho mo_g mo_s pc ph sb sph sr st tex"
    )
)
_TOKEN = re.compile(r"(?:[A-Za-z%'_]|\[[^\[\]]*\])+")
_ANNOTATION = re.compile(r"(?<=[^./(])\{[^{}]*\}")
_ALONE = re.compile(r"\{[^{}]*\}")
"""An annotation that no unit stands before, which is 1."""
_GROUP = re.compile(r"\([^(){}]*\)")
_LONGEST_PREFIX = 2


@lru_cache(maxsize=4096)
def is_unit(code: str) -> bool | None:
    """Says whether a code is a UCUM unit; None where it has a symbol in brackets that is not known here."""
    if canonical_unit(code) is not None:
        return True
    plain = _ALONE.sub("1", _ANNOTATION.sub("", code))
    open_ = False
    for symbol in set(_TOKEN.findall(plain)):
        if canonical_unit(symbol) is None and not _is_other(symbol):
            if "[" not in symbol:
                return False
            open_ = True
    # The symbols are units: what stands between them has to be right too.
    replaced = _TOKEN.sub("m", plain)
    if canonical_unit(replaced) is None:
        return False
    return None if open_ else True


def _is_other(symbol: str) -> bool:
    return any(symbol[length:] in _OTHERS for length in range(_LONGEST_PREFIX + 1))


def build_object(_definitions: Definitions, structure: Structure) -> ObjectCheck | None:
    """Returns the check of the unit of a Quantity."""
    return _check if structure.name == "Quantity" or structure.base == "Quantity" else None


def _check(value: dict[str, Any], _context: Context) -> list[Fault] | None:
    if value.get("system") != UCUM:
        return None
    code = value.get("code")
    if code.__class__ is not str or is_unit(code) is not False:
        return None
    # Sources that are otherwise sound write (score) for {score}: no reason to lose a measure.
    severity = "warning" if _GROUP.search(code) and is_unit(_GROUP.sub("1", code)) is not False else "error"
    return remark(severity, "code-invalid", f"{show(code)} is no unit of UCUM.", ".code", id="quantity:unit")
