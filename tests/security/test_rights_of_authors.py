"""What may be written to a record that others contributed to, and what time and the trail show of it.

Code de la santé publique L1111-13-1 to L1111-21, R1111-40 to R1111-54; docs/security/patient-decides.md
"""

from __future__ import annotations

import pytest

from fhir_server.fhir.instant import now_ms
from fhir_server.fhir.labels import LABELS, with_labels
from tests.examples import body, create, observation, patient, problem
from tests.http_client import FhirHttp
from tests.records import document, sees
from tests.running_server import RunningServer

INS = "urn:oid:1.2.250.1.213.1.4.10"


# --- writing ---------------------------------------------------------------------------------------


def test_who_may_mask_and_unmask(fhir: FhirHttp, record: str, team: dict[str, FhirHttp]) -> None:
    stored = create(team["author"], document(record))
    path = f"DocumentReference/{stored['id']}"
    masked, plain = with_labels(stored, LABELS["MASQUE_PS"]), with_labels(stored, 0)
    assert team["other"].put(path, masked).status_code == 200
    problem(team["other"].put(path, plain), 404)  # the own act has hidden it
    assert team["author"].put(path, plain).status_code == 200
    assert team["holder"].put(path, masked).status_code == 200
    assert team["mt"].put(path, plain).status_code == 200
    for name in ("other", "holder", "mt", "mother"):
        problem(team[name].put(path, {**stored, "description": "changed"}), 403)
        problem(team[name].delete(path), 403)
    assert team["author"].put(path, {**stored, "description": "changed"}).status_code == 200
    assert team["author"].delete(path).status_code == 204


def test_a_patch_does_not_drop_another_label(fhir: FhirHttp, record: str, team: dict[str, FhirHttp]) -> None:
    labels = LABELS["MASQUE_PS"] | LABELS["INVISIBLE_REPRESENTANTS_LEGAUX"]
    stored = create(fhir, document(record, labels=labels))
    path = f"DocumentReference/{stored['id']}"
    # The example of the guide: index 0 holds one label, and the other goes with it.
    drop = [{"op": "remove", "path": "/meta/security"}]
    author = create(team["author"], document(record, labels=LABELS["INVISIBLE_REPRESENTANTS_LEGAUX"]))
    problem(team["other"].patch(f"DocumentReference/{author['id']}", drop), 403)
    assert body(fhir.get(path))["meta"]["security"] == stored["meta"]["security"]
    assert team["mt"].patch(path, drop).status_code == 200
    problem(team["mt"].put(path, stored), 403)  # what was shown to representatives stays shown


def test_a_holder_hides_nothing_from_herself(fhir: FhirHttp, record: str, team: dict[str, FhirHttp]) -> None:
    problem(team["holder"].post("Observation", with_labels(observation(f"Patient/{record}"), 2)), 403)
    problem(team["author"].post("DocumentReference", document(record, labels=3)), 422)
    stored = create(team["holder"], document(record, "DOCPAT01"))
    assert team["mt"].delete(f"DocumentReference/{stored['id']}").status_code == 204
    stored = create(team["holder"], document(record, "DOCPAT01"))
    problem(team["other"].delete(f"DocumentReference/{stored['id']}"), 403)
    assert team["holder"].delete(f"DocumentReference/{stored['id']}").status_code == 204


def test_what_is_hidden_for_a_time_is_shown_after_it(
    server: RunningServer, fhir: FhirHttp, record: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = create(fhir, document(record, labels=LABELS["INVISIBLE_PATIENT"]))
    holder = server.client("patient/*.rs", record)
    assert not sees(holder, stored)
    before = now_ms()
    for days, expected in ((29, False), (31, True)):
        monkeypatch.setattr(
            "fhir_server.policy.record_access.now_ms", lambda days=days: before + days * 86_400_000
        )
        assert sees(holder, stored) is expected


def test_the_trace_of_what_is_hidden_is_hidden(
    fhir: FhirHttp, record: str, team: dict[str, FhirHttp]
) -> None:
    stored = create(team["author"], document(record, labels=LABELS["INVISIBLE_PATIENT"]))
    shown = create(team["author"], document(record))
    for one in (stored, shown):
        assert team["mt"].get(f"DocumentReference/{one['id']}").status_code == 200
    trail = team["holder"].get(f"AuditEvent?patient={record}&_count=200").text
    assert shown["id"] in trail
    assert stored["id"] not in trail
    own = team["other"].get(f"AuditEvent?patient={record}&_count=200").text
    assert "Practitioner/author" not in own
    assert "Practitioner/author" in team["mt"].get(f"AuditEvent?patient={record}&_count=200").text


def test_what_was_moved_and_masked_leaves_its_past_where_it_was(
    server: RunningServer, fhir: FhirHttp, record: str
) -> None:
    other = str(create(fhir, patient())["id"])
    stored = create(fhir, observation(f"Patient/{record}"))
    path = f"Observation/{stored['id']}"
    moved = with_labels({**stored, "subject": {"reference": f"Patient/{other}"}}, LABELS["MASQUE_PS"])
    assert fhir.put(path, moved).status_code == 200
    there = server.client("patient/*.rs", other)
    assert there.get(f"{path}/_history/2").status_code == 200
    problem(there.get(f"{path}/_history/1"), 404)
    assert there.get(f"{path}/_history").json()["total"] == 1


def test_what_is_yet_to_be_announced_is_not_masked(
    fhir: FhirHttp, record: str, team: dict[str, FhirHttp]
) -> None:
    stored = create(team["author"], document(record, labels=LABELS["INVISIBLE_PATIENT"]))
    both = with_labels(stored, LABELS["INVISIBLE_PATIENT"] | LABELS["MASQUE_PS"])
    for name in ("author", "other", "mt"):
        problem(team[name].put(f"DocumentReference/{stored['id']}", both), 422)
    assert body(fhir.get(f"DocumentReference/{stored['id']}"))["meta"]["versionId"] == "1"
