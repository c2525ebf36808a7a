"""FranceConnect signs what it says; a wrong signature opens nothing. OpenID Connect Core §5.3.2"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import flask
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey
from werkzeug.serving import make_server

from tests.integration.people.conftest import add_people
from tests.integration.people.test_upstream import agree, leave, providers
from tests.people import Browser
from tests.running_server import RunningServer, run_server

SUBJECT = "fc-zoe"


class Signing:
    """How the provider signs userinfo; a test changes it."""

    changes: dict[str, Any]
    own_key: bool

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.changes, self.own_key = {}, True


@pytest.fixture(scope="module")
def signing() -> Signing:
    return Signing()


@pytest.fixture(scope="module")
def issuer(signing: Signing) -> Iterator[str]:
    """The provider of the other tests, with signed userinfo."""
    from oidc_provider_mock import User, init_app

    os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"
    app = flask.Flask("provider")
    app.secret_key = "provider"
    claims = {"acr": "eidas1", "given_name": "Zoé", "birthdate": "1980-02-03"}
    init_app(app, user_claims=[User(sub=SUBJECT, claims=claims)])
    stranger = RSAKey.generate_key(2048)

    @app.after_request
    def sign(response: flask.Response) -> flask.Response:
        if flask.request.path == "/userinfo":
            own = flask.g.oidc_provider_mock_storage.jwk.as_dict(is_private=True)
            key = RSAKey.import_key(own) if signing.own_key else stranger
            said = {**response.get_json(), "iss": flask.request.host_url.rstrip("/"), "aud": "dmp"}
            response.data = jwt.encode({"alg": "RS256", "kid": own["kid"]}, said | signing.changes, key)
            response.content_type = "application/jwt"
        return response

    http = make_server("localhost", 0, app, threaded=True)
    thread = threading.Thread(target=http.serve_forever, daemon=True)
    thread.start()
    yield f"http://localhost:{http.server_port}"
    http.shutdown()
    thread.join()
    http.server_close()
    del os.environ["AUTHLIB_INSECURE_TRANSPORT"]


@pytest.fixture(scope="module")
def server(
    mongodb_uri: str, database_name: str, issuer: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningServer]:
    path: Path = tmp_path_factory.mktemp("providers") / "providers.json"
    path.write_text(json.dumps(providers(issuer)), "utf-8")
    settings = {"SECOND_FACTOR": "optional", "IDENTITY_PROVIDERS": str(path)}
    with run_server(mongodb_uri, database_name, **settings) as running:
        add_people(running)
        zoe = running.inside.accounts.find("zoe")
        assert zoe is not None
        running.inside.accounts.link(zoe.account_id, issuer, SUBJECT)
        yield running


def heading(server: RunningServer) -> str:
    browser = Browser(server)
    leave(browser, "fc")
    return agree(browser, SUBJECT).heading


def test_signed_userinfo_opens_the_linked_account(server: RunningServer, signing: Signing) -> None:
    signing.reset()
    assert heading(server) == "Applications qui ont un accès"


@pytest.mark.parametrize(
    "changes",
    [{"aud": "another-client"}, {"iss": "https://evil.example"}, {"sub": "somebody-else"}, {"exp": 1}],
    ids=["audience", "issuer", "subject", "expired"],
)
def test_signed_userinfo_that_says_something_else_opens_nothing(
    server: RunningServer, signing: Signing, changes: dict[str, Any]
) -> None:
    signing.reset()
    signing.changes = changes
    assert heading(server) == "La connexion n’a pas abouti"


def test_userinfo_signed_by_a_stranger_opens_nothing(server: RunningServer, signing: Signing) -> None:
    signing.reset()
    signing.own_key = False
    assert heading(server) == "La connexion n’a pas abouti"
