"""People, places, lists and what is asked of them. How each type of resource is drawn."""

# ruff: noqa: E731 - named lambdas keep each element on a line

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.oracle import pools
from tests.oracle.records import Maker

Resource = dict[str, Any]


def _patient(m: Maker) -> Resource:
    gender = lambda: m.pick(("male", "female", "other"))
    return (
        m.within(
            0.85,
            active=lambda: m.maybe(0.7),
            gender=gender,
            birthDate=m.day,
            name=lambda: m.some(m.human_name, 1),
        )
        | m.within(0.6, identifier=lambda: m.some(m.identifier, 1), telecom=lambda: m.some(m.telecom, 1))
        | m.within(
            0.5,
            address=lambda: m.some(m.address, 1),
            managingOrganization=lambda: m.reference("Organization"),
        )
        | m.choose("deceased", 0.4, Boolean=lambda: m.maybe(0.5), DateTime=m.date_time)
        | m.within(
            0.4, generalPractitioner=lambda: m.some(lambda: m.reference("Practitioner", "Organization"))
        )
        | m.within(0.15, link=lambda: [{"other": m.reference("Patient"), "type": "seealso"}])
        | m.within(0.3, communication=lambda: [{"language": m.concept()}])
    )


def _practitioner(m: Maker) -> Resource:
    gender = lambda: m.pick(("male", "female"))
    found = m.within(0.8, active=lambda: m.maybe(0.8), gender=gender, name=lambda: m.some(m.human_name, 1))
    return found | m.within(
        0.6, identifier=lambda: m.some(m.identifier, 1), telecom=lambda: m.some(m.telecom, 1)
    )


def _practitioner_role(m: Maker) -> Resource:
    return m.within(
        0.75,
        active=lambda: m.maybe(0.8),
        period=m.period,
        practitioner=lambda: m.reference("Practitioner"),
        organization=lambda: m.reference("Organization"),
        location=lambda: m.some(lambda: m.reference("Location")),
        code=lambda: m.some(m.concept, 1),
        specialty=lambda: m.some(m.concept, 1),
    )


def _place(m: Maker) -> Resource:
    name = lambda: m.pick(pools.FAMILIES + pools.CITIES)
    found = m.within(
        0.8, name=name, type=lambda: m.some(m.concept, 1), identifier=lambda: m.some(m.identifier, 1)
    )
    return found | m.within(0.3, alias=lambda: m.some(name, 1))


def _organization(m: Maker) -> Resource:
    found = {"identifier": [m.identifier()]} | _place(m)
    found |= m.within(0.5, partOf=lambda: m.reference("Organization"), address=lambda: m.some(m.address, 1))
    return found | m.within(0.7, active=lambda: m.maybe(0.8))


def _location(m: Maker) -> Resource:
    position = lambda: dict(zip(("latitude", "longitude"), m.pick(pools.PLACES), strict=True))
    found = _place(m) | m.within(0.7, position=position)
    found |= m.within(0.5, status=lambda: m.pick(("active", "suspended")), address=m.address)
    return found | m.within(
        0.5, managingOrganization=lambda: m.reference("Organization"), partOf=lambda: m.reference("Location")
    )


def _coverage(m: Maker) -> Resource:
    class_ = lambda: {"type": m.concept(), "value": m.pick(pools.TEXTS[:5])}
    return (
        {"status": "active", "beneficiary": m.reference("Patient")}
        | {"payor": m.some(lambda: m.reference("Organization", "Organization", "Patient"), 1)}
        | m.within(
            0.3, subscriber=lambda: m.reference("Patient"), policyHolder=lambda: m.reference("Patient")
        )
        | m.within(0.5, dependent=lambda: m.pick(pools.IDENTIFIERS), class_=lambda: m.some(class_, 1))
        | m.within(0.5, identifier=lambda: m.some(m.identifier, 1))
    )


def _questionnaire(m: Maker) -> Resource:
    context = lambda: {"code": m.coding(), "valueQuantity": m.quantity()}
    return (
        {"status": m.pick(("active", "draft"))}
        | m.within(
            0.8,
            url=lambda: m.pick(pools.CANONICALS),
            version=lambda: m.pick(pools.VERSIONS),
            date=m.date_time,
        )
        | m.within(0.5, name=lambda: m.pick(("Names", "NAMES")), title=lambda: m.pick(pools.TEXTS[:5]))
        | m.within(0.5, effectivePeriod=m.period, description=lambda: m.pick(pools.TEXTS[:5]))
        | m.within(0.5, useContext=lambda: m.some(context, 1))
    )


def _answers(m: Maker) -> Resource:
    return (
        {"status": m.pick(("completed", "amended"))}
        | m.within(0.8, subject=m.patient, questionnaire=m.canonical, authored=m.date_time)
        | m.within(0.4, author=m.clinician, source=m.clinician, encounter=lambda: m.reference("Encounter"))
        | m.within(0.4, identifier=m.identifier)
    )


def _list(m: Maker) -> Resource:
    item = lambda: {"item": m.reference("Observation", "Condition", "Patient", "Medication")}
    return (
        {"status": "current", "mode": "working"}
        | m.within(0.9, entry=lambda: m.some(item, 1, 8))
        | m.within(
            0.7, subject=m.patient, code=m.concept, title=lambda: m.pick(pools.TEXTS[:5]), date=m.date_time
        )
        | m.within(0.3, source=m.clinician, encounter=lambda: m.reference("Encounter"))
        | m.within(0.3, note=lambda: [{"text": m.pick(pools.TEXTS[:5])}])
    )


def _group(m: Maker) -> Resource:
    trait = lambda: (
        {"code": m.concept(), "exclude": m.maybe(0.5)}
        | m.choose("value", 1, CodeableConcept=m.concept, Boolean=lambda: m.maybe(0.5))
    )
    member = lambda: {"entity": m.reference("Patient", "Practitioner", "Patient")}
    found = {"type": m.pick(("person", "practitioner")), "actual": True}
    found |= m.within(
        0.7, member=lambda: m.some(member, 1, 3), characteristic=lambda: m.some(trait, 1), code=m.concept
    )
    return found | m.within(
        0.4, identifier=lambda: [m.identifier()], managingEntity=lambda: m.reference("Organization")
    )


def _value_set(m: Maker) -> Resource:
    concept = lambda: {"code": m.pick(pools.CODES)}
    include = lambda: {"system": m.pick(pools.URLS[:7]), "concept": m.some(concept, 1)}
    return (
        {"status": m.pick(("active", "draft"))}
        | m.within(
            0.85, url=lambda: m.pick(pools.URLS), version=lambda: m.pick(pools.VERSIONS), date=m.date_time
        )
        | m.within(
            0.6, compose=lambda: {"include": m.some(include, 1)}, title=lambda: m.pick(pools.TEXTS[:5])
        )
        | m.within(0.4, identifier=lambda: [m.identifier()], name=lambda: m.pick(("Names", "NAMES")))
    )


DIRECTORY_RECORDS: dict[str, Callable[[Maker], Resource]] = {
    "Patient": _patient,
    "Practitioner": _practitioner,
    "PractitionerRole": _practitioner_role,
    "Organization": _organization,
    "Location": _location,
    "Coverage": _coverage,
    "Questionnaire": _questionnaire,
    "QuestionnaireResponse": _answers,
    "List": _list,
    "Group": _group,
    "ValueSet": _value_set,
}
