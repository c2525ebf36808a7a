"""user/ scopes are bound to the person who acts: to their records, or to one patient."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fhir_server.errors import Invalid
from fhir_server.policy.context import AccessContext
from fhir_server.policy.decide import decide
from fhir_server.policy.record_policy import RecordPolicy, Representative
from fhir_server.policy.scopes import parse_scopes
from fhir_server.policy.situation import Situation
from tests.examples import body, create, entries, observation, problem, total
from tests.http_client import FhirHttp
from tests.records import DOCTOR, open_record, represent
from tests.running_server import RunningServer
from tests.security.conftest import Record
from tests.security.granular_record import LABORATORY, build_record

SCOPE = "user/*.cruds"


def opens(app: FhirHttp, record: Record) -> bool:
    answers = {app.get(path).status_code for path in (record.pulse, f"Patient/{record.patient}")}
    assert len(answers) == 1
    return answers == {200}


def test_a_person_reaches_their_own_record(server: RunningServer, alice: Record, bob: Record) -> None:
    app = server.client(SCOPE, fhir_user=f"Patient/{alice.patient}")
    assert opens(app, alice)
    assert not opens(app, bob)
    assert total(app, "Observation?") == total(alice.app, "Observation?")
    problem(app.get("Binary/1"), 404)
    problem(app.post("Organization", {"resourceType": "Organization", "name": "x"}), 403)
    assert app.get("Organization").status_code == 200


def test_a_representative_without_a_record_reaches_none(server: RunningServer, alice: Record) -> None:
    app = server.client(SCOPE, fhir_user="RelatedPerson/7")
    problem(app.get(alice.pulse), 403)
    problem(app.get("Observation"), 403)
    problem(app.get("Organization"), 403)


def test_a_representative_reaches_the_record_of_the_token(
    server: RunningServer, fhir: FhirHttp, alice: Record, bob: Record
) -> None:
    app = server.client(SCOPE, alice.patient, "RelatedPerson/7")
    problem(app.get(alice.pulse), 403)
    open_record(fhir, alice.patient)
    represent(fhir, alice.patient, "RelatedPerson/7")
    assert opens(app, alice)
    assert not opens(app, bob)


def test_a_professional_with_a_patient_reaches_that_record_alone(
    server: RunningServer, fhir: FhirHttp, alice: Record, bob: Record
) -> None:
    for record in (alice, bob):
        open_record(fhir, record.patient, authorisation=["Practitioner/7"])
    app = server.client(SCOPE, alice.patient, "Practitioner/7", activity=DOCTOR)
    assert opens(app, alice)
    assert not opens(app, bob)
    stored = create(app, observation(f"Patient/{alice.patient}"))
    assert app.delete(f"Observation/{stored['id']}").status_code == 204
    problem(app.post("Observation", observation(f"Patient/{bob.patient}")), 403)
    # The trail in AuditEvent tells what this caller tried, so it is left out.
    for path in ("Observation", "Observation/_history", "Patient", "Patient/_history"):
        assert bob.patient not in app.get(f"{path}?_count=200").text


def test_a_professional_without_a_patient_opens_one_record_at_a_time(
    server: RunningServer, fhir: FhirHttp, alice: Record, bob: Record
) -> None:
    for record in (alice, bob):
        open_record(fhir, record.patient, authorisation=["Practitioner/7"])
    app = server.client("user/Observation.rs user/Patient.rs", fhir_user="Practitioner/7", activity=DOCTOR)
    assert opens(app, alice)
    assert opens(app, bob)
    assert total(app, f"Observation?patient={alice.patient}") > 0
    problem(app.get(f"Observation?patient={alice.patient},{bob.patient}"), 403)
    problem(app.get("Observation"), 403)
    problem(app.get("Encounter"), 403)


def test_the_person_may_be_an_absolute_url(server: RunningServer, alice: Record, bob: Record) -> None:
    app = server.client(SCOPE, fhir_user=f"{server.base_url}/Patient/{alice.patient}")
    assert opens(app, alice)
    assert not opens(app, bob)


def test_conditions_hold_for_people_too(server: RunningServer, fhir: FhirHttp) -> None:
    record = build_record(fhir, "ulla")
    open_record(fhir, record.patient, authorisation=["Practitioner/7"])
    for patient_id, fhir_user in ((None, f"Patient/{record.patient}"), (record.patient, "Practitioner/7")):
        app = server.client(f"user/Observation.rs?{LABORATORY}", patient_id, fhir_user, activity=DOCTOR)
        found = entries(body(app.get("Observation")))
        assert {f"Observation/{row['resource']['id']}" for row in found} == {
            record.laboratory,
            record.moved_in,
        }
        problem(app.get(record.vital), 404)


@pytest.mark.parametrize(
    "fhir_user",
    [
        "",
        "Patient",
        "Patient/",
        "Device/1",
        "Practitioner/a b",
        "/Patient/$x",
        "https://x.org/fhir/Patient/1",
    ],
)
def test_what_is_no_person_gets_no_token_and_reaches_nothing(server: RunningServer, fhir_user: str) -> None:
    with pytest.raises(Invalid):
        server.client(SCOPE, fhir_user=fhir_user)
    scopes = parse_scopes(SCOPE, server.inside.definitions.resource_types)
    context = AccessContext("app", "t", scopes, "1", fhir_user, ("1",))
    assert not decide(Situation(context), "Observation", "r", {"p": "1", "iv": 0})


def test_several_records_of_a_holder_are_open_together() -> None:
    scopes = parse_scopes(SCOPE, ("Observation", "Patient"))
    context = AccessContext("app", "t", scopes, fhir_user="Patient/1", patients=("2", "3"))
    helper = {"Patient/1": Representative("caregiver", 0)}
    records = {p: RecordPolicy(p, state="open", representatives=helper) for p in "124"}

    def may(context: AccessContext) -> list[str]:
        situation = Situation(context, lambda p: records.get(p, RecordPolicy(p)))
        return [p for p in "1234" if decide(situation, "Observation", "u", {"p": p, "vis": 0, "iv": 0})]

    assert may(context) == ["1", "2"]  # 3 gave no access, 4 is none of the account
    assert may(replace(context, patient="2")) == ["2"]
    assert not decide(Situation(context), "Observation", "r", {})
