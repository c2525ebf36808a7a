"""Every expression of the R4 tables compiles, and yields what a second implementation yields."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import fhirpathpy
import pytest
from fhirpathpy.models import models
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_server.definitions.registry import load_definitions
from fhir_server.fhirpath.evaluate import compile_expression

DEFINITIONS = load_definitions()


def test_every_search_expression_compiles_for_every_type_it_applies_to() -> None:
    count = 0
    for resource_type in DEFINITIONS.resource_types:
        for parameter in DEFINITIONS.search_parameters(resource_type).values():
            if parameter.expression:
                compile_expression(parameter.expression, resource_type)
                count += 1
            for _, component in parameter.component:
                compile_expression(component, resource_type)
    assert count > 2_500


def invariants() -> Iterator[tuple[str, str, str]]:
    for path in DEFINITIONS.invariant_paths:
        for key, _, expression, _ in DEFINITIONS.invariants(path):
            if expression:
                yield path, key, expression


def test_every_invariant_compiles() -> None:
    for path, _, expression in invariants():
        compile_expression(expression, path)


# --- a generator of resources, by the element model -------------------------------------------------

PRIMITIVES: dict[str, st.SearchStrategy[Any]] = {
    "boolean": st.booleans(),
    "integer": st.integers(-3, 3),
    "positiveInt": st.integers(1, 3),
    "unsignedInt": st.integers(0, 3),
    "decimal": st.sampled_from([Decimal("1.5"), Decimal(2)]),
    "date": st.sampled_from(["2020", "2020-05", "2020-05-06"]),
    "dateTime": st.sampled_from(["2020", "2020-05-06", "2020-05-06T10:00:00Z"]),
    "instant": st.just("2020-05-06T10:00:00Z"),
    "time": st.just("10:00:00"),
    "code": st.sampled_from(["final", "phone", "email", "composed-of", "official"]),
    "uri": st.sampled_from(["http://loinc.org", "urn:x"]),
}
TYPES = ("Patient", "Observation", "Encounter", "DocumentReference", "Condition", "MedicationRequest")


@st.composite
def elements(draw: st.DrawFn, type_name: str, depth: int) -> Any:
    structure = DEFINITIONS.structure(type_name)
    if structure.is_primitive:
        return draw(PRIMITIVES.get(type_name, st.sampled_from(["a", "b", "c"])))
    if type_name == "Reference":
        return {"reference": draw(st.sampled_from(["Patient/1", "Practitioner/2"]))}
    keys = [
        key
        for key in structure.keys
        if key not in ("contained", "extension", "modifierExtension", "text", "id")
    ]
    content: dict[str, Any] = {}
    owners: set[str] = set()
    for key in draw(st.lists(st.sampled_from(keys), max_size=6 if depth else 12, unique=True)):
        element, target = structure.keys[key]
        if element.name in owners or (depth > 2 and not DEFINITIONS.structure(target).is_primitive):
            continue
        owners.add(element.name)
        value = draw(elements(target, depth + 1))
        if value != {}:
            content[key] = [value] if element.is_list else value
    return content


def resources() -> st.SearchStrategy[dict[str, Any]]:
    return st.sampled_from(TYPES).flatmap(
        lambda t: elements(t, 0).map(lambda content: {"resourceType": t, **content})
    )


def plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return float(value) if isinstance(value, (int, Decimal)) and not isinstance(value, bool) else value


def for_the_other(expression: str, resource_type: str) -> str:
    """The other implementation knows neither pruning nor `Resource.` as the root."""
    branches = [branch.strip() for branch in expression.split("|")]
    roots = (resource_type, "Resource", "DomainResource")
    kept = [branch for branch in branches if branch.lstrip("(").split(".")[0].rstrip(") ") in roots]
    return " | ".join(b.removeprefix("DomainResource.").removeprefix("Resource.") for b in kept)


OTHERS: dict[str, Any] = {}


def other_answer(expression: str, input_: dict[str, Any], **variables: Any) -> list[Any] | None:
    """None where the other implementation cannot answer."""
    try:
        if expression not in OTHERS:
            OTHERS[expression] = fhirpathpy.compile(expression, models["r4"])
        return [plain(item) for item in OTHERS[expression](plain(input_), variables)]
    except Exception:
        return None


@settings(max_examples=60, deadline=None)
@given(resources())
def test_search_expressions_yield_what_another_implementation_yields(resource: dict[str, Any]) -> None:
    resource_type = resource["resourceType"]
    for parameter in DEFINITIONS.search_parameters(resource_type).values():
        expression = for_the_other(parameter.expression, resource_type)
        if not expression or "resolve()" in expression:
            continue
        theirs = other_answer(expression, resource)
        ours = [
            plain(n.value) for n in compile_expression(parameter.expression, resource_type).evaluate(resource)
        ]
        if theirs is not None:
            assert sorted(map(repr, ours)) == sorted(map(repr, theirs)), parameter.expression


@settings(max_examples=60, deadline=None)
@given(resources())
def test_invariants_hold_where_another_implementation_says_so(resource: dict[str, Any]) -> None:
    resource_type = resource["resourceType"]
    for _, severity, expression, _ in DEFINITIONS.invariants(resource_type):
        if severity != "error" or not expression or "trace(" in expression:
            continue
        theirs = other_answer(expression, resource, resource=plain(resource))
        if theirs is not None:
            found = compile_expression(expression, resource_type).evaluate(resource)
            assert [n.value for n in found] == theirs, expression


@pytest.mark.parametrize(
    ("path", "key", "good", "bad"),
    [
        ("Patient.contact", "pat-1", {"name": {"text": "x"}}, {"gender": "male"}),
        ("Quantity", "qty-3", {"code": "a", "system": "b"}, {"code": "a"}),
        ("Period", "per-1", {"start": "2020-01", "end": "2020-02-01"}, {"start": "2021", "end": "2020"}),
        (
            "Observation",
            "obs-6",
            {"valueString": "x"},
            {"valueString": "x", "dataAbsentReason": {"text": "y"}},
        ),
        ("Age", "age-1", {"value": 3, "code": "a"}, {"value": -3, "code": "a"}),
        ("Count", "cnt-3", {"value": Decimal(1), "code": "1"}, {"value": Decimal("1.5"), "code": "1"}),
        (
            "Questionnaire.item.enableWhen",
            "que-7",
            {"operator": "exists", "answerBoolean": True},
            {"operator": "exists", "answerString": "x"},
        ),
        (
            "Narrative.div",
            "txt-1",
            '<div xmlns="http://www.w3.org/1999/xhtml"><p class="a">x<a href="b">c</a></p></div>',
            '<div xmlns="http://www.w3.org/1999/xhtml"><script>x</script></div>',
        ),
    ],
)
def test_invariant_tells_good_from_bad(path: str, key: str, good: Any, bad: Any) -> None:
    from fhir_server.fhirpath.evaluate import Node

    type_name = path if DEFINITIONS.structure_or_none(path) else "xhtml"
    (expression,) = (e for k, _, e, _ in DEFINITIONS.invariants(path) if k == key)
    compiled = compile_expression(expression, type_name)
    assert compiled.is_true(Node(good, type_name, None))
    assert not compiled.is_true(Node(bad, type_name, None))


XHTML = 'xmlns="http://www.w3.org/1999/xhtml"'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"<div {XHTML}>é&amp;</div>", True),
        (f'<div {XHTML} xml:lang="fr"><img src="#a" alt="b"/></div>', True),
        (f"<div {XHTML}>  </div>", False),
        ("<div>x</div>", False),
        (f"<p {XHTML}>x</p>", False),
        (f'<div {XHTML} onclick="x()">x</div>', False),
        (f"<!DOCTYPE div [<!ENTITY a 'b'>]><div {XHTML}>&a;</div>", False),
        (f"<div {XHTML}>&nbsp;</div>", False),
        (f"<div {XHTML}><?php x?>x</div>", False),
        (f"<div {XHTML}>x", False),
        (f"<div {XHTML}>\ud800</div>", False),
    ],
)
def test_narrative_follows_the_rules_of_xhtml(text: str, expected: bool) -> None:
    from fhir_server.fhirpath.evaluate import Node

    found = compile_expression("htmlChecks()", "xhtml").evaluate(Node(text, "xhtml", None))
    assert [n.value for n in found] == [expected]


def test_html_checks_of_nothing_is_nothing_and_of_no_text_is_false() -> None:
    patient = {"resourceType": "Patient", "active": True}
    assert compile_expression("text.div.htmlChecks()", "Patient").evaluate(patient) == []
    assert [n.value for n in compile_expression("active.htmlChecks()", "Patient").evaluate(patient)] == [
        False
    ]
