"""enableWhen: whether a question is asked, by the answers to others.

https://hl7.org/fhir/R4/questionnaire-definitions.html#Questionnaire.item.enableWhen
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Any

from fhir_server.fhirpath.equality import compare, equal_items
from fhir_server.fhirpath.node import FhirPathError, Node
from fhir_server.validation.questionnaire.questions import Condition, Json, Question, rows, value_of


class Answers:
    """All items of a response in their order, to find the one that a condition asks."""

    def __init__(self, response: Json) -> None:
        self._items: list[Json] = []
        self._parents: list[int] = []
        self._ends: list[int] = []
        self._at: dict[str, list[int]] = {}
        self.places: dict[int, int] = {}
        """Identity of an item → its place."""
        self._add(response, -1)

    def _add(self, holder: Json, parent: int) -> None:
        for item in rows(holder, "item"):
            at = len(self._items)
            self._items.append(item)
            self._parents.append(parent)
            self._ends.append(at)
            self.places[id(item)] = at
            self._at.setdefault(str(item.get("linkId")), []).append(at)
            self._add(item, at)
            for answer in rows(item, "answer"):
                self._add(answer, at)
            self._ends[at] = len(self._items)

    def nearest(self, link_id: str, item: Json | None, holder: Json | None) -> Json | None:
        """Returns the item of a question nearest to an item, or to where a holder lacks one.

        Among its ancestors, then before it, then after it: as the definition of `question` says.
        """
        places = self._at.get(link_id)
        if not places:
            return None
        if item is not None:
            at = self.places[id(item)]
            above = self._parents[at]
        else:
            above = -1 if holder is None else self.places[id(holder)]
            at = len(self._items) if holder is None else self._ends[above]
        while above >= 0:
            if self._items[above].get("linkId") == link_id:
                return self._items[above]
            above = self._parents[above]
        before = bisect_left(places, at)
        return self._items[places[before - 1 if before else 0]]


def is_enabled(question: Question, answers: Answers, item: Json | None, holder: Json | None) -> bool | None:
    """Says whether a question is asked; None where its conditions leave it open."""
    if not question.conditions:
        return True
    found = [_holds(c, answers.nearest(c.question, item, holder)) for c in question.conditions]
    if question.needs_all is None:
        return found[0] if len(set(found)) == 1 else None
    decisive = not question.needs_all
    if decisive in found:
        return decisive
    return None if None in found else not decisive


def _holds(condition: Condition, item: Json | None) -> bool | None:
    values = [value_of(row, "value") for row in rows(item or {}, "answer")]
    nodes = [node for node in values if node is not None]
    if condition.operator == "exists":
        return bool(nodes) is condition.expected.value if isinstance(condition.expected.value, bool) else None
    if not nodes:
        # Whether an answer that is not there differs from another, R4 does not say.
        return None if condition.operator == "!=" else False
    found = [_compare(condition.operator, node, condition.expected) for node in nodes]
    if condition.operator == "!=":
        return None if None in found else all(found)
    return True if True in found else None if None in found else False


def _compare(operator: str, node: Node, expected: Node) -> bool | None:
    if operator in ("=", "!="):
        same = same_answer(node, expected)
        return None if same is None else same is (operator == "=")
    try:
        order = compare(node, expected, operator)
    except (FhirPathError, TypeError, ValueError, ArithmeticError):
        return None
    tests = {">": (1,), "<": (-1,), ">=": (0, 1), "<=": (-1, 0)}
    return None if order is None or operator not in tests else order in tests[operator]


def same_answer(one: Node, other: Node) -> bool | None:
    """Says whether two answers are the same: Codings by system and code; None where that is open."""
    if one.type in _KEYS or other.type in _KEYS:
        return _same_keys(one.value, other.value, _KEYS[one.type]) if one.type == other.type else False
    try:
        return equal_items(one, other)
    except (FhirPathError, TypeError, ValueError, ArithmeticError):
        return None


_KEYS = {"Coding": ("code", "system"), "Reference": ("reference",)}


def _same_keys(one: Any, other: Any, keys: tuple[str, ...]) -> bool | None:
    if not isinstance(one, dict) or not isinstance(other, dict):
        return None
    answer: bool | None = True
    for key in keys:
        if key not in one or key not in other:
            answer = None
        elif one[key] != other[key]:
            return False
    return answer
