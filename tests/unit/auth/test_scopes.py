"""Narrowing of scopes against a slow reading: what is granted is what both sides allow, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.auth.scopes import levels, narrow, resource_scopes, split_scopes
from fhir_server.errors import Invalid

TYPES = ("Patient", "Observation", "Condition")
WORDS = {"read": "rs", "write": "cud", "*": "cruds"}
letters = st.one_of(
    st.sampled_from(sorted(WORDS)),
    st.sets(st.sampled_from("cruds"), min_size=1).map(lambda s: "".join(c for c in "cruds" if c in s)),
)
scopes = st.builds(
    "{}/{}.{}".format, st.sampled_from(["patient", "user", "system"]), st.sampled_from([*TYPES, "*"]), letters
)


def meaning(scopes: list[str]) -> set[tuple[str, str, str]]:
    """Level, type and letter of all that scopes allow; "now and in the future" is a type of its own."""
    found = set()
    for scope in scopes:
        level, _, rest = scope.partition("/")
        type_, _, word = rest.partition(".")
        names = [*TYPES, "Future"] if type_ == "*" else [type_]
        found |= {(level, name, letter) for name in names for letter in WORDS.get(word, word)}
    return found


@given(st.lists(scopes, max_size=5), st.lists(scopes, max_size=5))
def test_what_is_granted_is_what_was_asked_and_is_allowed(asked: list[str], allowed: list[str]) -> None:
    assert meaning(narrow(asked, allowed)) == meaning(asked) & meaning(allowed)


@given(st.lists(scopes, max_size=5), st.lists(scopes, max_size=5))
def test_what_is_allowed_as_a_whole_comes_back_to_the_letter(asked: list[str], more: list[str]) -> None:
    assert narrow(asked, [*more, *asked]) == list(dict.fromkeys(asked))
    assert narrow(asked, [f"{level}/*.cruds" for level in ("patient", "user", "system")]) == list(
        dict.fromkeys(asked)
    )


@pytest.mark.parametrize(
    ("asked", "allowed", "granted"),
    [
        ("patient/*.read", "patient/Observation.cruds", "patient/Observation.read"),
        ("patient/*.*", "patient/Observation.rs", "patient/Observation.read"),
        ("patient/*.read", "patient/Observation.r", "patient/Observation.r"),
        ("openid launch x", "openid", "openid"),
        ("launch/patient", "patient/*.rs", "launch/patient"),
        ("launch/questionnaire?role=x", "launch", "launch/questionnaire?role=x"),
        ("launch/questionnaire?role=x", "openid", ""),
        (
            "http://smarthealthit.org/fhir/scopes/patient/*.rs",
            "patient/Patient.rs",
            "http://smarthealthit.org/fhir/scopes/patient/Patient.rs",
        ),
    ],
)
def test_granted_scopes_are_spelled_as_they_were_asked(asked: str, allowed: str, granted: str) -> None:
    assert " ".join(narrow(asked.split(), allowed.split())) == granted


@pytest.mark.parametrize(
    "scope", ["patient/*.sr", "patient/X.rs", "galaxy/*.rs", "patient/.rs", "patient/*.", "/"]
)
def test_a_broken_scope_is_refused(scope: str) -> None:
    with pytest.raises(Invalid):
        split_scopes(scope)


def test_a_name_that_means_nothing_is_left_out() -> None:
    assert split_scopes("openid email  openid launch/nothing phone") == ["openid"]


def test_too_many_scopes_are_refused() -> None:
    with pytest.raises(Invalid):
        split_scopes("openid " * 201)


def test_scopes_are_told_apart_by_what_they_speak_of() -> None:
    text = ["openid", "launch/patient", "patient/*.rs", "user/Patient.r", "__introspect"]
    assert levels(text) == {"patient", "user"}
    assert resource_scopes(text) == ["patient/*.rs", "user/Patient.r"]
