"""fhirclient, the Python client of SMART Health IT, against the running server.

https://github.com/smart-on-fhir/client-py
Here a token that was issued elsewhere enters as the saved state of an authorized client, which is what its
users keep between two sessions; test_smart_launch.py has the launches.
"""

from __future__ import annotations

import uuid
from typing import Any

import pytest
import requests
from fhirclient.client import FHIRClient
from fhirclient.models.bundle import Bundle, BundleEntry, BundleEntryRequest
from fhirclient.models.codeableconcept import CodeableConcept
from fhirclient.models.fhirdate import FHIRDate
from fhirclient.models.fhirdatetime import FHIRDateTime
from fhirclient.models.fhirreference import FHIRReference
from fhirclient.models.fhirsearch import FHIRSearch
from fhirclient.models.humanname import HumanName
from fhirclient.models.identifier import Identifier
from fhirclient.models.observation import Observation
from fhirclient.models.patient import Patient
from fhirclient.models.quantity import Quantity
from fhirclient.server import (
    FHIRNotFoundException,
    FHIRPermissionDeniedException,
    FHIRServer,
    FHIRUnauthorizedException,
)

from tests.running_server import RunningServer

SYSTEM = "urn:oid:1.2.250.1.213.1.4.10"


def connect(server: RunningServer, scope: str = "system/*.cruds", patient: str = "") -> FHIRClient:
    """Returns a client that goes on with a token it has."""
    token = server.inside.issue_token(scope=scope, client_id="fhirclient", patient=patient)
    authorized = {
        "base_uri": f"{server.base_url}/",
        "auth_type": "oauth2",
        "auth": {"app_id": "fhirclient", "access_token": token},
    }
    return FHIRClient(state={"app_id": "fhirclient", "patient_id": patient, "server": authorized})


@pytest.fixture(scope="module")
def smart(server: RunningServer) -> FHIRServer:
    """The connection of an authorized client."""
    client = connect(server)
    assert client.ready
    return client.server


def person(family: str, value: str = "") -> Patient:
    patient = Patient()
    patient.name = [HumanName({"family": family, "given": ["Zoé"]})]
    patient.birthDate = FHIRDate("1984-07-23")
    if value:
        patient.identifier = [Identifier({"system": SYSTEM, "value": value})]
    return patient


CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"


def weight(subject: str, kilograms: float, day: int) -> Observation:
    observation = Observation()
    observation.status = "final"
    observation.category = [CodeableConcept({"coding": [{"system": CATEGORY, "code": "vital-signs"}]})]
    observation.code = CodeableConcept({"coding": [{"system": "http://loinc.org", "code": "29463-7"}]})
    observation.subject = FHIRReference({"reference": subject})
    observation.effectiveDateTime = FHIRDateTime(f"2026-05-{day:02}T08:00:00+02:00")
    kilogram = {"unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"}
    observation.valueQuantity = Quantity({"value": kilograms, **kilogram})
    return observation


@pytest.fixture(scope="module")
def weighed(smart: FHIRServer) -> str:
    """A Patient with seven weights."""
    created: Any = person("Fhirclient", "fhirclient-weighed").create(smart)
    for day in range(1, 8):
        weight(f"Patient/{created['id']}", 60 + day, day).create(smart)
    return str(created["id"])


def test_the_capability_statement_is_read_without_a_token_and_data_are_not(server: RunningServer) -> None:
    client = FHIRClient(settings={"app_id": "fhirclient", "api_base": server.base_url})
    assert not client.prepare()  # it has found that it must be authorized first
    assert client.server.auth.auth_type == "oauth2"
    statement = client.server.capabilityStatement
    assert statement.fhirVersion == "4.0.1"
    assert len(statement.rest[0].resource) == 146
    assert statement.rest[0].security.service[0].coding[0].code == "SMART-on-FHIR"
    with pytest.raises(FHIRUnauthorizedException):
        Patient.read("any", client.server)


def test_a_resource_lives_from_its_creation_to_its_deletion(smart: FHIRServer) -> None:
    created: Any = person("Naissance").create(smart)
    assert created["meta"]["versionId"] == "1"
    read = Patient.read(created["id"], smart)
    assert read.as_json() == created
    assert read.birthDate.isostring == "1984-07-23"
    read.active = True
    updated: Any = read.update()
    assert (updated["active"], updated["meta"]["versionId"]) == (True, "2")
    read.delete()
    with pytest.raises(requests.HTTPError) as gone:
        Patient.read(created["id"], smart)
    assert gone.value.response.status_code == 410
    history = Bundle.read_from(f"Patient/{created['id']}/_history", smart)
    assert [entry.request.method for entry in history.entry] == ["DELETE", "PUT", "POST"]


