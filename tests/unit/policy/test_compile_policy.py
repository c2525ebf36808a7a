"""Consents → one policy, whatever their order; where two meet, the one that refuses wins."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.errors import Unprocessable
from fhir_server.fhir.instant import format_instant
from fhir_server.policy.compile_policy import compile_policy
from fhir_server.policy.consent_templates import POLICY, read_template
from fhir_server.policy.record_policy import FOREVER, RecordPolicy
from tests.records import decision, state

ACTORS = ("Practitioner/a", "Organization/b")
TEMPLATES = ["authorisation", "block", "treating", "care-team", "emergency-masked", "emergency-break-glass"]
rows = st.tuples(
    st.sampled_from(
        ["authorisation", "block", "treating", "care-team", "emergency-masked", "emergency-break-glass"]
    ),
    st.sampled_from(ACTORS),
    st.booleans(),
    st.integers(0, 5),
)


def _consent(row: tuple[str, str, bool, int]) -> dict[str, Any]:
    template, actor, is_active, second = row
    emergency = template.startswith("emergency")
    if template == "treating":
        actor = "Practitioner/a"
    choice = "deny" if template == "block" or (emergency and second % 2) else "permit"
    made = decision("1", template, choice, actors=[] if emergency else [actor])
    made |= {"status": "active" if is_active else "inactive"}
    return made | {"meta": {"lastUpdated": format_instant(second * 1000)}}


def _compiled(consents: list[dict[str, Any]], lasting: int = FOREVER) -> RecordPolicy:
    decisions = [read_template(consent, "") for consent in consents]
    return compile_policy("1", None, [one for one in decisions if one is not None], lasting)


def _is_let_in(decisions: list[tuple[str, str, bool, int]], template: str, actor: str) -> bool:
    """Step by step: what was permitted after the last block was lifted."""
    lifted = [t for name, who, active, t in decisions if name == "block" and who == actor and not active]
    return any(
        name == template and active and t > max(lifted, default=-1)
        for name, who, active, t in decisions
        if who == actor or template == "treating"
    )


@given(st.lists(rows, max_size=8), st.randoms())
def test_the_order_of_consents_does_not_matter_and_a_block_ends_what_was_before(
    decisions: list[tuple[str, str, bool, int]], random: Random
) -> None:
    consents = [_consent(row) for row in decisions]
    policy = _compiled(consents)
    random.shuffle(consents)
    assert _compiled(consents) == policy
    for actor in ACTORS:
        assert (actor in policy.permits) == _is_let_in(decisions, "authorisation", actor)
        assert (actor in policy.care_team) == _is_let_in(decisions, "care-team", actor)
        blocks = [row for row in decisions if row[:3] == ("block", actor, True)]
        assert (actor in policy.blocked) == bool(blocks)
    switches = [(t, t % 2) for name, _, active, t in decisions if name == "emergency-masked" and active]
    assert ("MASKED" in policy.emergency) == (bool(switches) and max(switches)[1] == 0)


def test_an_authorisation_without_end_ends_by_itself() -> None:
    period: dict[str, Any] = {}
    one = decision("1", "authorisation", actors=["Practitioner/a"], provision={"period": period})
    one |= {"meta": {"lastUpdated": format_instant(5000)}}
    assert _compiled([one], 100).permits == {"Practitioner/a": (0, 5100)}
    period["start"] = "2090-01-01"
    since, until = _compiled([one], 100).permits["Practitioner/a"]
    assert until == since + 100
    period["end"] = "2091-01-01"
    assert _compiled([one], 100).permits["Practitioner/a"][1] > until
    assert _compiled([{**one, "policy": [{"uri": f"{POLICY}care-team"}]}]).care_team


def test_without_decisions_nobody_is_let_in_and_two_switches_permit() -> None:
    policy = compile_policy("1", None, [])
    assert (policy.state, policy.emergency) == ("none", {"ETREAT", "BTG"})
    assert not policy.permits
    assert not policy.treating


@pytest.mark.parametrize(
    ("born", "of_age"),
    [
        ("2008-11-26", "2026-11-26T00:00:00.000Z"),
        ("2008-02-29", "2026-03-01T00:00:00.000Z"),
        ("2008", "2026-01-01T00:00:00.000Z"),
        ("2008-05", "2026-05-01T00:00:00.000Z"),
        ("x", ""),
        (None, ""),
    ],
)
def test_majority_is_eighteen_years_after_birth(born: str | None, of_age: str) -> None:
    policy = compile_policy("1", {"birthDate": born} if born else {}, [])
    assert (format_instant(policy.majority) if policy.majority else "") == of_age


def test_of_two_states_at_once_the_one_that_opens_less_holds() -> None:
    meta = {"lastUpdated": format_instant(1000)}
    both = [state("1", name) | {"meta": meta} for name in ("open", "closed")]
    assert _compiled(both).state == _compiled(both[::-1]).state == "closed"


def test_a_fourth_aidant_is_one_too_many() -> None:
    helpers = [decision("1", "caregiver", actors=[f"RelatedPerson/{n}"]) for n in range(4)]
    assert len(_compiled(helpers[:3]).representatives) == 3
    with pytest.raises(Unprocessable):
        _compiled(helpers)


def test_a_malformed_consent_of_a_template_is_refused_where_validation_is_off() -> None:
    actors = [{"reference": {"reference": "Practitioner/a"}}]
    hostile: list[dict[str, Any]] = [
        {"provision": {"type": "deny", "actor": "x"}},
        {"provision": {"type": "deny", "actor": [1]}},
        {"provision": {"type": "deny", "actor": [{"reference": 3}]}},
        {"provision": {"type": ["deny"], "actor": []}},
        {"provision": {"type": "deny", "actor": actors, "period": [1]}},
        {"provision": {"type": "deny", "actor": actors}, "meta": 1},
    ]
    for broken in hostile:
        with pytest.raises(Unprocessable):
            _compiled([decision("1", "block", "deny", actors=["Practitioner/a"]) | broken])


@given(st.lists(st.sampled_from(["announced", "open", "closed", "deceased"]), max_size=8), st.randoms())
def test_a_record_has_its_state_since_it_was_first_stated_without_another_between(
    states: list[str], random: Random
) -> None:
    consents = [
        {**state("1", name), "meta": {"lastUpdated": format_instant(1000 * second)}}
        for second, name in enumerate(states, 1)
    ]
    random.shuffle(consents)
    policy = _compiled(consents)
    last, since = "none", 0
    for second, name in enumerate(states, 1):
        if name != last:
            last, since = name, 1000 * second
    assert (policy.state, policy.since) == (last, since)
