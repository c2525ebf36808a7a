"""SMART scopes: what grants, what is refused. https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html"""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.definitions.registry import load_definitions
from fhir_server.errors import Invalid
from fhir_server.policy.granular import OF_EVERY_TYPE, compile_parameters
from fhir_server.policy.scopes import URI_PREFIX, Rule, parse_scope, parse_scopes, sift_scopes

TYPES = ("Observation", "Patient", "Questionnaire")
LABORATORY = "http://terminology.hl7.org/CodeSystem/observation-category|laboratory"


@pytest.mark.parametrize(
    ("scope", "letters"),
    [
        ("system/Patient.cruds", "cruds"),
        ("system/Patient.rs", "rs"),
        ("system/*.r", "r"),
        ("system/Patient.read", "rs"),
        ("system/Patient.write", "cud"),
        ("system/Patient.*", "cruds"),
        ("http://smarthealthit.org/fhir/scopes/system/Patient.read", "rs"),
        ("http://smarthealthit.org/fhir/scopes/system/*.cruds", "cruds"),
    ],
)
def test_letters_and_words_grant_the_same(scope: str, letters: str) -> None:
    scopes = parse_scopes(scope, TYPES)
    assert {x for x in "cruds" if scopes.levels("Patient", x)} == set(letters)
    assert scopes.levels("Patient", letters[0]) == {"system"}
    assert scopes.text == scope


def test_levels_of_several_scopes_are_joined() -> None:
    scopes = parse_scopes("patient/Patient.r user/*.rs system/Observation.cruds", TYPES)
    assert scopes.levels("Patient", "r") == {"patient", "user"}
    assert scopes.levels("Observation", "r") == {"user", "system"}
    assert scopes.levels("Patient", "d") == frozenset()


def test_order_and_repetition_mean_nothing() -> None:
    one = parse_scopes("system/Patient.r  patient/*.rs openid", TYPES)
    assert one == parse_scopes("openid patient/*.rs system/Patient.r system/Patient.r", TYPES)


def test_parameters_are_read_as_pairs_in_any_spelling() -> None:
    plain = parse_scope(f"patient/Observation.rs?category={LABORATORY}&status=final,amended", TYPES)
    coded = parse_scope(
        f"patient/Observation.rs?category={LABORATORY.replace('|', '%7C')}&status=final%2Camended", TYPES
    )
    assert isinstance(plain, Rule)
    assert isinstance(coded, Rule)
    assert plain.parameters == (("category", LABORATORY), ("status", "final,amended"))
    assert coded.parameters == plain.parameters
    assert coded.text != plain.text


def test_a_plus_is_itself_and_a_space_is_percent_encoded() -> None:
    rule = parse_scope("patient/Observation.rs?date=ge2020-01-01T00:00:00+01:00", TYPES)
    assert isinstance(rule, Rule)
    assert rule.parameters == (("date", "ge2020-01-01T00:00:00+01:00"),)
    named = parse_scope("system/Patient.rs?family=de%20la%20Tour", TYPES)
    assert isinstance(named, Rule)
    assert named.parameters == (("family", "de la Tour"),)


def test_identity_launch_and_refresh_are_known_apart() -> None:
    text = (
        "openid fhirUser profile launch launch/patient launch/encounter offline_access online_access "
        "launch/questionnaire?role=http://example.org/role http://smarthealthit.org/fhir/scopes/launch/patient"
    )
    scopes = parse_scopes(text, TYPES)
    assert scopes.rules == ()
    assert set(scopes.context) == set(text.split()) - {URI_PREFIX + "launch/patient"}
    assert set(scopes.text.split()) == set(text.split())
    assert scopes.needs_patient


@pytest.mark.parametrize(
    ("text", "needs"),
    [("openid", False), ("patient/*.rs", True), ("system/*.rs launch", False), ("launch/patient", True)],
)
def test_a_patient_is_needed_where_scopes_are_bound_to_one(text: str, needs: bool) -> None:
    assert parse_scopes(text, TYPES).needs_patient is needs


