"""Decisions are Consents of templates: what they must say, and who may state them.

Code de la santé publique L1111-13-1 to L1111-21, R1111-40 to R1111-54; docs/security/patient-decides.md
"""

from __future__ import annotations

from typing import Any

import pytest

from fhir_server.storage.oauth.access_tokens import TokenFacts
from tests.examples import create, observation, patient, problem, total
from tests.http_client import FhirHttp
from tests.records import decision, emergency, open_record, professional, sees, state
from tests.running_server import RunningServer

INS = "urn:oid:1.2.250.1.213.1.4.10"


# --- decisions -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("broken", "place"),
    [
        (decision("P", "authorisation", "deny", actors=["Practitioner/a"]), "Consent.provision.type"),
        (decision("P", "authorisation"), "Consent.provision.actor"),
        (decision("P", "authorisation", actors=["Device/a"]), "Consent.provision.actor[0].reference"),
        (decision("P", "unknown"), "Consent.policy"),
        (
            decision(
                "P",
                "authorisation",
                actors=["Practitioner/a"],
                provision={"period": {"start": "2021", "end": "2020"}},
            ),
            "Consent.provision.period",
        ),
        (
            decision(
                "P", "block", "deny", actors=["Practitioner/a"], provision={"period": {"start": "2021"}}
            ),
            "Consent.provision.period",
        ),
        (
            decision("P", "block", "deny", actors=["PractitionerRole/a"]),
            "Consent.provision.actor[0].reference",
        ),
        (decision("P", "record"), "Consent.provision.code"),
        (decision("P", "hide-document", "deny", actors=["Practitioner/a"]), "Consent.provision.data"),
    ],
)
def test_a_decision_that_contradicts_itself_is_refused(
    fhir: FhirHttp, record: str, broken: dict[str, Any], place: str
) -> None:
    issue = problem(fhir.post("Consent", {**broken, "patient": {"reference": f"Patient/{record}"}}), 422)
    assert issue["expression"] == [place]


def test_a_free_form_consent_grants_nothing(server: RunningServer, fhir: FhirHttp, record: str) -> None:
    pulse = create(fhir, observation(f"Patient/{record}"))
    open_record(fhir, record)
    free = decision(record, "authorisation", actors=["Practitioner/dr"])
    del free["policy"]
    create(fhir, {**free, "policyRule": {"text": "as the patient wishes"}})
    assert not sees(professional(server, "dr"), pulse)


def _instance(name: str) -> dict[str, Any]:
    return {"meaning": "instance", "reference": {"reference": f"DocumentReference/{name}"}}


def test_a_decision_does_not_change_its_object(fhir: FhirHttp, record: str) -> None:
    stored = create(fhir, decision(record, "block", "deny", actors=["Practitioner/a"]))
    other = {**decision(record, "block", "deny", actors=["Practitioner/b"]), "id": stored["id"]}
    problem(fhir.put(f"Consent/{stored['id']}", other), 422)
    hidden = decision(
        record, "hide-document", "deny", actors=["Practitioner/a"], provision={"data": [_instance("1")]}
    )
    stored = create(fhir, hidden)
    more = {**hidden["provision"], "data": [_instance("2")]}
    problem(fhir.put(f"Consent/{stored['id']}", {**stored, "provision": more}), 422)
    moved = {**stored, "patient": {"reference": f"Patient/{create(fhir, patient())['id']}"}}
    problem(fhir.put(f"Consent/{stored['id']}", moved), 422)


def test_a_fourth_aidant_is_refused_and_nothing_is_half_written(fhir: FhirHttp, record: str) -> None:
    for name in "abc":
        create(fhir, decision(record, "caregiver", actors=[f"RelatedPerson/{name}"]))
    problem(fhir.post("Consent", decision(record, "caregiver", actors=["RelatedPerson/d"])), 422)
    assert total(fhir, f"Consent?patient={record}") == 3


def test_who_may_state_what(
    server: RunningServer, fhir: FhirHttp, record: str, team: dict[str, FhirHttp]
) -> None:
    other, mt, holder, mother = team["other"], team["mt"], team["holder"], team["mother"]
    new = professional(server, "new")
    agreed = {"performer": [{"reference": f"Patient/{record}"}]}
    own = decision(record, "authorisation", actors=["Practitioner/new"], **agreed)
    for alone in ({"performer": [{"reference": "Practitioner/new"}]}, {"performer": []}, {"dateTime": None}):
        kept = {name: value for name, value in {**own, **alone}.items() if value}
        issue = problem(new.post("Consent", kept), 422)
        assert issue["expression"] == ["Consent.performer"]
    problem(new.post("Consent", decision(record, "authorisation", actors=["Practitioner/x"])), 403)
    assert new.post("Consent", own).status_code == 201  # with the consent of the patient, who is told
    problem(other.post("Consent", decision(record, "block", "deny", actors=["Practitioner/new"])), 403)
    problem(other.post("Consent", decision(record, "treating", actors=["Practitioner/other"])), 403)
    problem(other.post("Consent", decision(record, "emergency-masked", "permit")), 403)
    assert (
        mt.post("Consent", decision(record, "block", "deny", actors=["Practitioner/new"])).status_code == 201
    )
    problem(new.post("Consent", own), 403)
    assert (
        holder.post("Consent", decision(record, "treating", actors=["Practitioner/other"])).status_code == 201
    )
    assert mother.post("Consent", decision(record, "emergency-masked", "deny")).status_code == 201
    problem(holder.post("Consent", decision(record, "representative", actors=["RelatedPerson/x"])), 403)
    problem(emergency(server, "u", record).post("Consent", own), 403)


def test_a_representative_stays_until_the_child_is_of_age(server: RunningServer, fhir: FhirHttp) -> None:
    for born, expected in (("2020-02-29", True), ("2000-02-29", False)):
        child = str(create(fhir, patient(birthDate=born))["id"])
        pulse = create(fhir, observation(f"Patient/{child}"))
        period = {"start": born}
        create(fhir, state(child, "open"))
        create(
            fhir, decision(child, "representative", actors=["RelatedPerson/m"], provision={"period": period})
        )
        mother = server.client("user/*.cruds", child, "RelatedPerson/m")
        assert sees(mother, pulse) is expected


def test_the_operator_too_takes_the_ways_of_the_law(fhir: FhirHttp, record: str) -> None:
    for name, status in (
        ("closed", 422),
        ("deceased", 422),
        ("open", 201),
        ("opposed", 422),
        ("deleting", 201),
        ("open", 422),
        ("closed", 201),
        ("open", 201),
    ):
        assert fhir.post("Consent", state(record, name)).status_code == status, name
    past = {**state(record, "opposed"), "status": "inactive"}
    assert fhir.post("Consent", past).status_code == 201


def test_a_practitioner_role_is_nobody(server: RunningServer, fhir: FhirHttp, record: str) -> None:
    pulse = create(fhir, observation(f"Patient/{record}"))
    open_record(fhir, record, authorisation=["Practitioner/dr"])
    for scope, patient_id in (("patient/*.rs", record), ("user/*.rs", record), ("user/*.rs", "")):
        facts = TokenFacts("tests", scope, patient=patient_id, fhir_user="PractitionerRole/dr")
        role = FhirHttp(server.base_url, server.inside.tokens.add(facts, 600)[0])
        assert not sees(role, pulse)
