"""Searches along references: chains, reverse chains, lists, includes, compartments, several types.

https://hl7.org/fhir/R4/search.html#chaining
"""

from __future__ import annotations

from typing import Any

import pytest

from fhir_server.policy import guarded_search
from tests.http_client import FhirHttp
from tests.running_server import MakeClient

LOINC = "http://loinc.org"


def resource(type_: str, id_: str, **elements: Any) -> dict[str, Any]:
    return {"resourceType": type_, "id": id_, **elements}


def reference(target: str) -> dict[str, str]:
    return {"reference": target}


def observation(id_: str, patient: str, code: str, day: str, **more: Any) -> dict[str, Any]:
    coding = {"coding": [{"system": LOINC, "code": code}]}
    subject = reference(f"Patient/{patient}")
    return resource(
        "Observation", id_, status="final", code=coding, subject=subject, effectiveDateTime=day, **more
    )


STORED = [
    resource("Organization", "o1", name="Clinique des Lilas", partOf=reference("Organization/o2")),
    resource("Organization", "o2", name="Groupe du Nord"),
    resource("Practitioner", "d1", name=[{"family": "Lefèvre"}]),
    resource(
        "Patient",
        "p1",
        name=[{"family": "Moreau"}],
        managingOrganization=reference("Organization/o1"),
        generalPractitioner=[reference("Practitioner/d1")],
    ),
    resource("Patient", "p2", name=[{"family": "Dupont"}], managingOrganization=reference("Organization/o2")),
    resource("Group", "g1", type="person", actual=True, member=[{"entity": reference("Patient/p2")}]),
    observation("a", "p1", "718-7", "2024-01-01", performer=[reference("Practitioner/d1")]),
    observation("b", "p1", "2339-0", "2024-01-02", derivedFrom=[reference("Observation/a")]),
    observation("c", "p2", "718-7", "2024-01-03", derivedFrom=[reference("Observation/b")]),
    resource("Condition", "k", subject=reference("Patient/p2"), recordedDate="2024-01-04"),
    resource(
        "List",
        "l1",
        status="current",
        mode="working",
        subject=reference("Patient/p1"),
        entry=[{"item": reference("Observation/a")}, {"item": reference("Condition/k")}],
    ),
    resource(
        "Encounter", "e1", status="finished", **{"class": {"code": "AMB"}}, subject=reference("Patient/p1")
    ),
    resource(
        "Procedure",
        "s1",
        status="completed",
        subject=reference("Patient/p1"),
        encounter=reference("Encounter/e1"),
    ),
]


@pytest.fixture(scope="module", autouse=True)
def _stored(fhir: FhirHttp) -> None:
    entries = [
        {"resource": one, "request": {"method": "PUT", "url": f"{one['resourceType']}/{one['id']}"}}
        for one in STORED
    ]
    answer = fhir.post("", {"resourceType": "Bundle", "type": "transaction", "entry": entries})
    assert answer.status_code == 200, answer.text


def found(http: FhirHttp, url: str, mode: str = "match") -> list[str]:
    answer = http.get(url)
    assert answer.status_code == 200, answer.text
    entries = answer.json().get("entry", [])
    return [
        f"{e['resource']['resourceType']}/{e['resource']['id']}"
        for e in entries
        if e["search"]["mode"] == mode
    ]


