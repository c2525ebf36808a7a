"""A running server for each module that asks for one, and two records in it."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tests.examples import create, observation, patient
from tests.http_client import FhirHttp
from tests.running_server import RunningServer, fhir, make_client, server

__all__ = ["fhir", "make_client", "server"]


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
