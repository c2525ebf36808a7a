"""Apps that register themselves: approved, limited, changed, removed. RFC 7591, RFC 7592"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests

from fhir_server.auth import register as registration
from tests.running_server import RunningServer, run_server
from tests.smart_app import REDIRECT, SmartApp, ec_key, error_of, public_jwks, rsa_key

GOOD: dict[str, Any] = {
    "client_name": "My app",
    "redirect_uris": [REDIRECT],
    "token_endpoint_auth_method": "none",
    "grant_types": ["authorization_code", "refresh_token"],
    "scope": "launch/patient openid fhirUser offline_access patient/*.cruds system/*.rs",
    "contacts": ["dev@example.org"],
}


def url(server: RunningServer, path: str = "register") -> str:
    return f"{server.inside.settings.issuer_url}/{path}"


def send(server: RunningServer, **changes: Any) -> requests.Response:
    body = {name: value for name, value in {**GOOD, **changes}.items() if value is not None}
    return requests.post(url(server), json=body, timeout=10)


def test_an_app_waits_for_approval_and_then_works(server: RunningServer) -> None:
    answer = send(server)
    assert answer.status_code == 201
    assert answer.headers["Cache-Control"] == "no-store"
    body = answer.json()
    assert body["status"] == "pending"
    assert body["client_name"] == "My app"
    assert "client_secret" not in body
    app = SmartApp(server, body["client_id"])
    assert app.begin().status_code == 400
    server.inside.oauth.clients.change(app.client_id, {"status": "active"})
    assert app.launch()["patient"] == "p1"


def test_a_confidential_app_gets_a_secret_that_is_kept_as_a_hash(server: RunningServer) -> None:
    body = send(server, token_endpoint_auth_method="client_secret_basic").json()
    assert body["client_secret_expires_at"] == 0
    server.inside.oauth.clients.change(body["client_id"], {"status": "active"})
    assert SmartApp(server, body["client_id"], body["client_secret"]).launch()["patient"] == "p1"
    stored = str(list(server.inside.mongo.collection("oauth_clients").find()))
    assert body["client_secret"] not in stored
    assert body["registration_access_token"] not in stored


def test_a_system_registers_its_keys(server: RunningServer) -> None:
    body = send(
        server,
        token_endpoint_auth_method="private_key_jwt",
        grant_types=["client_credentials"],
        redirect_uris=None,
        jwks=public_jwks(rsa_key(), ec_key()),
        scope="system/*.rs",
    ).json()
    assert len(body["jwks"]["keys"]) == 2
    assert body["response_types"] == []


BAD: list[tuple[dict[str, Any], str]] = [
    ({"client_name": None}, "invalid_client_metadata"),
    ({"client_name": ""}, "invalid_client_metadata"),
    ({"client_name": "x" * 300}, "invalid_client_metadata"),
    ({"client_name": "a\nb"}, "invalid_client_metadata"),
    ({"client_name": {"$ne": ""}}, "invalid_client_metadata"),
    ({"redirect_uris": None}, "invalid_redirect_uri"),
    ({"redirect_uris": []}, "invalid_redirect_uri"),
    ({"redirect_uris": ["http://app.example.org/cb"]}, "invalid_redirect_uri"),
    ({"redirect_uris": ["javascript:alert(1)"]}, "invalid_redirect_uri"),
    ({"redirect_uris": ["https://app.example.org/cb#x"]}, "invalid_redirect_uri"),
    ({"redirect_uris": "https://app.example.org/cb"}, "invalid_client_metadata"),
    ({"redirect_uris": [{"$ne": ""}]}, "invalid_client_metadata"),
    ({"redirect_uris": [f"https://a.example/{i}" for i in range(50)]}, "invalid_client_metadata"),
    ({"token_endpoint_auth_method": "client_secret_post"}, "invalid_client_metadata"),
    ({"grant_types": ["password"]}, "invalid_client_metadata"),
    ({"grant_types": []}, "invalid_client_metadata"),
    ({"grant_types": ["client_credentials"]}, "invalid_client_metadata"),
    ({"grant_types": ["refresh_token"]}, "invalid_client_metadata"),
    ({"response_types": ["token"]}, "invalid_client_metadata"),
    ({"scope": None}, "invalid_client_metadata"),
    ({"scope": "patient/X.rs"}, "invalid_client_metadata"),
    ({"scope": "patient/*.rs " * 400}, "invalid_client_metadata"),
    ({"logo_uri": "javascript:alert(1)"}, "invalid_client_metadata"),
    ({"logo_uri": "http://app.example.org/logo.png"}, "invalid_client_metadata"),
    ({"policy_uri": "data:text/html,x"}, "invalid_client_metadata"),
    ({"origins": ["https://app.example.org/path"]}, "invalid_client_metadata"),
    ({"origins": ["*"]}, "invalid_client_metadata"),
    ({"origins": ["null"]}, "invalid_client_metadata"),
    ({"token_endpoint_auth_method": "private_key_jwt"}, "invalid_client_metadata"),
    ({"token_endpoint_auth_method": "private_key_jwt", "jwks": {}}, "invalid_client_metadata"),
    ({"jwks": {"keys": []}}, "invalid_client_metadata"),
    ({"jwks": {"keys": [{"kty": "oct", "kid": "1", "k": "AAAA"}]}}, "invalid_client_metadata"),
    ({"jwks": {"keys": [{**rsa_key().as_dict(private=True)}]}}, "invalid_client_metadata"),
    ({"jwks": {"keys": [{"kty": "RSA", "kid": "1", "n": "AQAB", "e": "AQAB"}]}}, "invalid_client_metadata"),
    ({"jwks": {"keys": [{"kty": "RSA", "kid": "1", "n": 1, "e": []}]}}, "invalid_client_metadata"),
    ({"jwks": {"keys": [1]}}, "invalid_client_metadata"),
    ({"jwks": {"keys": [{"kty": "RSA", "kid": "1"}]}}, "invalid_client_metadata"),
    ({"jwks": {"keys": [{"kty": "EC", "kid": "1", "crv": "P-384"}]}}, "invalid_client_metadata"),
    (
        {"jwks": {"keys": [{"kty": "EC", "kid": "1", "crv": "P-384", "x": "AA", "y": {}}]}},
        "invalid_client_metadata",
    ),
    ({"jwks": {"keys": [{"kty": "EC", "kid": "1", "crv": ["P-384"]}]}}, "invalid_client_metadata"),
    (
        {"jwks": {"keys": [{"kty": "RSA", "kid": "1", "use": [], "n": "!", "e": "é"}]}},
        "invalid_client_metadata",
    ),
    ({"jwks_uri": "http://app.example.org/jwks"}, "invalid_client_metadata"),
    ({"jwks_uri": "file:///etc/passwd"}, "invalid_client_metadata"),
    ({"jwks_uri": "https://app.example.org:22/jwks"}, "invalid_client_metadata"),
]


@pytest.mark.parametrize(
    ("changes", "error"), BAD, ids=lambda value: value if isinstance(value, str) else "+".join(value)
)
def test_metadata_that_cannot_be_accepted_is_named(
    server: RunningServer, changes: dict[str, Any], error: str
) -> None:
    assert error_of(send(server, **changes)) == error


@pytest.mark.parametrize("more", [{"$ne": 1}, {"a.b": 10**30}, {"other": [1.5, None]}], ids=str)
def test_of_a_key_only_what_a_public_key_needs_is_kept(server: RunningServer, more: dict[str, Any]) -> None:
    (key,) = public_jwks(rsa_key())["keys"]
    answer = send(server, jwks={"keys": [{**more, **key}], "more": more})
    assert answer.status_code == 201, answer.text
    assert answer.json()["jwks"] == {"keys": [key]}


@pytest.mark.parametrize(
    "body", [b"", b"[", b"[]", b"1", b"[" * 5000, b"\xff", b'{"a":1,"a":2}', b"x" * 100_000]
)
def test_a_body_that_is_no_metadata_is_refused(server: RunningServer, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    answer = requests.post(url(server), data=body, headers=headers, timeout=10)
    assert answer.status_code in (400, 413)
    assert "error" in answer.json()


def test_who_holds_the_registration_token_reads_changes_and_removes(server: RunningServer) -> None:
    body = send(server).json()
    own = {"Authorization": f"Bearer {body['registration_access_token']}"}
    address = body["registration_client_uri"]
    assert requests.get(address, headers=own, timeout=10).json()["client_name"] == "My app"
    server.inside.oauth.clients.change(body["client_id"], {"status": "active"})
    same = requests.put(address, json={**GOOD, "contacts": ["new@example.org"]}, headers=own, timeout=10)
    assert (same.status_code, same.json()["status"]) == (200, "active")
    other = {**GOOD, "redirect_uris": ["https://app.example.org/new"]}
    changed = requests.put(address, json=other, headers=own, timeout=10).json()
    assert changed["status"] == "pending"  # where codes go is approved anew
    stolen = {**GOOD, "client_id": "another"}
    assert error_of(requests.put(address, json=stolen, headers=own, timeout=10)) == "invalid_client_metadata"
    assert requests.delete(address, headers=own, timeout=10).status_code == 204
    assert requests.get(address, headers=own, timeout=10).status_code == 401
    row = server.inside.oauth.clients.find(body["client_id"])
    assert row is not None
    assert row.status == "disabled"


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Bearer x", "Bearer -", "Basic x", "Bearer $ne"])
def test_nobody_else_reaches_a_registration(server: RunningServer, header: str) -> None:
    one, other = send(server).json(), send(server).json()
    headers = {"Authorization": header or f"Bearer {other['registration_access_token']}"}
    for method in ("GET", "PUT", "DELETE"):
        answer = requests.request(
            method, one["registration_client_uri"], json=GOOD, headers=headers, timeout=10
        )
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")
    unknown = requests.get(url(server, "register/nobody"), headers=headers, timeout=10)
    assert unknown.status_code == 401


def test_an_app_that_nobody_can_reach_by_token_is_not_reached_without(server: RunningServer) -> None:
    server.inside.oauth.clients.add(
        "by-hand", {"name": "x", "status": "active", "auth_method": "none", "grant_types": []}
    )
    for token in ("", "-", "x"):
        headers = {"Authorization": f"Bearer {token}"}
        assert requests.get(url(server, "register/by-hand"), headers=headers, timeout=10).status_code == 401


def test_the_registry_cannot_be_flooded(server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registration, "MOST_PENDING", 1)
    assert send(server).status_code == 503


@pytest.fixture(scope="module")
def open_server(mongodb_uri: str, database_name: str) -> Iterator[RunningServer]:
    with run_server(mongodb_uri, database_name, REGISTRATION="open") as running:
        yield running


def test_where_registration_is_open_the_policy_limits_what_an_app_gets(open_server: RunningServer) -> None:
    body = send(open_server).json()
    assert body["status"] == "active"
    assert set(body["scope"].split()) == {
        "launch/patient",
        "openid",
        "fhirUser",
        "offline_access",
        "patient/*.rs",
    }
    assert error_of(send(open_server, scope="system/*.rs user/*.rs")) == "invalid_client_metadata"