MATCHES = {
    "Observation?subject:Patient.family=moreau": ["Observation/b", "Observation/a"],
    "Observation?patient.family=moreau,dupont&code=718-7": ["Observation/c", "Observation/a"],
    "Observation?subject.family=moreau": ["Observation/b", "Observation/a"],
    "Observation?patient.organization.name=clinique": ["Observation/b", "Observation/a"],
    "Observation?patient.organization.partof.name=groupe": ["Observation/b", "Observation/a"],
    "Observation?patient.organization.name=nord": [],
    "Observation?patient.general-practitioner:Practitioner.family=lefevre": [
        "Observation/b",
        "Observation/a",
    ],
    "Observation?derived-from:Observation.derived-from:Observation.code=718-7": ["Observation/c"],
    "Observation?patient:Patient._id=p2": ["Observation/c"],
    # A member may be a Device, whose manufacturer is a text, or a Medication, whose manufacturer is none.
    "Group?member.manufacturer._lastUpdated=gt2000": [],
    "Patient?_has:Observation:patient:code=2339-0": ["Patient/p1"],
    "Patient?_has:Observation:patient:code=718-7&_sort=_id": ["Patient/p1", "Patient/p2"],
    "Patient?_has:Observation:patient:code=718-7&_has:Condition:subject:code:missing=true": ["Patient/p2"],
    "Patient?_has:Observation:patient:_has:Observation:derived-from:code=718-7": ["Patient/p1"],
    "Practitioner?_has:Observation:performer:patient.family=moreau": ["Practitioner/d1"],
    "Observation?patient._has:Group:member:type=person": ["Observation/c"],
    "Organization?_has:Patient:organization:name=dupont": ["Organization/o2"],
    "Observation?_list=l1": ["Observation/a"],
    "Condition?_list=l1,none": ["Condition/k"],
    "Patient/p1/Observation": ["Observation/b", "Observation/a"],
    "Patient/p1/Observation?code=718-7": ["Observation/a"],
    "Encounter/e1/Procedure": ["Procedure/s1"],
    "Encounter/e1/Encounter": ["Encounter/e1"],
    "Patient/p2/*?_type=Observation,Condition,Patient&_sort=_id": [
        "Observation/c",
        "Condition/k",
        "Patient/p2",
    ],
    "?_type=Observation,Condition": ["Condition/k", "Observation/c", "Observation/b", "Observation/a"],
    "?_type=Patient,Organization&_sort=-_id": [
        "Patient/p2",
        "Patient/p1",
        "Organization/o2",
        "Organization/o1",
    ],
    "?_id=p1": ["Patient/p1"],
}


@pytest.mark.parametrize(("url", "expected"), MATCHES.items(), ids=list(MATCHES))
def test_a_search_along_references_finds_what_it_says(fhir: FhirHttp, url: str, expected: list[str]) -> None:
    assert found(fhir, url) == expected
    assert fhir.get(f"{url}{'&' if '?' in url else '?'}_summary=count").json()["total"] == len(expected)


INCLUDED = {
    "Observation?_id=a&_include=Observation:performer": {"Practitioner/d1"},
    "Observation?_id=a&_include=Observation:subject:Patient": {"Patient/p1"},
    "Observation?_id=a&_include=Observation:subject:Group": set(),
    "Observation?_id=a&_include=*": {"Patient/p1", "Practitioner/d1"},
    "Observation?_id=a&_include=Observation:*": {"Patient/p1", "Practitioner/d1"},
    "Observation?_id=c&_include:iterate=Observation:derived-from": {"Observation/b", "Observation/a"},
    "Observation?_id=a&_include=Observation:patient&_include:iterate=Patient:organization"
    "&_include:iterate=Organization:partof": {"Patient/p1", "Organization/o1", "Organization/o2"},
    "Patient?_id=p2&_revinclude=Observation:patient&_revinclude=Condition:subject": {
        "Observation/c",
        "Condition/k",
    },
    "Patient?_id=p2&_revinclude=Group:*": {"Group/g1"},
    "Observation?_id=a&_revinclude=*": {"Observation/b", "List/l1"},
    "Patient?_id=p2&_revinclude=Observation:derived-from": set(),
    "?_type=Condition,Encounter&_include=Condition:subject": {"Patient/p2"},
}


@pytest.mark.parametrize(("url", "expected"), INCLUDED.items(), ids=list(INCLUDED))
def test_an_include_brings_what_it_says_once(fhir: FhirHttp, url: str, expected: set[str]) -> None:
    included = found(fhir, url, "include")
    assert set(included) == expected
    assert len(included) == len(set(included))


REFUSED = {
    "Observation?patient.nothing=1": 400,
    "Observation?code.text=1": 400,
    "Observation?subject:Practitioner.name=x": 400,
    "Patient?_has:Observation:code:status=final": 400,
    "Patient?_has:Observation:patient=1": 400,
    "Patient?_has:Observation:encounter:status=final": 400,
    "Patient?_list=$current-problems": 400,
    "Patient?_list=a b": 400,
    "Patient?_include=Nothing:x": 400,
    "Patient?_include=Patient": 400,
    "Patient?_include=Patient:name": 400,
    "Patient?_include=Patient:organization:Nothing": 400,
    "Patient?_include:down=Patient:organization": 400,
    "?_type=Nothing": 400,
    "?_type=Patient,Condition&family=x": 400,
    "Observation/a/Patient": 404,
    "Patient/p1/Organization": 404,
    "Observation?" + "derived-from:Observation." * 9 + "code=1": 400,
}


