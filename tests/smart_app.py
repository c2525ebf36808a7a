"""An app of SMART App Launch for tests: registered, with its keys, over real HTTP.

`approve` stands for a person at the pages; tests of the pages walk through them instead.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from fhir_server.auth.decision import Decision, Granted
from fhir_server.auth.install import EXTENSION
from tests.running_server import RunningServer

REDIRECT = "https://app.example.org/callback"
ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
SCOPE = "openid fhirUser launch/patient offline_access patient/*.rs"


@dataclass(frozen=True, slots=True)
class Someone:
    """A person who is logged in."""

    account_id: str = "account-1"
    kind: str = "patient"
    fhir_user: str = "Patient/p1"
    patients: Sequence[str] = ("p1",)
    auth_time: int = 1_700_000_000
    acr: str = "urn:test:acr"
    amr: Sequence[str] = ("pwd", "otp")
    session_id: str = "session-1"
    activity: Mapping[str, str] = field(default_factory=dict)
    activities: Sequence[Mapping[str, str]] = ()


PATIENT = Someone()
DOCTOR = Someone("account-2", "professional", "Practitioner/d1", (), activity={"role": "10"})


@cache
def rsa_key(kid: str = "rsa-1") -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": kid}, private=True)


@cache
def ec_key(kid: str = "ec-1") -> ECKey:
    return ECKey.generate_key("P-384", {"kid": kid}, private=True)


def public_jwks(*keys: Any) -> dict[str, Any]:
    return {"keys": [{**key.as_dict(private=False), "kid": key.kid} for key in keys]}


@dataclass(slots=True)
class SmartApp:
    """One client of one server."""

    server: RunningServer
    client_id: str
    secret: str = ""
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))
    http: requests.Session = field(default_factory=requests.Session)

    def url(self, path: str) -> str:
        return f"{self.server.inside.settings.issuer_url}/{path}"

    # --- authorize ---------------------------------------------------------------------------------

    def parameters(self, **changes: str | None) -> dict[str, str]:
        """The parameters of a good authorization request, with changes; None leaves one out."""
        fields: dict[str, str | None] = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": REDIRECT,
            "scope": SCOPE,
            "state": "s" * 32,
            "aud": self.server.base_url,
            "code_challenge": challenge(self.verifier),
            "code_challenge_method": "S256",
            **changes,
        }
        return {name: value for name, value in fields.items() if value is not None}

    def begin(self, *, post: bool = False, **changes: str | None) -> requests.Response:
        """Sends the authorization request and returns the answer as it is."""
        sent: dict[str, Any] = {"data" if post else "params": self.parameters(**changes)}
        return self.http.request(
            "POST" if post else "GET", self.url("authorize"), allow_redirects=False, timeout=30, **sent
        )

    def request_id(self, **changes: str | None) -> str:
        """Sends the authorization request and returns the id that the pages get."""
        answer = self.begin(**changes)
        assert answer.status_code == 303, (answer.status_code, answer.text, answer.headers)
        location = answer.headers["Location"]
        assert location.startswith(self.url("login?request=")), location
        return query(location)["request"]

    def finish(self, request_id: str, decision: Decision) -> dict[str, str]:
        """Decides for the person and returns the parameters that the app gets."""
        with self.server.app.test_request_context():
            response = self.server.app.extensions[EXTENSION].authorization.finish(request_id, decision)
        assert response.status_code == 303, response.get_data(as_text=True)
        return query(response.headers["Location"])

    def approve(
        self,
        person: Someone = PATIENT,
        *,
        scopes: Sequence[str] | None = None,
        patient: str | None = None,
        remember: bool = False,
        **changes: str | None,
    ) -> str:
        """Returns a code that the person granted."""
        request_id = self.request_id(**changes)
        row = self.server.inside.oauth.requests.find(request_id)
        assert row is not None
        chosen = next(iter(person.patients), "") if patient is None else patient
        granted = Granted(
            person, tuple(scopes if scopes is not None else row.scopes), chosen, remember=remember
        )
        answer = self.finish(request_id, granted)
        assert "code" in answer, answer
        return answer["code"]

    # --- token -------------------------------------------------------------------------------------

    def token(self, headers: Mapping[str, str] | None = None, **form: str) -> requests.Response:
        """Sends a token request with the credentials of the app."""
        return self.post("token", headers, **form)

    def post(self, path: str, headers: Mapping[str, str] | None = None, **form: str) -> requests.Response:
        """Sends a form with the credentials of the app."""
        auth = (self.client_id, self.secret) if self.secret else None
        body = form if self.secret or "client_assertion" in form else {"client_id": self.client_id, **form}
        return self.http.post(
            self.url(path),
            data=body,
            auth=auth,
            headers=dict(headers or {}),
            timeout=60,
            allow_redirects=False,
        )

    def exchange(self, code: str, **changes: str) -> requests.Response:
        """Exchanges a code."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": REDIRECT,
            "code_verifier": self.verifier,
            **changes,
        }
        return self.token(**form)

    def refresh(self, refresh_token: str, **changes: str) -> requests.Response:
        return self.token(grant_type="refresh_token", refresh_token=refresh_token, **changes)

    def launch(self, person: Someone = PATIENT, **options: Any) -> dict[str, Any]:
        """Returns the token response of a whole launch."""
        answer = self.exchange(self.approve(person, **options))
        assert answer.status_code == 200, answer.text
        return answer.json()  # type: ignore[no-any-return]

    def assertion(self, key: Any, alg: str, *, header: Mapping[str, Any] | None = None, **claims: Any) -> str:
        """Returns a client assertion with changes; a claim of None is left out."""
        now = int(time.time())
        full = {
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": self.url("token"),
            "exp": now + 240,
            "iat": now,
            "jti": secrets.token_hex(16),
            **claims,
        }
        headers = {"alg": alg, "kid": key.kid, "typ": "JWT", **(header or {})}
        headers = {name: value for name, value in headers.items() if value is not None}
        return jwt.encode(headers, {n: v for n, v in full.items() if v is not None}, key, algorithms=[alg])


