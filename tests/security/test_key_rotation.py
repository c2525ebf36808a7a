"""A client that has a new key is believed at once; naming keys that are not there makes nobody fetch.

https://hl7.org/fhir/smart-app-launch/STU2.2/client-confidential-asymmetric.html#signature-verification
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from fhir_server.auth.fetch import Fetched, NotFetched
from fhir_server.auth.install import EXTENSION
from fhir_server.auth.key_sets import KeySets
from fhir_server.storage.oauth.clients import Client
from tests.running_server import RunningServer
from tests.smart_app import error_of, public_jwks, register_system, rsa_key, system_token

URL = "https://app.example.org/jwks"


class KeyServer:
    """Where a client publishes its keys, and a clock."""

    def __init__(self, *keys: Any, cache_control: str = "max-age=3600") -> None:
        self.keys = keys
        self.cache_control = cache_control
        self.is_down = False
        self.fetches = 0
        self.now = 1000.0

    def fetch(self, url: str) -> Fetched:
        self.fetches += 1
        if self.is_down:
            raise NotFetched("no")
        body = json.dumps(public_jwks(*self.keys)).encode()
        return Fetched(body, "application/json", self.cache_control)

    def open(self) -> KeySets:
        key_sets = KeySets(fetch_document=self.fetch)
        key_sets.clock = lambda: self.now
        return key_sets


@pytest.fixture(scope="module")
def rows(server: RunningServer) -> list[Client]:
    """Two clients with their keys at the same URL."""
    apps = [register_system(server, jwks={}, jwks_uri=URL) for _ in range(2)]
    found = [server.inside.oauth.clients.find(app.client_id) for app in apps]
    return [row for row in found if row is not None]


def test_a_new_key_is_found_before_the_old_set_is_old(server: RunningServer) -> None:
    authorization = server.app.extensions[EXTENSION].server
    before, at_url = authorization.key_sets._fetch, KeyServer(rsa_key("old"))
    authorization.key_sets._fetch = at_url.fetch
    try:
        system = register_system(server, jwks={}, jwks_uri="https://rotating.example.org/jwks")
        assert system_token(system, rsa_key("old"), "RS384").status_code == 200
        assert error_of(system_token(system, rsa_key("new"), "RS384"), 401) == "invalid_client"
        other = register_system(server, jwks={}, jwks_uri="https://rotated.example.org/jwks")
        assert system_token(other, rsa_key("old"), "RS384").status_code == 200
        at_url.keys = (rsa_key("new"),)
        assert system_token(other, rsa_key("new"), "RS384").status_code == 200
        assert error_of(system_token(other, rsa_key("old"), "RS384"), 401) == "invalid_client"
        assert at_url.fetches == 4
    finally:
        authorization.key_sets._fetch = before


def test_unknown_names_of_keys_make_one_fetch_a_minute(rows: list[Client]) -> None:
    at_url = KeyServer(rsa_key("old"))
    key_sets = at_url.open()
    assert key_sets.find(rows[0], "old", "RSA") is not None
    for number in range(50):
        assert key_sets.find(rows[0], f"guess-{number}", "RSA") is None
    assert at_url.fetches == 2
    at_url.now += 59
    assert key_sets.find(rows[0], "guess", "RSA") is None
    assert at_url.fetches == 2
    at_url.now += 1
    at_url.keys = (rsa_key("old"), rsa_key("new"))
    assert key_sets.find(rows[0], "new", "RSA") is not None
    assert at_url.fetches == 3


def test_guesses_at_one_client_do_not_use_up_the_look_of_another(rows: list[Client]) -> None:
    at_url = KeyServer(rsa_key("old"))
    key_sets = at_url.open()
    assert key_sets.find(rows[0], "old", "RSA") is not None
    assert key_sets.find(rows[0], "guess", "RSA") is None
    at_url.keys = (rsa_key("new"),)
    assert key_sets.find(rows[0], "new", "RSA") is None
    assert key_sets.find(rows[1], "new", "RSA") is not None


def test_an_early_look_in_vain_leaves_the_keys_as_they_were(rows: list[Client]) -> None:
    at_url = KeyServer(rsa_key("old"))
    key_sets = at_url.open()
    assert key_sets.find(rows[0], "old", "RSA") is not None
    at_url.is_down = True
    assert key_sets.find(rows[0], "guess", "RSA") is None
    assert key_sets.find(rows[0], "old", "RSA") is not None
    assert at_url.fetches == 2
    at_url.now += 3601
    assert key_sets.find(rows[0], "old", "RSA") is None


def test_keys_that_were_just_fetched_are_not_fetched_again(rows: list[Client]) -> None:
    at_url = KeyServer(rsa_key("old"), cache_control="no-store")
    key_sets = at_url.open()
    assert key_sets.find(rows[0], "guess", "RSA") is None
    assert at_url.fetches == 1


def test_a_known_name_of_another_kind_of_key_is_not_looked_for(rows: list[Client]) -> None:
    at_url = KeyServer(rsa_key("old"))
    key_sets = at_url.open()
    assert key_sets.find(rows[0], "old", "RSA") is not None
    assert key_sets.find(rows[0], "old", "EC") is None
    assert at_url.fetches == 1
