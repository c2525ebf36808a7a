"""A filter of index entries against a document in hand, as MongoDB would decide it.

https://www.mongodb.com/docs/manual/reference/operator/query/; only what `search/compile.py` writes.
A condition on an array holds when it holds for one entry; $elemMatch asks one entry for all of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from fhir_server.search.entries import Filter


def matches(filter_: Filter, document: Mapping[str, Any]) -> bool:
    """Tells whether the database would find the document; an operator that is not known is an error."""
    return all(_condition(name, condition, document) for name, condition in filter_.items())


def _condition(name: str, condition: Any, document: Mapping[str, Any]) -> bool:
    joined = _JOINED.get(name)
    if joined is not None:
        return joined(matches(part, document) for part in condition)
    value = document.get(name)
    return all(_holds(operator, value, operand) for operator, operand in _operators(condition))


def _operators(condition: Any) -> Any:
    if not isinstance(condition, dict):
        return (("$eq", condition),)
    return condition.items()


_JOINED: dict[str, Callable[[Any], bool]] = {"$and": all, "$or": any, "$nor": lambda parts: not any(parts)}


def _holds(operator: str, value: Any, operand: Any) -> bool:
    if operator == "$nin":
        return not _holds("$in", value, operand)
    if operator == "$elemMatch":
        return isinstance(value, list) and any(_entry_matches(entry, operand) for entry in value)
    test = _TESTS[operator]
    return any(test(one, operand) for one in (value if isinstance(value, list) else (value,)))


def _entry_matches(entry: Any, condition: Filter) -> bool:
    if isinstance(entry, dict):
        return matches(condition, entry)
    return all(_holds(operator, entry, operand) for operator, operand in condition.items())


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    """Only values of one kind have an order: texts, or numbers."""

    def test(value: Any, operand: Any) -> bool:
        return (
            value is not None
            and isinstance(value, str) == isinstance(operand, str)
            and compare(value, operand)
        )

    return test


_TESTS: dict[str, Callable[[Any, Any], bool]] = {
    "$eq": lambda value, operand: value == operand,
    "$in": lambda value, operands: value in operands,
    "$gt": _ordered(lambda value, operand: value > operand),
    "$gte": _ordered(lambda value, operand: value >= operand),
    "$lt": _ordered(lambda value, operand: value < operand),
    "$lte": _ordered(lambda value, operand: value <= operand),
    "$regex": lambda value, operand: isinstance(value, str) and re.search(operand, value) is not None,
}
