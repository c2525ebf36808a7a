"""The entries that are spelled for our own AuditEvents are those that extraction would find."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.audit.activity import read_activity
from fhir_server.audit.event import Access, Caller, build_event
from fhir_server.audit.index import index_event
from fhir_server.fhir.instant import format_instant
from fhir_server.search.index import IndexEntries, extract_index

INTERACTIONS = (
    *("read", "vread", "history-instance", "history-type", "history-system", "search-type"),
    *("create", "update", "patch", "delete", "transaction"),
)
ID = st.from_regex(r"[A-Za-z0-9\-.]{1,64}", fullmatch=True)
TEXT = st.text(max_size=20)
REFERENCE = st.one_of(
    st.builds("{}/{}".format, st.sampled_from(("Patient", "Observation", "Binary")), ID),
    st.builds("Patient/{}/_history/{}".format, ID, st.integers(1, 99)),
    st.sampled_from(("http://elsewhere.example/fhir/Patient/1", "urn:uuid:1", "#1", "Patient", "?", "|")),
)
ACCESSES = st.builds(
    Access,
    interaction=st.sampled_from(INTERACTIONS),
    resource_type=st.sampled_from(("Patient", "Observation")),
    patient=st.one_of(st.just(""), ID),
    references=st.lists(REFERENCE, max_size=4).map(tuple),
    query=TEXT,
    denied=TEXT,
    rule=st.sampled_from(("", "treating", "no-permit", "a%sb")),
    epoch=st.sampled_from((0, 1, 77)),
)
TEXTS = st.one_of(st.just(""), st.text(max_size=20), st.builds("Organization/{}".format, ID))
ACTIVITIES = st.builds(
    lambda *texts: read_activity(
        dict(zip(("role", "role_display", "organization", "organization_display"), texts, strict=True))
    ),
    *[TEXTS] * 4,
)
CALLERS = st.builds(
    Caller,
    client_id=st.text(min_size=1, max_size=20),
    token_id=ID,
    fhir_user=st.one_of(
        st.just(""), st.builds("Practitioner/{}".format, ID), st.builds("Patient/{}".format, ID)
    ),
    purpose=st.sampled_from(("TREAT", "HSYSADMIN")),
    address=st.sampled_from(("", "127.0.0.1", "2001:db8::1")),
    request_id=st.one_of(st.just(""), ID),
    activity=ACTIVITIES,
)
RECORDED = 1_760_000_000_123
PLAIN = Caller("portal", "t", "", "TREAT", "127.0.0.1", "r")


def both(access: Access, caller: Caller) -> tuple[IndexEntries, IndexEntries]:
    event = build_event(access, caller, "e1", format_instant(RECORDED), "DMP FHIR server")
    return index_event(event, access, caller, RECORDED), extract_index(event, RECORDED)


def normalised(entries: IndexEntries) -> IndexEntries:
    assert len(entries.tokens) == len(set(entries.tokens))
    return replace(entries, tokens=sorted(entries.tokens), patients=tuple(sorted(entries.patients)))


@given(ACCESSES, CALLERS)
def test_spelled_entries_are_the_extracted_ones(access: Access, caller: Caller) -> None:
    spelled, extracted = both(access, caller)
    assert normalised(spelled) == normalised(extracted)


def test_the_star_comes_first() -> None:
    spelled, _ = both(Access("read", "Patient", "1", ("Patient/1/_history/1",)), PLAIN)
    assert spelled.tokens[0] == "*"


def test_an_access_to_another_record_than_the_agents_belongs_to_both() -> None:
    access = Access("read", "Patient", "1", ("Patient/1/_history/1",))
    spelled, _ = both(access, replace(PLAIN, fhir_user="Patient/2"))
    assert sorted(spelled.patients) == ["1", "2"]
    assert {"p=1", "p=2"} <= set(spelled.tokens)


@pytest.mark.parametrize("interaction", INTERACTIONS)
def test_every_interaction_is_indexed(interaction: str) -> None:
    spelled, extracted = both(Access(interaction, "Patient", "1", query="a=b"), PLAIN)
    assert normalised(spelled) == normalised(extracted)