@pytest.mark.parametrize(("url", "status"), REFUSED.items(), ids=list(REFUSED))
def test_what_leads_nowhere_is_refused_with_a_reason(fhir: FhirHttp, url: str, status: int) -> None:
    answer = fhir.get(url)
    assert answer.status_code == status
    assert answer.json()["issue"][0]["diagnostics"]


def test_a_bound_token_follows_no_reference_out_of_its_record(make_client: MakeClient) -> None:
    bound = make_client("patient/*.rs", "p1")
    assert found(bound, "Observation?_has:Observation:derived-from:code=718-7") == []
    assert found(bound, "Observation?patient:Patient.family=dupont") == []
    assert found(bound, "Patient?_has:Condition:subject:code:missing=true") == []
    assert found(bound, "Observation?_revinclude=Observation:derived-from&_id=b", "include") == []
    assert found(bound, "Condition?_list=l1") == []
    assert found(bound, "Patient/p2/*") == []
    assert set(found(bound, "?_type=Patient,Observation")) == {"Patient/p1", "Observation/a", "Observation/b"}
    assert found(bound, "Observation?_id=a&_include=*", "include") == ["Patient/p1", "Practitioner/d1"]


def test_a_chain_through_a_closed_type_is_refused_by_the_token_alone(make_client: MakeClient) -> None:
    narrow = make_client("system/Observation.rs")
    assert narrow.get("Observation?patient:Patient.family=moreau").status_code == 403
    assert narrow.get("Observation?subject.family=moreau").status_code == 403
    assert found(narrow, "Observation?subject.identifier=1") == []
    assert found(narrow, "Observation?_id=a&_include=*", "include") == []


def test_a_chain_that_names_no_type_leaves_out_those_closed_to_the_token(make_client: MakeClient) -> None:
    # A performer may also be a Device, which no token of a patient may search.
    found = make_client("patient/*.rs", "p1").get("Observation?derived-from:Observation.performer._tag=a")
    assert (found.status_code, found.json()["total"]) == (200, 0)


def test_includes_beyond_the_bound_are_cut_and_told(fhir: FhirHttp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guarded_search, "INCLUDE_BOUND", 1)
    answer = fhir.get("Observation?_include=Observation:*&_count=5").json()
    modes = [entry["search"]["mode"] for entry in answer["entry"]]
    assert modes.count("include") == 1
    assert modes[-1] == "outcome"
    assert answer["entry"][-1]["resource"]["issue"][0]["code"] == "too-costly"


def test_a_step_that_finds_too_much_is_refused(fhir: FhirHttp, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guarded_search, "STEP_BOUND", 1)
    assert fhir.get("Observation?patient.name:missing=false").status_code == 403


SCANS = [
    "Observation?code:not=718-7",
    "Observation?code:missing=true",
    "Patient?name:contains=or",
    "Observation?_sort=code",
    "Observation?date=ne2024-01-01",
    "Patient?_has:Observation:patient:code:not=1",
]


@pytest.mark.parametrize("url", SCANS)
def test_a_search_of_everything_is_refused_on_a_large_database(
    fhir: FhirHttp, make_client: MakeClient, monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    assert fhir.get(url).status_code == 200
    monkeypatch.setattr(guarded_search, "SCAN_BOUND", 1)
    refused = fhir.get(url)
    assert refused.status_code == 403
    assert refused.json()["issue"][0]["code"] == "too-costly"
    assert make_client("patient/*.rs", "p1").get(url).status_code == 200
    assert fhir.get(url.replace("?", "?_id=a&")).status_code in (200, 403)


def test_pages_over_several_types_repeat_and_lose_nothing(fhir: FhirHttp) -> None:
    seen: list[str] = []
    url = "?_type=Observation,Condition,Patient,Organization&_count=2"
    while url:
        page = fhir.get(url).json()
        assert page["total"] == 8
        seen += [e["fullUrl"] for e in page["entry"]]
        url = next((link["url"] for link in page["link"] if link["relation"] == "next"), "")
    assert len(seen) == len(set(seen)) == 8
