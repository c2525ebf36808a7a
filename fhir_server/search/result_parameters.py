"""Parameters that say how results are returned: order, page size, total, parts. https://hl7.org/fhir/R4/search.html#return"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from typing import Any

from fhir_server.definitions.registry import load_definitions
from fhir_server.errors import Invalid, NotSupported
from fhir_server.search.extraction import FIELDS, type_table
from fhir_server.search.query import SortKey

MAX_COUNT = 1000
_MAX_SORT_KEYS = 8
_MAX_ELEMENTS = 200
_ELEMENT = re.compile(
    r"(?:[A-Z][A-Za-z]{0,63}\.)?[A-Za-z][A-Za-z0-9\[\]]{0,63}(?:\.[a-zA-Z][A-Za-z0-9]{0,63}){0,8}"
)
SCORE = "_score"
"""Sorts by how many of the words of _text and _content a resource has."""

_UNSORTABLE = frozenset({"composite", "special"})

Read = Callable[[str, str, Collection[str]], tuple[Any, str]]
"""Value, resource type and declared parameters → what it means, and the value as applied."""


def _read_count(text: str, resource_type: str, declared: Collection[str]) -> tuple[int, str]:
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise Invalid(f"_count: not a whole number from 0 to {MAX_COUNT}", "http._count")
    count = min(int(text), MAX_COUNT)
    return count, str(count)


def _read_max_results(text: str, resource_type: str, declared: Collection[str]) -> tuple[int, str]:
    if not re.fullmatch(r"0*[1-9][0-9]{0,8}", text):
        raise Invalid("_maxresults: a whole number from 1 on", "http._maxresults")
    return int(text), text


def _one_of(name: str, *choices: str) -> Read:
    def read(text: str, resource_type: str, declared: Collection[str]) -> tuple[str, str]:
        if text not in choices:
            raise Invalid(f"{name}: one of {', '.join(choices)}", f"http.{name}")
        return text, text

    return read


def _read_elements(text: str, resource_type: str, declared: Collection[str]) -> tuple[tuple[str, ...], str]:
    names = text.split(",")
    if len(names) > _MAX_ELEMENTS or not all(_ELEMENT.fullmatch(n) for n in names):
        raise Invalid("_elements: names of elements, separated by commas", "http._elements")
    return tuple(names), text


def _read_sort(text: str, resource_type: str, declared: Collection[str]) -> tuple[tuple[SortKey, ...], str]:
    names = text.split(",")
    if len(names) > _MAX_SORT_KEYS:
        raise Invalid(f"_sort: at most {_MAX_SORT_KEYS} parameters", "http._sort")
    return tuple(_sort_key(n, resource_type, declared) for n in names), text


def _sort_key(name: str, resource_type: str, declared: Collection[str]) -> SortKey:
    code = name.removeprefix("-")
    if code == SCORE:
        # The most relevant first, whichever way it is written.
        return SortKey(SCORE, SCORE, True, ())
    parameter = load_definitions().search_parameters(resource_type).get(code) if code in declared else None
    stored = (code,) if code in FIELDS else type_table(resource_type).stored.get(code, ())
    if parameter is None or not stored or parameter.type in _UNSORTABLE:
        raise NotSupported(f"_sort: {resource_type} cannot be sorted by {code[:64]!r}", "http._sort")
    return SortKey(code, parameter.type, name.startswith("-"), stored)


RESULT_PARAMETERS: dict[str, tuple[str, Read]] = {
    "_count": ("count", _read_count),
    "_sort": ("sort", _read_sort),
    "_elements": ("elements", _read_elements),
    "_summary": ("summary", _one_of("_summary", "true", "text", "data", "count", "false")),
    "_maxresults": ("max_results", _read_max_results),
    "_contained": ("contained", _one_of("_contained", "true", "false", "both")),
    "_containedType": ("contained_type", _one_of("_containedType", "container", "contained")),
    "_total": ("total", _one_of("_total", "none", "estimate", "accurate")),
}
"""Parameter → (field of Query, reader)."""
