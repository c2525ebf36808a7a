"""Expressions published with R4 4.0.1 that do not say what their sentence says.

Law of the table: published expression → the expression it was meant to be, as later versions publish it. An
entry belongs here only when the published one can never hold (or select) anything, or refuses resources that
its own sentence allows.
https://hl7.org/fhir/R4/fhirpath.html#types
"""

from __future__ import annotations

ERRATA: dict[str, str] = {
    # que-7: `Boolean` is System.Boolean, Questionnaire.item.enableWhen.answer[x] is a FHIR boolean.
    "operator = 'exists' implies (answer is Boolean)": "operator = 'exists' implies (answer is boolean)",
    # ras-2: no answer where there is no probability, and no answer breaks an invariant.
    "probability is decimal implies (probability as decimal) <= 100": (
        "probability.empty() or (probability is decimal implies (probability as decimal) <= 100)"
    ),
    # tim-9: `in` takes one item on its left, Timing.repeat.when may repeat.
    "offset.empty() or (when.exists() and ((when in ('C' | 'CM' | 'CD' | 'CV')).not()))": (
        "offset.empty() or (when.exists() and when.where($this in ('C' | 'CM' | 'CD' | 'CV')).empty())"
    ),
    # que-12: "more than one", not more than two.
    "enableWhen.count() > 2 implies enableBehavior.exists()": (
        "enableWhen.count() > 1 implies enableBehavior.exists()"
    ),
    # mdd-1, inv-1: no answer where the two dates differ in precision and are not otherwise in order.
    "whenHandedOver.empty() or whenPrepared.empty() or whenHandedOver >= whenPrepared": (
        "whenHandedOver.empty() or whenPrepared.empty() or (whenHandedOver < whenPrepared = true).not()"
    ),
    # con-3: compares a CodeableConcept with a string, so that every category counts as problem-list-item.
    (
        "clinicalStatus.exists() or verificationStatus.coding.where(system="
        "'http://terminology.hl7.org/CodeSystem/condition-ver-status' and code = 'entered-in-error').exists()"
        " or category.select($this='problem-list-item').empty()"
    ): (
        "clinicalStatus.exists() or verificationStatus.coding.where(system="
        "'http://terminology.hl7.org/CodeSystem/condition-ver-status' and code = 'entered-in-error').exists()"
        " or category.coding.where(code='problem-list-item').empty()"
    ),
    # Component of Observation code-value-date.
    "value.as(DateTime) | value.as(Period)": "value.as(dateTime) | value.as(Period)",
}
