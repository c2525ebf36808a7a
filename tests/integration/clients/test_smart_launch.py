"""Clients that we did not write, from discovery to a refresh, through the pages that people see.

fhirclient (SMART Health IT), Authlib's OAuth 2.0 client, and Authlib's private_key_jwt.
https://github.com/smart-on-fhir/client-py, https://docs.authlib.org/en/stable/client/oauth2.html
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator

import pytest
import requests
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from fhirclient.client import FHIRClient
from fhirclient.models.observation import Observation
from fhirclient.server import FHIRUnauthorizedException
from joserfc.jwk import RSAKey

from tests.examples import create, observation, patient
from tests.people import Browser, add_account
from tests.running_server import RunningServer, run_server
from tests.smart_app import register, register_system, rsa_key

REDIRECT = "http://127.0.0.1:9/callback"
NAME = "anne"


@pytest.fixture(scope="module")
def server(mongodb_uri: str, database_name: str) -> Iterator[RunningServer]:
    """A server with one person, her record, and one record that is not hers."""
    with run_server(mongodb_uri, database_name, SECOND_FACTOR="optional") as running:
        fhir = running.client()
        for name in ("other", NAME):
            record = create(fhir, patient(name, name=[{"family": name}]))["id"]
            create(fhir, observation(f"Patient/{record}"))
        add_account(running, NAME, fhir_user=f"Patient/{record}", patients=[record])
        yield running


def through_the_pages(server: RunningServer, url: str) -> str:
    """Logs in and agrees as a person does; returns where the browser was sent."""
    browser = Browser(server)
    browser.get(url)
    browser.log_in(NAME)
    browser.submit("/auth/consent", decision="allow")
    assert browser.left_for.startswith(REDIRECT), browser.answer.text
    return browser.left_for


@pytest.mark.parametrize("method", ["none", "client_secret_basic"])
def test_fhirclient_launches_standalone_reads_and_refreshes(server: RunningServer, method: str) -> None:
    app = register(server, redirect_uris=[REDIRECT], auth_method=method)
    smart = FHIRClient(
        settings={
            "app_id": app.client_id,
            "app_secret": app.secret or None,
            "api_base": server.base_url,
            "redirect_uri": REDIRECT,
            "scope": "openid fhirUser patient/*.rs offline_access",
        }
    )
    assert not smart.prepare()
    smart.handle_callback(through_the_pages(server, smart.authorize_url))
    assert smart.ready
    assert smart.patient.name[0].family == NAME
    found = Observation.where({}).perform(smart.server)
    assert found.total == 1
    before = smart.server.auth.access_token
    assert smart.reauthorize()
    assert smart.server.auth.access_token != before
    assert Observation.where({}).perform(smart.server).total == 1
    smart.server.auth.access_token = "x" * 43
    with pytest.raises(FHIRUnauthorizedException):
        Observation.where({}).perform(smart.server)


def test_a_general_oauth_client_goes_the_whole_way(server: RunningServer) -> None:
    app = register(server, redirect_uris=[REDIRECT], auth_method="client_secret_basic")
    configuration = requests.get(f"{server.base_url}/.well-known/smart-configuration", timeout=10).json()
    session = OAuth2Session(
        app.client_id,
        app.secret,
        token_endpoint_auth_method="client_secret_basic",
        scope="openid fhirUser launch/patient patient/*.read offline_access",
        redirect_uri=REDIRECT,
        code_challenge_method="S256",
    )
    session.trust_env = False
    verifier = secrets.token_urlsafe(48)
    url, state = session.create_authorization_url(
        configuration["authorization_endpoint"], code_verifier=verifier, aud=server.base_url
    )
    token = session.fetch_token(
        configuration["token_endpoint"],
        authorization_response=through_the_pages(server, url),
        state=state,
        code_verifier=verifier,
    )
    assert "patient/*.read" in token["scope"].split()
    assert session.get(f"{server.base_url}/Observation").json()["total"] == 1
    refreshed = session.refresh_token(configuration["token_endpoint"])
    assert refreshed["access_token"] != token["access_token"]
    introspected = session.introspect_token(
        configuration["introspection_endpoint"], token=refreshed["access_token"]
    ).json()
    assert introspected["active"] is True
    session.revoke_token(configuration["revocation_endpoint"], token=refreshed["refresh_token"])
    assert session.introspect_token(
        configuration["introspection_endpoint"], token=refreshed["access_token"]
    ).json() == {"active": False}


def test_a_back_end_proves_itself_with_its_key_and_reads(server: RunningServer) -> None:
    system = register_system(server, scope="system/Patient.rs")
    endpoint = f"{server.inside.settings.issuer_url}/token"
    pem = rsa_key().as_pem(private=True)
    key = RSAKey.import_key(pem, {"kid": "rsa-1"})
    session = OAuth2Session(
        system.client_id, key, scope="system/Patient.rs", token_endpoint_auth_method="private_key_jwt"
    )
    session.trust_env = False
    # Authlib's own exp is an hour ahead; SMART allows five minutes.
    claims = {"jti": secrets.token_hex(8), "exp": int(time.time()) + 200}
    session.register_client_auth_method(
        PrivateKeyJWT(endpoint, alg="RS384", headers={"kid": "rsa-1"}, claims=claims)
    )
    token = session.fetch_token(endpoint, grant_type="client_credentials")
    assert token["expires_in"] == 300
    assert session.get(f"{server.base_url}/Patient").json()["total"] == 2
    assert session.get(f"{server.base_url}/Observation").status_code == 403


def test_fhirclient_takes_the_token_of_a_back_end(server: RunningServer) -> None:
    system = register_system(server, scope="system/*.rs")
    smart = FHIRClient(
        settings={
            "app_id": system.client_id,
            "api_base": server.base_url,
            "scope": "system/*.rs",
            "jwt_token": system.assertion(rsa_key(), "RS384"),
        }
    )
    smart.wants_patient = False
    smart.prepare()
    smart.authorize()
    assert Observation.where({}).perform(smart.server).total == 2