REFUSED = [
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
    "system/*.*.rs",
    "system/Pat*.rs",
    "system/Patient.read\x00",
    "system/Patient.rs\topenid",
    "system/Patient.rs ópenid",
    'system/Patient.rs?family="x"',
    "system/Patient.rs?family=a\\,b",
    "system/$ne.rs",
    "launch/nothing",
    "__experimental",
    "https://example.org/scopes/system/Patient.rs",
    URI_PREFIX,
    f"{URI_PREFIX}system/Patient.sr",
    # parameters
    "system/Patient.rs?",
    "system/Patient.rs?family",
    "system/Patient.rs?family=",
    "system/Patient.rs?=x",
    "system/Patient.rs?family=x&",
    "system/Patient.rs?&family=x",
    "system/Patient.rs?family=%ff",
    "system/Patient.rs?family=%00",
    "system/Patient.rs?nothing=x",
    "system/Patient.rs?birthdate=yesterday",
    "system/Patient.rs?birthdate=ap2020",
    "system/Observation.rs?code=a|b|c",
    "system/Observation.rs?category=a,,b",
    "system/Observation.rs?value-quantity=much",
    "system/Patient.rs?family:exact=x",
    "system/Patient.rs?gender:not=male",
    "system/Patient.rs?gender:missing=true",
    "system/Observation.rs?subject:Patient=1",
    "system/Observation.rs?subject.name=x",
    "system/Observation.rs?subject:Patient.name=x",
    "system/Patient.rs?_has:Observation:patient:code=x",
    "system/Patient.rs?_list=1",
    "system/Patient.rs?_filter=gender%20eq%20male",
    "system/Patient.rs?_text=x",
    "system/Patient.rs?_content=x",
    "system/Patient.rs?_sort=family",
    "system/Patient.rs?_count=1",
    "system/Patient.rs?_include=Patient:link",
    "system/Patient.rs?_type=Patient",
    "system/*.rs?family=x",
    "system/*.rs?_tag=x&status=y",
    "system/Patient.rs?" + "&".join(f"family=a{i}" for i in range(11)),
    " ".join(f"system/Patient.rs?family=a{i}" for i in range(201)),
    "system/Patient.rs?family=" + "x" * 10_000,
]


@pytest.mark.parametrize("scope", REFUSED, ids=lambda scope: scope[:60])
def test_what_cannot_be_honoured_is_refused_with_a_reason(scope: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_scopes(scope, TYPES)
    assert caught.value.issues[0].expression == "scope"
    assert len(caught.value.diagnostics) < 600


def test_the_reason_names_what_is_wrong() -> None:
    for scope, reason in {
        "patient/Patient.sr": "order cruds",
        "patient/Patient.rs?gender:not=male": "modifiers",
        "patient/Observation.rs?subject.name=x": "references to other resources",
        "patient/*.rs?category=x": "every type takes only _id",
        "patient/Patient.rs?nothing=x": "'nothing' of Patient is not known",
        "patient/Patient.rs?birthdate=x": "not a date",
    }.items():
        with pytest.raises(Invalid, match=reason):
            parse_scopes(scope, TYPES)


def test_what_is_understood_can_be_sifted_from_the_rest() -> None:
    scopes, refused = sift_scopes("openid email patient/Patient.rs patient/Patient.sr", TYPES)
    assert scopes.text == "openid patient/Patient.rs"
    assert set(refused) == {"email", "patient/Patient.sr"}
    assert all(refused.values())
    nothing, refused = sift_scopes("email", TYPES)
    assert (nothing.rules, nothing.context, nothing.text) == ((), (), "")


@given(st.text(max_size=100) | st.text("patient/*Ovsr.?=&%|,:_ ", max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(Invalid):
        scopes = parse_scopes(text, TYPES)
        assert scopes.rules or scopes.context


@given(st.text(max_size=30))
def test_any_parameters_are_read_or_refused(text: str) -> None:
    with suppress(Invalid):
        parse_scope(f"system/Observation.rs?{text}", TYPES)


def test_parameters_of_every_type_are_those_of_every_type() -> None:
    values = {"_id": "a", "_lastUpdated": "gt2020", "_source": "urn:a", "_profile": "urn:a"}
    parameters = tuple((name, values.get(name, "urn:a|b")) for name in sorted(OF_EVERY_TYPE))
    for resource_type in load_definitions().resource_types:
        assert compile_parameters(resource_type, parameters, "")
