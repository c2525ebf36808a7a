"""Paths, literals, references and variables; what an expression may know, and what is refused."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from fhir_server.fhirpath.evaluate import Environment, FhirPathError, Node, compile_expression

NOW = datetime(2024, 2, 29, 12, 30, 15, 250_000, UTC)

MANY = " | ".join(f"'{letter}'" for letter in "abcdefghi")
ROWS: list[tuple[str, list[Any]]] = [
    # paths
    ("Patient.name.given", ["Anne", "Marie", "Nanou"]),
    ("name.given[1]", ["Marie"]),
    ("name[0].given[-1]", []),
    ("name[{}]", []),
    ("Observation.code", []),
    ("Resource.id", ["p1"]),
    ("DomainResource.id", ["p1"]),
    ("nothing", []),
    ("name.given.nothing", []),
    ("`name`.`family`", ["Durand"]),
    ("deceased", [False]),
    ("multipleBirth", [2]),
    ("birthDate.extension.value", ["1974-12-25T14:35:45-05:00"]),
    ("birthDate.extension('http://x/time').value", ["1974-12-25T14:35:45-05:00"]),
    ("extension({})", []),
    ("nothing.extension('u')", []),
    ("birthDate.hasExtension('http://x/time')", [True]),
    ("birthDate.hasExtension('http://x/other')", [False]),
    ("gender.id", ["g"]),
    ("gender.value", []),
    ("contained.name", ["Ward"]),
    ("$this.id", ["p1"]),
    # literals
    ("{}", []),
    ("true", [True]),
    ("'a\\'b\\\\\\u0041\\n'", ["a'b\\A\n"]),
    ("1.50", [Decimal("1.50")]),
    ("@2015-02-04T14:34:28Z", ["2015-02-04T14:34:28Z"]),
    ("@2015T", ["2015T"]),
    ("@T14:34:28", ["14:34:28"]),
    ("/* comment */ 1 // more", [1]),
    ("-1", [-1]),
    ("+1.5", [Decimal("1.5")]),
    ("-{}", []),
    ("(-(4 'mg')).toString()", ["-4 'mg'"]),
    # references
    ("managingOrganization.resolve().name", ["Ward"]),
    ("generalPractitioner.where(resolve() is Practitioner).reference", ["Practitioner/1"]),
    ("generalPractitioner.resolve().where($this is Organization).count()", [1]),
    ("generalPractitioner.where(resolve() is PractitionerRole).reference", ["urn:uuid:0"]),
    ("'Patient/1'.resolve() is Patient", [True]),
    ("'#'.resolve().id", ["p1"]),
    ("'#other'.resolve()", []),
    ("'Patient?identifier=1'.resolve() is Patient", [True]),
    ("1.resolve()", []),
    # variables
    ("%resource.id", ["p1"]),
    ("%rootResource.id", ["p1"]),
    ("%context.id", ["p1"]),
    ("%ucum", ["http://unitsofmeasure.org"]),
    ("%sct", ["http://snomed.info/sct"]),
    ("%loinc", ["http://loinc.org"]),
    ("%`vs-name-use`", ["http://hl7.org/fhir/ValueSet/name-use"]),
    ("%'ext-birthPlace'", ["http://hl7.org/fhir/StructureDefinition/birthPlace"]),
    ("%given", ["x"]),
    ("%many", [1, True, Decimal("2.5")]),
    ("%none", []),
    ("%node", ["n"]),
    ("%other.id", ["p2"]),
]

VARIABLES = {
    "given": "x",
    "many": [1, True, Decimal("2.5")],
    "none": None,
    "node": Node("n", "code", None),
    "other": {"resourceType": "Patient", "id": "p2"},
}


@pytest.mark.parametrize(("expression", "expected"), ROWS, ids=[row[0] for row in ROWS])
def test_expression_yields_what_its_row_says(
    expression: str, expected: list[Any], patient: dict[str, Any]
) -> None:
    environment = Environment(variables=VARIABLES, now=NOW)
    found = [node.value for node in compile_expression(expression, "Patient").evaluate(patient, environment)]
    assert found == expected
    assert [type(a) is bool for a in found] == [type(b) is bool for b in expected]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("value > 180 '[lb_av]'", [True]),
        ("(Observation.value as Quantity).unit", ["lbs"]),
        ("value.toQuantity().toString()", ["185.50 '[lb_av]'"]),
        ("effective.start <= effective.end", [True]),
        ("code ~ code", [True]),
        ("code.coding ~ code.coding", [True]),
        ("value = value", [True]),
        ("value ~ value", [True]),
        ("referenceRange.age.low = 2 years", [True]),
        ("issued > @2020-01-01T08:00:00Z", [True]),
        ("issued = @2020-01-01T08:00:00.5Z", [True]),
    ],
)
def test_expression_on_observation_yields(
    expression: str, expected: list[Any], observation: dict[str, Any]
) -> None:
    found = compile_expression(expression, "Observation").evaluate(observation)
    assert [node.value for node in found] == expected


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "name.",
        "name name",
        "1 +",
        "(1",
        "name[0",
        "{1}",
        "and",
        "'a",
        "'\\q'",
        "/* open",
        "§",
        "f(1,)",
        "9999999999",
        "99999999999999999999999",
        "unheardOf()",
        "name.family.encode('hex')",
        "name.first(1)",
        "name.where()",
        "name.ofType()",
        "name.as(1 + 1)",
        "name.as(FHIR.string.first())",
        "name is Nonsense",
        "name is System.Patient",
        "Nonsense.name",
        "(" * 60 + "1" + ")" * 60,
        "-" * 200 + "1",
        " and ".join(["true"] * 200),
        "a" * 30_000,
    ],
)
def test_what_is_no_fhirpath_is_refused_when_compiled(expression: str) -> None:
    with pytest.raises(FhirPathError):
        compile_expression(expression, "Patient")


@pytest.mark.parametrize(
    "expression",
    [
        "name.exists() and name",
        "name.single()",
        "name.given.upper()",
        "name.where(telecom | 1 | 2)",
        "name.given + 'a'",
        "1 + 'a'",
        "1 - 'a'",
        "1 * 'a'",
        "1 mod 'a'",
        "1 & 'a'",
        "active < 1",
        "'a' < 1",
        "name.given[true]",
        "'a'.abs()",
        "true.abs()",
        "-'a'",
        "-true",
        "1.round(-1)",
        "1.allTrue()",
        "name.first().toString().length() + name",
        "@2020 + 1 'a'",
        "@2020 + 1 'mg'",
        "%undefined",
        "name.given.memberOf('x')",
        "1.length()",
        "'a'.matches('(')",
        "'a'.replaceMatches('a', '$1')",
    ],
)
def test_what_has_no_meaning_is_refused_when_evaluated(expression: str, patient: dict[str, Any]) -> None:
    with pytest.raises(FhirPathError):
        compile_expression(expression, "Patient").evaluate(patient)


def test_types_of_the_model_come_with_the_items(patient: dict[str, Any]) -> None:
    types = {
        "name": "HumanName",
        "contained": "Organization",
        "birthDate": "date",
        "deceased": "boolean",
        "generalPractitioner": "Reference",
        "name.given": "string",
    }
    for expression, type_name in types.items():
        assert {n.type for n in compile_expression(expression, "Patient").evaluate(patient)} == {type_name}


def test_extension_only_primitive_is_an_item_without_value(patient: dict[str, Any]) -> None:
    (node,) = compile_expression("Patient.gender", "Patient").evaluate(patient)
    assert node == Node(None, "code", patient["_gender"])


def test_nulls_of_a_primitive_list_are_aligned_with_their_extensions() -> None:
    name = {"given": ["a", None, "b", None], "_given": [None, {"id": "x"}]}
    found = compile_expression("given", "HumanName").evaluate(Node(name, "HumanName", None))
    assert [(n.value, n.element) for n in found] == [("a", None), (None, {"id": "x"}), ("b", None)]


def test_items_of_the_wrong_json_kind_are_not_seen() -> None:
    broken = {
        "resourceType": "Patient",
        "name": "text",
        "gender": {"a": 1},
        "active": ["x", {"y": 1}],
        "contact": [1, None, {"gender": "male"}],
        "contained": ["x", {"resourceType": "Nonsense", "id": "n"}],
        "_birthDate": "x",
    }
    for expression in ("name", "name.given", "gender", "birthDate"):
        assert compile_expression(expression, "Patient").evaluate(broken) == []
    assert [n.value for n in compile_expression("contact.gender", "Patient").evaluate(broken)] == ["male"]
    assert [n.type for n in compile_expression("contained", "Patient").evaluate(broken)] == ["Resource"]
    assert compile_expression("descendants()", "Patient").evaluate(broken)


@pytest.mark.parametrize(
    ("expression", "content"),
    [
        ("name.given + 'a'", {"name": [{"given": [1]}]}),
        ("birthDate + 1 day", {"birthDate": "not a date"}),
        ("birthDate < @2020", {"birthDate": "2020-13-45"}),
        ("birthDate = birthDate", {"birthDate": "x"}),
        ("multipleBirth > 1", {"multipleBirthInteger": "a"}),
        ("telecom.rank + 1", {"telecom": [{"rank": "a"}]}),
        ("extension.value > 1 'mg'", {"extension": [{"url": "x", "valueQuantity": {"value": "a"}}]}),
        ("extension.value = 1 'mg'", {"extension": [{"url": "x", "valueQuantity": {"comparator": "<"}}]}),
        ("extension.value ~ 1 'mg'", {"extension": [{"url": "x", "valueQuantity": {}}]}),
        ("extension.value.toString()", {"extension": [{"url": "x", "valueQuantity": {}}]}),
        ("extension.value + 1 'mg'", {"extension": [{"url": "x", "valueQuantity": {}}]}),
        ("extension.value * 2", {"extension": [{"url": "x", "valueQuantity": {}}]}),
        ("extension.value.toQuantity()", {"extension": [{"url": "x", "valueQuantity": {}}]}),
        ("extension.value * 2", {"extension": [{"url": "x", "valueDecimal": Decimal("1e999999")}]}),
        ("extension.value ~ 2.0", {"extension": [{"url": "x", "valueDecimal": Decimal("1e999999")}]}),
        ("extension.value.toString()", {"extension": [{"url": "x", "valueDecimal": Decimal("1e999999")}]}),
        ("extension.value.exp()", {"extension": [{"url": "x", "valueDecimal": Decimal("1e99")}]}),
        ("(1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | birthDate | extension.value).count()", {"birthDate": "x"}),
        (
            "extension.value = 1 minute",
            {"extension": [{"url": "x", "valueDuration": {"value": Decimal("1e999999"), "code": "s"}}]},
        ),
    ],
)
def test_broken_values_have_no_answer_or_are_refused(expression: str, content: dict[str, Any]) -> None:
    with suppress(FhirPathError):
        found = compile_expression(expression, "Patient").evaluate({"resourceType": "Patient", **content})
        assert len(found) <= 1


def test_items_keep_apart_when_their_values_are_broken() -> None:
    extension = [{"url": "x", "valueQuantity": {"unit": "a"}}, {"url": "y", "valueQuantity": {"unit": "a"}}]
    patient = {"resourceType": "Patient", "birthDate": "x", "extension": extension}
    expression = compile_expression(f"({MANY} | birthDate | extension.value).count()", "Patient")
    assert [n.value for n in expression.evaluate(patient)] == [11]
    assert [
        n.value
        for n in compile_expression("extension[0].value = extension[1].value", "Patient").evaluate(patient)
    ] == [True]
    assert [
        n.value
        for n in compile_expression("extension[0].value ~ extension[1].value", "Patient").evaluate(patient)
    ] == [True]


def test_union_branches_of_other_resource_types_are_left_out(patient: dict[str, Any]) -> None:
    expression = "Condition.code | (Observation.code as CodeableConcept) | Resource.id"
    assert [n.value for n in compile_expression(expression, "Patient").evaluate(patient)] == ["p1"]
    assert compile_expression("Condition.code | Observation.code", "Patient").evaluate(patient) == []


def test_a_union_on_an_element_keeps_its_branches(observation: dict[str, Any]) -> None:
    context = Node(observation["valueQuantity"], "Quantity", None)
    assert len(compile_expression("code | unit", "Quantity").evaluate(context)) == 2


def test_invariant_holds_when_true_or_when_it_has_no_answer(patient: dict[str, Any]) -> None:
    invariant = compile_expression("name.exists()", "Patient")
    assert invariant.is_true(patient)
    assert not invariant.is_true({"resourceType": "Patient"})
    silent = compile_expression("gender = 'male'", "Patient")
    assert silent.is_true(patient)
    assert not silent.is_true(patient, when_empty=False)


def test_resource_and_root_resource_come_from_the_environment(patient: dict[str, Any]) -> None:
    contained = patient["contained"][0]
    environment = Environment(resource=contained, root_resource=patient)
    context = Node(contained, "Organization", None)
    for expression, expected in (
        ("%resource.id", "o"),
        ("%rootResource.id", "p1"),
        ("'#o'.resolve().id", "o"),
    ):
        found = compile_expression(expression, "Organization").evaluate(context, environment)
        assert [n.value for n in found] == [expected]


def test_resolve_asks_the_environment(patient: dict[str, Any]) -> None:
    stored = {"Practitioner/1": {"resourceType": "Practitioner", "id": "1"}}
    expression = compile_expression("generalPractitioner.resolve().id", "Patient")
    found = expression.evaluate(patient, Environment(resolve=stored.get))
    assert [n.value for n in found] == ["1"]


def test_contained_reference_without_container_resolves_to_nothing() -> None:
    node = Node("text", "string", None)
    assert compile_expression("'#a'.resolve()", "string").evaluate(node) == []


def test_member_of_asks_the_environment(patient: dict[str, Any]) -> None:
    expression = compile_expression("name.first().use.memberOf('http://vs')", "Patient")
    environment = Environment(member_of=lambda node, url: (node.value, url) == ("official", "http://vs"))
    assert [n.value for n in expression.evaluate(patient, environment)] == [True]
    empty = compile_expression("nothing.memberOf('http://vs')", "Patient")
    assert empty.evaluate(patient, environment) == []


def test_clock_is_read_once_per_evaluation(patient: dict[str, Any]) -> None:
    found = compile_expression("now() = now()", "Patient").evaluate(patient)
    assert [n.value for n in found] == [True]


def test_results_may_be_changed_by_the_caller(patient: dict[str, Any]) -> None:
    expression = compile_expression("{}", "Patient")
    expression.evaluate(patient).append(Node(1, "System.Integer", None))
    assert expression.evaluate(patient) == []
