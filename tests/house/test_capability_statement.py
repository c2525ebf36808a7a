"""capability_statement.json declares what the engine can do, no more, in the words of the specification."""

from __future__ import annotations

import json
import tomllib
from typing import Any

import pytest

from fhir_server.definitions.declare import build_declaration, format_declaration
from fhir_server.definitions.declared import read_declared
from fhir_server.definitions.registry import load_definitions
from fhir_server.interactions.answer import ROUTES
from fhir_server.search.parameters import PARAMETER_TYPES
from fhir_server.validation.validate import validate_resource
from tests.house.sources import ROOT

FILE = ROOT / "capability_statement.json"
STATEMENT: dict[str, Any] = json.loads(FILE.read_text("utf-8"))
REST: dict[str, Any] = STATEMENT["rest"][0]
DEFINITIONS = load_definitions()
BY_TYPE: dict[str, dict[str, Any]] = {row["type"]: row for row in REST["resource"]}

# Where the file differs on purpose from what `declare.build_declaration` writes: JSON pointer → reason.
REVIEWED_DIFFERENCES: dict[str, str] = {}


def differences(left: Any, right: Any, path: str = "") -> list[str]:
    """Returns the JSON pointers at which two documents differ."""
    if isinstance(left, dict) and isinstance(right, dict):
        keys = [*left, *(key for key in right if key not in left)]
        return [d for k in keys for d in differences(left.get(k), right.get(k), f"{path}/{k}")]
    if isinstance(left, list) and isinstance(right, list) and len(left) == len(right):
        pairs = enumerate(zip(left, right, strict=True))
        return [d for i, (a, b) in pairs for d in differences(a, b, f"{path}/{i}")]
    return [] if left == right else [path]


def test_the_statement_is_what_the_engine_can_do_but_for_reviewed_differences() -> None:
    built = build_declaration(DEFINITIONS, STATEMENT["version"], STATEMENT["date"])
    assert set(differences(STATEMENT, built)) == set(REVIEWED_DIFFERENCES)


def test_a_difference_is_found_and_named() -> None:
    assert differences({"a": [1, {"b": 2}]}, {"a": [1, {"b": 3, "c": 4}]}) == ["/a/1/b", "/a/1/c"]


def test_the_file_is_written_with_one_parameter_on_each_line() -> None:
    assert FILE.read_text("utf-8") == format_declaration(STATEMENT)


def test_the_version_is_that_of_the_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert STATEMENT["version"] == project["version"]
    assert STATEMENT["software"] == {"name": project["name"], "version": project["version"]}


def test_the_statement_is_a_valid_capability_statement() -> None:
    assert [issue for issue in validate_resource(STATEMENT) if issue.severity == "error"] == []


def test_every_resource_type_is_declared_once() -> None:
    assert [row["type"] for row in REST["resource"]] == list(DEFINITIONS.resource_types)
    assert len(BY_TYPE) == 146


def test_every_declared_interaction_has_a_route() -> None:
    known = {i.code for methods in ROUTES.values() for i in methods.values()} | {"batch"}
    declared = {i["code"] for row in REST["resource"] for i in row["interaction"]}
    assert declared <= known
    assert {i["code"] for i in REST["interaction"]} <= known


def test_every_route_is_declared_for_some_type() -> None:
    declared = {i["code"] for row in [REST, *REST["resource"]] for i in row["interaction"]}
    assert {i.code for m in ROUTES.values() for i in m.values()} <= declared | {"capabilities"}


@pytest.mark.parametrize("resource_type", BY_TYPE)
def test_every_declared_search_parameter_is_the_one_of_the_specification(resource_type: str) -> None:
    known = DEFINITIONS.search_parameters(resource_type)
    declared = [*BY_TYPE[resource_type].get("searchParam", []), *REST["searchParam"]]
    for row in declared:
        parameter = known[row["name"]]
        assert (row["type"], row["definition"]) == (parameter.type, parameter.url)
        assert row["type"] in {*PARAMETER_TYPES, "composite", "special"}
    assert len({row["name"] for row in declared}) == len(declared)


def test_a_type_that_cannot_be_changed_offers_no_way_to_change_it() -> None:
    for row in BY_TYPE.values():
        codes = {i["code"] for i in row["interaction"]}
        assert ("update" in codes) == row["conditionalUpdate"] == row["updateCreate"]
        assert ("delete" in codes) == (row["conditionalDelete"] != "not-supported")


def test_the_audit_trail_is_append_only() -> None:
    codes = {i["code"] for i in BY_TYPE["AuditEvent"]["interaction"]}
    assert not codes & {"update", "patch", "delete"}


def test_what_is_served_names_the_running_instance() -> None:
    declared = read_declared(FILE, "https://dmp.example/fhir")
    served = json.loads(declared.statement)
    assert set(differences(served, STATEMENT)) == {"/url", "/implementation/url"}
    assert served["implementation"]["url"] == "https://dmp.example/fhir"
