"""The patient decides: who reads a record, what is hidden from whom, and what a professional may write.

Code de la santé publique L1111-13-1 to L1111-21, R1111-40 to R1111-54; docs/security/patient-decides.md
"""

from __future__ import annotations

import pytest

from fhir_server.audit.activity import Activity
from fhir_server.fhir.labels import LABELS, with_labels
from tests.examples import body, create, entries, observation, patient, problem, total
from tests.http_client import FhirHttp
from tests.records import DOCTOR, NURSE, decision, document, emergency, open_record, professional, sees, state
from tests.running_server import RunningServer

INS = "urn:oid:1.2.250.1.213.1.4.10"


# --- who is let in ---------------------------------------------------------------------------------


def test_nobody_is_let_in_until_the_holder_says_so(
    server: RunningServer, fhir: FhirHttp, record: str
) -> None:
    pulse = create(fhir, observation(f"Patient/{record}"))
    dr = professional(server, "dr")
    assert not sees(dr, pulse)
    problem(dr.get(f"Observation?patient={record}"), 403)
    problem(dr.get(f"Patient/{record}/Observation"), 403)
    problem(professional(server, "dr", record).get(f"Observation/{pulse['id']}"), 403)
    open_record(fhir, record)
    assert not sees(dr, pulse)
    open_record(fhir, record, authorisation=["Practitioner/dr"])
    assert sees(dr, pulse)
    assert sees(professional(server, "dr", record), pulse)
    assert not sees(professional(server, "other"), pulse)


@pytest.mark.parametrize("template", ["authorisation", "treating", "care-team"])
def test_each_standing_lets_in_until_its_end(
    server: RunningServer, fhir: FhirHttp, record: str, template: str
) -> None:
    pulse = create(fhir, observation(f"Patient/{record}"))
    open_record(fhir, record)
    for period, expected in (
        ({"start": "2020-01-01", "end": "2020-12-31"}, False),
        ({"start": "2090-01-01"}, False),
        ({"start": "2020-01-01", "end": "2090-01-01"}, True),
    ):
        given = decision(record, template, actors=["Practitioner/dr"], provision={"period": period})
        stored = create(fhir, given)
        assert sees(professional(server, "dr"), pulse) is expected, period
        assert fhir.put(f"Consent/{stored['id']}", {**stored, "status": "inactive"}).status_code == 200
        assert not sees(professional(server, "dr"), pulse)


def test_a_structure_lets_its_professionals_in(server: RunningServer, fhir: FhirHttp, record: str) -> None:
    pulse = create(fhir, observation(f"Patient/{record}"))
    open_record(fhir, record, authorisation=["Organization/chu"])
    there = Activity(role="10", organization="Organization/chu")
    assert sees(professional(server, "x", activity=there), pulse)
    assert not sees(professional(server, "x"), pulse)
    create(fhir, decision(record, "block", "deny", actors=["Organization/chu"]))
    assert not sees(professional(server, "x", activity=there), pulse)


def test_a_block_refuses_and_its_end_brings_nothing_back(
    server: RunningServer, fhir: FhirHttp, record: str
) -> None:
    pulse = create(fhir, observation(f"Patient/{record}"))
    open_record(fhir, record, authorisation=["Practitioner/dr"], treating=["Practitioner/dr"])
    dr = professional(server, "dr")
    block = create(fhir, decision(record, "block", "deny", actors=["Practitioner/dr"]))
    assert not sees(dr, pulse)
    problem(emergency(server, "dr", record).get(f"Observation?patient={record}"), 403)
    create(dr, observation(f"Patient/{record}"))  # whoever is blocked goes on feeding the record
    assert total(fhir, f"Observation?patient={record}") == 2
    fhir.put(f"Consent/{block['id']}", {**block, "status": "inactive"})
    assert not sees(dr, pulse)
    problem(fhir.delete(f"Consent/{block['id']}"), 422)
    # To touch what a block has ended states nothing anew; to withdraw it and to state it again does.
    given = [one["resource"] for one in entries(body(fhir.get(f"Consent?patient={record}&_count=50")))]
    [old] = [one for one in given if one["policy"][0]["uri"].endswith("authorisation")]
    old = body(fhir.put(f"Consent/{old['id']}", {**old, "dateTime": "2026-02-02T00:00:00Z"}))
    assert not sees(dr, pulse)
    fhir.put(f"Consent/{old['id']}", {**old, "status": "inactive"})
    fhir.put(f"Consent/{old['id']}", old)
    assert sees(dr, pulse)
    fhir.put(f"Consent/{old['id']}", {**old, "status": "inactive"})
    assert not sees(dr, pulse)
    create(fhir, decision(record, "authorisation", actors=["Practitioner/dr"]))
    assert sees(dr, pulse)


