"""A tiny interpreter of the MongoDB filters and stages that plans use, over plain dicts.

It follows MongoDB where it matters: a condition on an array holds when it holds for one of the entries, two
conditions on an array may be met by two entries, $elemMatch asks one entry for all of them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import cmp_to_key
from typing import Any

Document = dict[str, Any]

_MISSING = object()


def matches(filter_: Document, document: Any) -> bool:
    """Says whether MongoDB would return the document."""
    return all(_clause(name, condition, document) for name, condition in filter_.items())


def _clause(name: str, condition: Any, document: Any) -> bool:
    if name == "$and":
        return all(matches(f, document) for f in condition)
    if name == "$or":
        return any(matches(f, document) for f in condition)
    if name == "$nor":
        return not any(matches(f, document) for f in condition)
    if name.startswith("$"):
        raise AssertionError(f"unknown operator {name}")
    return _field(document.get(name, _MISSING), condition)


def _field(value: Any, condition: Any) -> bool:
    if not isinstance(condition, dict):
        return _holds("$eq", value, condition)
    assert all(k.startswith("$") for k in condition), condition
    return all(_holds(operator, value, operand) for operator, operand in condition.items())


def _holds(operator: str, value: Any, operand: Any) -> bool:
    if operator == "$elemMatch":
        return isinstance(value, list) and any(_element(v, operand) for v in value)
    if operator == "$nin":
        return not _holds("$in", value, operand)
    if operator == "$not":
        return not _field(value, operand)
    if operator == "$exists":
        return (value is not _MISSING) == operand
    test = _OPERATORS[operator]
    values = value if isinstance(value, list) else [value]
    return any(test(v, operand) for v in values)


def _element(value: Any, condition: Document) -> bool:
    if isinstance(value, dict):
        return matches(condition, value)
    return _field(value, condition)


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[Any, Any], bool]:
    def test(value: Any, operand: Any) -> bool:
        if value is _MISSING or value is None or operand is None:
            return False
        if isinstance(value, str) != isinstance(operand, str):
            return False
        return compare(value, operand)

    return test


def _equal(value: Any, operand: Any) -> bool:
    return (value is _MISSING or value is None) if operand is None else value == operand


_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "$eq": _equal,
    "$in": lambda v, o: any(_equal(v, x) for x in o),
    "$gt": _ordered(lambda v, o: v > o),
    "$gte": _ordered(lambda v, o: v >= o),
    "$lt": _ordered(lambda v, o: v < o),
    "$lte": _ordered(lambda v, o: v <= o),
    "$regex": lambda v, o: isinstance(v, str) and re.search(o, v) is not None,
}


def run(stages: Sequence[Document], documents: Sequence[Document]) -> list[Document]:
    """Runs an aggregation of $match, $set, $sort and $limit."""
    rows = [dict(d) for d in documents]
    for stage in stages:
        ((name, content),) = stage.items()
        if name == "$match":
            rows = [r for r in rows if matches(content, r)]
        elif name == "$set":
            rows = [r | {k: _evaluate(e, r, {}) for k, e in content.items()} for r in rows]
        elif name == "$sort":
            rows.sort(key=cmp_to_key(_order(content)))
        elif name == "$limit":
            rows = rows[:content]
        else:
            raise AssertionError(f"unknown stage {name}")
    return rows


def _order(fields: Document) -> Callable[[Document, Document], int]:
    def compare(left: Document, right: Document) -> int:
        for name, direction in fields.items():
            a, b = _rank(left.get(name)), _rank(right.get(name))
            if a != b:
                return direction if a > b else -direction
        return 0

    return compare


def _rank(value: Any) -> tuple[int, Any]:
    """BSON order: null, numbers, strings."""
    return (0, 0) if value is None else (2, value) if isinstance(value, str) else (1, value)


def _evaluate(expression: Any, document: Document, variables: dict[str, Any]) -> Any:
    if isinstance(expression, str) and expression.startswith("$$"):
        name, _, field = expression[2:].partition(".")
        value = variables[name]
        return value[field] if field else value
    if isinstance(expression, str) and expression.startswith("$"):
        return document.get(expression[1:])
    if not isinstance(expression, dict):
        return expression
    ((operator, operand),) = expression.items()
    if operator in ("$filter", "$map"):
        items = _evaluate(operand["input"], document, variables)
        scopes = [variables | {operand["as"]: item} for item in items]
        if operator == "$map":
            return [_evaluate(operand["in"], document, s) for s in scopes]
        return [s[operand["as"]] for s in scopes if _evaluate(operand["cond"], document, s)]
    if operator in ("$min", "$max"):
        values = _evaluate(operand, document, variables)
        return (min if operator == "$min" else max)(values) if values else None
    if operator == "$indexOfBytes":
        return _evaluate(operand[0], document, variables).find(operand[1])
    if operator == "$substrBytes":
        text, start, _ = (_evaluate(o, document, variables) for o in operand)
        return text[start:]
    if operator == "$add":
        return sum(_evaluate(o, document, variables) for o in operand)
    if operator == "$first":
        return _evaluate(operand, document, variables)[0]
    if operator == "$split":
        return _evaluate(operand[0], document, variables).split(operand[1])
    if operator == "$size":
        return len(_evaluate(operand, document, variables))
    if operator == "$setIntersection":
        field, values = operand
        return sorted(set(_evaluate(field, document, variables)) & set(values))
    if operator == "$cond":
        chosen = operand[1] if _evaluate(operand[0], document, variables) else operand[2]
        return _evaluate(chosen, document, variables)
    if operator == "$ifNull":
        first, second = (_evaluate(o, document, variables) for o in operand)
        return second if first is None else first
    if operator in ("$and", "$or"):
        return (all if operator == "$and" else any)(_evaluate(o, document, variables) for o in operand)
    left, right = (_evaluate(o, document, variables) for o in operand)
    return left == right if operator == "$eq" else _OPERATORS[operator](left, right)
