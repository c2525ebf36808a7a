"""The items of a response by the questions: which, how many, in which order, and what is answered.

https://hl7.org/fhir/R4/questionnaireresponse.html#link
"""

from __future__ import annotations

from typing import Any

from fhir_server.fhirpath.evaluate import Node
from fhir_server.validation.fault import Fault, fault, gather, is_full, show
from fhir_server.validation.questionnaire.enabled import Answers, is_enabled, same_answer
from fhir_server.validation.questionnaire.questions import Json, Question, rows, upper, value_of

_DONE = ("completed", "amended")
_TEXTS = ("string", "uri")


class Response:
    """A response under check."""

    def __init__(self, response: Json) -> None:
        self._response = response
        self._answers = Answers(response)
        self._is_done = response.get("status") in _DONE

    def check(self, questions: tuple[Question, ...]) -> list[Fault] | None:
        """Returns the faults of the response."""
        return self._items(questions, self._response, "", None)

    def _items(
        self, questions: tuple[Question, ...], holder: Json, path: str, above: Json | None
    ) -> list[Fault] | None:
        """Checks the items below a response, an item or an answer; `above` is the item that holds them."""
        known = {question.link_id: at for at, question in enumerate(questions)}
        met: dict[str, int] = {}
        faults: list[Fault] | None = None
        latest = 0
        for place, item in _placed(holder, path):
            link_id = str(item.get("linkId"))
            at = known.get(link_id)
            if at is None:
                text = f"The Questionnaire has no item {show(link_id)} here."
                found: list[Fault] | None = fault("not-found", text, f"{place}.linkId", id="response:link-id")
            else:
                found = self._item(questions[at], item, place)
                if at < latest:
                    text = f"The item {show(link_id)} comes earlier in the Questionnaire."
                    found = gather(found, fault("structure", text, place, id="response:order"))
                latest = max(latest, at)
                met[link_id] = met.get(link_id, 0) + 1
                if met[link_id] > 1 and not _may_recur(questions[at]):
                    text = f"The item {show(link_id)} may be there once."
                    found = gather(found, fault("structure", text, place, id="response:repeats"))
            if found:
                faults = gather(faults, found)
                if is_full(faults):
                    return faults
        return self._absent(questions, met, path, above, faults)

    def _absent(
        self,
        questions: tuple[Question, ...],
        met: dict[str, int],
        path: str,
        above: Json | None,
        faults: list[Fault] | None,
    ) -> list[Fault] | None:
        """Adds the required questions that are not there."""
        for question in questions if self._is_done else ():
            if not question.required or question.link_id in met or question.type == "display":
                continue
            if is_enabled(question, self._answers, None, above) is True:
                faults = gather(faults, _missing(question, f"{path}.item"))
        return faults

    def _item(self, question: Question, item: Json, place: str) -> list[Fault] | None:
        enabled = is_enabled(question, self._answers, item, None)
        answers = rows(item, "answer")
        if enabled is False:
            if not _is_answered(item):
                return None
            text = f"The question {show(question.link_id)} is not asked, because of the answers to others."
            return fault("structure", text, place, id="response:enabled")
        faults: list[Fault] | None = None
        if self._is_done and question.required and enabled and not _is_answered(item):
            faults = _missing(question, place)
        found = self._of_kind(question, item, answers, place)
        return gather(faults, found) if found else faults

    def _of_kind(self, question: Question, item: Json, answers: list[Json], place: str) -> list[Fault] | None:
        if question.type == "group":
            found = self._items(question.children, item, place, item)
            return _no_answer(question, place, found) if answers else found
        if question.type == "display":
            return _no_answer(question, place, None) if answers or rows(item, "item") else None
        faults: list[Fault] | None = None
        if rows(item, "item"):
            text = "What is asked below a question stands below its answer."
            faults = fault("structure", text, f"{place}.item", id="response:item")
        if len(answers) > 1 and not question.repeats:
            text = f"The question {show(question.link_id)} has one answer."
            faults = gather(faults, fault("structure", text, f"{place}.answer", id="response:repeats"))
        for where, answer in _placed(item, place, "answer"):
            found = check_answer(question, answer, where)
            below = self._items(question.children, answer, where, item)
            for one in (found, below):
                faults = gather(faults, one) if one else faults
            if faults and is_full(faults):
                return faults
        return faults


def _placed(holder: Json, path: str, key: str = "item") -> list[tuple[str, Json]]:
    listed: Any = holder.get(key)
    if not isinstance(listed, list):
        return []
    return [(f"{path}.{key}[{i}]", row) for i, row in enumerate(listed) if isinstance(row, dict)]


def _may_recur(question: Question) -> bool:
    """A group that repeats is there several times; a question that does has several answers."""
    return question.type == "group" and question.repeats


def _is_answered(item: Json) -> bool:
    """True for a question with an answer, and for a group with an answered question."""
    return bool(rows(item, "answer")) or any(map(_is_answered, rows(item, "item")))


def _missing(question: Question, place: str) -> list[Fault]:
    text = f"The item {show(question.link_id)} must be answered."
    return fault("required", text, place, id="response:required")


def _no_answer(question: Question, place: str, faults: list[Fault] | None) -> list[Fault]:
    text = f"The item {show(question.link_id)} is a {question.type[:64]}: it has no answers of its own."
    return gather(faults, fault("structure", text, place, id="response:answer"))


def check_answer(question: Question, answer: Json, place: str) -> list[Fault] | None:
    """Returns the faults of one answer: its type, its length, and whether it is one of those offered."""
    node = value_of(answer, "value")
    if node is None or node.value is None or not question.answers:
        return None
    where = f"{place}.value.ofType({node.type})"
    if upper(node.type) not in question.answers:
        expected, found = " or ".join(question.answers), upper(node.type)[:64]
        text = f"The question {show(question.link_id)} is answered by {expected}, not by {found}."
        return fault("structure", text, where, id="response:type")
    if not _is_offered(question, node):
        text = f"The answer is none of those that the question {show(question.link_id)} offers."
        return fault("code-invalid", text, where, id="response:option")
    limit = question.max_length
    if limit is not None and node.type in _TEXTS and isinstance(node.value, str) and len(node.value) > limit:
        text = f"The answer has more than {limit} characters."
        return fault("value", text, where, id="response:max-length")
    return None


def _is_offered(question: Question, node: Node) -> bool:
    """False for what is surely not offered; a free text is, where the question is open."""
    if question.type == "open-choice" and node.type == "string":
        return True
    if question.options and all(same_answer(node, option) is False for option in question.options):
        return False
    return not (
        question.admits is not None and node.type == "Coding" and question.admits(node.value) is False
    )
