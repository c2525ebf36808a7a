"""elementDefinition(), slice(), checkModifiers(), subsumes(), subsumedBy(): they ask for definitions."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_server.fhirpath.evaluate import Environment, FhirPathError, compile_expression
from fhir_server.validation.context import Context
from fhir_server.validation.validate import load_book
from tests.unit.validation.profiles import URL, element, profile, slicing, source

LETTERS = "http://example.org/letters"
CODES = {
    "resourceType": "CodeSystem",
    "url": LETTERS,
    "content": "complete",
    "concept": [
        {"code": "letter", "concept": [{"code": "vowel", "concept": [{"code": "a"}]}]},
        {"code": "0"},
    ],
}
PRESSURE = profile(
    "pressure",
    "Observation",
    element("Observation.component", slicing=slicing("value", "code.text")),
    element("Observation.component:upper", min=0),
    element("Observation.component:upper.code.text", fixedString="upper"),
    element("Observation.component:upper/high", min=0),
    element("Observation.component.interpretation", slicing=slicing("value", "text")),
    element("Observation.component.interpretation:good"),
    element("Observation.component.interpretation:good.text", patternString="good"),
)
RESOURCE = {
    "resourceType": "Observation",
    "code": {"coding": [{"system": LETTERS, "code": "a"}, {"system": "urn:x", "code": "y"}]},
    "bodySite": {"coding": [{"system": LETTERS, "code": "letter"}]},
    "method": {"coding": [{"system": LETTERS, "code": "0"}]},
    "component": [
        {
            "code": {"text": "upper"},
            "valueInteger": 120,
            "interpretation": [{"text": "good"}, {"text": "bad"}],
        },
        {"code": {"text": "lower"}, "valueInteger": 80},
    ],
    "modifierExtension": [{"url": "urn:negated", "valueBoolean": True}],
}


def evaluate(expression: str) -> list[Any]:
    context = Context(RESOURCE, book=load_book(source(CODES, PRESSURE)))
    found = compile_expression(expression, "Observation").evaluate(RESOURCE, context.environment)
    return [node.value for node in found]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("elementDefinition().path", ["Observation"]),
        ("code.elementDefinition().path", ["Observation.code"]),
        ("Observation.code.coding.elementDefinition().max", ["*", "*"]),
        ("component.value.elementDefinition().path.first()", ["Observation.component.value[x]"]),
        ("component.value.first().ofType(integer).elementDefinition().type.code.count()", [11]),
        ("component.where(code.text = 'lower').code.elementDefinition().min", [1]),
        ("component[0].code.text.elementDefinition().path", ["CodeableConcept.text"]),
        ("code.elementDefinition().binding.strength", ["example"]),
        ("nothing.elementDefinition()", []),
        ("modifierExtension.url.elementDefinition().path", ["Extension.url"]),
    ],
)
def test_element_definition_tells_what_r4_says(expression: str, expected: list[Any]) -> None:
    assert evaluate(expression) == expected


@pytest.mark.parametrize("expression", ["1.elementDefinition()", "code.children().elementDefinition()"])
def test_an_item_that_is_no_known_element_has_no_definition(expression: str) -> None:
    with pytest.raises(FhirPathError):
        evaluate(expression)


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        (f"slice('{URL}pressure', 'upper').value", [120]),
        (f"component.slice('{URL}pressure', 'good').text", ["good"]),
        (f"component.slice('{URL}pressure', 'upper')", []),
        (f"slice('{URL}pressure', 'absent')", []),
        (f"slice('{URL}absent', 'upper')", []),
        (f"nothing.slice('{URL}pressure', 'upper')", []),
        ("slice({}, 'upper')", []),
        (f"slice('{URL}pressure', {{}})", []),
    ],
)
def test_slice_selects_the_children_of_the_slice(expression: str, expected: list[Any]) -> None:
    assert evaluate(expression) == expected


def test_modifiers_that_are_understood_let_the_items_pass() -> None:
    assert evaluate("checkModifiers('urn:other, urn:negated').code.coding.count()") == [2]
    assert evaluate("component.checkModifiers('urn:other').count()") == [2]
    assert evaluate("nothing.checkModifiers('urn:other')") == []


@pytest.mark.parametrize("argument", ["'urn:other'", "''", "{}", "1"])
def test_modifiers_that_are_not_understood_are_an_error(argument: str) -> None:
    with pytest.raises(FhirPathError):
        evaluate(f"checkModifiers({argument})")


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("bodySite.subsumes(%context.code)", [True]),
        ("bodySite.coding.subsumes(%context.code.coding.first())", [True]),
        ("code.subsumes(%context.bodySite)", []),
        ("code.coding.first().subsumes(%context.bodySite)", [False]),
        ("code.subsumedBy(%context.bodySite)", [True]),
        ("method.subsumes(%context.bodySite)", [False]),
        ("method.subsumes(%context.method)", [True]),
        ("code.coding.last().subsumes(%context.bodySite)", []),
        ("code.coding.last().subsumes(%context.code.coding.last())", [True]),
        ("nothing.subsumes(%context.code)", []),
        ("code.subsumes({})", []),
    ],
)
def test_subsumption_is_what_the_code_system_says(expression: str, expected: list[Any]) -> None:
    assert evaluate(expression) == expected


def test_the_hierarchy_of_a_code_system_of_r4_is_not_known() -> None:
    act = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"}
    resource = {
        "resourceType": "Encounter",
        "class": act,
        "type": [{"coding": [{**act, "code": "_ActEncounterCode"}]}],
    }
    context = Context(resource, book=load_book(source()))
    compiled = compile_expression("class.subsumedBy(%context.type)", "Encounter")
    assert compiled.evaluate(resource, context.environment) == []


@pytest.mark.parametrize(
    "expression", ["code.subsumes(code)", "slice('a', 'b')", "code.coding.code.first().subsumes('a')"]
)
def test_functions_that_need_definitions_say_so_where_none_are_given(expression: str) -> None:
    with pytest.raises(FhirPathError):
        compile_expression(expression, "Observation").evaluate(RESOURCE, Environment())
