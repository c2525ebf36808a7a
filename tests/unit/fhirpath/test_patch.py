"""FHIRPath Patch: each operation as a row of (operation, what the resource becomes)."""

from __future__ import annotations

import copy
from contextlib import suppress
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.errors import FhirError, Invalid, Unprocessable
from fhir_server.fhirpath.evaluate import FhirPathError, FhirPathTooCostly
from fhir_server.fhirpath.locate import Place, locate, object_at
from fhir_server.fhirpath.patch import apply_fhirpath_patch

PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "birthDate": "1920-01-01",
    "_birthDate": {"extension": [{"url": "x", "valueString": "y"}]},
    "name": [{"given": ["Anne", "Marie"], "_given": [None, {"id": "g"}]}, {"text": "Nanou"}],
    "identifier": [{"value": "1"}, {"value": "2"}, {"value": "3"}],
    "deceasedBoolean": True,
    "contact": [{"name": {"text": "q"}}],
}
_KEYS = {"type": "valueCode", "path": "valueString", "name": "valueString"}


def operation(type_: str, path: str, **parts: Any) -> dict[str, Any]:
    entries: list[dict[str, Any]] = [
        {"name": "type", "valueCode": type_},
        {"name": "path", "valueString": path},
    ]
    for name, value in parts.items():
        if name == "value":
            entries.append({"name": "value", **value})
        else:
            entries.append({"name": name, _KEYS.get(name, "valueInteger"): value})
    return {"name": "operation", "part": entries}


def patch(resource: dict[str, Any], *operations: dict[str, Any]) -> dict[str, Any]:
    return apply_fhirpath_patch(resource, {"resourceType": "Parameters", "parameter": list(operations)})


def with_(**changes: Any) -> dict[str, Any]:
    changed = {**copy.deepcopy(PATIENT), **changes}
    return {key: value for key, value in changed.items() if value is not None}


EXTENSION = {"part": [{"name": "url", "valueUri": "u"}, {"name": "value", "valueCode": "z"}]}

