"""Where an extension may stand: contexts of every type, and invariants on what carries it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.validation.profiles import R4, URL, source, told
from tests.unit.validation.test_profile_rules import ORIGIN, PATIENT


@pytest.mark.parametrize(
    ("invariants", "holder", "bad"),
    [
        (["birthDate.exists()"], {"birthDate": "1980"}, {}),
        (["%extension.value = gender"], {"gender": "male"}, {"gender": "female"}),
        (
            ["gender.exists()", "birthDate.exists()"],
            {"gender": "male", "birthDate": "1980"},
            {"birthDate": "1980"},
        ),
    ],
)
def test_a_context_invariant_is_asked_of_what_carries_the_extension(
    invariants: list[str], holder: Any, bad: Any
) -> None:
    known = source({**ORIGIN, "contextInvariant": invariants})
    extension = [{"url": URL + "origin", "valueCode": "male"}]
    assert told({**PATIENT, **holder, "extension": extension}, known) == []
    assert told({**PATIENT, **bad, "extension": extension}, known) == [
        ("extension:context-invariant", "Patient.extension[0]")
    ]
    assert told({**PATIENT, **bad}, known) == []


def test_a_context_invariant_is_asked_of_a_primitive_with_its_value() -> None:
    known = source({**ORIGIN, "contextInvariant": ["$this > @1970-01-01"]})
    extension = {"extension": [{"url": URL + "origin", "valueCode": "a"}]}
    assert told({**PATIENT, "birthDate": "1980-01-01", "_birthDate": extension}, known) == []
    assert told({**PATIENT, "birthDate": "1960-01-01", "_birthDate": extension}, known) == [
        ("extension:context-invariant", "Patient.birthDate.extension[0]")
    ]


@pytest.mark.parametrize(
    "invariants", [["("], ["x" * 20_000], ["unknown()"], ["true"] * 33, [None, 3], {}, "x"]
)
def test_a_context_invariant_that_cannot_be_read_is_no_error_of_the_resource(invariants: Any) -> None:
    extension = [{"url": URL + "origin", "valueCode": "a"}]
    assert told({**PATIENT, "extension": extension}, source({**ORIGIN, "contextInvariant": invariants})) == []


@pytest.mark.parametrize("expression", [R4 + "Patient#Patient.name", URL + "p#Patient.name:official"])
def test_a_context_may_name_its_element_by_profile_and_id(expression: str) -> None:
    known = source({**ORIGIN, "context": [{"type": "element", "expression": expression}]})
    extension = [{"url": URL + "origin", "valueCode": "a"}]
    assert told({**PATIENT, "name": [{"text": "x", "extension": extension}]}, known) == []
    assert told({**PATIENT, "extension": extension}, known) == [("extension:context", "Patient.extension[0]")]


def test_a_context_may_be_another_extension() -> None:
    known = source({**ORIGIN, "context": [{"type": "extension", "expression": "urn:a:outer"}]})
    inner = [{"url": URL + "origin", "valueCode": "a"}]
    held = [{"url": "urn:a:outer", "extension": inner}]
    assert told({**PATIENT, "extension": held}, known) == []
    other = [{"url": "urn:a:other", "extension": inner}]
    assert told({**PATIENT, "extension": other}, known) == [
        ("extension:context", "Patient.extension[0].extension[0]")
    ]


def test_a_context_may_be_what_an_expression_selects() -> None:
    row = {"type": "fhirpath", "expression": "Patient.name.where(use = 'usual')"}
    known = source({**ORIGIN, "context": [row]})
    extension = [{"url": URL + "origin", "valueCode": "a"}]
    assert told({**PATIENT, "name": [{"use": "usual", "extension": extension}]}, known) == []
    assert told({**PATIENT, "name": [{"use": "old", "extension": extension}]}, known) == [
        ("extension:context", "Patient.name[0].extension[0]")
    ]


@pytest.mark.parametrize("stands", [True, False])
def test_what_is_contained_is_asked_once_and_by_itself(stands: bool) -> None:
    known = source({**ORIGIN, "contextInvariant": ["%resource.gender.exists() and gender.exists()"]})
    extension = [{"url": URL + "origin", "valueCode": "a"}]
    inner = {**PATIENT, "id": "x", "extension": extension} | ({"gender": "male"} if stands else {})
    link = [{"other": {"reference": "#x"}, "type": "seealso"}]
    found = told({**PATIENT, "contained": [inner], "link": link}, known)
    expected = [("extension:context-invariant", "Patient.contained[0].extension[0]")]
    assert [one for one in found if one[0].startswith("extension")] == ([] if stands else expected)
