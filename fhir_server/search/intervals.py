"""Conditions on intervals as bounds of an index that is in the order of their starts.

`gt100` asks where a value ends, and the index `range` knows where it starts. Most values are points, which
end where they start; an interval that is none has a second entry under a key of its own (LONG), and so has
one that ends before it starts (IRREGULAR). Each condition becomes bounds on the starts of points, and a look
at the few others. docs/decisions/0012-search-plans.md
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from fhir_server.search.entries import IRREGULAR, LONG, Filter
from fhir_server.search.primary_date import DAY_MS

_LOWER, _UPPER = frozenset({"$gt", "$gte"}), frozenset({"$lt", "$lte"})


def point_length(type_: str) -> int:
    """Returns how long what counts as a point may last: a date is a day at most."""
    return DAY_MS if type_ == "date" else 0


def mark(lo: float, hi: float, length: int) -> Iterator[str]:
    """Yields what is behind the keys of an interval's further entries."""
    if hi - lo > length:
        yield LONG
    if hi < lo:
        yield IRREGULAR


def bounded(filter_: Filter, length: int) -> Filter:
    """Returns a filter on one entry of `r` as alternatives, each bounded in `lo` where that can be."""
    element = filter_.get("r", {}).get("$elemMatch") if set(filter_) == {"r"} else None
    if element is None or not isinstance(element["k"], str) or not _is_plain(element):
        return filter_
    found = [{"r": {"$elemMatch": alternative}} for alternative in _alternatives(element, length)]
    return found[0] if len(found) == 1 else {"$or": found}


def _is_plain(element: Filter) -> bool:
    return set(element) <= {"k", "lo", "hi"} or set(element) == {"k", "$or"}


def _alternatives(element: Filter, length: int) -> Iterator[Filter]:
    key = element["k"]
    if "$or" in element:
        for part in element["$or"]:
            yield from _alternatives({"k": key, **part}, length)
        return
    starts: dict[str, Any] = dict(element.get("lo", {}))
    ends: dict[str, Any] = element.get("hi", {})
    marks: list[str] = []
    for operator, value in ends.items():
        if operator in _LOWER and _LOWER.isdisjoint(starts):
            starts[operator] = value - length
            marks.append(LONG)
        elif operator in _UPPER and _UPPER.isdisjoint(starts):
            starts[operator] = value
            marks.append(IRREGULAR)
    yield {"k": key, **({"lo": starts} if starts else {}), **({"hi": ends} if ends else {})}
    for marked in marks:
        yield element | {"k": key + marked}
