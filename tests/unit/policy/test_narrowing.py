"""Asked, allowed and granted scopes meet as sets of what they permit; the oracle counts them one by one."""

from __future__ import annotations

import time
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_server.errors import Invalid
from fhir_server.policy.narrowing import is_within, narrow
from fhir_server.policy.scopes import URI_PREFIX, Scopes, parse_scopes

TYPES = ("Observation", "Patient", "Encounter")
WORDS = {"read": "rs", "write": "cud", "*": "cruds"}

Access = tuple[str, str, str, frozenset[str], frozenset[str]]
"""Level, letter, type, tags and labels of a resource."""


def subsets(values: str) -> list[frozenset[str]]:
    return [frozenset(v for i, v in enumerate(values) if bits >> i & 1) for bits in range(1 << len(values))]


EVERY_ACCESS: list[Access] = [
    (level, letter, type_, tags, labels)
    for level, letter, type_, tags, labels in product(
        ("patient", "user"), "crs", TYPES, subsets("abc"), subsets("xy")
    )
]


def permitted(text: str) -> set[Access]:
    """What a scope string permits, read a second time and applied to every access there is."""
    return {access for access in EVERY_ACCESS if any(permits(scope, access) for scope in text.split())}


def permits(scope: str, access: Access) -> bool:
    level, letter, type_, tags, labels = access
    scope = scope.removeprefix(URI_PREFIX)
    if "/" not in scope or "." not in scope:
        return False
    head, _, query = scope.partition("?")
    named, _, letters = head.rpartition(".")
    if named not in (f"{level}/{type_}", f"{level}/*") or letter not in WORDS.get(letters, letters):
        return False
    for pair in query.split("&") if query else []:
        name, _, values = pair.partition("=")
        if not set(values.split(",")) & (tags if name == "_tag" else labels):
            return False
    return True


letters = st.sampled_from(["r", "s", "rs", "cr", "crs", "cruds", "read", "write", "*"])
conditions = st.lists(
    st.sampled_from(
        ["_tag=a", "_tag=b", "_tag=a,b", "_tag=b,c", "_tag=a,b,c", "_security=x", "_security=x,y"]
    ),
    max_size=2,
    unique=True,
).map(lambda found: "?" + "&".join(found) if found else "")
data_scopes = st.builds(
    "{}{}/{}.{}{}".format,
    st.sampled_from(["", "", URI_PREFIX]),
    st.sampled_from(["patient", "patient", "user"]),
    st.sampled_from(["*", "Observation", "Patient"]),
    letters,
    conditions,
)
context_scopes = st.sampled_from(["openid", "launch/patient", "offline_access", URI_PREFIX + "openid"])
texts = st.lists(data_scopes | context_scopes, min_size=1, max_size=4).map(" ".join)
AT_MOST = settings(max_examples=400, deadline=None)


def parse(text: str) -> Scopes:
    return parse_scopes(text, TYPES) if text else Scopes((), "")


@given(texts, texts, texts)
@AT_MOST
def test_what_is_left_permits_what_all_permit(asked: str, allowed: str, granted: str) -> None:
    left = narrow(parse(asked), parse(allowed), parse(granted))
    assert permitted(left.text) == permitted(asked) & permitted(allowed) & permitted(granted)
    assert parse(left.text) == left
    known = [{w.removeprefix(URI_PREFIX) for w in text.split()} for text in (asked, allowed, granted)]
    assert set(left.context) == {w for w in set.intersection(*known) if w.partition("/")[0] in CONTEXTS}


CONTEXTS = {"openid", "launch", "offline_access"}


@given(texts, texts)
@AT_MOST
def test_narrowing_is_a_meet(asked: str, allowed: str) -> None:
    one, other = parse(asked), parse(allowed)
    assert narrow(one, one).text == one.text
    assert narrow(one, parse("patient/*.cruds user/*.cruds openid launch/patient offline_access")) == one
    assert permitted(narrow(one, other).text) == permitted(narrow(other, one).text)
    left = narrow(one, other)
    assert narrow(left, other) == left
    assert is_within(left, one)
    assert is_within(left, other)


@given(texts, texts)
@AT_MOST
def test_what_is_within_permits_no_more(asked: str, bound: str) -> None:
    if is_within(parse(asked), parse(bound)):
        assert permitted(asked) <= permitted(bound)


@pytest.mark.parametrize(
    ("asked", "allowed", "left"),
    [
        ("patient/*.read", "patient/*.cruds", "patient/*.read"),
        ("patient/*.read", "patient/*.rs", "patient/*.read"),
        ("patient/*.rs", "patient/*.read", "patient/*.rs"),
        ("patient/*.read", "patient/Observation.rs", "patient/Observation.read"),
        ("patient/*.read", "patient/*.r", "patient/*.r"),
        ("patient/*.*", "patient/*.read", "patient/*.read"),
        ("patient/*.*", "patient/*.write", "patient/*.write"),
        ("patient/Patient.cruds", "patient/Patient.r patient/Patient.s", "patient/Patient.rs"),
        (f"{URI_PREFIX}patient/*.read", "patient/Patient.rs", f"{URI_PREFIX}patient/Patient.read"),
        ("patient/Observation.rs", "patient/*.rs?_tag=a", "patient/Observation.rs?_tag=a"),
        ("patient/Observation.rs?category=x", "patient/*.rs", "patient/Observation.rs?category=x"),
        (
            "patient/Observation.rs?category=x",
            "patient/Observation.r?status=final",
            "patient/Observation.r?category=x&status=final",
        ),
        (
            "patient/Observation.rs?category=x,y",
            "patient/Observation.rs?category=y,z",
            "patient/Observation.rs?category=x,y&category=y,z",
        ),
        (
            "patient/Observation.rs",
            "patient/Observation.rs?category=x patient/Observation.rs?category=y",
            "patient/Observation.rs?category=x patient/Observation.rs?category=y",
        ),
        ("system/Patient.rs?family=d%C3%A9%26b", "system/*.r", "system/Patient.r?family=d%C3%A9%26b"),
        ("patient/*.rs", "user/*.rs system/*.rs", ""),
        ("patient/Patient.r", "patient/Patient.s", ""),
        ("openid fhirUser launch/patient", "openid", "openid"),
    ],
)
def test_scopes_come_back_in_the_form_that_was_asked(asked: str, allowed: str, left: str) -> None:
    assert narrow(parse(asked), parse(allowed)).text == left


def test_scopes_that_meet_in_too_many_ways_are_refused_soon() -> None:
    asked, allowed = (
        parse(" ".join(f"patient/Patient.rs?{name}={i}" for i in range(150))) for name in ("family", "given")
    )
    started = time.monotonic()
    with pytest.raises(Invalid, match="too many ways"):
        narrow(asked, allowed, asked)
    assert time.monotonic() - started < 2