@pytest.mark.parametrize("profession", ["", "31", "99"])
def test_a_profession_without_habilitation_sees_nothing(
    server: RunningServer, fhir: FhirHttp, record: str, profession: str
) -> None:
    pulse = create(fhir, observation(f"Patient/{record}"))
    open_record(fhir, record, authorisation=["Practitioner/dr"])
    stranger = professional(server, "dr", activity=Activity(role=profession))
    assert not sees(stranger, pulse)
    problem(stranger.get(f"Patient/{record}"), 404)
    problem(stranger.post("Observation", observation(f"Patient/{record}")), 403)


# --- states of the record --------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["closed", "deleting", "deceased"])
def test_a_closed_record_opens_to_no_professional(
    server: RunningServer, fhir: FhirHttp, record: str, name: str
) -> None:
    pulse = create(fhir, observation(f"Patient/{record}"))
    open_record(fhir, record, treating=["Practitioner/dr"])
    dr, holder = professional(server, "dr"), server.client("patient/*.cruds", record)
    assert sees(dr, pulse)
    create(fhir, state(record, name))
    assert not sees(dr, pulse)
    problem(dr.post("Observation", observation(f"Patient/{record}")), 403)
    problem(emergency(server, "dr", record).get(f"Observation?patient={record}"), 403)
    problem(holder.post("Observation", observation(f"Patient/{record}")), 403)
    assert sees(holder, pulse)


def test_the_holder_closes_and_opens_again(server: RunningServer, fhir: FhirHttp, record: str) -> None:
    pulse = create(fhir, observation(f"Patient/{record}"))
    open_record(fhir, record, authorisation=["Practitioner/dr"])
    dr, holder = professional(server, "dr"), server.client("patient/*.cruds", record)
    create(holder, state(record, "closed"))
    assert not sees(dr, pulse)
    problem(dr.post("Consent", state(record, "open")), 403)
    problem(holder.post("Consent", state(record, "announced")), 422)
    create(holder, state(record, "open"))
    assert sees(dr, pulse)


@pytest.mark.parametrize(
    ("name", "found"), [("", 0), ("announced", 0), ("opposed", 0), ("open", 1), ("closed", 1)]
)
def test_a_professional_learns_of_a_record_by_the_identifier(
    server: RunningServer, fhir: FhirHttp, record: str, name: str, found: int
) -> None:
    ins = body(fhir.get(f"Patient/{record}"))["identifier"][0]["value"]
    for one in ("open", "closed") if name == "closed" else [name] if name else []:
        create(fhir, state(record, one))
    dr = professional(server, "dr")
    assert total(dr, f"Patient?identifier={INS}|{ins}") == found
    assert dr.get(f"Patient/{record}").status_code == (200 if found else 404)
    for browsing in ("Patient", "Patient?name=x", f"Patient?identifier={ins}", f"Patient?identifier={INS}|"):
        problem(dr.get(browsing), 403)