@pytest.mark.parametrize(
    ("criteria", "days"),
    [
        ({}, [7, 6, 5, 4, 3, 2, 1]),
        ({"_sort": "date"}, [1, 2, 3, 4, 5, 6, 7]),
        ({"_count": "2", "_sort": "-date"}, [7, 6, 5, 4, 3, 2, 1]),
        ({"date": "ge2026-05-03", "code": "http://loinc.org|29463-7"}, [7, 6, 5, 4, 3]),
        ({"date": {"$and": ["ge2026-05-03", "lt2026-05-05"]}}, [4, 3]),
        ({"date": {"$or": ["2026-05-01", "2026-05-06"]}}, [6, 1]),
        ({"value-quantity": "gt65.5", "_sort": "date"}, [6, 7]),
        ({"status": "amended"}, []),
        ({"status": {"$missing": "true"}}, []),
        ({"patient.family": "fhirclient", "date": "sa2026-05-06"}, [7]),
    ],
    ids=str,
)
def test_searches_of_each_kind_are_understood_and_paged(
    smart: FHIRServer, weighed: str, criteria: dict[str, Any], days: list[int]
) -> None:
    search = Observation.where({"subject": f"Patient/{weighed}", **criteria})
    found = list(search.perform_resources_iter(smart))
    assert [observation.effectiveDateTime.date.day for observation in found] == days


def test_pages_have_the_size_asked_and_end(smart: FHIRServer, weighed: str) -> None:
    search = Observation.where({"subject": f"Patient/{weighed}", "_count": "3"})
    assert [len(page.entry) for page in search.perform_iter(smart)] == [3, 3, 1]


def test_a_patient_is_found_by_name_number_and_birth(smart: FHIRServer, weighed: str) -> None:
    for criteria in (
        {"identifier": f"{SYSTEM}|fhirclient-weighed"},
        {"family": "FHIRCLIENT", "given": "zoe"},
        {"family": {"$exact": "Fhirclient"}, "birthdate": "1984-07-23"},
    ):
        (patient,) = Patient.where(criteria).perform_resources_iter(smart)
        assert patient.id == weighed
        assert patient.name[0].given == ["Zoé"]


def test_what_is_included_comes_with_the_matches(smart: FHIRServer, weighed: str) -> None:
    search = FHIRSearch(Observation, {"subject": f"Patient/{weighed}", "date": "2026-05-02"}).include(
        "subject"
    )
    (page,) = search.perform_iter(smart)
    assert [(entry.search.mode, entry.resource.resource_type) for entry in page.entry] == [
        ("match", "Observation"),
        ("include", "Patient"),
    ]


def test_a_reference_is_resolved_by_the_client(smart: FHIRServer, weighed: str) -> None:
    (observation,) = Observation.where(
        {"subject": f"Patient/{weighed}", "date": "2026-05-02"}
    ).perform_resources_iter(smart)
    observation.origin_server = smart
    assert observation.subject.resolved(Patient).id == weighed


def test_a_transaction_links_its_resources(smart: FHIRServer) -> None:
    full_url = f"urn:uuid:{uuid.uuid4()}"
    bundle = Bundle({"type": "transaction"})
    bundle.entry = []
    for resource, url in ((person("Transaction"), full_url), (weight(full_url, 71, 9), "")):
        entry = BundleEntry()
        entry.resource = resource
        entry.fullUrl = url or None
        entry.request = BundleEntryRequest({"method": "POST", "url": resource.resource_type})
        bundle.entry.append(entry)
    response = Bundle(bundle.create(smart))
    locations = [entry.response.location for entry in response.entry]
    observation = Observation.read_from(locations[1].partition("/_history")[0], smart)
    assert observation.subject.reference == locations[0].partition("/_history")[0]


def test_an_app_of_a_patient_sees_that_record_alone(server: RunningServer, weighed: str) -> None:
    app = connect(server, "patient/*.rs", weighed)
    assert app.human_name(app.patient.name[0]) == "Zoé Fhirclient"
    assert len(list(Observation.where({}).perform_resources_iter(app.server))) == 7
    with pytest.raises(FHIRNotFoundException):
        Patient.read("someone-else", app.server)
    with pytest.raises(FHIRPermissionDeniedException):
        person("Refus").create(app.server)


def test_a_refusal_says_what_is_wrong(smart: FHIRServer) -> None:
    patient = person("Refus")
    patient.gender = "rouge"
    with pytest.raises(requests.HTTPError) as refusal:
        patient.create(smart)
    assert refusal.value.response.status_code == 422
    assert refusal.value.response.json()["issue"][0]["expression"] == ["Patient.gender"]
