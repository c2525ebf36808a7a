"""`fhir-server client`: registering, listing, rotating, disabling. docs/security/clients.md"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.running_server import run_server
from tests.smart_app import SmartApp, ec_key, error_of, public_jwks, rsa_key, system_token

REDIRECT = "https://app.example.org/callback"


def added(result: Any) -> dict[str, str]:
    assert result.exit_code == 0, result.output
    return dict(json.loads(result.stdout))


def test_a_public_app_is_added_and_listed(invoke: Any) -> None:
    row = added(invoke("client", "add", "My app", "--redirect-uri", REDIRECT, "--scope", "patient/*.rs"))
    assert set(row) == {"client_id"}
    listed = invoke("client", "list", "--status", "active").stdout
    line = next(line for line in listed.splitlines() if line.startswith(row["client_id"]))
    assert line.split("\t")[1:] == ["active", "none", "standard", "My app", "patient/*.rs"]
    assert row["client_id"] not in invoke("client", "list", "--status", "pending").stdout


def test_what_the_commands_register_works_until_it_is_rotated_or_disabled(
    invoke: Any, mongodb_uri: str, database_name: str, tmp_path: Path
) -> None:
    keys = tmp_path / "keys.json"
    keys.write_text(json.dumps(public_jwks(rsa_key())))
    system = added(
        invoke("client", "add", "System", "--jwks", str(keys), "--scope", "system/*.rs", "--id", "s1")
    )
    secret = added(
        invoke(
            "client",
            "add",
            "Portal",
            "--redirect-uri",
            REDIRECT,
            "--method",
            "client_secret_basic",
            "--scope",
            "launch/patient openid fhirUser offline_access patient/*.rs",
        )
    )
    with run_server(mongodb_uri, database_name) as server:
        backend = SmartApp(server, system["client_id"])
        assert system_token(backend, rsa_key(), "RS384").status_code == 200
        portal = SmartApp(server, secret["client_id"], secret["client_secret"])
        refresh_token = portal.launch()["refresh_token"]
        new = invoke("client", "rotate", secret["client_id"]).stdout.strip()
        assert error_of(portal.refresh(refresh_token), 401) == "invalid_client"
        assert SmartApp(server, secret["client_id"], new).refresh(refresh_token).status_code == 200
        keys.write_text(json.dumps(public_jwks(ec_key())))
        assert invoke("client", "rotate", "s1", "--jwks", str(keys)).exit_code == 0
        assert error_of(system_token(backend, rsa_key(), "RS384"), 401) == "invalid_client"
        assert system_token(backend, ec_key(), "ES384").status_code == 200
        assert invoke("client", "disable", "s1").exit_code == 0
        assert error_of(system_token(backend, ec_key(), "ES384"), 401) == "invalid_client"
        assert invoke("client", "disable", "s1", "--enable").exit_code == 0
        assert system_token(backend, ec_key(), "ES384").status_code == 200


@pytest.mark.parametrize(
    "arguments",
    [
        ("add", "x", "--scope", "nonsense/"),
        ("add", "x", "--scope", "patient/*.rs"),
        ("add", "x", "--scope", "patient/*.rs", "--redirect-uri", "http://app.example.org/cb"),
        ("add", "x", "--scope", "patient/*.rs", "--redirect-uri", REDIRECT, "--profile", "high-assurance"),
        ("add", "x", "--scope", "system/*.rs", "--jwks-uri", "http://10.0.0.1/keys"),
        ("add", "x", "--scope", "patient/*.rs", "--redirect-uri", REDIRECT, "--jwks", __file__),
        ("rotate", "nobody"),
        ("disable", "nobody"),
    ],
    ids=lambda arguments: " ".join(arguments)[:60],
)
def test_what_cannot_be_is_refused_in_a_sentence(invoke: Any, arguments: tuple[str, ...]) -> None:
    result = invoke("client", *arguments)
    assert result.exit_code == 1, result.output
    assert result.stderr.startswith("Error: ")
    assert "Traceback" not in result.output


def test_an_id_is_given_once(invoke: Any) -> None:
    command = ("client", "add", "x", "--redirect-uri", REDIRECT, "--scope", "patient/*.rs", "--id", "same")
    assert invoke(*command).exit_code == 0
    assert "exists already" in invoke(*command).stderr
