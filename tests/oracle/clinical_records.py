"""What is observed, decided and done. How each type of resource is drawn."""

# ruff: noqa: E731 - named lambdas keep each element on a line

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.oracle import pools
from tests.oracle.records import Maker

Resource = dict[str, Any]


def _encounter(m: Maker) -> Resource:
    place = lambda: {"location": m.reference("Location")} | m.within(0.5, period=m.period)
    person = lambda: {"individual": m.reference("Practitioner", "PractitionerRole")}
    return (
        {"status": m.pick(("planned", "finished", "cancelled")), "class": m.coding(), "subject": m.patient()}
        | m.within(0.7, period=m.period, type=lambda: m.some(m.concept), reasonCode=lambda: m.some(m.concept))
        | m.within(0.5, participant=lambda: m.some(person, 1), location=lambda: m.some(place, 1))
        | m.within(
            0.4, serviceProvider=lambda: m.reference("Organization"), identifier=lambda: [m.identifier()]
        )
        | m.within(0.3, partOf=lambda: m.reference("Encounter"), length=lambda: _duration(m))
        | m.within(0.3, diagnosis=lambda: [{"condition": m.reference("Condition", "Procedure")}])
        | m.within(
            0.3, reasonReference=lambda: m.some(lambda: m.reference("Condition", "Observation", "Procedure"))
        )
    )


def _duration(m: Maker) -> Resource:
    return {"value": m.pick(pools.NUMBERS), "system": pools.UCUM, "code": m.pick(("min", "h")), "unit": "x"}


def _observed(m: Maker, chance: float, **more: Callable[[], Any]) -> Resource:
    return m.choose("value", chance, Quantity=m.quantity, CodeableConcept=m.concept, **more)


def _observation(m: Maker) -> Resource:
    component = lambda: {"code": m.concept()} | _observed(m, 0.9)
    value = {"String": lambda: m.pick(pools.TEXTS), "DateTime": m.date_time, "Period": m.period}
    found = _observed(m, 0.8, Quantity_=m.quantity, **value)
    return (
        {"status": m.pick(("final", "amended", "preliminary")), "code": m.concept()}
        | {key.rstrip("_"): v for key, v in found.items()}
        | m.choose("effective", 0.85, DateTime=m.date_time, Period=m.period, Instant=m.moment)
        | m.within(0.9, subject=lambda: m.reference(*("Patient",) * 12, "Group", "Location"))
        | m.within(0.5, category=lambda: m.some(m.concept, 1), encounter=lambda: m.reference("Encounter"))
        | m.within(0.35, component=lambda: m.some(component, 1), performer=lambda: m.some(m.clinician))
        | m.within(
            0.15, hasMember=lambda: m.some(lambda: m.reference("Observation", "QuestionnaireResponse"), 1)
        )
        | m.within(0.1, focus=lambda: [m.reference("Condition", "Medication")], dataAbsentReason=m.concept)
        | m.within(0.1, derivedFrom=lambda: [m.reference("Observation", "DocumentReference")])
        | m.within(0.1, basedOn=lambda: [m.reference("CarePlan", "MedicationRequest")])
        | m.within(0.2, identifier=lambda: [m.identifier()])
    )


def _condition(m: Maker) -> Resource:
    detail = lambda: {"code": [m.concept()], "detail": [m.reference("Observation", "DiagnosticReport")]}
    status = "http://terminology.hl7.org/CodeSystem/condition-clinical"
    clinical = lambda: {"coding": [{"system": status, "code": m.pick(("active", "inactive"))}]}
    age = lambda: {"value": m.random.randint(1, 90), "system": pools.UCUM, "code": "a"}
    ages = lambda: dict(zip(("low", "high"), sorted((age(), age()), key=lambda a: a["value"]), strict=True))
    return (
        {"subject": m.patient()}
        | m.within(0.8, code=m.concept, clinicalStatus=clinical)
        | m.choose(
            "onset",
            0.75,
            DateTime=m.date_time,
            Period=m.period,
            String=lambda: m.pick(pools.TEXTS),
            Age=age,
            Range=ages,
        )
        | m.choose("abatement", 0.4, DateTime=m.date_time, Period=m.period)
        | m.within(0.5, recordedDate=m.date_time, category=lambda: m.some(m.concept), severity=m.concept)
        | m.within(0.3, asserter=m.clinician, encounter=lambda: m.reference("Encounter"))
        | m.within(0.2, evidence=lambda: m.some(detail, 1), identifier=lambda: [m.identifier()])
    )