def test_a_search_names_its_patient_by_the_identifier(
    server: RunningServer, fhir: FhirHttp, record: str
) -> None:
    ins = body(fhir.get(f"Patient/{record}"))["identifier"][0]["value"]
    create(fhir, document(record))
    open_record(fhir, record, authorisation=["Practitioner/dr"])
    dr = professional(server, "dr")
    assert total(dr, f"DocumentReference?patient.identifier={INS}|{ins}") == 1
    problem(dr.get(f"DocumentReference?patient.identifier={INS}|nobody"), 403)
    problem(dr.get("DocumentReference?patient.name=x"), 403)
    problem(dr.get("DocumentReference"), 403)


# --- labels ----------------------------------------------------------------------------------------


SEEN = {
    0: {"holder", "mother", "author", "other", "mt", "emergency"},
    LABELS["MASQUE_PS"]: {"holder", "mother", "author", "mt", "emergency"},
    LABELS["INVISIBLE_PATIENT"]: {"author", "other", "mt", "emergency"},
    LABELS["INVISIBLE_REPRESENTANTS_LEGAUX"]: {"holder", "author", "other", "mt", "emergency"},
    LABELS["MASQUE_PS"] | LABELS["INVISIBLE_REPRESENTANTS_LEGAUX"]: {"holder", "author", "mt", "emergency"},
}


@pytest.mark.parametrize("labels", sorted(SEEN))
@pytest.mark.parametrize("kind", ["document", "observation"])
def test_labels_hide_from_whom_they_name(
    fhir: FhirHttp, record: str, team: dict[str, FhirHttp], labels: int, kind: str
) -> None:
    made = document(record) if kind == "document" else observation(f"Patient/{record}")
    stored = create(team["author"], with_labels(made, labels))
    assert {name for name, client in team.items() if sees(client, stored)} == SEEN[labels]
    # What was hidden later hides its past, and what was hidden earlier shows it.
    old = create(team["author"], made)
    hidden = body(fhir.put(f"{old['resourceType']}/{old['id']}", with_labels(old, labels)))
    first = f"{old['resourceType']}/{old['id']}/_history/1"
    assert {name for name, client in team.items() if sees(client, hidden)} == SEEN[labels]
    assert {n for n, c in team.items() if c.get(first).status_code == 200} == SEEN[labels]
    shown = body(fhir.put(f"{old['resourceType']}/{old['id']}", with_labels(hidden, 0)))
    assert {name for name, client in team.items() if sees(client, shown)} == SEEN[0]
    assert {n for n, c in team.items() if c.get(f"{first[:-1]}2").status_code == 200} == SEEN[0]


def test_the_emergency_switches_decide(server: RunningServer, fhir: FhirHttp, record: str) -> None:
    masked = create(fhir, document(record, labels=LABELS["MASQUE_PS"]))
    plain = create(fhir, document(record))
    open_record(fhir, record)
    glass, call = emergency(server, "u", record), emergency(server, "s", record, "ETREAT")
    assert [sees(one, plain) for one in (glass, call)] == [True, True]
    assert [sees(one, masked) for one in (glass, call)] == [False, False]
    create(fhir, decision(record, "emergency-masked", "permit"))
    assert [sees(one, masked) for one in (glass, call)] == [True, True]
    create(fhir, decision(record, "emergency-break-glass", "deny"))
    assert [sees(one, plain) for one in (glass, call)] == [False, True]
    create(fhir, decision(record, "emergency-regulation", "deny"))
    assert [sees(one, plain) for one in (glass, call)] == [False, False]
    problem(glass.post("Observation", observation(f"Patient/{record}")), 403)


def test_everything_is_masked_at_once(fhir: FhirHttp, record: str, team: dict[str, FhirHttp]) -> None:
    own = create(team["author"], document(record))
    switch = create(team["holder"], decision(record, "mask-everything", "deny"))
    later = create(team["other"], document(record))
    for stored, authors in ((own, {"author"}), (later, {"other"})):
        seen = {name for name, client in team.items() if sees(client, stored)}
        assert seen == {"holder", "mother", "mt", "emergency"} | authors
    assert team["other"].get(f"Consent/{switch['id']}").status_code == 404
    fhir.put(f"Consent/{switch['id']}", {**switch, "status": "inactive"})
    assert sees(team["other"], own)


