"""fhirpy, a client of beda.software, against the running server. https://github.com/beda-software/fhir-py"""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from fhirpy import SyncFHIRClient
from fhirpy.base.exceptions import (
    AuthorizationError,
    ForbiddenError,
    MultipleResourcesFound,
    OperationOutcome,
    ResourceNotFound,
)
from fhirpy.base.searchset import Raw

from tests.running_server import RunningServer

SYSTEM = "urn:oid:1.2.250.1.213.1.4.10"
LOINC = "http://loinc.org"


def token(server: RunningServer, scope: str = "system/*.cruds", patient: str = "") -> str:
    return server.inside.issue_token(scope=scope, client_id="fhirpy", patient=patient)


def connect(server: RunningServer, scope: str = "system/*.cruds", patient: str = "") -> SyncFHIRClient:
    return SyncFHIRClient(server.base_url, authorization=f"Bearer {token(server, scope, patient)}")


@pytest.fixture(scope="module")
def client(server: RunningServer) -> SyncFHIRClient:
    return connect(server)


@pytest.fixture
def family() -> str:
    """A family name of one test alone."""
    return f"Fhirpy{uuid.uuid4().hex[:12]}"


CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"


def weigh(client: Any, subject: str, kilograms: float, day: int) -> Any:
    """Returns an Observation, not yet saved."""
    return client.resource(
        "Observation",
        status="final",
        category=[{"coding": [{"system": CATEGORY, "code": "vital-signs"}]}],
        code={"coding": [{"system": LOINC, "code": "29463-7"}]},
        subject={"reference": subject},
        effectiveDateTime=f"2026-03-{day:02}",
        valueQuantity={"value": kilograms, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"},
    )


def test_a_resource_lives_from_its_creation_to_its_deletion(client: SyncFHIRClient, family: str) -> None:
    patient = client.resource("Patient", name=[{"family": family, "given": ["Élodie"]}])
    patient.save()
    assert patient.id
    assert patient["meta"]["versionId"] == "1"
    patient["birthDate"] = "1980-02-29"
    patient.save()
    assert patient["meta"]["versionId"] == "2"
    again = client.reference("Patient", patient.id).to_resource()
    assert again.serialize() == patient.serialize()
    assert again.get_by_path(["name", 0, "given", 0]) == "Élodie"
    patient.delete()
    with pytest.raises(ResourceNotFound):
        client.get("Patient", patient.id)


def test_a_refresh_brings_what_others_have_written(client: SyncFHIRClient, family: str) -> None:
    patient = client.resource("Patient", name=[{"family": family}]).save()
    patient.refresh()
    assert patient["meta"]["versionId"] == "1"
    client.resource("Patient", id=patient.id, active=True).save()
    patient.refresh()
    assert patient["active"] is True
    assert "name" not in patient


def test_an_old_version_is_read_from_the_history(client: SyncFHIRClient, family: str) -> None:
    patient = client.resource("Patient", name=[{"family": family}]).save()
    patient["active"] = False
    patient.save()
    history = patient.execute("_history", method="get")
    assert history["type"] == "history"
    assert [entry["resource"]["meta"]["versionId"] for entry in history["entry"]] == ["2", "1"]
    assert "active" not in client.execute(f"Patient/{patient.id}/_history/1", method="get")


@pytest.fixture(scope="module")
def weighed(client: SyncFHIRClient) -> str:
    """A Patient with twelve weights: 70 to 81 kg on the days 1 to 12 of March."""
    patient = client.resource(
        "Patient",
        name=[{"family": "Balance", "given": ["Lætitia"]}],
        identifier=[{"system": SYSTEM, "value": "fhirpy-weighed"}],
        birthDate="1971-05-06",
        gender="female",
    ).save()
    for day in range(1, 13):
        weigh(client, f"Patient/{patient.id}", 69.0 + day, day).save()
    return str(patient.id)


def test_all_pages_are_read_in_the_order_asked(client: SyncFHIRClient, weighed: str) -> None:
    weights = client.resources("Observation").search(patient=weighed).sort("-date").limit(5)
    found = [observation["effectiveDateTime"] for observation in weights]
    assert found == [f"2026-03-{day:02}" for day in range(12, 0, -1)]
    assert len(weights.fetch()) == 5
    assert len(weights.fetch_all()) == 12
    assert weights.first()["effectiveDateTime"] == "2026-03-12"


@pytest.mark.parametrize(
    ("criteria", "days"),
    [
        ({"date__ge": "2026-03-04", "date__lt": "2026-03-07"}, [4, 5, 6]),
        ({"date": "2026-03-09,2026-03-10"}, [9, 10]),
        ({"code": f"{LOINC}|29463-7", "date__le": "2026-03-01"}, [1]),
        ({"code__not": "29463-7"}, []),
        ({"value_quantity": "80|http://unitsofmeasure.org|kg"}, [11]),
        ({"value_quantity__gt": "79500|http://unitsofmeasure.org|g"}, [11, 12]),
        ({"status": "final", "value_quantity__lt": "71.5"}, [1, 2]),
        ({"subject__Patient__family": "balance", "date__gt": "2026-03-11"}, [12]),
        ({"patient__birthdate__lt": "1971", "date__gt": "2026-03-11"}, []),
        ({"status__missing": True}, []),
        ({"_lastUpdated__lt": "2020-01-01"}, []),
    ],
    ids=str,
)
def test_parameters_of_each_type_are_understood(
    client: SyncFHIRClient, weighed: str, criteria: dict[str, Any], days: list[int]
) -> None:
    found = client.resources("Observation").search(patient=weighed, **criteria).sort("date").fetch_all()
    assert [observation["effectiveDateTime"] for observation in found] == [
        f"2026-03-{day:02}" for day in days
    ]


@pytest.mark.parametrize(
    "criteria",
    [
        {"family": "BALANCE", "given": "Laetitia"},
        {"name__contains": "alanc"},
        {"family__exact": "Balance"},
        {"identifier": f"{SYSTEM}|fhirpy-weighed"},
        {"birthdate": "1971-05", "gender": "female,other", "family": "bal"},
        {"_has:Observation:patient:code": "29463-7", "family": "balance"},
    ],
    ids=str,
)
def test_a_patient_is_found_by_name_number_and_birth(
    client: SyncFHIRClient, weighed: str, criteria: dict[str, Any]
) -> None:
    raw = {key: value for key, value in criteria.items() if ":" in key}
    rest = {key: value for key, value in criteria.items() if ":" not in key}
    assert client.resources("Patient").search(Raw(**raw), **rest).get().id == weighed


def test_includes_and_parts_of_resources_are_returned(client: SyncFHIRClient, weighed: str) -> None:
    weights = client.resources("Observation").search(patient=weighed, date="2026-03-05")
    bundle = weights.include("Observation", "subject").fetch_raw()
    assert [entry["resource"].reference for entry in bundle["entry"]][1:] == [f"Patient/{weighed}"]
    (part,) = weights.elements("effectiveDateTime").fetch()
    assert part["effectiveDateTime"] == "2026-03-05"
    assert "valueQuantity" not in part
    patients = client.resources("Patient").search(_id=weighed)
    assert len(patients.revinclude("Observation", "patient").fetch_raw()["entry"]) == 13


def test_conditional_update_and_delete_touch_the_one_match(client: SyncFHIRClient, family: str) -> None:
    matching = client.resources("Patient").search(identifier=f"{SYSTEM}|{family}")
    known = client.resource("Patient", identifier=[{"system": SYSTEM, "value": family}])
    first, created = matching.update(known)
    assert created
    second, created = matching.update(client.resource("Patient", **{**known, "active": True}))
    assert not created
    assert (second.id, second["active"]) == (first.id, True)
    matching.delete()
    assert matching.fetch() == []


def test_a_conditional_create_by_url_which_r4_does_not_know_makes_no_duplicate(
    client: SyncFHIRClient, family: str
) -> None:
    known = client.resource("Patient", identifier=[{"system": SYSTEM, "value": family}])
    matching = client.resources("Patient").search(identifier=f"{SYSTEM}|{family}")
    with pytest.raises(OperationOutcome) as refusal:
        matching.get_or_create(known)
    assert "If-None-Exist" in str(refusal.value)
    assert matching.fetch() == []


def test_a_fhirpath_patch_changes_a_resource_and_a_bare_object_is_refused(
    client: SyncFHIRClient, family: str
) -> None:
    patient = client.resource("Patient", name=[{"family": family}]).save()
    operation = [
        {"name": "type", "valueCode": "add"},
        {"name": "path", "valueString": "Patient"},
        {"name": "name", "valueString": "birthDate"},
        {"name": "value", "valueDate": "2001-09-08"},
    ]
    parameters = {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": operation}]}
    assert client.execute(patient.reference, "patch", parameters)["birthDate"] == "2001-09-08"
    with pytest.raises(OperationOutcome):
        client.patch("Patient", patient.id, active=True)


def test_a_transaction_links_its_resources(client: SyncFHIRClient, family: str) -> None:
    full_url = f"urn:uuid:{uuid.uuid4()}"
    entries = [
        {
            "resource": weigh(client, full_url, 64.5, day).serialize(),
            "request": {"method": "POST", "url": "Observation"},
        }
        for day in (1, 2)
    ]
    entries.append(
        {
            "fullUrl": full_url,
            "resource": {"resourceType": "Patient", "name": [{"family": family}]},
            "request": {"method": "POST", "url": "Patient"},
        }
    )
    bundle = client.resource("Bundle", type="transaction", entry=entries)
    response = client.execute("", data=bundle.serialize())
    assert [entry["response"]["status"][:3] for entry in response["entry"]] == ["201"] * 3
    patient = client.resources("Patient").search(family=family).get()
    assert len(client.resources("Observation").search(patient=patient.id).fetch()) == 2


def test_a_count_is_taken_leniently_because_fhirpy_sends_a_parameter_of_its_own(
    server: RunningServer, weighed: str
) -> None:
    lenient = SyncFHIRClient(
        server.base_url,
        authorization=f"Bearer {token(server)}",
        extra_headers={"Prefer": "handling=lenient"},
    )
    assert lenient.resources("Observation").search(patient=weighed).count() == 12


def test_refusals_are_the_exceptions_that_fhirpy_has_for_them(
    server: RunningServer, client: SyncFHIRClient, weighed: str
) -> None:
    with pytest.raises(AuthorizationError):
        SyncFHIRClient(server.base_url, authorization="Bearer no").resources("Patient").fetch()
    with pytest.raises(ForbiddenError):
        connect(server, "system/Patient.rs").resource("Patient").save()
    with pytest.raises(ResourceNotFound):
        connect(server, "patient/*.rs", "another").get("Patient", weighed)
    with pytest.raises(MultipleResourcesFound):
        client.resources("Observation").search(patient=weighed).update(
            weigh(client, f"Patient/{weighed}", 1, 1)
        )
    with pytest.raises(OperationOutcome) as refusal:
        client.resource("Patient", gender="rouge").save()
    assert refusal.value.resource["issue"][0]["expression"] == ["Patient.gender"]


def test_an_app_of_a_patient_sees_that_record_alone(
    server: RunningServer, client: SyncFHIRClient, weighed: str, family: str
) -> None:
    other = client.resource("Patient", name=[{"family": family}]).save()
    weigh(client, other.reference, 50.0, 1).save()
    app = connect(server, "patient/*.rs", weighed)
    assert [patient.id for patient in app.resources("Patient").fetch_all()] == [weighed]
    assert len(app.resources("Observation").limit(5).fetch_all()) == 12
    assert app.resources("Observation").search(patient=other.id).fetch_all() == []
