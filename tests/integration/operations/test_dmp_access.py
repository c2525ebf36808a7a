"""$dmp-access: whether there is a record, and how the caller stands before it."""

from __future__ import annotations

import pytest

from tests.examples import body, create, patient, problem
from tests.http_client import FhirHttp
from tests.records import NURSE, decision, emergency, open_record, professional, state
from tests.running_server import RunningServer

PAST, FUTURE = {"start": "2020-01-01", "end": "2021-01-01"}, {"start": "2020-01-01", "end": "2090-01-01"}


@pytest.fixture
def record(fhir: FhirHttp) -> str:
    return str(create(fhir, patient("access"))["id"])


def told(client: FhirHttp, record: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for row in body(client.get(f"Patient/{record}/$dmp-access"))["parameter"]:
        [value] = [value for name, value in row.items() if name != "name"]
        found.setdefault(row["name"], []).append(value)
    return found


def test_each_standing_has_its_word(server: RunningServer, fhir: FhirHttp, record: str) -> None:
    dr = professional(server, "dr")
    problem(dr.get(f"Patient/{record}/$dmp-access"), 404)  # there is no record
    open_record(fhir, record)
    assert told(dr, record)["authorisation"] == ["none"]
    assert told(dr, record)["emergency"] == ["ETREAT", "BTG"]
    given = decision(record, "authorisation", actors=["Practitioner/dr"], provision={"period": PAST})
    create(fhir, given)
    assert told(dr, record)["authorisation"] == ["expired"]
    create(fhir, {**given, "provision": {**given["provision"], "period": FUTURE}})
    answer = told(dr, record)
    assert (answer["authorisation"], answer["rule"]) == (["valid"], ["permit"])
    assert answer["until"][0].startswith("2090-01-02")
    assert told(professional(server, "dr", activity=NURSE), record)["authorisation"] == ["valid"]
    create(fhir, decision(record, "block", "deny", actors=["Practitioner/dr"]))
    assert (told(dr, record)["authorisation"], told(dr, record)["rule"]) == (["forbidden"], ["blocked"])
    assert told(emergency(server, "u", record), record)["rule"] == ["emergency"]
    create(fhir, state(record, "closed"))
    assert (told(dr, record)["state"], told(dr, record)["authorisation"]) == (["closed"], ["none"])
    holder = server.client("patient/*.rs", record)
    assert told(holder, record)["rule"] == ["holder"]


def test_what_is_not_there_is_not_told(server: RunningServer, fhir: FhirHttp, record: str) -> None:
    open_record(fhir, record, authorisation=["Practitioner/dr"])
    dr = professional(server, "dr")
    problem(dr.get("Patient/nobody/$dmp-access"), 404)
    problem(dr.get(f"Patient/{record}/$dmp-access?x=1"), 400)
    problem(server.client("patient/*.rs", "other").get(f"Patient/{record}/$dmp-access"), 404)
    problem(dr.get("Observation/1/$dmp-access"), 404)
