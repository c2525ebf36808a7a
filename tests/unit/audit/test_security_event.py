"""AuditEvents of logins, tokens, grants and clients. https://profiles.ihe.net/ITI/IUA"""

from __future__ import annotations

from itertools import product

import pytest

from fhir_server.audit.activity import read_activity
from fhir_server.audit.security_event import SECURITY_EVENTS, SecurityEvent, build_security_event
from fhir_server.search.index import extract_index
from fhir_server.validation.validate import validate_resource

PERSONS = [("", ""), ("Practitioner/1", ""), ("", "someone")]


@pytest.mark.parametrize("kind", sorted(SECURITY_EVENTS))
def test_every_security_event_is_a_valid_audit_event(kind: str) -> None:
    for (fhir_user, account), client, patient, token, denied in product(
        PERSONS, ["", "app"], ["", "p1"], ["", "t1"], ["", "wrong secret"]
    ):
        event = build_security_event(
            SecurityEvent(
                kind, client, fhir_user, account, patient, token, denied, "openid", "10.0.0.1", "r1"
            ),
            "e1",
            "2024-05-06T07:08:09.123Z",
            "here",
        )
        assert [i for i in validate_resource(event) if i.severity in ("fatal", "error")] == []
        assert event["outcome"] == ("4" if denied else "0")
        assert sum(agent["requestor"] for agent in event["agent"]) == 1
        assert extract_index(event, 0).patients == ((patient,) if patient else ())


def test_the_activity_of_a_person_is_told_and_valid() -> None:
    for place, who in (
        ("Organization/h", {"reference": "Organization/h", "display": "Hôpital"}),
        ("F750000001", {"identifier": {"value": "F750000001"}, "display": "Hôpital"}),
    ):
        stored = {
            "role": "10",
            "role_display": "Médecin",
            "organization": place,
            "organization_display": "Hôpital",
        }
        event = build_security_event(
            SecurityEvent("grant-given", "app", "Practitioner/1", activity=read_activity(stored)),
            "e1",
            "2024-05-06T07:08:09Z",
            "here",
        )
        assert [i for i in validate_resource(event) if i.severity in ("fatal", "error")] == []
        person, organization = event["agent"][1:3]
        assert person["role"][0]["coding"][0]["code"] == "10"
        assert organization["who"] == who
        assert not organization["requestor"]


def test_an_event_of_a_token_names_the_transaction_of_ihe() -> None:
    event = build_security_event(SecurityEvent("token-issued", "app"), "e1", "2024-05-06T07:08:09Z", "here")
    assert event["subtype"][0]["code"] == "ITI-71"
