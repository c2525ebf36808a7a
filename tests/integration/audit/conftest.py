"""A record to look at, and the trail of who looked."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
from pymongo import MongoClient

from tests.examples import create, observation, patient
from tests.http_client import FhirHttp
from tests.integration.audit.events import Watch
from tests.running_server import RunningServer


@pytest.fixture(scope="module")
def watch(server: RunningServer) -> Iterator[Callable[[], Watch]]:
    """Begins to watch the trail."""
    with MongoClient(server.inside.settings.mongodb_uri) as client:
        trail = client[server.inside.settings.mongodb_database]["AuditEvent"]
        yield lambda: Watch(trail)


@pytest.fixture(scope="module")
def owner(fhir: FhirHttp) -> str:
    """Id of a patient."""
    return str(create(fhir, patient("owner"))["id"])


@pytest.fixture
def pulse(fhir: FhirHttp, owner: str) -> str:
    """Reference of an Observation of that patient."""
    return f"Observation/{create(fhir, observation(f'Patient/{owner}'))['id']}"
