"""Conditions of a Questionnaire: enableWhen asks a question of the same Questionnaire.

https://hl7.org/fhir/R4/questionnaire-definitions.html#Questionnaire.item.enableWhen.question
"""

from __future__ import annotations

from typing import Any

from fhir_server.definitions.registry import Definitions, Structure
from fhir_server.validation.context import Context
from fhir_server.validation.fault import Fault, ObjectCheck, fault, gather, show

Json = dict[str, Any]


def build_object(_definitions: Definitions, structure: Structure) -> ObjectCheck | None:
    """Returns the check of a Questionnaire as a whole."""
    return _check if structure.name == "Questionnaire" else None


def _check(value: Json, _context: Context) -> list[Fault] | None:
    links: set[str] = set()
    asked: list[tuple[str, str]] = []
    pending = [(value, "")]
    while pending:
        holder, path = pending.pop()
        for i, item in _rows(holder, "item"):
            place = f"{path}.item[{i}]"
            links.add(str(item.get("linkId")))
            for j, row in _rows(item, "enableWhen"):
                if isinstance(question := row.get("question"), str):
                    asked.append((question, f"{place}.enableWhen[{j}].question"))
            pending.append((item, place))
    faults: list[Fault] | None = None
    for question, place in asked:
        if question not in links:
            text = f"No item has the linkId {show(question)}."
            faults = gather(faults, fault("not-found", text, place, id="questionnaire:question"))
    return faults


def _rows(holder: Json, key: str) -> list[tuple[int, Json]]:
    rows = holder.get(key)
    return [(i, row) for i, row in enumerate(rows) if isinstance(row, dict)] if isinstance(rows, list) else []
