"""A QuestionnaireResponse by its Questionnaire, contained or known by its canonical.

https://hl7.org/fhir/R4/questionnaireresponse.html
"""

from __future__ import annotations

from typing import Any

from fhir_server.definitions.registry import Definitions, Structure
from fhir_server.validation.context import Context
from fhir_server.validation.fault import Fault, ObjectCheck, remark, show
from fhir_server.validation.questionnaire.answers import Response

Json = dict[str, Any]


def build_object(_definitions: Definitions, structure: Structure) -> ObjectCheck | None:
    """Returns the check of a QuestionnaireResponse as a whole."""
    return _check if structure.name == "QuestionnaireResponse" else None


def _check(value: Json, context: Context) -> list[Fault] | None:
    canonical, book = value.get("questionnaire"), context.book
    if book is None or not isinstance(canonical, str):
        return None
    if canonical.startswith("#"):
        contained = context.contained.get(canonical[1:], {})
        is_one = contained.get("resourceType") == "Questionnaire"
        questions = book.read_questions(contained) if is_one else None
    else:
        questions = book.questions(canonical)
    if questions is None:
        text = f"The Questionnaire {show(canonical)} is not known here; the answers were not checked by it."
        return remark("warning", "not-found", text, ".questionnaire", id="response:unknown")
    return Response(value).check(questions)
