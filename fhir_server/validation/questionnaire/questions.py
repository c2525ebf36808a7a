"""Questionnaire → its questions, read once. https://hl7.org/fhir/R4/questionnaire-definitions.html"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from fhir_server.fhir import Resource
from fhir_server.fhirpath.evaluate import Node

Json = dict[str, Any]
Admits = Callable[[Any], "bool | None"]
"""Coding → is it in a value set; None where that is not known."""
FindAdmits = Callable[[str], "Admits | None"]
"""Canonical of a value set → what tells its members among Codings."""

_ANSWERS = {
    "boolean": ("Boolean",),
    "decimal": ("Decimal",),
    "integer": ("Integer",),
    "date": ("Date",),
    "dateTime": ("DateTime",),
    "time": ("Time",),
    "string": ("String",),
    "text": ("String",),
    "url": ("Uri",),
    "choice": ("Coding",),
    "open-choice": ("Coding", "String"),
    "attachment": ("Attachment",),
    "reference": ("Reference",),
    "quantity": ("Quantity",),
}
"""Type of a question → ends of value[x] of its answers. https://hl7.org/fhir/R4/valueset-item-type.html"""
_CHOICES = ("choice", "open-choice")


class Condition(NamedTuple):
    """An enableWhen."""

    question: str
    operator: str
    expected: Node


class Question(NamedTuple):
    """An item of a Questionnaire."""

    link_id: str
    type: str
    answers: tuple[str, ...]
    """Ends of value[x] that its answers may have; none for groups, displays and unknown types."""
    required: bool
    repeats: bool
    max_length: int | None
    options: tuple[Node, ...]
    admits: Admits | None
    """What tells the Codings that may be answered."""
    conditions: tuple[Condition, ...]
    needs_all: bool | None
    """Are all conditions needed; None where several are there and the Questionnaire does not say."""
    children: tuple[Question, ...]


def read_questions(questionnaire: Resource, find_admits: FindAdmits) -> tuple[Question, ...]:
    """Returns the questions of a Questionnaire; what is malformed of them asks nothing."""
    return tuple(
        _read(item, find_admits)
        for item in rows(questionnaire, "item")
        if isinstance(item.get("linkId"), str)
    )


def _read(item: Json, find_admits: FindAdmits) -> Question:
    type_ = str(item.get("type"))
    options = tuple(
        node for row in rows(item, "answerOption") if (node := value_of(row, "value")) is not None
    )
    answers = _ANSWERS.get(type_, ())
    if type_ in _CHOICES:
        # An option may be an integer, a date, a time, a string or a reference: so is the answer then.
        answers = tuple(dict.fromkeys((*answers, *(upper(node.type) for node in options))))
    value_set = item.get("answerValueSet")
    max_length = item.get("maxLength")
    conditions = tuple(found for row in rows(item, "enableWhen") if (found := _condition(row)) is not None)
    behavior = item.get("enableBehavior")
    return Question(
        link_id=item["linkId"],
        type=type_,
        answers=answers,
        required=item.get("required") is True,
        repeats=item.get("repeats") is True,
        max_length=max_length if type(max_length) is int else None,
        options=options,
        admits=find_admits(value_set) if type_ in _CHOICES and isinstance(value_set, str) else None,
        conditions=conditions,
        needs_all={"all": True, "any": False}.get(str(behavior), None if len(conditions) > 1 else True),
        children=read_questions(item, find_admits),
    )


def _condition(row: Json) -> Condition | None:
    expected = value_of(row, "answer")
    if expected is None:
        return None
    return Condition(str(row.get("question")), str(row.get("operator")), expected)


def rows(holder: Json, key: str) -> list[Json]:
    """Returns the objects in a list."""
    found = holder.get(key)
    return [row for row in found if isinstance(row, dict)] if isinstance(found, list) else []


def value_of(row: Json, stem: str) -> Node | None:
    """Returns the value[x] or answer[x] of a row."""
    for key, value in row.items():
        if key.startswith(stem) and key[len(stem) :][:1].isupper():
            name = key[len(stem) :]
            return Node(value, name if name in _COMPLEX else name[:1].lower() + name[1:], None)
    return None


_COMPLEX = ("Attachment", "Coding", "Quantity", "Reference")


def upper(type_: str) -> str:
    """Returns a type as it ends a key: valueDateTime."""
    return type_[:1].upper() + type_[1:]
