"""An event from a template is the event that is built and indexed anew."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.audit.event import Access, Caller, build_event
from fhir_server.audit.template import FilledEvent, fill_event
from fhir_server.fhir.instant import format_instant
from fhir_server.fhir.json import encode_json
from fhir_server.search.index import extract_index
from tests.unit.audit.test_index import ACCESSES, CALLERS, INTERACTIONS

RECORDED = 1_760_000_000_123
INSTANT = format_instant(RECORDED)
ID = st.from_regex(r"[A-Za-z0-9\-.]{1,64}", fullmatch=True)
TYPES = st.sampled_from(("Patient", "Observation", "Binary", "RelatedPerson"))
PATIENTS = st.one_of(st.just(""), ID, st.just("same"))
PLAIN = Caller("portal", "t", "", "TREAT", "127.0.0.1", "r")
READ = Access("read", "Observation", "1", ("Observation/2/_history/3",))


@st.composite
def ordinary(draw: st.DrawFn) -> Access:
    """An access to one resource."""
    resource_type, patient = draw(TYPES), draw(PATIENTS)
    id_ = draw(st.sampled_from((patient, "same"))) if patient else draw(ID)
    references = (f"{resource_type}/{id_}/_history/{draw(st.integers(1, 99))}",)
    query = draw(st.one_of(st.just(""), st.text()))
    interaction = draw(st.sampled_from(INTERACTIONS))
    told = {"rule": draw(st.sampled_from(("", "permit", "%(id)s"))), "epoch": draw(st.integers(0, 99))}
    return Access(interaction, resource_type, patient, draw(st.sampled_from((references, ()))), query, **told)


USERS = st.one_of(
    st.just("Patient/same"), st.builds("Patient/{}".format, ID), st.just(""), st.just("Practitioner/%(id)s")
)
ADDRESSES = st.sampled_from(("", "127.0.0.1", "203.0.113.213", "2001:db8::1", "host%20name", "999.1.1.1"))


def fill(access: Access, caller: Caller) -> FilledEvent | None:
    return fill_event(access, caller, "e1", INSTANT, "DMP FHIR server")


def assert_as_built(filled: FilledEvent, access: Access, caller: Caller) -> None:
    event = build_event(access, caller, "e1", INSTANT, "DMP FHIR server")
    index = extract_index(event, RECORDED)
    assert filled.raw == encode_json(event)
    assert filled.tokens == index.tokens
    assert filled.patients == index.patients


@given(ordinary(), CALLERS, USERS, ADDRESSES)
def test_a_filled_event_is_the_built_one(access: Access, caller: Caller, user: str, address: str) -> None:
    caller = replace(caller, fhir_user=user, address=address)
    filled = fill(access, caller)
    if filled is None:
        assert access.resource_type == "Patient"
        assert access.patient not in access.references[0].split("/")
    else:
        assert_as_built(filled, access, caller)


@given(ACCESSES, CALLERS)
def test_what_has_no_template_is_left_alone_and_what_has_one_is_the_same(
    access: Access, caller: Caller
) -> None:
    filled = fill(access, caller)
    if filled is not None:
        assert_as_built(filled, access, caller)


@pytest.mark.parametrize("interaction", INTERACTIONS)
def test_every_interaction_with_one_resource_has_a_template(interaction: str) -> None:
    access = replace(READ, interaction=interaction)
    filled = fill(access, PLAIN)
    assert filled is not None
    assert_as_built(filled, access, PLAIN)


@pytest.mark.parametrize(
    "access",
    [
        replace(READ, denied="no"),
        replace(READ, references=READ.references * 2),
        replace(READ, references=("Patient/9/_history/1",)),
        replace(READ, references=("Observation/nothing",)),
    ],
)
def test_other_events_are_built(access: Access) -> None:
    assert fill(access, PLAIN) is None


def test_a_client_that_is_named_like_a_mark_keeps_its_name() -> None:
    assert fill(READ, replace(PLAIN, client_id="mark-of-the-id")) is None
    assert fill(READ, replace(PLAIN, fhir_user="Patient/mark-of-the-patient")) is None


@pytest.mark.parametrize("value", ["a|b", "a%b", "a b", "é", 'a"b', "mark\nof"])
def test_what_is_spelled_differently_in_an_entry_fills_no_place(value: str) -> None:
    assert fill(READ, replace(PLAIN, request_id=value)) is None
    assert fill(READ, replace(PLAIN, token_id=value)) is None
