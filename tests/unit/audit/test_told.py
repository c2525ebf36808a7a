"""A patient understands an event by a sentence."""

from __future__ import annotations

from hypothesis import given

from fhir_server.audit.activity import Activity
from fhir_server.audit.event import Access, Caller, build_event
from fhir_server.audit.told import tell_in_french
from tests.unit.audit.test_index import ACCESSES, CALLERS

NOW = "2026-11-26T10:22:33.000Z"
DOCTOR = Activity("10", "Médecin", "Organization/5", "Cabinet Martin")


def test_who_what_where_when_why_by_which_app_and_the_outcome() -> None:
    caller = Caller("logiciel", "t", "Practitioner/7", "BTG", "", "r", DOCTOR)
    access = Access("read", "Observation", "1", ("Observation/2/_history/3",))
    assert tell_in_french(build_event(access, caller, "e", NOW, "x")) == (
        "Le 2026-11-26 à 10:22 (UTC), Practitioner/7 (Médecin), Cabinet Martin, par l'application logiciel "
        "a lu Observation/2 en urgence (bris de glace) : accès permis."
    )


def test_a_refusal_and_an_app_alone() -> None:
    caller = Caller("robot", "t", "", "TREAT", "", "r")
    access = Access("delete", "Observation", "1", ("Observation/2",), denied="no")
    assert tell_in_french(build_event(access, caller, "e", NOW, "x")) == (
        "Le 2026-11-26 à 10:22 (UTC), l'application robot a tenté d'accéder à Observation/2 "
        "pour des soins : accès refusé."
    )


@given(ACCESSES, CALLERS)
def test_every_event_has_a_sentence(access: Access, caller: Caller) -> None:
    sentence = tell_in_french(build_event(access, caller, "e", NOW, "x"))
    assert sentence.endswith("accès refusé." if access.denied else "accès permis.")
