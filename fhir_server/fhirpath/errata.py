"""Expressions published with R4 4.0.1 that name a System type where the element has the FHIR type.

Law of the table: published expression → the expression it was meant to be, as R4B and R5 publish it. An
entry belongs here only when the published one can never hold (or select) anything.
https://hl7.org/fhir/R4/fhirpath.html#types
"""

from __future__ import annotations

ERRATA: dict[str, str] = {
    # que-7: `Boolean` is System.Boolean, Questionnaire.item.enableWhen.answer[x] is a FHIR boolean.
    "operator = 'exists' implies (answer is Boolean)": "operator = 'exists' implies (answer is boolean)",
    # Component of Observation code-value-date.
    "value.as(DateTime) | value.as(Period)": "value.as(dateTime) | value.as(Period)",
}
