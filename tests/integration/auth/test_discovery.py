"""What apps find before they ask, and which web pages may read it. https://hl7.org/fhir/smart-app-launch/STU2.2/conformance.html"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.http_client import FhirHttp
from tests.running_server import RunningServer, run_server
from tests.smart_app import REDIRECT, SmartApp, register

ORIGIN = "https://app.example.org"


def smart(server: RunningServer, **headers: str) -> requests.Response:
    return requests.get(f"{server.base_url}/.well-known/smart-configuration", headers=headers, timeout=10)


@pytest.mark.parametrize("accept", ["*/*", "application/fhir+xml", "text/html", "x"])
def test_the_configuration_is_json_whatever_is_accepted(server: RunningServer, accept: str) -> None:
    answer = smart(server, Accept=accept)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("application/json")
    assert answer.json()["token_endpoint"]


def test_every_url_of_the_configuration_is_absolute_and_answers(server: RunningServer) -> None:
    configuration = smart(server).json()
    urls = {name: value for name, value in configuration.items() if name.endswith(("_endpoint", "_uri"))}
    assert len(urls) == 9
    for name, url in urls.items():
        assert url.startswith(server.base_url.removesuffix("/fhir") + "/auth/"), name
        assert requests.get(url, allow_redirects=False, timeout=10).status_code not in (404, 500), name


def test_the_required_fields_are_there(server: RunningServer) -> None:
    configuration = smart(server).json()
    assert configuration["issuer"] == server.inside.settings.issuer_url
    assert {"authorization_code", "client_credentials"} <= set(configuration["grant_types_supported"])
    assert configuration["code_challenge_methods_supported"] == ["S256"]
    assert {"RS384", "ES384"} == set(configuration["token_endpoint_auth_signing_alg_values_supported"])
    assert "private_key_jwt" in configuration["token_endpoint_auth_methods_supported"]
    assert configuration["response_types_supported"] == ["code"]
    assert {"launch-standalone", "launch-ehr", "permission-v1", "permission-v2", "authorize-post"} <= set(
        configuration["capabilities"]
    )
    assert all(isinstance(capability, str) for capability in configuration["capabilities"])


def test_every_scope_that_is_offered_is_granted(server: RunningServer) -> None:
    offered = [s for s in smart(server).json()["scopes_supported"] if not s.startswith("system/")]
    offered.remove("launch")
    app = register(server, scope=" ".join(offered))
    assert set(app.launch(scope=" ".join(offered))["scope"].split()) == set(offered)


def test_openid_configuration_and_rfc_8414_are_the_same_table(server: RunningServer) -> None:
    issuer = server.inside.settings.issuer_url
    openid = requests.get(f"{issuer}/.well-known/openid-configuration", timeout=10).json()
    assert openid == requests.get(f"{issuer}/.well-known/oauth-authorization-server", timeout=10).json()
    for name in ("issuer", "authorization_endpoint", "token_endpoint", "jwks_uri"):
        assert openid[name] == smart(server).json()[name]
    assert "RS256" in openid["id_token_signing_alg_values_supported"]
    assert openid["subject_types_supported"] == ["public"]


def test_the_published_keys_are_bare_and_public(server: RunningServer) -> None:
    keys = requests.get(f"{server.inside.settings.issuer_url}/jwks", timeout=10).json()["keys"]
    assert keys
    for key in keys:
        assert key["kty"] == "RSA"
        assert key["kid"]
        assert not {"d", "p", "q", "x5c"} & key.keys()


def test_metadata_names_the_same_urls_in_the_extension_of_smart_1(server: RunningServer) -> None:
    statement = requests.get(f"{server.base_url}/metadata", timeout=10).json()
    security = statement["rest"][0]["security"]
    assert security["service"][0]["coding"][0]["code"] == "SMART-on-FHIR"
    (extension,) = security["extension"]
    assert extension["url"] == "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"
    uris = {row["url"]: row["valueUri"] for row in extension["extension"]}
    configuration = smart(server).json()
    names = {
        "authorize": "authorization_endpoint",
        "token": "token_endpoint",
        "introspect": "introspection_endpoint",
        "revoke": "revocation_endpoint",
        "manage": "management_endpoint",
        "register": "registration_endpoint",
    }
    assert uris == {short: configuration[name] for short, name in names.items()}


# --- CORS -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def page(server: RunningServer) -> SmartApp:
    """An app in a web page."""
    return register(server, origins=[ORIGIN])


PUBLIC = (
    "fhir/metadata",
    "fhir/.well-known/smart-configuration",
    "auth/.well-known/openid-configuration",
    "auth/jwks",
)


@pytest.mark.parametrize("path", PUBLIC)
def test_any_page_may_read_discovery(server: RunningServer, path: str) -> None:
    url = f"{server.base_url.removesuffix('/fhir')}/{path}"
    answer = requests.get(url, headers={"Origin": "https://anyone.example"}, timeout=10)
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_a_registered_page_may_call_token_endpoint_and_api(server: RunningServer, page: SmartApp) -> None:
    code = page.approve()
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": REDIRECT,
        "code_verifier": page.verifier,
    }
    answer = page.token({"Origin": ORIGIN}, **form)
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    client = FhirHttp(server.base_url, answer.json()["access_token"])
    found = client.get("Observation", headers={"Origin": ORIGIN})
    assert found.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "Origin" in found.headers["Vary"]
    assert "Location" in found.headers["Access-Control-Expose-Headers"]
    # An error can be read too, or the app cannot tell what went wrong.
    assert client.get("Nothing", headers={"Origin": ORIGIN}).headers["Access-Control-Allow-Origin"] == ORIGIN
    refused = page.token({"Origin": ORIGIN}, **form)
    assert refused.status_code == 400
    assert refused.headers["Access-Control-Allow-Origin"] == ORIGIN


@pytest.mark.parametrize("path", ["fhir/Patient/1", "auth/token", "fhir"])
def test_a_preflight_is_answered_for_registered_pages_only(
    server: RunningServer, page: SmartApp, path: str
) -> None:
    url = f"{server.base_url.removesuffix('/fhir')}/{path}"
    asked = {"Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "authorization"}
    answer = requests.options(url, headers={"Origin": ORIGIN, **asked}, timeout=10)
    assert answer.status_code == 204
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert "Authorization" in answer.headers["Access-Control-Allow-Headers"]
    assert "PUT" in answer.headers["Access-Control-Allow-Methods"]
    for other in (
        "https://evil.example",
        "https://app.example.org.evil.example",
        "http://app.example.org",
        "https://app.example.org:8443",
        "null",
        "*",
        "x" * 1000,
    ):
        refused = requests.options(url, headers={"Origin": other, **asked}, timeout=10)
        assert refused.status_code in (401, 405)
        assert "Access-Control-Allow-Origin" not in refused.headers


@pytest.mark.parametrize(
    "path", ["auth/authorize", "auth/login", "auth/consent", "admin/clients", "health/live"]
)
def test_no_page_may_read_what_is_for_people(server: RunningServer, page: SmartApp, path: str) -> None:
    url = f"{server.base_url.removesuffix('/fhir')}/{path}"
    answer = requests.get(url, headers={"Origin": ORIGIN}, allow_redirects=False, timeout=10)
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_cookies_are_never_allowed_with_a_call_of_a_page(server: RunningServer, page: SmartApp) -> None:
    answer = smart(server, Origin=ORIGIN)
    assert "Access-Control-Allow-Credentials" not in answer.headers


# --- behind a name of its own -----------------------------------------------------------------------


@pytest.fixture(scope="module")
def elsewhere(mongodb_uri: str, database_name: str) -> Iterator[RunningServer]:
    """A server that the world knows by other URLs than those it listens on, and closed to new apps."""
    settings: dict[str, Any] = {
        "BASE_URL": "https://fhir.example.org/dmp",
        "ISSUER_URL": "https://auth.example.org/auth",
        "REGISTRATION": "closed",
    }
    with run_server(mongodb_uri, database_name, **settings) as running:
        yield running


def test_public_urls_are_those_of_the_settings(elsewhere: RunningServer) -> None:
    with elsewhere.app.test_client() as http:
        configuration = http.get("/dmp/.well-known/smart-configuration").json
        assert configuration is not None
        assert configuration["token_endpoint"] == "https://auth.example.org/auth/token"
        assert "registration_endpoint" not in configuration
        assert http.post("/auth/token", data={"grant_type": "x"}).status_code == 400
        assert http.post("/auth/register", json={}).status_code == 403
