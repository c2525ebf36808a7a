"""The profiles of profiles/ over HTTP: a write is held to those it names, the server's traces to theirs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.examples import Resource, body, create, entries, patient
from tests.http_client import FhirHttp

EXAMPLES = Path(__file__).resolve().parents[3] / "profiles" / "examples"
URL = "https://dmp-fhir.example.org/fhir/StructureDefinition/"


def example(profile: str) -> Resource:
    (path,) = (EXAMPLES / profile).glob("*.json")
    found: Resource = json.loads(path.read_bytes())
    return {key: value for key, value in found.items() if key != "id"}


def refused(answer: Any) -> set[tuple[str, str]]:
    found = {
        (issue["details"]["coding"][0]["code"], issue["expression"][0])
        for issue in body(answer)["issue"]
        if issue["severity"] == "error"
    }
    return found


def test_a_patient_is_stored_with_the_key_of_the_ins_and_not_with_another(fhir: FhirHttp) -> None:
    holder = example("dmp-patient")
    right = holder["identifier"][0]["value"]
    holder["identifier"][0]["value"] = f"{right[:13]}{int(right[13:]) % 97 + 1:02d}"
    answer = fhir.post("Patient", holder)
    assert answer.status_code == 422
    assert refused(answer) == {("invariant:dmp-ins-2", "Patient.identifier[0]")}
    holder["identifier"][0]["value"] = right
    assert fhir.post("Patient", holder).status_code == 201


@pytest.mark.parametrize(
    "value",
    ["2" * 10_000, "27903512151898\u0665", "\u0662" * 15, "2A" * 7 + "2", "9" * 15, "279035121518989\n"],
)
def test_a_hostile_ins_is_refused_and_does_no_harm(fhir: FhirHttp, value: str) -> None:
    holder = example("dmp-patient")
    holder["identifier"][0]["value"] = value
    answer = fhir.post("Patient", holder)
    assert answer.status_code == 422
    assert {expression for _, expression in refused(answer)} <= {
        "Patient.identifier[0]",
        "Patient.identifier[0].value",
    }


def test_a_resource_that_names_no_profile_is_held_to_none_until_one_is_asked_for(fhir: FhirHttp) -> None:
    nobody = patient()
    create(fhir, nobody)
    answer = fhir.post("Patient/$validate", nobody, params={"profile": f"{URL}dmp-patient"})
    assert ("invariant:dmp-pat-1", "Patient") in refused(answer)
    answer = fhir.post("Patient/$validate", nobody, params={"profile": f"{URL}dmp-practitioner"})
    assert ("profile:type", "Patient") in refused(answer)


def test_what_the_server_traces_meets_the_profile_of_traces(fhir: FhirHttp) -> None:
    id_ = create(fhir, patient())["id"]
    assert fhir.get(f"Patient/{id_}").status_code == 200
    assert fhir.get(f"Observation?patient=Patient/{id_}").status_code == 200
    traced = [row["resource"] for row in entries(body(fhir.get(f"AuditEvent?patient=Patient/{id_}")))]
    assert {"create", "read"} <= {event["subtype"][0]["code"] for event in traced}
    for event in traced:
        answer = fhir.post("AuditEvent/$validate", event, params={"profile": f"{URL}dmp-audit-event"})
        assert refused(answer) == set()
