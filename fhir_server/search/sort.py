"""Order and pages of results, as MongoDB stages: sort, what follows a cursor, the next cursor.

https://hl7.org/fhir/R4/search.html#sort, docs/decisions/0011-index-entries.md

A cursor is where the last page ended: values of the sort, and ids. What is written meanwhile appears where it
sorts; nothing that stays as it is comes twice or is left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import total_ordering
from typing import Any, Protocol

from fhir_server.errors import Invalid
from fhir_server.search.entries import INNER, Filter, narrow
from fhir_server.search.extraction import FIELDS, type_table
from fhir_server.search.parameters import PARAMETER_TYPES
from fhir_server.search.query import SortKey
from fhir_server.search.result_parameters import SCORE

Cursor = list[Any]
"""JSON only, so that it can travel sealed."""

Stage = dict[str, Any]


class Sort(Protocol):
    """How the results of a plan are ordered."""

    def stages(self, filter_: Filter, cursor: Cursor | None) -> list[Stage]:
        """Returns the stages from the matches to their order, from a cursor on."""

    def cursor(self, documents: Sequence[dict[str, Any]], previous: Cursor | None) -> Cursor:
        """Returns where a page ended; `documents` is not empty."""

    def key(self, document: dict[str, Any]) -> Any:
        """Returns what puts documents of several plans with the same kind of sort into one order."""


def plan_sort(resource_type: str, keys: tuple[SortKey, ...], *, by_values: bool = False) -> Sort:
    """Returns the cheapest exact way to sort by these keys, or with `by_values` one that all types share."""
    if not keys:
        return ByDate()
    first = keys[0]
    if first.code == "_id" and (len(keys) == 1 or not by_values):
        return ByFields((("_id", -1 if first.descending else 1),))
    if len(keys) == 1 and first.code == "_lastUpdated":
        direction = -1 if first.descending else 1
        return ByFields((("lu", direction), ("_id", direction)))
    is_primary = first.descending and first.code == type_table(resource_type).primary_date
    if len(keys) == 1 and is_primary and not by_values:
        # The sort key is this date, and what has none already comes last.
        return ByDate()
    return ByValues(tuple(_value(k) for k in keys))


@dataclass(frozen=True, slots=True)
class ByDate:
    """Newest first by the sort key, from the index; ids tell apart what has equal keys."""

    def stages(self, filter_: Filter, cursor: Cursor | None) -> list[Stage]:
        if cursor is not None:
            last, seen = _unpack(cursor, 2)
            filter_ = narrow(filter_, {"sk": {"$lte": last}, "_id": {"$nin": seen}})
        return [{"$match": filter_}, {"$sort": {"sk": -1}}]

    def cursor(self, documents: Sequence[dict[str, Any]], previous: Cursor | None) -> Cursor:
        last = int(documents[-1]["sk"])
        seen = [d["_id"] for d in documents if d["sk"] == last]
        if previous is not None and previous[0] == last:
            seen = [*previous[1], *seen]
        return [last, seen]

    def key(self, document: dict[str, Any]) -> Any:
        return -int(document["sk"])


@dataclass(frozen=True, slots=True)
class ByFields:
    """By fields that all documents have, the last of which is unique."""

    fields: tuple[tuple[str, int], ...]

    def stages(self, filter_: Filter, cursor: Cursor | None) -> list[Stage]:
        if cursor is not None:
            values = _unpack(cursor, len(self.fields))
            rows = [(n, d, v) for (n, d), v in zip(self.fields, values, strict=True)]
            # Redundant, and what the index takes its bounds from.
            first, direction, value = rows[0]
            bound = {first: {"$lte" if direction < 0 else "$gte": value}}
            filter_ = narrow(filter_, {"$and": [bound, _beyond(rows)]})
        return [{"$match": filter_}, {"$sort": dict(self.fields)}]

    def cursor(self, documents: Sequence[dict[str, Any]], previous: Cursor | None) -> Cursor:
        return [_plain(documents[-1][name]) for name, _ in self.fields]

    def key(self, document: dict[str, Any]) -> Any:
        return _key(document, self.fields)


@dataclass(frozen=True, slots=True)
class Value:
    """One sort value, computed from the index entries of a document."""

    expression: Any
    descending: bool


@dataclass(frozen=True, slots=True)
class ByValues:
    """By computed values: the least of several when ascending, else the greatest; missing ones last."""

    values: tuple[Value, ...]

    def stages(self, filter_: Filter, cursor: Cursor | None) -> list[Stage]:
        computed = {f"s{i}": v.expression for i, v in enumerate(self.values)}
        missing = {f"m{i}": {"$cond": [{"$eq": [f"$s{i}", None]}, 1, 0]} for i in range(len(self.values))}
        stages: list[Stage] = [{"$match": filter_}, {"$set": computed}, {"$set": missing}]
        if cursor is not None:
            rows = [(n, d, v) for (n, d), v in zip(self._order(), _unpack(cursor, self._width), strict=True)]
            stages.append({"$match": _beyond(rows)})
        return [*stages, {"$sort": dict(self._order())}]

    def cursor(self, documents: Sequence[dict[str, Any]], previous: Cursor | None) -> Cursor:
        last = documents[-1]
        return [_plain(last.get(name)) for name, _ in self._order()]

    def key(self, document: dict[str, Any]) -> Any:
        return _key(document, self._order())

    @property
    def _width(self) -> int:
        return 2 * len(self.values) + 1

    def _order(self) -> list[tuple[str, int]]:
        order: list[tuple[str, int]] = []
        for i, value in enumerate(self.values):
            order += [(f"m{i}", 1), (f"s{i}", -1 if value.descending else 1)]
        return [*order, ("_id", 1)]


def _key(document: dict[str, Any], order: Sequence[tuple[str, int]]) -> tuple[Any, ...]:
    values = ((document.get(name), direction) for name, direction in order)
    return tuple(_Descending(value) if direction < 0 else value for value, direction in values)


@total_ordering
@dataclass(frozen=True, slots=True)
class _Descending:
    """A value that sorts the other way round."""

    value: Any

    def __lt__(self, other: _Descending) -> bool:
        return bool(other.value < self.value)


def _plain(value: Any) -> Any:
    """MongoDB's driver has an integer class of its own, which is no JSON."""
    return int(value) if isinstance(value, int) else value


