"""A running server for each module that asks for one, and two records in it."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import uuid4

import pytest

from tests.examples import create, observation, patient
from tests.http_client import FhirHttp
from tests.records import emergency, open_record, professional
from tests.running_server import RunningServer, fhir, make_client, server

__all__ = ["fhir", "make_client", "server"]
INS = "urn:oid:1.2.250.1.213.1.4.10"


@dataclass(frozen=True, slots=True)
class Record:
    """A patient, one Observation of two versions, and the app of that patient."""

    patient: str
    pulse: str
    app: FhirHttp


def _record(fhir: FhirHttp, server: RunningServer, name: str) -> Record:
    person = create(fhir, patient(name, name=[{"family": name}]))["id"]
    stored = create(fhir, observation(f"Patient/{person}", identifier=[{"value": f"{name}-pulse"}]))
    fhir.put(f"Observation/{stored['id']}", stored)
    app = server.client("patient/*.cruds", person)
    return Record(person, f"Observation/{stored['id']}", app)


@pytest.fixture(scope="module")
def alice(fhir: FhirHttp, server: RunningServer) -> Record:
    return _record(fhir, server, "alice")


@pytest.fixture(scope="module")
def bob(fhir: FhirHttp, server: RunningServer) -> Record:
    return _record(fhir, server, "bob")


@pytest.fixture
def carol(fhir: FhirHttp, server: RunningServer) -> Record:
    """A record in whose trail nobody has tried anything yet."""
    return _record(fhir, server, "carol")


@pytest.fixture
def record(fhir: FhirHttp) -> str:
    name = uuid4().hex
    return str(create(fhir, {**patient(), "identifier": [{"system": INS, "value": name}]})["id"])


@pytest.fixture
def team(server: RunningServer, fhir: FhirHttp, record: str) -> dict[str, FhirHttp]:
    open_record(
        fhir,
        record,
        authorisation=["Practitioner/author", "Practitioner/other"],
        treating=["Practitioner/mt"],
        representative=["RelatedPerson/mother"],
        emergency_masked=[],
    )
    return {
        "holder": server.client("patient/*.cruds", record),
        "mother": server.client("user/*.cruds", record, "RelatedPerson/mother"),
        "author": professional(server, "author"),
        "other": professional(server, "other"),
        "mt": professional(server, "mt"),
        "emergency": emergency(server, "urgentist", record),
    }
