"""/authorize: nothing is sent to a URI that is not the app's; no mistake makes a code. RFC 9700 §4.1"""

from __future__ import annotations

from typing import Any

import pytest
import requests

from fhir_server.auth.client_metadata import is_redirect_uri
from tests.running_server import RunningServer
from tests.smart_app import REDIRECT, SmartApp, query, register

NATIVE = "com.example.app:/callback"
LOOPBACK = "http://127.0.0.1/callback"
NOT_REGISTERED = [
    "",
    "https://app.example.org/callback/",
    "https://app.example.org/Callback",
    "https://app.example.org/callback?x=1",
    "https://app.example.org/callback#x",
    "https://app.example.org/callback%00",
    "https://app.example.org/callback/../callback",
    "https://app.example.org/./callback",
    "https://app.example.org/%63allback",
    "https://app.example.org//callback",
    "https://app.example.org:443/callback",
    "https://app.example.org:8443/callback",
    "https://APP.example.org/callback",
    "http://app.example.org/callback",
    "HTTPS://app.example.org/callback",
    "https://app.example.org.evil.example/callback",
    "https://evil.example/callback",
    "https://evil.example/?https://app.example.org/callback",
    "https://evil.example#https://app.example.org/callback",
    "https://evil.example\\@app.example.org/callback",
    "https://app.example.org@evil.example/callback",
    "https://user@app.example.org/callback",
    "https://app.example.org\\.evil.example/callback",
    "https://app.example.org/callback\t",
    " https://app.example.org/callback",
    "https://app.example.org/callback ",
    "https://app.example.org/callback\r\nX-Injected: 1",
    "//app.example.org/callback",
    "/callback",
    "callback",
    "javascript:alert(1)",
    "javascript://app.example.org/callback%0aalert(1)",
    "data:text/html,x",
    "https://аpp.example.org/callback",
    "https://app.example.org/callbacké",
    "https://[::1]/callback",
    "https://app.example.org:99999/callback",
    "https://[/callback",
    '{"$ne": ""}',
    "x" * 20_000,
    f"{NATIVE}/",
    "com.example.app:/callback2",
    "com.example.app:",
    "http://127.0.0.2:3000/callback",
    "http://localhost:3000/callback",
    "http://127.0.0.1:3000/callback2",
    "https://127.0.0.1:3000/callback",
    "http://127.0.0.1:3000@evil.example/callback",
    "http://127.0.0.1.evil.example:3000/callback",
]


@pytest.fixture(scope="module")
def app(server: RunningServer) -> SmartApp:
    return register(server, redirect_uris=[REDIRECT, NATIVE, LOOPBACK])


def refused_here(answer: requests.Response) -> None:
    """The browser stays: an error page that no other site may frame."""
    assert answer.status_code == 400, answer.text
    assert "Location" not in answer.headers
    assert answer.headers["Content-Type"].startswith("text/html")
    assert "frame-ancestors 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Frame-Options"] == "DENY"


@pytest.mark.parametrize("uri", NOT_REGISTERED, ids=lambda uri: ascii(uri)[:50])
def test_no_answer_goes_to_a_uri_that_is_not_registered(app: SmartApp, uri: str) -> None:
    refused_here(app.begin(redirect_uri=uri))
    refused_here(app.begin(redirect_uri=uri, scope="broken/", response_type="token", state="x"))
    refused_here(app.begin(post=True, redirect_uri=uri))


@pytest.mark.parametrize("uri", [REDIRECT, NATIVE, LOOPBACK, "http://127.0.0.1:51004/callback"])
def test_registered_uris_are_taken_loopback_with_any_port(app: SmartApp, uri: str) -> None:
    assert app.begin(redirect_uri=uri).status_code == 303


@pytest.mark.parametrize("client_id", [None, "", "nobody", "$ne", '{"$ne":""}', "é", "x" * 20_000])
def test_an_unknown_app_gets_an_error_page(app: SmartApp, client_id: str | None) -> None:
    refused_here(app.begin(client_id=client_id))


@pytest.mark.parametrize("status", ["pending", "disabled"])
def test_an_app_that_is_not_active_gets_an_error_page(server: RunningServer, status: str) -> None:
    refused_here(register(server, status=status).begin())


def test_what_an_error_page_shows_is_escaped(app: SmartApp) -> None:
    answer = app.begin(client_id="<script>alert(1)</script>")
    refused_here(answer)
    assert "<script>" not in answer.text


