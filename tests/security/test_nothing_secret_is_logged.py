"""Every event of authorization is in the audit trail; no secret is in it or in the log. RFC 9700 §4.2.4"""

from __future__ import annotations

import io
import logging
from collections.abc import Iterator

import pytest

from fhir_server.rest.access_log import JsonFormatter
from tests.http_client import FhirHttp
from tests.running_server import RunningServer
from tests.security.test_dpop import proof
from tests.smart_app import (
    ASSERTION_TYPE,
    PATIENT,
    SmartApp,
    register,
    register_system,
    rsa_key,
)


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """All that is logged, at the least level, as the server writes it."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(JsonFormatter())
    loggers = [logging.getLogger(name) for name in ("fhir_server", "fhir_server.access")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
    loggers[0].addHandler(handler)
    root = logging.getLogger()
    root.addHandler(handler)  # what Authlib, Flask and joserfc say
    try:
        yield written
    finally:
        loggers[0].removeHandler(handler)
        root.removeHandler(handler)
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


def test_no_code_token_secret_verifier_or_assertion_is_logged_or_audited(
    server: RunningServer, fhir: FhirHttp, log: io.StringIO
) -> None:
    app = register(server, auth_method="client_secret_basic")
    request_id = app.request_id()
    code = app.approve()
    body = app.exchange(code).json()
    again = app.refresh(body["refresh_token"]).json()
    app.exchange(code)
    app.refresh(body["refresh_token"])
    wrong = SmartApp(server, app.client_id, secret="planted-wrong-secret")
    wrong.refresh("planted-refresh-token")
    system = register_system(server)
    assertion = system.assertion(rsa_key(), "RS384")
    form = {
        "grant_type": "client_credentials",
        "scope": "system/*.rs",
        "client_assertion_type": ASSERTION_TYPE,
        "client_assertion": assertion,
    }
    dpop = proof(system.url("token"))
    system.token({"DPoP": dpop}, **form)
    FhirHttp(server.base_url, again["access_token"]).get("Observation")
    FhirHttp(server.base_url, "planted-access-token").get("Observation")
    app.post("revoke", token=again["access_token"])
    trail = str(fhir.get("AuditEvent?_count=1000").json())
    secrets = (
        request_id,
        code,
        body["access_token"],
        body["refresh_token"],
        again["access_token"],
        again["refresh_token"],
        body["id_token"],
        app.secret,
        app.verifier,
        assertion,
        dpop,
        "planted-",
    )
    text = log.getvalue()
    assert '"request"' in text  # the log was heard
    for secret in secrets:
        assert secret not in text
        assert secret not in trail


def events(fhir: FhirHttp, code: str, patient: str = "") -> list[dict[str, object]]:
    query = f"AuditEvent?subtype={code}&_count=1000" + (f"&patient={patient}" if patient else "")
    return [row["resource"] for row in fhir.get(query).json().get("entry", [])]


def test_a_patient_finds_tokens_grants_and_their_end_in_the_trail(
    server: RunningServer, fhir: FhirHttp
) -> None:
    app = register(server)
    body = app.launch()
    app.post("revoke", token=body["refresh_token"])
    for code in ("ITI-71", "grant-given", "token-revoked"):
        found = events(fhir, code, "p1")
        assert [event for event in found if app.client_id in str(event)], code
        assert PATIENT.fhir_user in str(found)


def test_a_refusal_of_the_person_is_in_the_trail(server: RunningServer, fhir: FhirHttp) -> None:
    from fhir_server.auth.decision import Denied

    app = register(server)
    app.finish(app.request_id(), Denied())
    assert [event for event in events(fhir, "grant-refused") if app.client_id in str(event)]


def test_no_token_leaves_when_it_cannot_be_recorded(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fhir_server.errors import Unavailable

    app = register(server)
    code = app.approve()

    def fail(event: object) -> None:
        raise Unavailable("the trail is away")

    monkeypatch.setattr(server.inside.audit, "record_security", fail)
    answer = app.exchange(code)
    assert answer.status_code == 503
    assert answer.json()["error"] == "temporarily_unavailable"