def test_one_document_is_hidden_from_one_professional(
    fhir: FhirHttp, record: str, team: dict[str, FhirHttp]
) -> None:
    stored = create(team["author"], document(record))
    data = [{"meaning": "instance", "reference": {"reference": f"DocumentReference/{stored['id']}"}}]
    create(
        team["holder"],
        decision(record, "hide-document", "deny", actors=["Practitioner/other"], provision={"data": data}),
    )
    assert {name for name, client in team.items() if sees(client, stored)} == SEEN[0] - {"other"}


def test_the_habilitation_of_a_profession_decides_by_type(
    server: RunningServer, fhir: FhirHttp, record: str
) -> None:
    psychiatric, letter = create(fhir, document(record, "68599-0")), create(fhir, document(record, "11490-0"))
    unknown = create(fhir, document(record, "0000-0"))
    open_record(fhir, record, authorisation=["Practitioner/n", "Practitioner/d"])
    nurse, doctor = professional(server, "n", activity=NURSE), professional(server, "d", activity=DOCTOR)
    assert [sees(nurse, one) for one in (psychiatric, letter, unknown)] == [False, True, False]
    assert [sees(doctor, one) for one in (psychiatric, letter, unknown)] == [True, True, False]


def test_containers_and_contents_carry_the_labels(
    fhir: FhirHttp, record: str, team: dict[str, FhirHttp]
) -> None:
    content = create(fhir, {"resourceType": "Binary", "contentType": "text/plain", "data": "eA=="})
    attachment = {"contentType": "text/plain", "url": f"Binary/{content['id']}"}
    stored = create(fhir, document(record, content=[{"attachment": attachment}]))
    target = {"reference": f"DocumentReference/{stored['id']}"}
    subject = {"reference": f"Patient/{record}"}
    listed = create(
        fhir,
        {
            "resourceType": "List",
            "status": "current",
            "mode": "working",
            "subject": subject,
            "entry": [{"item": target}],
        },
    )
    agent = [{"who": {"reference": "Practitioner/author"}}]
    provenance = create(
        fhir,
        {
            "resourceType": "Provenance",
            "target": [target],
            "recorded": "2026-01-01T00:00:00Z",
            "agent": agent,
        },
    )
    paths = [f"{one['resourceType']}/{one['id']}" for one in (stored, content, listed, provenance)]

    def seen() -> list[set[str]]:
        return [{n for n, c in team.items() if c.get(path).status_code == 200} for path in paths]

    assert seen() == [SEEN[0]] * 4
    masked = body(fhir.put(paths[0], with_labels(stored, LABELS["MASQUE_PS"])))
    assert seen() == [SEEN[LABELS["MASQUE_PS"]] - {"author"}] * 4
    assert total(team["other"], f"List?subject=Patient/{record}&item=DocumentReference/{stored['id']}") == 0
    fhir.put(paths[0], with_labels(masked, 0))
    assert seen() == [SEEN[0]] * 4


def test_a_binary_is_nobodys_by_its_id(server: RunningServer, fhir: FhirHttp, record: str) -> None:
    mine = server.client("patient/*.cruds", record)
    stranger = str(create(fhir, patient())["id"])
    theirs = server.client("patient/*.cruds", stranger)
    content = create(mine, {"resourceType": "Binary", "contentType": "text/plain", "data": "eA=="})
    path = f"Binary/{content['id']}"
    assert mine.get(path).status_code == 200
    problem(theirs.get(path), 404)
    attachment = {"contentType": "text/plain", "url": path}
    problem(theirs.post("DocumentReference", document(stranger, content=[{"attachment": attachment}])), 422)
    problem(theirs.get(path), 404)
    create(mine, document(record, content=[{"attachment": attachment}]))
    assert mine.get(path).status_code == 200
