"""SMART scopes: what grants, what is refused. https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html"""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.errors import Invalid
from fhir_server.policy.scopes import parse_scopes

TYPES = ("Observation", "Patient")


@pytest.mark.parametrize(
    ("scope", "letters"),
    [
        ("system/Patient.cruds", "cruds"),
        ("system/Patient.rs", "rs"),
        ("system/*.r", "r"),
        ("system/Patient.read", "rs"),
        ("system/Patient.write", "cud"),
        ("system/Patient.*", "cruds"),
    ],
)
def test_letters_and_words_grant_the_same(scope: str, letters: str) -> None:
    scopes = parse_scopes(scope, TYPES)
    assert {x for x in "cruds" if scopes.levels("Patient", x)} == set(letters)
    assert scopes.levels("Patient", letters[0]) == {"system"}


def test_levels_of_several_scopes_are_joined() -> None:
    scopes = parse_scopes("patient/Patient.r user/*.rs system/Observation.cruds", TYPES)
    assert scopes.levels("Patient", "r") == {"patient", "user"}
    assert scopes.levels("Observation", "r") == {"user", "system"}
    assert scopes.levels("Patient", "d") == frozenset()


def test_order_and_repetition_mean_nothing() -> None:
    one = parse_scopes("system/Patient.r  patient/*.rs", TYPES)
    assert one == parse_scopes("patient/*.rs system/Patient.r system/Patient.r", TYPES)


@pytest.mark.parametrize(
    "scope",
    [
        "",
        " ",
        "system",
        "system/",
        "system/Patient",
        "system/Patient.",
        "system/Patient.sr",
        "system/Patient.rr",
        "system/Patient.x",
        "system/Client.r",
        "system/patient.r",
        "System/Patient.r",
        "galaxy/Patient.r",
        "system/Patient.rs?name=x",
        "system/*.*.rs",
        "system/Pat*.rs",
        "system/Patient.read\x00",
        "openid",
        "system/Patient.rs openid",
        "system/$ne.rs",
    ],
)
def test_what_cannot_be_honoured_is_refused(scope: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_scopes(scope, TYPES)
    assert caught.value.issues[0].expression == "scope"


@given(st.text(max_size=100))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(Invalid):
        assert parse_scopes(text, TYPES).grants
