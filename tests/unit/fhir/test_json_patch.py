"""JSON Patch of a resource: RFC 6902 as its examples have it, and nothing that a hostile patch can break."""

from __future__ import annotations

from contextlib import suppress
from copy import deepcopy
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_server.errors import Invalid, TooCostly, Unprocessable
from fhir_server.fhir.json import encode_json, parse_json
from fhir_server.fhir.json_patch import apply_json_patch, check_json_patch

PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "p1",
    "active": True,
    "gender": "female",
    "multipleBirthInteger": 1,
    "name": [{"family": "DURAND", "given": ["Camille", "Anne"]}, {"text": "x"}],
    "a/b": {"m~n": 1},
}


def _patch(*operations: dict[str, Any]) -> dict[str, Any]:
    return apply_json_patch(PATIENT, list(operations))


APPLIED: list[tuple[str, dict[str, Any], str, Any]] = [
    ("add a property", {"op": "add", "path": "/birthDate", "value": "1981"}, "birthDate", "1981"),
    ("add over a property", {"op": "add", "path": "/gender", "value": "male"}, "gender", "male"),
    ("replace a property", {"op": "replace", "path": "/active", "value": False}, "active", False),
    ("remove an item", {"op": "remove", "path": "/name/0"}, "name", [{"text": "x"}]),
    ("insert an item", {"op": "add", "path": "/name/1", "value": {"text": "y"}}, "name",
     [PATIENT["name"][0], {"text": "y"}, {"text": "x"}]),
    ("append an item", {"op": "add", "path": "/name/-", "value": {"text": "y"}}, "name",
     [*PATIENT["name"], {"text": "y"}]),
    ("copy a value", {"op": "copy", "from": "/name/0/given/0", "path": "/name/1/text"}, "name",
     [PATIENT["name"][0], {"text": "Camille"}]),
    ("move an item", {"op": "move", "from": "/name/0", "path": "/name/1"}, "name", PATIENT["name"][::-1]),
    ("escape a pointer", {"op": "replace", "path": "/a~1b/m~0n", "value": 2}, "a/b", {"m~n": 2}),
    ("put null", {"op": "add", "path": "/active", "value": None}, "active", None),
    ("ignore a foreign member", {"op": "add", "path": "/active", "value": 1, "x": 1}, "active", 1),
]  # fmt: skip


@pytest.mark.parametrize(
    ("operation", "key", "expected"), [case[1:] for case in APPLIED], ids=[case[0] for case in APPLIED]
)
def test_an_operation_applies_as_the_standard_says(
    operation: dict[str, Any], key: str, expected: Any
) -> None:
    before = deepcopy(PATIENT)
    assert _patch(operation)[key] == expected
    assert before == PATIENT


def test_operations_apply_in_order() -> None:
    patched = _patch(
        {"op": "remove", "path": "/name/1"},
        {"op": "add", "path": "/name/0/use", "value": "usual"},
        {"op": "test", "path": "/name/0/use", "value": "usual"},
        {"op": "replace", "path": "/name/0/use", "value": "official"},
    )
    assert patched["name"] == [{**PATIENT["name"][0], "use": "official"}]


def test_an_empty_patch_changes_nothing() -> None:
    assert _patch() == PATIENT
    assert _patch() is not PATIENT


def test_decimals_keep_their_digits() -> None:
    resource = parse_json(b'{"resourceType":"Observation","valueQuantity":{"value":1.00}}')
    operations = parse_json(
        b'[{"op":"add","path":"/valueQuantity/low","value":2.50},'
        b'{"op":"copy","from":"/valueQuantity/value","path":"/valueQuantity/high"}]'
    )
    assert b'{"value":1.00,"low":2.50,"high":1.00}' in encode_json(apply_json_patch(resource, operations))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("/active", True),
        ("/multipleBirthInteger", 1),
        ("/multipleBirthInteger", Decimal("1.0")),
        ("/name/0/given", ["Camille", "Anne"]),
        ("/name/0", {"given": ["Camille", "Anne"], "family": "DURAND"}),
    ],
)
def test_a_test_compares_by_value(path: str, value: Any) -> None:
    assert _patch({"op": "test", "path": path, "value": value}) == PATIENT


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("/active", 1),
        ("/active", "true"),
        ("/active", None),
        ("/multipleBirthInteger", True),
        ("/multipleBirthInteger", "1"),
        ("/name/0/given", ["Anne", "Camille"]),
        ("/name/0/given", ["Camille"]),
        ("/name/1", {"text": "x", "use": "usual"}),
        ("/name/1", {"text": "y"}),
        ("/absent", None),
    ],
)
def test_a_failed_test_is_unprocessable(path: str, value: Any) -> None:
    with pytest.raises(Unprocessable, match="Operation 1 of the patch"):
        _patch({"op": "test", "path": path, "value": value})


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "remove", "path": "/birthDate"},
        {"op": "replace", "path": "/birthDate", "value": "1981"},
        {"op": "remove", "path": "/name/2"},
        {"op": "remove", "path": "/name/-"},
        {"op": "replace", "path": "/name/-", "value": {}},
        {"op": "remove", "path": "/name/-1"},
        {"op": "remove", "path": "/name/00"},
        {"op": "remove", "path": "/name/１"},
        {"op": "remove", "path": "/name/99999999999999999999"},
        {"op": "remove", "path": "/name/family"},
        {"op": "remove", "path": ""},
        {"op": "add", "path": "/name/3", "value": {}},
        {"op": "add", "path": "/name/-1", "value": {}},
        {"op": "add", "path": "/contact/0/name", "value": {}},
        {"op": "add", "path": "/gender/0", "value": "x"},
        {"op": "replace", "path": "/gender/0", "value": "x"},
        {"op": "remove", "path": "/active/real"},
        {"op": "add", "path": "/__class__/x", "value": 1},
        {"op": "copy", "from": "/absent", "path": "/x"},
        {"op": "copy", "from": "/gender/0", "path": "/x"},
        {"op": "move", "from": "/name", "path": "/name/0"},
        {"op": "move", "from": "", "path": "/x"},
        {"op": "copy", "from": "/gender", "path": "/gender/0"},
    ],
    ids=lambda operation: f"{operation['op']} {operation['path']}",
)
def test_an_operation_that_leads_nowhere_is_unprocessable(operation: dict[str, Any]) -> None:
    with pytest.raises(Unprocessable, match="Operation 2 of the patch"):
        _patch({"op": "test", "path": "/id", "value": "p1"}, operation)


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "replace", "path": "/id", "value": "p2"},
        {"op": "remove", "path": "/id"},
        {"op": "replace", "path": "/resourceType", "value": "Basic"},
        {"op": "remove", "path": "/resourceType"},
        {"op": "replace", "path": "", "value": {}},
        {"op": "replace", "path": "", "value": []},
        {"op": "add", "path": "", "value": None},
        {"op": "move", "from": "/name/0/given/0", "path": ""},
    ],
)
def test_a_patch_that_makes_another_resource_is_unprocessable(operation: dict[str, Any]) -> None:
    with pytest.raises(Unprocessable):
        _patch(operation)


