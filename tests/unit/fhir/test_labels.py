"""Visibility labels are a set, under two spellings of their system and in two places."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.fhir.labels import LABELS, SYSTEM, SYSTEMS, labels_of, with_labels

bits = st.integers(0, 7)
other = {"system": "http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "code": "R"}


@given(before=bits, after=bits, labelled=st.booleans())
def test_labels_replace_each_other_and_nothing_else(*, before: int, after: int, labelled: bool) -> None:
    resource: dict[str, Any] = {"resourceType": "DocumentReference", "meta": {"security": [other]}}
    if labelled:
        resource["securityLabel"] = [{"coding": [{"system": SYSTEM, "code": "MASQUE_PS"}], "text": "x"}]
    changed = with_labels(with_labels(resource, before), after)
    assert labels_of(changed) == after
    assert other in changed["meta"]["security"]
    assert labels_of(resource) == int(labelled)


@pytest.mark.parametrize("system", sorted(SYSTEMS))
@pytest.mark.parametrize("code", sorted(LABELS))
def test_each_spelling_counts_in_both_places(system: str, code: str) -> None:
    coding = {"system": system, "code": code}
    assert labels_of({"meta": {"security": [other, coding]}}) == LABELS[code]
    assert labels_of({"securityLabel": [{"coding": [other]}, {"coding": [other, coding]}]}) == LABELS[code]


@given(
    st.recursive(
        st.none() | st.text() | st.integers(),
        lambda c: (
            st.lists(c)
            | st.dictionaries(
                st.sampled_from(["meta", "security", "securityLabel", "coding", "system", "code", SYSTEM]), c
            )
        ),
    )
)
def test_what_has_the_wrong_shape_is_no_label(value: Any) -> None:
    assert labels_of({"meta": value, "securityLabel": value}) == 0 or isinstance(value, dict | list)


def test_without_labels_nothing_is_left_of_meta() -> None:
    masked = {"resourceType": "Observation", "meta": {"security": [{"system": SYSTEM, "code": "MASQUE_PS"}]}}
    assert with_labels(masked, 0) == {"resourceType": "Observation"}
