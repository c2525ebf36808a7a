"""A running server for each module that asks; its resources are as small as a query needs, not whole."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.http_client import FhirHttp
from tests.running_server import RunningServer, run_server


@pytest.fixture(scope="module")
def server(mongodb_uri: str, database_name: str) -> Iterator[RunningServer]:
    """A server that asks no more than structure of what it stores."""
    with run_server(mongodb_uri, database_name, VALIDATION="structure") as running:
        yield running


@pytest.fixture(scope="module")
def fhir(server: RunningServer) -> FhirHttp:
    """A caller who may do everything."""
    return server.client()