def test_a_patch_may_replace_the_whole_resource_by_a_version_of_itself() -> None:
    other = {"resourceType": "Patient", "id": "p1", "gender": "other"}
    assert _patch({"op": "replace", "path": "", "value": other}) == other


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "document"),
        ("x", "document"),
        (None, "document"),
        ([1], r"\[0\]"),
        ([[]], r"\[0\]"),
        ([{}], r"\[0\]"),
        ([{"op": "add", "value": 1}], "'path' is a required"),
        ([{"path": "/a", "value": 1}], "'op' is a required"),
        ([{"op": "test", "path": "/id", "value": "p1"}, {"op": "merge", "path": "/a"}], r"\[1\].op"),
        ([{"op": "Add", "path": "/a", "value": 1}], r"\[0\].op"),
        ([{"op": ["add"], "path": "/a", "value": 1}], r"\[0\].op"),
        ([{"op": "add", "path": "/a"}], "'value' is a required"),
        ([{"op": "replace", "path": "/a"}], "'value' is a required"),
        ([{"op": "test", "path": "/a"}], "'value' is a required"),
        ([{"op": "copy", "path": "/a"}], "'from' is a required"),
        ([{"op": "move", "path": "/a"}], "'from' is a required"),
        ([{"op": "remove", "path": 5}], r"\[0\].path"),
        ([{"op": "remove", "path": "a"}], r"\[0\].path"),
        ([{"op": "remove", "path": "/a~2"}], r"\[0\].path"),
        ([{"op": "remove", "path": "/a~"}], r"\[0\].path"),
        ([{"op": "remove", "path": "/a" * 65}], r"\[0\].path"),
        ([{"op": "remove", "path": "/" + "a" * 3000}], r"\[0\].path"),
        ([{"op": "copy", "path": "/a", "from": "b"}], r"\[0\].from"),
        ([{"op": "remove", "path": "/a"}] * 1001, "document"),
    ],
)
def test_a_body_that_is_no_json_patch_is_invalid(body: Any, words: str) -> None:
    with pytest.raises(Invalid, match=words) as caught:
        check_json_patch(body)
    assert len(caught.value.diagnostics) < 300


def test_copies_that_double_are_stopped() -> None:
    doubling = [{"op": "copy", "from": "", "path": f"/x{n}"} for n in range(60)]
    with pytest.raises((TooCostly, Unprocessable)):
        _patch(*doubling)
    wide = {"op": "add", "path": "/x", "value": [0] * 40_000}
    copies = [{"op": "copy", "from": "/x", "path": f"/y{n}"} for n in range(5)]
    with pytest.raises(TooCostly):
        _patch(wide, *copies)


def test_copies_of_copies_that_grow_deep_are_stopped() -> None:
    nested: Any = {}
    for _ in range(40):
        nested = {"a": nested}
    operations: list[dict[str, Any]] = [{"op": "add", "path": "/x", "value": nested}]
    operations += [{"op": "copy", "from": "/x", "path": "/x" + "/a" * 40}] * 60
    with pytest.raises(Unprocessable, match="too deeply"):
        _patch(*operations)


POINTERS = st.lists(
    st.sampled_from(["name", "0", "1", "-", "given", "family", "id", "x", "", "~0", "a~1b", "active"]),
    max_size=4,
).map(lambda tokens: "".join(f"/{token}" for token in tokens))
VALUES = st.sampled_from([None, True, 1, Decimal("1.5"), "x", [], {}, [{"family": "y"}], {"given": ["z"]}])


@settings(max_examples=400, deadline=None, database=None)
@given(
    st.lists(
        st.fixed_dictionaries(
            {
                "op": st.sampled_from(["add", "remove", "replace", "move", "copy", "test"]),
                "path": POINTERS,
                "from": POINTERS,
                "value": VALUES,
            }
        ),
        max_size=6,
    )
)
def test_any_patch_gives_the_same_resource_or_a_clear_error(operations: list[dict[str, Any]]) -> None:
    before = deepcopy(PATIENT)
    body = deepcopy(operations)
    with suppress(Unprocessable, TooCostly):
        patched = apply_json_patch(PATIENT, operations)
        assert (patched["resourceType"], patched["id"]) == ("Patient", "p1")
    assert before == PATIENT
    assert operations == body