def _unpack(cursor: Any, width: int) -> list[Any]:
    if not isinstance(cursor, list) or len(cursor) != width:
        raise Invalid("the page token does not fit this search", "http._page")
    return cursor


def _beyond(rows: Sequence[tuple[str, int, Any]]) -> Filter:
    """Returns what comes after a tuple of values in lexicographic order."""
    branches: list[Filter] = []
    equal: list[Filter] = []
    for name, direction, value in rows:
        if value is not None:
            branches.append({"$and": [*equal, {name: {"$lt" if direction < 0 else "$gt": value}}]})
        # Nothing is beyond a missing value but ties.
        equal.append({name: {"$eq": value}})
    return {"$or": branches}


_AFTER_NAME = {"$substrBytes": ["$$e", {"$add": [{"$indexOfBytes": ["$$e", "="]}, 1]}, -1]}
"""Without the parameter's name: a union of parameters has several."""

_IS_WHOLE = {"$lt": [{"$indexOfBytes": ["$$e", INNER]}, 0]}
"""Not a word inside: Anne-Marie sorts as such, in either direction."""


_VALUE = {"$first": {"$split": [_AFTER_NAME, "|"]}}
"""What follows the value (system, type) would sort 1| after 12|."""


def _value(key: SortKey) -> Value:
    if key.type == SCORE:
        return Value({"$size": {"$setIntersection": ["$t", list(key.stored)]}}, descending=True)
    if key.code in FIELDS:
        return Value(f"${FIELDS[key.code]}", key.descending)
    pick = "$max" if key.descending else "$min"
    kind = PARAMETER_TYPES[key.type]
    if kind.field == "t":
        found = _filtered("$t", "$$e", [(f"{c}=", f"{c}>") for c in key.stored])
        if key.type == "string":
            found = {"$filter": {"input": found, "as": "e", "cond": _IS_WHOLE}}
        return Value({pick: {"$map": {"input": found, "as": "e", "in": _VALUE}}}, key.descending)
    if key.type != "quantity":
        return Value({pick: _starts([(c, f"{c}\x00") for c in key.stored])}, key.descending)
    canonical = {pick: _starts([(f"{c}=", f"{c}=~") for c in key.stored])}
    written = {pick: _starts([(f"{c}=~", f"{c}=\x7f") for c in key.stored])}
    return Value({"$ifNull": [canonical, written]}, key.descending)


def _starts(bounds: list[tuple[str, str]]) -> Any:
    """Returns the expression of the `lo` of the ranges with keys in one of the bounds."""
    return {"$map": {"input": _filtered("$r", "$$e.k", bounds), "as": "e", "in": "$$e.lo"}}


def _filtered(array: str, key: str, bounds: list[tuple[str, str]]) -> Any:
    conditions = [{"$and": [{"$gte": [key, lo]}, {"$lt": [key, hi]}]} for lo, hi in bounds]
    return {"$filter": {"input": array, "as": "e", "cond": {"$or": conditions}}}