def challenge(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


def query(url: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


def register(server: RunningServer, **fields: Any) -> SmartApp:
    """Returns an app that is registered and active; fields are those of the registry."""
    client_id = fields.pop("client_id", f"app-{secrets.token_hex(6)}")
    row = {
        "name": "An app",
        "status": "active",
        "auth_method": "none",
        "redirect_uris": [REDIRECT],
        "grant_types": ["authorization_code", "refresh_token"],
        "scope": "openid fhirUser launch launch/patient launch/encounter offline_access online_access "
        "patient/*.cruds user/*.cruds",
        **fields,
    }
    clients = server.inside.oauth.clients
    clients.add(client_id, row)
    secret = clients.new_secret(client_id) if row["auth_method"] == "client_secret_basic" else ""
    return SmartApp(server, client_id, secret or "")


def register_system(server: RunningServer, *keys: Any, **fields: Any) -> SmartApp:
    """Returns a back-end system with keys."""
    row: dict[str, Any] = {
        "auth_method": "private_key_jwt",
        "grant_types": ["client_credentials"],
        "redirect_uris": [],
        "scope": "system/*.cruds",
        "jwks": public_jwks(*(keys or (rsa_key(), ec_key()))),
        **fields,
    }
    return register(server, **row)


def system_token(
    app: SmartApp, key: Any, alg: str, scope: str = "system/*.rs", **claims: Any
) -> requests.Response:
    """Asks for a token as SMART Backend Services does."""
    return app.token(
        grant_type="client_credentials",
        scope=scope,
        client_assertion_type=ASSERTION_TYPE,
        client_assertion=app.assertion(key, alg, **claims),
    )


def error_of(answer: requests.Response, status: int = 400) -> str:
    """Returns the OAuth error of an answer, after checking its form. RFC 6749 §5.2"""
    assert answer.status_code == status, (answer.status_code, answer.text)
    assert answer.headers["Content-Type"] == "application/json"
    assert "no-store" in answer.headers["Cache-Control"]
    assert "access_token" not in answer.text
    body = answer.json()
    assert set(body) <= {"error", "error_description", "error_uri", "state"}
    return str(body["error"])
