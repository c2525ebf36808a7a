"""The lists that a search names by their function: _list=$current-problems.

https://hl7.org/fhir/R4/search.html#list, https://hl7.org/fhir/R4/lifecycle.html#current

A list is the newest current List of the patient with one of the codes that the page on life cycles names, or
with that of the R4 value set of uses of lists. Where there is none, nothing is known to be current.
"""

from __future__ import annotations

from typing import NamedTuple

from fhir_server.search.extraction import type_table
from fhir_server.search.parameters.reference import ReferenceValue
from fhir_server.search.parameters.token import TokenValue
from fhir_server.search.query import Clause, Query

_LOINC = "http://loinc.org"
_USE = "http://terminology.hl7.org/CodeSystem/list-example-use-codes"


class FunctionalList(NamedTuple):
    """How to find the List, and which of its entries count."""

    codes: tuple[tuple[str, str], ...]
    """(system, code) of the List."""
    category: tuple[str, str] | None = None
    """(type, category) of the entries."""


_ALLERGIES = ((_LOINC, "48765-2"), (_LOINC, "52472-8"), (_LOINC, "18716-1"), (_USE, "allergies"))

FUNCTIONAL_LISTS = {
    "$current-problems": FunctionalList(((_LOINC, "46105-3"), (_LOINC, "11450-4"), (_USE, "problems"))),
    "$current-medications": FunctionalList(((_LOINC, "57828-6"), (_LOINC, "10160-0"), (_USE, "medications"))),
    "$current-allergies": FunctionalList(_ALLERGIES),
    # "a subset of the full allergies list": its entries about medications.
    "$current-drug-allergies": FunctionalList(_ALLERGIES, ("AllergyIntolerance", "medication")),
}


def current_list(name: str, patient: str) -> Query:
    """Returns the search whose first match is the list of a patient."""
    values = tuple(TokenValue(system, code) for system, code in FUNCTIONAL_LISTS[name].codes)
    clauses = (
        _clause("subject", "reference", ReferenceValue(("Patient",), patient)),
        _clause("code", "token", *values),
        _clause("status", "token", TokenValue("", "current")),
    )
    return Query("List", clauses)


def narrowing(name: str, resource_type: str) -> Clause | None:
    """Returns what the entries of a list, by its id or function, must meet besides; None for nothing."""
    category = FUNCTIONAL_LISTS[name].category if name in FUNCTIONAL_LISTS else None
    if category is None or category[0] != resource_type:
        return None
    return _clause("category", "token", TokenValue("", category[1]), of=resource_type)


def _clause(code: str, type_: str, *values: TokenValue | ReferenceValue, of: str = "List") -> Clause:
    return Clause(code, type_, "", values, type_table(of).stored[code], code, ())
