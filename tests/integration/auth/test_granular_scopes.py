"""Granular and user/ scopes from the consent to the answer. https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html"""

from __future__ import annotations

from typing import Any

import pytest

from tests.examples import create, observation, patient
from tests.http_client import FhirHttp
from tests.running_server import RunningServer
from tests.smart_app import DOCTOR, Someone, query, register

CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
VITAL = f"patient/Observation.rs?category={CATEGORY}|vital-signs"
LAB = f"patient/Observation.rs?category={CATEGORY}|laboratory"


def categorized(reference: str, code: str) -> dict[str, Any]:
    return observation(reference, category=[{"coding": [{"system": CATEGORY, "code": code}]}])


@pytest.fixture(scope="module")
def person(fhir: FhirHttp) -> Someone:
    """A person whose record has an Observation of each of three categories."""
    id_ = create(fhir, patient("granular"))["id"]
    for code in ("vital-signs", "laboratory", "survey"):
        create(fhir, categorized(f"Patient/{id_}", code))
    other = create(fhir, patient("granular-2"))["id"]
    create(fhir, categorized(f"Patient/{other}", "laboratory"))
    return Someone(fhir_user=f"Patient/{id_}", patients=(id_,))


def found(server: RunningServer, token: str) -> set[str]:
    page = FhirHttp(server.base_url, token).get("Observation?_count=50").json()
    return {row["resource"]["category"][0]["coding"][0]["code"] for row in page.get("entry", [])}


def test_a_granular_scope_is_asked_granted_and_held_to(server: RunningServer, person: Someone) -> None:
    body = register(server).launch(person, scope=f"launch/patient {VITAL} {LAB}")
    assert set(body["scope"].split()) == {"launch/patient", VITAL, LAB}
    assert found(server, body["access_token"]) == {"vital-signs", "laboratory"}


def test_a_person_grants_categories_of_what_was_asked_whole(server: RunningServer, person: Someone) -> None:
    body = register(server).launch(
        person, scope="launch/patient patient/*.rs", scopes=["launch/patient", LAB]
    )
    assert set(body["scope"].split()) == {"launch/patient", LAB}
    assert found(server, body["access_token"]) == {"laboratory"}


def test_a_client_that_is_allowed_a_category_gets_no_more(server: RunningServer, person: Someone) -> None:
    app = register(server, scope=f"launch/patient {LAB}")
    body = app.launch(person, scope="launch/patient patient/Observation.rs")
    assert set(body["scope"].split()) == {"launch/patient", LAB}


def test_a_refresh_may_narrow_to_a_category(server: RunningServer, person: Someone) -> None:
    app = register(server)
    first = app.launch(person, scope="launch/patient offline_access patient/*.rs")
    second = app.refresh(first["refresh_token"], scope=VITAL).json()
    assert found(server, second["access_token"]) == {"vital-signs"}


@pytest.mark.parametrize(
    "scope", ["patient/Observation.rs?nothing=1", "patient/Observation.rs?category", "patient/*.rs?code=1"]
)
def test_a_granular_scope_that_cannot_be_held_to_is_refused(server: RunningServer, scope: str) -> None:
    answer = register(server).begin(scope=scope)
    assert query(answer.headers["Location"])["error"] == "invalid_scope"


def test_user_scopes_reach_the_records_of_the_person(server: RunningServer, person: Someone) -> None:
    body = register(server).launch(person, scope="user/Observation.rs")
    assert found(server, body["access_token"]) == {"vital-signs", "laboratory", "survey"}
    page = FhirHttp(server.base_url, body["access_token"]).get("Observation?_count=50").json()
    assert {row["resource"]["subject"]["reference"] for row in page["entry"]} == {person.fhir_user}


def test_user_scopes_of_a_professional_are_granted(server: RunningServer, person: Someone) -> None:
    body = register(server).launch(DOCTOR, patient="", scope="user/Observation.rs openid fhirUser")
    assert "patient" not in body
    client = FhirHttp(server.base_url, body["access_token"])
    # What is granted is what may be asked for: of one patient, who has opened no record yet.
    assert client.get("Observation").status_code == 403
    assert "the record is not open" in client.get(f"Observation?patient={person.patients[0]}").text
    assert client.get("Patient").status_code == 403