TOLD_TO_THE_APP: list[tuple[dict[str, str | None], str]] = [
    ({"response_type": None}, "unsupported_response_type"),
    ({"response_type": "token"}, "unsupported_response_type"),
    ({"response_type": "code token"}, "unsupported_response_type"),
    ({"response_type": "é'\""}, "unsupported_response_type"),
    ({"response_mode": "fragment"}, "invalid_request"),
    ({"response_mode": "form_post"}, "invalid_request"),
    ({"request": "eyJhbGciOiJub25lIn0.e30."}, "request_not_supported"),
    ({"aud": None}, "invalid_request"),
    ({"aud": "https://evil.example/fhir"}, "invalid_request"),
    ({"aud": "é"}, "invalid_request"),
    ({"resource": "https://evil.example/fhir"}, "invalid_request"),
    ({"scope": None}, "invalid_scope"),
    ({"scope": "nothing-we-know"}, "invalid_scope"),
    ({"scope": "patient/Observation.sr"}, "invalid_scope"),
    ({"scope": "patient/Nothing.rs"}, "invalid_scope"),
    ({"scope": "galaxy/*.rs"}, "invalid_scope"),
    ({"scope": "system/*.rs"}, "invalid_scope"),
    ({"scope": "patient/*.rs " * 300}, "invalid_scope"),
    ({"scope": "é/*.rs"}, "invalid_scope"),
    ({"scope": "launch patient/*.rs"}, "invalid_request"),
    ({"launch": "x", "scope": "launch patient/*.rs"}, "invalid_request"),
    ({"launch": "x", "scope": "patient/*.rs"}, "invalid_scope"),
    ({"state": "x" * 3000}, "invalid_request"),
    ({"nonce": "x" * 3000}, "invalid_request"),
]


@pytest.mark.parametrize(("changes", "error"), TOLD_TO_THE_APP, ids=lambda value: str(value)[:60])
def test_a_mistake_is_told_to_the_app_and_makes_no_request(
    app: SmartApp, changes: dict[str, str | None], error: str
) -> None:
    answer = app.begin(**changes)
    assert answer.status_code == 303
    location = answer.headers["Location"]
    assert location.startswith(f"{REDIRECT}?")
    fields = query(location)
    assert fields["error"] == error
    assert fields["state"] == changes.get("state", "s" * 32)
    assert fields["iss"] == app.url("authorize").removesuffix("/authorize")
    assert not {"code", "request"} & fields.keys()


def test_aud_with_a_final_slash_and_resource_name_the_same_server(app: SmartApp) -> None:
    base = app.server.base_url
    assert "request=" in app.begin(aud=f"{base}/").headers["Location"]
    assert "request=" in app.begin(aud=None, resource=base).headers["Location"]


@pytest.mark.parametrize("name", ["client_id", "redirect_uri", "scope", "state", "aud", "code_challenge"])
@pytest.mark.parametrize("post", [False, True])
def test_a_parameter_that_comes_twice_is_refused(app: SmartApp, name: str, post: bool) -> None:
    fields = list(app.parameters().items())
    for extra in ("https://evil.example/", ""):
        sent: Any = [*fields, (name, extra)]
        options: dict[str, Any] = {"data" if post else "params": sent}
        method = "POST" if post else "GET"
        refused_here(
            requests.request(method, app.url("authorize"), allow_redirects=False, timeout=10, **options)
        )


def test_parameters_of_url_and_body_are_not_mixed(app: SmartApp) -> None:
    fields = app.parameters()
    redirect = {"redirect_uri": fields.pop("redirect_uri")}
    answer = requests.post(
        app.url("authorize"), params=redirect, data=fields, allow_redirects=False, timeout=10
    )
    refused_here(answer)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
def test_other_methods_are_not_answered(app: SmartApp, method: str) -> None:
    assert requests.request(method, app.url("authorize"), timeout=10).status_code == 405


@pytest.mark.parametrize(
    "body", [b"\xff\xfe", b"client_id=%ff%fe", b"x" * 70_000, b"&".join([b"a=b"] * 5000), b"\0"]
)
def test_a_body_that_cannot_be_read_is_refused(app: SmartApp, body: bytes) -> None:
    answer = requests.post(
        app.url("authorize"),
        data=body,
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        allow_redirects=False,
        timeout=10,
    )
    refused_here(answer)


@pytest.mark.parametrize(
    "uri",
    [
        "http://app.example.org/cb",
        "javascript:alert(1)",
        "data:text/html,x",
        "myapp:/cb",
        "https://*.example.org/cb",
        "https://app.example.org/cb#x",
        "https://u@app.example.org/cb",
        "https:///cb",
        "https://app.example.org/c b",
        "https://аpp.example.org/cb",
        "https://app.example.org/\\evil",
        "//app.example.org",
        "",
    ],
)
def test_a_uri_that_is_not_safe_is_not_registered(uri: str) -> None:
    assert not is_redirect_uri(uri, is_public=True)


def test_a_scheme_of_its_own_is_for_public_apps() -> None:
    assert is_redirect_uri(NATIVE, is_public=True)
    assert not is_redirect_uri(NATIVE, is_public=False)
