"""Profiles from outside may be anything: a clear issue, never an exception, never work without end."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_server.validation.validate import validate_resource
from tests.unit.validation.profiles import URL, Json, element, issues, profile, slicing, source, told

PATIENT: Json = {"resourceType": "Patient"}


def constraint(expression: str, severity: str = "error") -> Json:
    row = {"key": "x-1", "severity": severity, "human": "x", "expression": expression}
    return profile("p", "Patient", element("Patient", constraint=[row]))


@pytest.mark.parametrize(
    "definition",
    [
        profile("p", "Patient", parent=URL + "p"),
        profile("p", "Patient", parent=URL + "nowhere"),
        profile("p", "Patient", element("Patient.nothing")),
        {**profile("p", "Patient"), "type": "Nothing"},
        {**profile("p", "Patient"), "differential": {"element": [5]}},
        {**profile("p", "Patient"), "differential": {"element": [element("Patient.name", type=5)]}},
        {**profile("p", "Patient"), "snapshot": {"element": [{"path": "Patient"}, {"path": "Patient.a.b"}]}},
    ],
)
def test_a_profile_that_cannot_be_used_is_told(definition: Json) -> None:
    (found,) = told(PATIENT, source(definition), "p")
    assert found == ("profile:broken", "Patient")


@pytest.mark.parametrize(
    "expression",
    ["name.", "nothing()", "name.where(", "(" * 5_000, "name.exists() and " * 2_000 + "true", "'\\q'"],
)
def test_an_expression_that_is_no_fhirpath_is_told(expression: str) -> None:
    (found,) = (i for i in issues(PATIENT, source(constraint(expression)), "p") if i.severity == "error")
    assert found.message_id == "profile:part"
    assert "x-1" in found.diagnostics


def test_an_expression_that_would_never_end_is_stopped() -> None:
    costly = "name.given.select(%resource.name.given).select(%resource.name.given).count() > 0"
    begun = time.monotonic()
    found = issues({**PATIENT, "name": [{"given": ["x"] * 200}] * 50}, source(constraint(costly)), "p")
    assert time.monotonic() - begun < 10
    assert [(i.severity, i.code) for i in found if i.message_id == "invariant:x-1"] == [
        ("error", "too-costly")
    ]


def test_a_warning_of_a_profile_is_no_error() -> None:
    found = issues(PATIENT, source(constraint("name.exists()", "warning")), "p")
    assert [i.severity for i in found if i.message_id == "invariant:x-1"] == ["warning"]


def test_a_slicing_without_discriminator_is_no_reason_to_refuse() -> None:
    definition = profile(
        "p",
        "Patient",
        element("Patient.name", slicing={"rules": "closed"}),
        element("Patient.name:a", min=1),
    )
    assert told({**PATIENT, "name": [{"text": "x"}]}, source(definition), "p") == []


def test_a_discriminator_that_is_no_path_is_no_reason_to_refuse() -> None:
    definition = profile(
        "p",
        "Patient",
        element("Patient.name", slicing=slicing("value", "use.where(")),
        element("Patient.name:a", min=1),
        element("Patient.name:a.use", fixedCode="usual"),
    )
    found = issues({**PATIENT, "name": [{"text": "x"}]}, source(definition), "p")
    assert not any(i.message_id.startswith("slicing") for i in found)


json = st.recursive(
    st.none() | st.booleans() | st.integers(-1, 2) | st.sampled_from(["", "*", "Patient", "name", "value"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["code", "path", "min", "type", "profile", "discriminator"]), inner)
    ),
    max_leaves=8,
)
FACTS = (
    "min",
    "max",
    "type",
    "binding",
    "constraint",
    "slicing",
    "patternString",
    "maxLength",
    "sliceName",
    "id",
)


@settings(max_examples=80, deadline=None)
@given(
    st.dictionaries(st.sampled_from(FACTS), json),
    st.sampled_from(["Patient.name", "Patient.name:a", "Patient"]),
)
def test_an_element_of_any_shape_yields_issues_only(facts: dict[str, Any], id_: str) -> None:
    definition = profile("p", "Patient", {**element(id_), **facts})
    resource = {**PATIENT, "name": [{"text": "x"}, {"family": "y"}]}
    for issue in validate_resource(resource, profiles=[URL + "p"], conformance=source(definition)):
        assert issue.severity in ("error", "warning", "information")


def test_a_profile_compiled_by_many_threads_at_once_is_whole() -> None:
    for _ in range(3):
        known = source(
            profile("p", "Patient", element("Patient.birthDate", min=1)), {"url": str(time.time())}
        )
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(told, [PATIENT] * 40, [known] * 40, ["p"] * 40))
        assert found == [[("cardinality:min", "Patient.birthDate")]] * 40