def _allergy(m: Maker) -> Resource:
    reaction = lambda: (
        {"manifestation": [m.concept()]} | m.within(0.5, onset=m.date_time, substance=m.concept)
    )
    found = {"patient": m.patient()} | m.within(0.8, code=m.concept, recordedDate=m.date_time)
    found |= m.within(0.5, asserter=m.clinician, recorder=m.clinician, reaction=lambda: m.some(reaction, 1))
    return found | m.within(0.5, type=lambda: m.pick(("allergy", "intolerance")), lastOccurrence=m.date_time)


def _medication_of(m: Maker) -> Resource:
    return m.choose("medication", 1, CodeableConcept=m.concept, Reference=lambda: m.reference("Medication"))


def _medication_request(m: Maker) -> Resource:
    return (
        {
            "status": m.pick(("active", "completed")),
            "intent": m.pick(("order", "plan")),
            "subject": m.patient(),
        }
        | _medication_of(m)
        | m.within(
            0.7, authoredOn=m.date_time, requester=m.clinician, encounter=lambda: m.reference("Encounter")
        )
    )


def _medication_statement(m: Maker) -> Resource:
    found = {"status": m.pick(("active", "completed")), "subject": m.patient()} | _medication_of(m)
    found |= m.choose("effective", 0.7, DateTime=m.date_time, Period=m.period)
    return found | m.within(0.7, informationSource=m.clinician, context=lambda: m.reference("Encounter"))


def _medication(m: Maker) -> Resource:
    ingredient = lambda: m.choose(
        "item", 1, CodeableConcept=m.concept, Reference=lambda: m.reference("Medication")
    )
    batch = lambda: {"lotNumber": m.pick(pools.IDENTIFIERS)} | m.within(0.6, expirationDate=m.date_time)
    found = m.within(0.8, code=m.concept, batch=batch) | m.within(0.5, form=m.concept)
    return found | m.within(
        0.5,
        ingredient=lambda: m.some(ingredient, 1),
        manufacturer=lambda: m.reference("Organization"),
        identifier=lambda: m.some(m.identifier, 1),
    )


def _immunization(m: Maker) -> Resource:
    reaction = lambda: {"date": m.date_time()} | m.within(0.6, detail=lambda: m.reference("Observation"))
    actor = lambda: {"actor": m.reference("Practitioner", "Organization")}
    return (
        {"status": m.pick(("completed", "not-done")), "vaccineCode": m.concept(), "patient": m.patient()}
        | m.choose("occurrence", 1, DateTime=m.date_time, DateTime_=m.date_time, String=lambda: "some day")
        | m.within(0.5, lotNumber=lambda: m.pick(pools.IDENTIFIERS), location=lambda: m.reference("Location"))
        | m.within(0.4, performer=lambda: m.some(actor, 1), reaction=lambda: m.some(reaction, 1))
    )


def _procedure(m: Maker) -> Resource:
    actor = lambda: {"actor": m.clinician()}
    return (
        {"status": m.pick(("completed", "in-progress")), "subject": m.patient()}
        | m.choose(
            "performed",
            0.8,
            DateTime=m.date_time,
            Period=m.period,
            String=lambda: "x",
            Age=lambda: _duration(m),
        )
        | m.within(0.6, code=m.concept, performer=lambda: m.some(actor, 1))
        | m.within(
            0.3,
            partOf=lambda: [m.reference("Observation", "Procedure")],
            location=lambda: m.reference("Location"),
        )
        | m.within(
            0.3, instantiatesCanonical=lambda: [m.canonical()], instantiatesUri=lambda: [m.pick(pools.URLS)]
        )
        | m.within(0.3, encounter=lambda: m.reference("Encounter"))
        | m.within(0.3, reasonReference=lambda: m.some(lambda: m.reference("Condition", "Observation"), 1))
    )


