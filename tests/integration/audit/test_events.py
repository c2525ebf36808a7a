"""The events themselves: whole, valid, searchable, whatever a client sends. https://hl7.org/fhir/R4/auditevent.html"""

from __future__ import annotations

from typing import Any

import pytest

from tests.examples import batch, body, create, entries, entry, pages, patient, total
from tests.http_client import FhirHttp
from tests.integration.audit.events import faults
from tests.running_server import RunningServer


def test_who_asked_is_told(server: RunningServer, watch: Any, owner: str) -> None:
    token = server.inside.issue_token(
        scope="patient/*.rs", client_id="the-app", patient=owner, fhir_user="RelatedPerson/mother"
    )
    seen = watch()
    FhirHttp(server.base_url, token).get(f"Patient/{owner}", headers={"X-Request-Id": "req-1"})
    event = seen.only()
    who = [a["who"] for a in event["agent"]]
    names = [w.get("reference") or w.get("identifier", {}).get("value") for w in who]
    agents = dict(zip(names, event["agent"], strict=True))
    assert agents["the-app"]["network"]["address"] == "127.0.0.1"
    assert agents["the-app"]["requestor"] is False
    assert agents["RelatedPerson/mother"]["requestor"] is True
    assert token not in str(event)
    assert any(e.get("what", {}).get("identifier", {}).get("value") == "req-1" for e in event["entity"])


@pytest.mark.parametrize(
    "path",
    [
        "Patient/" + "a" * 5000,
        "Patient/%01%02",
        "Patient/x?_format=json&a=%01",
        "Patient?identifier=" + "é" * 2000,
        "Patient?family=%0A%0D%09",
        "Patient?family=%F0%9F%98%80",
        "Patient?family=%20%20",
        "Patient?family=%C2%A0",
        "Patient?" + "x" * 3000 + "=1",
        "Patient?identifier=%EF%BF%BE",
        "Patient/_history?_since=%01",
    ],
)
def test_nothing_a_client_sends_makes_an_event_invalid(fhir: FhirHttp, watch: Any, path: str) -> None:
    seen = watch()
    assert fhir.get(path).status_code < 500
    for event in seen.events():
        assert faults(event) == []
        assert len(str(event)) < 50_000


def test_a_huge_url_in_a_bundle_makes_no_huge_event(fhir: FhirHttp, watch: Any) -> None:
    seen = watch()
    rows = [entry(m, "Patient/" + "a" * 1_000_000) for m in ("GET", "DELETE")]
    rows.append(entry("GET", "Patient?" + "a" * 1_000_000 + "=1"))
    rows.append(entry("GET", "Patient?family=" + "a" * 1_000_000))
    assert fhir.post("", batch(*rows)).status_code == 200
    assert all(len(str(event)) < 20_000 for event in seen.events())


def test_the_trail_is_searchable(fhir: FhirHttp, server: RunningServer) -> None:
    owner = create(fhir, patient())["id"]
    fhir.get(f"Patient/{owner}")
    (row,) = entries(body(fhir.get(f"AuditEvent?patient=Patient/{owner}&subtype=read")))
    event = row["resource"]
    for query in (
        f"patient={owner}",
        f"entity=Patient/{owner}",
        f"date={event['recorded']}",
        f"date={event['recorded'][:10]}",
        "action=R",
        "outcome=0",
        "type=rest",
        "agent:identifier=tests",
        "address=127.0.0.1",
    ):
        assert total(fhir, f"AuditEvent?_id={event['id']}&{query}") == 1, query
    person = server.inside.issue_token(
        scope="patient/*.rs", client_id="app", patient=owner, fhir_user="Practitioner/dr-who"
    )
    FhirHttp(server.base_url, person).get(f"Patient/{owner}")
    assert total(fhir, "AuditEvent?agent=Practitioner/dr-who") == 1


def test_a_patient_sees_the_own_trail_and_no_other(fhir: FhirHttp, server: RunningServer, owner: str) -> None:
    other = create(fhir, patient())["id"]
    for id_ in (owner, other):
        fhir.get(f"Patient/{id_}")
    app = server.client("patient/AuditEvent.rs", other)
    found = [row["resource"] for page in pages(app, "AuditEvent") for row in entries(page)]
    assert found
    assert f"Patient/{owner}" not in str(found)


def test_every_event_is_valid(fhir: FhirHttp) -> None:
    found = [row["resource"] for page in pages(fhir, "AuditEvent?_count=200") for row in entries(page)]
    assert len(found) > 20
    assert [fault for event in found for fault in faults(event)] == []
