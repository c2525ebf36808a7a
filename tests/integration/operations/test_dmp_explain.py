"""$dmp-explain tells holder and operator what was decided then. docs/operations/dmp_explain.md"""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from fhir_server.audit.event import Access, Caller
from fhir_server.validation.validate import validate_resource
from tests.examples import create, entries, observation, patient
from tests.http_client import FhirHttp
from tests.records import decision, open_record, professional
from tests.running_server import RunningServer


@pytest.fixture
def record(fhir: FhirHttp) -> str:
    one = str(create(fhir, {**patient(), "id": uuid4().hex})["id"])
    open_record(fhir, one, authorisation=["Practitioner/p1", "Practitioner/p2"], treating=["Practitioner/mt"])
    return one


def event_of(server: RunningServer, record: str, epoch: int, denied: str = "", rule: str = "permit") -> str:
    """Records an access of Practitioner/p1 and returns the id of its event."""
    before = ids_of(server, record)
    access = Access("search-type", "Observation", record, denied=denied, rule=rule, epoch=epoch)
    server.inside.audit.record([access], Caller("app", "t", "Practitioner/p1", "TREAT", "", "r"))
    (found,) = ids_of(server, record) - before
    return found


def ids_of(server: RunningServer, record: str) -> set[str]:
    return {
        row["_id"] for row in server.inside.mongo.collection("AuditEvent").find({"p": record}, {"_id": 1})
    }


def epoch_of(server: RunningServer, record: str) -> int:
    row = server.inside.mongo.collection("record_policies").find_one({"_id": record})
    assert row is not None
    return int(row["epoch"])


def told(answer: Any) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    assert [i for i in validate_resource(answer.json()) if i.severity in ("error", "fatal")] == []
    rows = answer.json()["parameter"]
    found = {r["name"]: next(v for k, v in r.items() if k != "name") for r in rows if r["name"] != "fact"}
    facts = [{p["name"]: p for p in r["part"]} for r in rows if r["name"] == "fact"]
    found["facts"] = {(f["name"]["valueCode"], f["value"]["valueString"]) for f in facts}
    return found


@pytest.mark.parametrize("method", ["get", "post"])
def test_the_holder_is_told_rule_law_and_facts(server: RunningServer, record: str, method: str) -> None:
    event = event_of(server, record, epoch_of(server, record))
    holder = server.client("patient/*.rs", record, f"Patient/{record}")
    url = f"AuditEvent/{event}/$dmp-explain"
    found = told(holder.get(url) if method == "get" else holder.post(url, {"resourceType": "Parameters"}))
    assert (found["decision"], found["rule"], found["article"]) == ("allowed", "permit", "R1111-46")
    assert found["sentence-fr"].startswith("Vous avez autorisé")
    assert found["epoch"] == epoch_of(server, record)
    assert ("state", "open") in found["facts"]
    assert ("permit", "Practitioner/p1") in found["facts"]
    assert "Practitioner/p2" not in str(found["facts"])
    assert "Practitioner/mt" not in str(found["facts"])


def test_the_decisions_of_that_time_are_told(server: RunningServer, fhir: FhirHttp, record: str) -> None:
    event = event_of(server, record, epoch_of(server, record))
    block = decision(record, "block", "deny", actors=["Practitioner/p1"])
    assert fhir.post("Consent", block).status_code == 201
    later = event_of(server, record, epoch_of(server, record), "blocked", "blocked")
    assert ("blocked", "Practitioner/p1") not in told(fhir.get(f"AuditEvent/{event}/$dmp-explain"))["facts"]
    found = told(fhir.get(f"AuditEvent/{later}/$dmp-explain"))
    assert ("blocked", "Practitioner/p1") in found["facts"]
    assert found["decision"] == "denied"


def test_who_cannot_read_the_event_learns_nothing(server: RunningServer, fhir: FhirHttp, record: str) -> None:
    event = event_of(server, record, epoch_of(server, record))
    other = create(fhir, patient())["id"]
    stranger = server.client("patient/*.rs", other, f"Patient/{other}")
    unknown = stranger.get(f"AuditEvent/{uuid4()}/$dmp-explain")
    assert stranger.get(f"AuditEvent/{event}/$dmp-explain").status_code == unknown.status_code == 404
    assert professional(server, "p2", record).get(f"AuditEvent/{event}/$dmp-explain").status_code == 404


def test_a_professional_who_may_read_the_event_is_refused(server: RunningServer, record: str) -> None:
    event = event_of(server, record, epoch_of(server, record))
    for name in ("p1", "mt"):
        doctor = professional(server, name, record)
        assert doctor.get(f"AuditEvent/{event}").status_code == 200
        assert doctor.get(f"AuditEvent/{event}/$dmp-explain").status_code == 403


def test_an_event_without_rule_or_epoch_is_explained_as_far_as_it_goes(
    server: RunningServer, fhir: FhirHttp, record: str
) -> None:
    found = told(fhir.get(f"AuditEvent/{event_of(server, record, 0, rule='')}/$dmp-explain"))
    assert found.pop("event-fr").endswith("accès permis.")
    assert found == {"decision": "allowed", "facts": set()}
    found = told(fhir.get(f"AuditEvent/{event_of(server, record, 999)}/$dmp-explain"))
    assert (found["epoch"], found["facts"]) == (999, set())


def test_what_a_client_posted_may_say_anything(fhir: FhirHttp, record: str) -> None:
    (row,) = entries(fhir.get(f"AuditEvent?patient=Patient/{record}&subtype=create&_count=1").json())
    posted = {k: v for k, v in row["resource"].items() if k not in ("id", "meta")}
    posted["agent"][0]["policy"] = ["https://dmp-fhir.example.org/fhir/Policy/dmp-rule-../x"]
    for entity in posted["entity"]:
        entity["detail"] = [{"type": "policy-epoch", "valueString": "٣"}]
    created = create(fhir, posted)
    assert told(fhir.get(f"AuditEvent/{created['id']}/$dmp-explain"))["decision"] == "allowed"


def test_it_takes_no_parameters_and_is_of_audit_events_only(fhir: FhirHttp, record: str) -> None:
    assert fhir.get("AuditEvent/x/$dmp-explain?a=b").status_code == 400
    assert fhir.get(f"Patient/{record}/$dmp-explain").status_code == 404
    assert fhir.get("AuditEvent/$dmp-explain").status_code == 404
    assert fhir.get("AuditEvent/nobody/$dmp-explain").status_code == 404


def test_what_happened_over_http_is_explained(server: RunningServer, record: str, fhir: FhirHttp) -> None:
    """Each access names the rule that decided it, refusals too."""
    stored = create(fhir, observation(f"Patient/{record}"))
    path = f"Observation/{stored['id']}"
    permitted, treating = professional(server, "p1"), professional(server, "mt", record)
    stranger, holder = professional(server, "x", record), server.client("patient/*.rs", record)
    expected = {
        "permit": ("allowed", permitted.get(path), 200),
        "treating": ("allowed", treating.get(f"Observation?patient={record}"), 200),
        "no-permit": ("denied", stranger.get(path), 403),
        "holder": ("allowed", holder.get(path), 200),
    }
    found = {}
    for row in entries(holder.get(f"AuditEvent?patient={record}&_count=100").json()):
        one = told(fhir.get(f"AuditEvent/{row['resource']['id']}/$dmp-explain"))
        if "rule" in one:
            found[one["rule"]] = one["decision"]
    for rule, (decided, answer, status) in expected.items():
        assert answer.status_code == status, rule
        assert found[rule] == decided