def _report(m: Maker) -> Resource:
    return (
        {"status": m.pick(("final", "partial")), "code": m.concept()}
        | m.within(0.85, subject=m.patient)
        | m.choose("effective", 0.7, DateTime=m.date_time, Period=m.period)
        | m.within(0.5, issued=m.moment, result=lambda: m.some(lambda: m.reference("Observation"), 1, 3))
        | m.within(0.3, performer=lambda: m.some(lambda: m.reference("Practitioner", "Organization"), 1))
        | m.within(
            0.3, conclusionCode=lambda: m.some(m.concept, 1), encounter=lambda: m.reference("Encounter")
        )
    )


def _document(m: Maker) -> Resource:
    content = lambda: {
        "attachment": {
            "contentType": m.pick(("text/plain", "application/pdf")),
            "url": m.pick(pools.URLS[:7]),
        }
    }
    relates = lambda: {"code": m.pick(("replaces", "appends")), "target": m.reference("DocumentReference")}
    context = lambda: (
        m.within(
            0.6,
            encounter=lambda: [m.reference("Encounter")],
            period=m.period,
            related=lambda: [m.reference("Condition")],
        )
        or {"event": [m.concept()]}
    )
    return (
        {"status": m.pick(("current", "superseded")), "content": m.some(content, 1)}
        | m.within(0.9, subject=lambda: m.reference(*("Patient",) * 9, "Practitioner"), type=m.concept)
        | m.within(
            0.6, date=m.moment, description=lambda: m.pick(pools.TEXTS), author=lambda: m.some(m.clinician)
        )
        | m.within(0.5, category=lambda: m.some(m.concept), custodian=lambda: m.reference("Organization"))
        | m.within(
            0.4, masterIdentifier=m.identifier, identifier=lambda: m.some(m.identifier, 1), context=context
        )
        | m.within(0.3, relatesTo=lambda: m.some(relates, 1), securityLabel=lambda: m.some(m.concept, 1))
    )


def _care_plan(m: Maker) -> Resource:
    detail = lambda: (
        {"status": "scheduled"}
        | m.within(0.6, code=m.concept, scheduledPeriod=m.period, performer=lambda: m.some(m.clinician, 1))
    )
    return (
        {"status": m.pick(("active", "completed")), "intent": "plan", "subject": m.patient()}
        | m.within(
            0.6, period=m.period, category=lambda: m.some(m.concept), activity=lambda: [{"detail": detail()}]
        )
        | m.within(0.3, basedOn=lambda: [m.reference("CarePlan")], careTeam=lambda: [m.reference("CareTeam")])
        | m.within(0.3, addresses=lambda: m.some(lambda: m.reference("Condition"), 1))
        | m.within(0.3, instantiatesUri=lambda: [m.pick(pools.URLS)])
    )


def _care_team(m: Maker) -> Resource:
    member = lambda: {"member": m.clinician()}
    found = m.within(0.8, status=lambda: m.pick(("active", "inactive")), subject=m.patient, period=m.period)
    found |= m.within(0.5, participant=lambda: m.some(member, 1), category=lambda: m.some(m.concept, 1))
    return found | m.within(0.4, encounter=lambda: m.reference("Encounter"))


def _risk(m: Maker) -> Resource:
    prediction = lambda: (
        m.within(0.8, probabilityDecimal=lambda: m.pick(pools.NUMBERS), qualitativeRisk=m.concept)
        or {"outcome": m.concept()}
    )
    return (
        {"status": "final", "subject": m.patient()}
        | m.choose("occurrence", 0.8, DateTime=m.date_time, Period=m.period)
        | m.within(0.8, prediction=lambda: m.some(prediction, 1), method=m.concept)
        | m.within(
            0.4, condition=lambda: m.reference("Condition"), encounter=lambda: m.reference("Encounter")
        )
        | m.within(0.4, performer=lambda: m.reference("Practitioner"))
    )


CLINICAL_RECORDS: dict[str, Callable[[Maker], Resource]] = {
    "Encounter": _encounter,
    "Observation": _observation,
    "Condition": _condition,
    "AllergyIntolerance": _allergy,
    "MedicationRequest": _medication_request,
    "MedicationStatement": _medication_statement,
    "Medication": _medication,
    "Immunization": _immunization,
    "Procedure": _procedure,
    "DiagnosticReport": _report,
    "DocumentReference": _document,
    "CarePlan": _care_plan,
    "CareTeam": _care_team,
    "RiskAssessment": _risk,
}
