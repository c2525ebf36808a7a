"""A running server for each world of resources."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from pymongo import MongoClient

from tests.oracle.comparison import Comparison
from tests.oracle.reference_search import World
from tests.oracle.searches import Searches
from tests.oracle.server_under_test import ServerUnderTest
from tests.oracle.writing import write_steps
from tests.running_server import run_server

QUERIES = int(os.environ.get("ORACLE_QUERIES") or 2_000)
SEED = int(os.environ.get("ORACLE_SEED") or 1)
ROUND = 20_000
"""Searches of one world; then come other resources."""


@dataclass
class Round:
    """A world, the server that holds it, and what is asked of both."""

    world: World
    server: ServerUnderTest
    comparison: Comparison
    searches: Searches
    count: int


@pytest.fixture(scope="module", params=range(-(-QUERIES // ROUND)), ids=lambda n: f"seed-{SEED + n}")
def round_(request: pytest.FixtureRequest, mongodb_uri: str, database_name: str) -> Iterator[Round]:
    """One world after the other, each in a database of its own."""
    seed, name = SEED + request.param, f"{database_name}_{request.param}"
    with run_server(mongodb_uri, name) as running:
        server = ServerUnderTest(running)
        world = server.write(write_steps(seed, server.base_url))
        searches = Searches(world, seed, server.modifiers())
        count = min(ROUND, QUERIES - request.param * ROUND)
        yield Round(world, server, Comparison(server, world), searches, count)
    with MongoClient(mongodb_uri) as client:
        client.drop_database(name)
