"""A professional's own events are found by the entry that the trail writes for her, and by no other."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fhir_server.audit.event import Access, Caller, build_event
from fhir_server.policy.own_events import own_events_filter
from fhir_server.search.index import extract_index

PERSONS = st.builds(
    "{}/{}".format,
    st.sampled_from(("Practitioner", "Patient", "RelatedPerson")),
    st.from_regex(r"[A-Za-z0-9\-.]{1,64}", fullmatch=True),
)


@given(PERSONS, PERSONS)
def test_an_event_is_found_by_its_own_agent_only(agent: str, other: str) -> None:
    caller = Caller("app", "t", agent, "TREAT", "", "r")
    access = Access("read", "Patient", "1", ("Patient/1/_history/1",), rule="permit", epoch=3)
    tokens = extract_index(build_event(access, caller, "e", "2026-01-01T00:00:00Z", "x"), 0).tokens
    assert own_events_filter(agent)["t"]["$eq"] in tokens
    assert (own_events_filter(other)["t"]["$eq"] in tokens) is (agent == other)