ROWS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    (
        "add to an element that is not there",
        operation("add", "Patient", name="gender", value={"valueCode": "male"}),
        with_(gender="male"),
    ),
    (
        "add to a list",
        operation("add", "Patient", name="identifier", value={"valueIdentifier": {"value": "4"}}),
        with_(identifier=[*PATIENT["identifier"], {"value": "4"}]),
    ),
    (
        "add a choice",
        operation("add", "Patient", name="multipleBirth", value={"valueInteger": 2}),
        with_(multipleBirthInteger=2),
    ),
    (
        "add a backbone element made of parts",
        operation(
            "add",
            "Patient",
            name="contact",
            value={
                "part": [
                    {"name": "name", "valueHumanName": {"text": "n"}},
                    {"name": "relationship", "valueCodeableConcept": {"text": "a"}},
                    {"name": "relationship", "valueCodeableConcept": {"text": "b"}},
                    {"name": "gender", "valueCode": "male", "_valueCode": {"id": "i"}},
                ]
            },
        ),
        with_(
            contact=[
                *PATIENT["contact"],
                {
                    "name": {"text": "n"},
                    "relationship": [{"text": "a"}, {"text": "b"}],
                    "gender": "male",
                    "_gender": {"id": "i"},
                },
            ]
        ),
    ),
    (
        "add a contained resource",
        operation(
            "add", "Patient", name="contained", value={"resource": {"resourceType": "Basic", "id": "b"}}
        ),
        with_(contained=[{"resourceType": "Basic", "id": "b"}]),
    ),
    (
        "add inside a nested element",
        operation("add", "Patient.contact[0].name", name="given", value={"valueString": "a"}),
        with_(contact=[{"name": {"text": "q", "given": ["a"]}}]),
    ),
    (
        "add an id to one primitive of a list",
        operation("add", "Patient.name[0].given[0]", name="id", value={"valueString": "i"}),
        with_(name=[{**PATIENT["name"][0], "_given": [{"id": "i"}, {"id": "g"}]}, {"text": "Nanou"}]),
    ),
    (
        "add an extension to a primitive without one",
        operation("add", "Patient.deceased", name="extension", value=EXTENSION),
        with_(_deceasedBoolean={"extension": [{"url": "u", "valueCode": "z"}]}),
    ),
    (
        "add an extension to the first of a list without siblings",
        operation("add", "Patient.identifier[0].value", name="extension", value=EXTENSION),
        with_(
            identifier=[
                {"value": "1", "_value": {"extension": [{"url": "u", "valueCode": "z"}]}},
                {"value": "2"},
                {"value": "3"},
            ]
        ),
    ),
    (
        "insert at the start",
        operation("insert", "Patient.identifier", index=0, value={"valueIdentifier": {"value": "0"}}),
        with_(identifier=[{"value": "0"}, *PATIENT["identifier"]]),
    ),
    (
        "insert at the end",
        operation("insert", "Patient.identifier", index=3, value={"valueIdentifier": {"value": "4"}}),
        with_(identifier=[*PATIENT["identifier"], {"value": "4"}]),
    ),
    (
        "insert into a list of primitives keeps extensions aligned",
        operation("insert", "Patient.name[0].given", index=1, value={"valueString": "Lou"}),
        with_(
            name=[{"given": ["Anne", "Lou", "Marie"], "_given": [None, None, {"id": "g"}]}, {"text": "Nanou"}]
        ),
    ),
    ("delete a primitive and its extensions", operation("delete", "Patient.birthDate"), {}),
    ("delete a choice", operation("delete", "Patient.deceased"), with_(deceasedBoolean=None)),
    ("delete what is not there", operation("delete", "Patient.gender"), with_()),
    (
        "delete one of a list",
        operation("delete", "Patient.identifier.where(value = '2')"),
        with_(identifier=[{"value": "1"}, {"value": "3"}]),
    ),
    (
        "delete a primitive of a list",
        operation("delete", "Patient.name.given.where($this = 'Marie')"),
        with_(name=[{"given": ["Anne"]}, {"text": "Nanou"}]),
    ),
    (
        "delete the last content of an element deletes the element",
        operation("delete", "Patient.contact.name.text"),
        with_(contact=None),
    ),
    (
        "delete the last content of one repetition deletes the repetition",
        operation("delete", "Patient.name[1].text"),
        with_(name=[PATIENT["name"][0]]),
    ),
    (
        "delete an extension of a primitive leaves the value",
        operation("delete", "Patient.birthDate.extension[0]"),
        with_(_birthDate=None),
    ),
    (
        "delete the id of a primitive of a list leaves the value",
        operation("delete", "Patient.name.given[1].id"),
        with_(name=[{"given": ["Anne", "Marie"]}, {"text": "Nanou"}]),
    ),
    (
        "replace a primitive and its extensions",
        operation("replace", "Patient.birthDate", value={"valueDate": "1930-01-01"}),
        with_(birthDate="1930-01-01", _birthDate=None),
    ),
    (
        "replace a choice by another type",
        operation(
            "replace", "Patient.deceased", value={"valueDateTime": "1999", "_valueDateTime": {"id": "d"}}
        ),
        with_(deceasedBoolean=None, deceasedDateTime="1999", _deceasedDateTime={"id": "d"}),
    ),
    (
        "replace one of a list",
        operation("replace", "Patient.identifier[1]", value={"valueIdentifier": {"value": "two"}}),
        with_(identifier=[{"value": "1"}, {"value": "two"}, {"value": "3"}]),
    ),
    (
        "replace a backbone element by parts",
        operation("replace", "Patient.contact", value={"part": [{"name": "gender", "valueCode": "other"}]}),
        with_(contact=[{"gender": "other"}]),
    ),
    (
        "replace the value of a string given as another string type",
        operation("replace", "Patient.name[1].text", value={"valueMarkdown": "N"}),
        with_(name=[PATIENT["name"][0], {"text": "N"}]),
    ),
    (
        "move to the front",
        operation("move", "Patient.identifier", source=2, destination=0),
        with_(identifier=[{"value": "3"}, {"value": "1"}, {"value": "2"}]),
    ),
    (
        "move primitives with their extensions",
        operation("move", "Patient.name[0].given", source=0, destination=1),
        with_(name=[{"given": ["Marie", "Anne"], "_given": [{"id": "g"}, None]}, {"text": "Nanou"}]),
    ),
]
ROWS[12] = (ROWS[12][0], ROWS[12][1], with_(birthDate=None, _birthDate=None))


