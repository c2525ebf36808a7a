"""`fhir-server account`: the people who may log in, from the command line."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from click.testing import CliRunner, Result

from fhir_server.cli import main
from tests.people import Browser, add_app, authorize_url
from tests.running_server import RunningServer, run_server


@pytest.fixture(scope="module")
def server(mongodb_uri: str, database_name: str) -> Iterator[RunningServer]:
    with run_server(mongodb_uri, database_name, SECOND_FACTOR="optional") as running:
        patient = {"resourceType": "Patient", "id": "p1", "name": [{"family": "Essai"}]}
        assert running.client().put("Patient/p1", patient).status_code == 201
        yield running


def account(server: RunningServer, *arguments: str) -> Result:
    """Runs the command on the database of the server."""
    settings = server.inside.settings
    environ = {"MONGODB_URI": settings.mongodb_uri, "MONGODB_DATABASE": settings.mongodb_database}
    return CliRunner().invoke(main, ["account", *arguments], env=environ)


def add(server: RunningServer, name: str, *arguments: str) -> str:
    """Adds a patient and returns the password that was printed."""
    given = arguments or ("--kind", "patient", "--fhir-user", "Patient/p1")
    result = account(server, "add", name, "--name", "Zoé", *given)
    assert result.exit_code == 0, result.output
    return result.stdout.strip()


def test_a_new_account_logs_in_with_the_printed_password_and_replaces_it(server: RunningServer) -> None:
    password = add(server, "zoe")
    browser = Browser(server)
    browser.get("/auth/login")
    assert browser.log_in("ZOE ", password).heading == "Choisissez votre mot de passe"
    new = "une suite de quatre mots"
    browser.submit("/auth/new-password", password=new, repeated=new)
    assert browser.path == "/auth/access"
    row = server.inside.accounts.find("zoe")
    assert row is not None
    assert row.patients == ["p1"]


def test_an_account_is_listed_disabled_and_reset(server: RunningServer) -> None:
    first = add(server, "lea")
    assert "lea\tpatient\tPatient/p1\tpassword only\tfirst login until" in account(server, "list").stdout
    browser = Browser(server)
    browser.get(authorize_url(server, add_app(server, "openid patient/*.rs"), "openid patient/*.rs"))
    browser.log_in("lea", first)
    new = "une suite de quatre mots"
    browser.submit("/auth/new-password", password=new, repeated=new)
    browser.submit("/auth/consent", decision="allow")
    assert "code" in browser.returned
    result = account(server, "disable", "lea")
    assert "1 apps lost their access" in result.output
    assert browser.get("/auth/access").heading == "Connectez-vous"
    assert "disabled" in account(server, "list").stdout
    second = account(server, "reset", "lea").stdout.strip()
    assert second != first
    browser.get("/auth/login")
    assert browser.log_in("lea", second).heading == "Choisissez votre mot de passe"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("--kind", "patient"), "must be Patient/<id>"),
        (("--kind", "patient", "--fhir-user", "Practitioner/p1"), "must be Patient/<id>"),
        (("--kind", "representative", "--fhir-user", "Patient/p1"), "must be RelatedPerson/<id>"),
        (("--kind", "professional", "--fhir-user", "Practitioner/../x"), "must be Practitioner/<id>"),
        (("--kind", "administrator", "--fhir-user", "Patient/p1"), "has no --fhir-user"),
        (("--kind", "professional", "--fhir-user", "Practitioner/d", "--activity", "{"), "JSON object"),
        (
            ("--kind", "professional", "--fhir-user", "Practitioner/d", "--activity", '{"role": "10"}'),
            "JSON object",
        ),
        (
            (
                "--kind",
                "king",
            ),
            "king",
        ),
    ],
)
def test_what_does_not_fit_is_refused_in_a_sentence(
    server: RunningServer, arguments: tuple[str, ...], told: str
) -> None:
    result = account(server, "add", "nobody", "--name", "X", *arguments)
    assert result.exit_code != 0
    assert told in result.output
    assert server.inside.accounts.find("nobody") is None


def test_a_name_is_taken_once_and_an_unknown_one_is_told(server: RunningServer) -> None:
    add(server, "tom")
    again = account(server, "add", "Tom", "--name", "X", "--kind", "patient", "--fhir-user", "Patient/p1")
    assert again.exit_code != 0
    assert "there is an account" in again.output
    for command in ("disable", "reset"):
        result = account(server, command, "unknown")
        assert result.exit_code != 0
        assert "there is no account unknown" in result.output


def test_two_professionals_cannot_have_one_number(server: RunningServer) -> None:
    arguments = ("--kind", "professional", "--fhir-user", "Practitioner/d", "--rpps", "99900000011")
    add(server, "dr-a", *arguments)
    again = account(server, "add", "dr-b", "--name", "X", *arguments)
    assert again.exit_code != 0
    assert "RPPS" in again.output
