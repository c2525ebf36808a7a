"""The two faces of the policy cannot drift: what `decide` permits is what the filter of `constrain` finds."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from fhir_server.definitions.registry import load_definitions
from fhir_server.errors import Forbidden
from fhir_server.policy.compartment import compartment_types, shared_types
from fhir_server.policy.context import AccessContext
from fhir_server.policy.decide import constrain, decide
from fhir_server.policy.scopes import parse_scopes

TYPES = load_definitions().resource_types
LETTERS = "cruds"

scopes = st.lists(
    st.builds(
        lambda level, type_, letters: f"{level}/{type_}.{letters}",
        st.sampled_from(["patient", "user", "system"]),
        st.sampled_from(["*", "Patient", "Observation", "Practitioner", "Binary", "AuditEvent"]),
        st.sets(st.sampled_from(LETTERS), min_size=1).map(lambda s: "".join(c for c in LETTERS if c in s)),
    ),
    min_size=1,
    max_size=4,
)
contexts = st.builds(
    lambda text, patient: AccessContext("app", "t1", parse_scopes(" ".join(text), TYPES), patient=patient),
    scopes,
    st.sampled_from(["", "1", "2"]),
)


def reference_rule(context: AccessContext, resource_type: str, letter: str, patient: str) -> bool:
    """The rule said a second time, slowly: by the scopes' text."""
    for scope in context.scopes.text.split():
        level, _, rest = scope.partition("/")
        type_, _, letters = rest.partition(".")
        if type_ not in ("*", resource_type) or letter not in letters:
            continue
        if level == "system":
            return True
        if level != "patient" or not context.patient:
            continue
        if resource_type in compartment_types():
            if patient == context.patient:
                return True
        elif resource_type in shared_types() and letter in "rs":
            return True
    return False


def found_by_filter(context: AccessContext, resource_type: str, letter: str, patient: str) -> bool:
    try:
        condition = constrain(context, resource_type, letter).filter
    except Forbidden:
        return False
    document = {"p": patient} if patient else {}
    return all(document.get(field) == test["$eq"] for field, test in condition.items())


@given(contexts, st.sampled_from(TYPES), st.sampled_from(LETTERS), st.sampled_from(["", "1", "2"]))
def test_decide_permits_what_the_filter_finds_and_what_the_rule_says(
    context: AccessContext, resource_type: str, letter: str, patient: str
) -> None:
    decided = decide(context, resource_type, letter, patient)
    assert decided == found_by_filter(context, resource_type, letter, patient)
    assert decided == reference_rule(context, resource_type, letter, patient)


def test_a_type_that_is_neither_shared_nor_in_the_compartment_is_closed_to_a_patient() -> None:
    context = AccessContext("app", "t1", parse_scopes("patient/*.cruds", TYPES), patient="1")
    closed = {t for t in TYPES if not decide(context, t, "r", "1")}
    assert {"Binary", "Bundle", "Subscription", "Task", "Parameters"} <= closed
    assert not closed & (compartment_types() | shared_types())