@pytest.mark.parametrize(("title", "change", "expected"), ROWS, ids=[row[0] for row in ROWS])
def test_operation_changes_what_its_row_says(
    title: str, change: dict[str, Any], expected: dict[str, Any]
) -> None:
    before = copy.deepcopy(PATIENT)
    assert patch(PATIENT, change) == expected
    assert before == PATIENT


def test_operations_apply_in_order() -> None:
    patched = patch(
        {"resourceType": "Patient"},
        operation("add", "Patient", name="name", value={"valueHumanName": {"family": "A"}}),
        operation("add", "Patient.name[0]", name="given", value={"valueString": "B"}),
        operation("replace", "Patient.name[0].family", value={"valueString": "C"}),
        operation("delete", "Patient.name[0].given"),
    )
    assert patched == {"resourceType": "Patient", "name": [{"family": "C"}]}


def test_quantity_value_of_a_choice_gets_its_key_and_keeps_its_precision() -> None:
    value = {"valueQuantity": {"value": Decimal("1.00")}}
    observation = {"resourceType": "Observation", "valueString": "x"}
    patched = patch(observation, operation("replace", "Observation.value", value=value))
    assert patched == {"resourceType": "Observation", **value}
    assert str(patched["valueQuantity"]["value"]) == "1.00"


def test_element_of_a_contained_resource_and_of_a_bundle_entry_is_patched() -> None:
    bundle = {"resourceType": "Bundle", "entry": [{"resource": {"resourceType": "Patient", "contained": []}}]}
    bundle["entry"][0]["resource"]["contained"] = [{"resourceType": "Basic", "id": "b"}]
    patched = patch(
        bundle,
        operation("add", "Bundle.entry[0].resource", name="active", value={"valueBoolean": True}),
        operation("replace", "Bundle.entry[0].resource.contained[0].id", value={"valueId": "c"}),
    )
    assert patched["entry"][0]["resource"] == {
        "resourceType": "Patient",
        "contained": [{"resourceType": "Basic", "id": "c"}],
        "active": True,
    }


def test_subtypes_and_whole_numbers_fit() -> None:
    risk = {"resourceType": "Observation", "valueSampledData": {"period": 2, "dimensions": 1}}
    patched = patch(risk, operation("replace", "Observation.value.period", value={"valueInteger": 3}))
    assert patched["valueSampledData"]["period"] == 3
    event = {"resourceType": "Encounter", "length": {"value": 1}}
    patched = patch(event, operation("replace", "Encounter.length", value={"valueQuantity": {"value": 2}}))
    assert patched["length"] == {"value": 2}


