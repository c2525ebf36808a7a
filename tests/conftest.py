"""One throw-away MongoDB for the whole run, one database for each test module."""

from __future__ import annotations

import logging
import os
import uuid
from collections.abc import Iterator

import pytest
from pymongo import MongoClient

from fhir_server.storage.embedded import EmbeddedMongo


@pytest.fixture(scope="session")
def mongodb_uri(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A replica set: the one of MONGODB_URI, else an embedded one that ends with the run."""
    given = os.environ.get("MONGODB_URI")
    if given:
        yield given
        return
    with EmbeddedMongo(tmp_path_factory.mktemp("mongodb"), cache_gb=0.25) as mongo:
        yield mongo.uri


@pytest.fixture(scope="module")
def database_name(mongodb_uri: str) -> Iterator[str]:
    """The name of a database that is dropped after the module."""
    name = f"test_{uuid.uuid4().hex[:16]}"
    yield name
    with MongoClient(mongodb_uri) as client:
        client.drop_database(name)


@pytest.fixture(autouse=True)
def _loggers_stay_enabled() -> None:
    """import-linter, which the house tests call, disables every logger that it does not know."""
    for logger in list(logging.root.manager.loggerDict.values()):
        if isinstance(logger, logging.Logger):
            logger.disabled = False