NAME = {"valueHumanName": {"text": "x"}}
REFUSED: list[dict[str, Any]] = [
    operation("add", "Patient", name="birthDate", value={"valueDate": "2000"}),
    operation("add", "Patient", name="deceased", value={"valueDateTime": "2000"}),
    operation("add", "Patient", name="nonsense", value={"valueString": "x"}),
    operation("add", "Patient.name", name="text", value={"valueString": "x"}),
    operation("add", "Patient.photo", name="title", value={"valueString": "x"}),
    operation("add", "Patient.birthDate", name="value", value={"valueDate": "2000"}),
    operation("add", "Patient", name="gender", value={"part": [{"name": "x", "valueString": "y"}]}),
    operation("add", "Patient", name="gender", value={"resource": {"resourceType": "Basic"}}),
    operation("add", "Patient", name="contact", value={"part": []}),
    operation("add", "Patient", name="active", value={"valueString": "true"}),
    operation("add", "Patient", name="photo", value={"valueString": "x"}),
    operation("add", "Patient", name="photo", value={"valueMoney": {"value": 1}}),
    operation("add", "Patient", name="multipleBirth", value={"valueString": "x"}),
    operation("insert", "Patient.identifier", index=4, value={"valueIdentifier": {"value": "0"}}),
    operation("insert", "Patient.identifier", index=-1, value={"valueIdentifier": {"value": "0"}}),
    operation("insert", "Patient.photo", index=0, value={"valueAttachment": {"title": "0"}}),
    operation("insert", "Patient.birthDate", index=0, value={"valueDate": "2000"}),
    operation("insert", "Patient", index=0, value={"valueDate": "2000"}),
    operation("insert", "Patient.identifier | Patient.name", index=0, value=NAME),
    operation("delete", "Patient.identifier"),
    operation("delete", "Patient"),
    operation("replace", "Patient", value={"valueString": "x"}),
    operation("replace", "Patient.name", value=NAME),
    operation("replace", "Patient.gender", value={"valueCode": "male"}),
    operation("move", "Patient.identifier", source=3, destination=0),
    operation("move", "Patient.identifier", source=0, destination=3),
]


@pytest.mark.parametrize("change", REFUSED)
def test_operation_that_does_not_fit_is_unprocessable(change: dict[str, Any]) -> None:
    harmless = operation("delete", "Patient.gender")
    with pytest.raises(Unprocessable) as refusal:
        patch(PATIENT, harmless, change)
    assert refusal.value.issues[0].expression == "Parameters.parameter[1]"


def part(**content: Any) -> dict[str, Any]:
    return {"resourceType": "Parameters", "parameter": [{"name": "operation", **content}]}


TYPE, PATH = {"name": "type", "valueCode": "add"}, {"name": "path", "valueString": "Patient"}
MALFORMED: list[Any] = [
    None,
    {"resourceType": "Patient"},
    {"resourceType": "Parameters"},
    {"resourceType": "Parameters", "parameter": []},
    {"resourceType": "Parameters", "parameter": ["x"]},
    {"resourceType": "Parameters", "parameter": [{"name": "other"}]},
    {"resourceType": "Parameters", "parameter": [operation("delete", "Patient.gender")] * 201},
    part(),
    part(part=[]),
    part(part=["x"]),
    part(part=[{"valueString": "x"}]),
    part(part=[TYPE]),
    part(part=[TYPE, TYPE]),
    part(part=[TYPE, PATH]),
    part(part=[{"name": "type", "valueCode": "explode"}, PATH]),
    part(part=[{"name": "type", "valueInteger": 1}, PATH]),
    part(part=[TYPE, PATH, {"name": "colour", "valueString": "x"}]),
    part(part=[TYPE, PATH, {"name": "index", "valueInteger": True}]),
    part(part=[{"name": "type", "valueCode": "delete"}, PATH, {"name": "index", "valueInteger": 1}]),
    {"resourceType": "Parameters", "parameter": [operation("delete", "Patient.")]},
    {"resourceType": "Parameters", "parameter": [operation("delete", "'text'")]},
    {"resourceType": "Parameters", "parameter": [operation("delete", "Patient.name.given.first() & 'x'")]},
    *(
        {"resourceType": "Parameters", "parameter": [operation("add", "Patient", name=name, value=value)]}
        for name, value in (
            ("gender", {}),
            ("gender", {"valueNonsense": 1}),
            ("gender", {"valueCode": "x", "valueString": "y"}),
            ("contact", {"part": ["x"]}),
            ("contact", {"part": [{"valueString": "x"}]}),
            ("deceased", {"part": [{"name": "x", "valueString": "y"}]}),
            ("contained", {"resource": {"resourceType": "Nonsense"}}),
            ("contained", {"resource": "x"}),
        )
    ),
]


@pytest.mark.parametrize("parameters", MALFORMED)
def test_malformed_patch_is_invalid(parameters: Any) -> None:
    with pytest.raises(Invalid) as refusal:
        apply_fhirpath_patch(PATIENT, parameters)
    assert refusal.value.issues[0].expression.startswith("Parameters")


def test_value_nested_too_deep_is_invalid() -> None:
    value: dict[str, Any] = {"name": "extension", "part": [{"name": "url", "valueUri": "x"}]}
    for _ in range(60):
        value = {"name": "extension", "part": [value]}
    with pytest.raises(Invalid):
        patch(PATIENT, operation("add", "Patient", name="extension", value={"part": value["part"]}))


def test_type_may_be_given_as_string() -> None:
    change = {"name": "operation", "part": [{"name": "type", "valueString": "delete"}, PATH]}
    change["part"][1] = {"name": "path", "valueString": "Patient.contact"}
    assert "contact" not in patch(PATIENT, change)


def test_places_of_elements() -> None:
    assert locate(PATIENT, "Patient") == [Place((), "", 0, "Patient", "")]
    assert locate(PATIENT, "name.given") == [
        Place(("name", 0), "given", 0, "string", "HumanName"),
        Place(("name", 0), "given", 1, "string", "HumanName"),
    ]
    assert locate(PATIENT, "deceased") == [Place((), "deceasedBoolean", 0, "boolean", "Patient")]
    (place,) = locate(PATIENT, "birthDate.extension.value")
    assert place == Place(("_birthDate", "extension", 0), "valueString", 0, "string", "Extension")
    assert object_at(copy.deepcopy(PATIENT), place.parent) == {"url": "x", "valueString": "y"}


def test_equal_values_have_places_of_their_own() -> None:
    twins = {"resourceType": "Patient", "name": [{"given": ["A"]}, {"given": ["A"]}]}
    assert [place.parent for place in locate(twins, "name[1].given")] == [("name", 1)]


def test_what_is_no_element_has_no_place() -> None:
    with pytest.raises(FhirPathError):
        locate(PATIENT, "1 | name")


def test_unknown_and_broken_elements_are_left_alone() -> None:
    broken = {
        "resourceType": "Patient",
        "odd": [1],
        "name": ["x", {"text": "y"}],
        "_gender": "z",
        "active": True,
    }
    patched = patch(broken, operation("replace", "Patient.active", value={"valueBoolean": False}))
    assert patched == {**broken, "active": False}


def test_resource_nested_too_deep_is_refused() -> None:
    extension: dict[str, Any] = {"url": "x"}
    for _ in range(3000):
        extension = {"url": "x", "extension": [extension]}
    with pytest.raises(FhirPathTooCostly):
        locate({"resourceType": "Patient", "extension": [extension]}, "Patient.id")
    with pytest.raises(FhirError):
        patch({"resourceType": "Patient", "extension": [extension]}, operation("delete", "Patient.id"))


JSON = st.recursive(
    st.integers()
    | st.text(max_size=8)
    | st.none()
    | st.sampled_from(["add", "Patient", "Patient.name", "name"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["name", "part", "valueCode", "valueString", "resource"]), inner)
    ),
    max_leaves=12,
)


@given(JSON)
def test_any_json_as_patch_is_applied_or_refused(parameter: Any) -> None:
    with suppress(FhirError):
        apply_fhirpath_patch(PATIENT, {"resourceType": "Parameters", "parameter": parameter})


@given(st.lists(st.integers(0, 9), min_size=1, max_size=6), st.data())
def test_move_then_move_back_changes_nothing(values: list[int], data: st.DataObject) -> None:
    patient = {"resourceType": "Patient", "identifier": [{"value": str(v)} for v in values]}
    positions = st.integers(0, len(values) - 1)
    source, destination = data.draw(positions), data.draw(positions)
    there = operation("move", "Patient.identifier", source=source, destination=destination)
    back = operation("move", "Patient.identifier", source=destination, destination=source)
    assert patch(patient, there, back) == patient
