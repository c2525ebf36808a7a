"""The table of message ids has those that the code uses, and the CodeSystem is that table."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator

import pytest

from fhir_server.definitions.registry import load_definitions
from fhir_server.validation.messages import build_code_system, format_code_system, load_messages
from fhir_server.validation.validate import validate_resource
from tests.house.sources import ROOT, files, tree

_FAMILIES = ("invariant:", "primitive:", "binding:", "profile:", "value:")
FILE = ROOT / "profiles" / "CodeSystem-validation-message.json"


def used() -> Iterator[tuple[str, bool]]:
    """Yields the message ids in the code, and whether they are only the beginning of some."""
    for path in files(".py", "fhir_server/validation"):
        for node in ast.walk(tree(path)):
            if (
                isinstance(node, ast.Assign)
                and ast.unparse(node.targets[0]) == "_ID"
                and "profile" in path.parts
            ):
                yield ast.literal_eval(node.value), False
                continue
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
                continue
            if node.func.id not in ("fault", "remark"):
                continue
            ids = [keyword.value for keyword in node.keywords if keyword.arg == "id"]
            for value in ids or node.args[:1]:
                if isinstance(value, ast.Constant):
                    yield str(value.value), False
                elif isinstance(value, ast.JoinedStr):
                    yield ast.literal_eval(value.values[0]), True


def test_every_id_of_the_code_is_in_the_table_and_the_other_way_round() -> None:
    codes = {concept["code"] for concept in build_code_system(load_definitions())["concept"]}
    plain = {id_ for id_, begins in used() if not begins}
    assert {id_ for id_, begins in used() if begins} == set(_FAMILIES)
    assert plain <= codes
    assert {code for code in load_messages() if not code.startswith(_FAMILIES)} <= plain | {
        "depth",
        "update:id",
    }


def test_the_file_is_what_the_table_makes() -> None:
    assert FILE.read_text(encoding="utf-8") == format_code_system(), "make messages"


def test_the_code_system_is_valid_and_its_codes_are_told_once() -> None:
    code_system = json.loads(FILE.read_text(encoding="utf-8"))
    assert [i for i in validate_resource(code_system) if i.severity == "error"] == []
    codes = [concept["code"] for concept in code_system["concept"]]
    assert codes == sorted(set(codes))
    assert len(codes) == code_system["count"]


@pytest.mark.parametrize(
    "resource",
    [
        {
            "resourceType": "Patient",
            "gender": "x",
            "birthDate": "2020-02-31",
            "name": [],
            "a": 1,
            "active": "yes",
        },
        {"resourceType": "Observation", "status": "final", "valueString": " ", "valueInteger": 2**40},
    ],
)
def test_what_an_issue_names_is_a_code(resource: dict[str, object]) -> None:
    codes = {concept["code"] for concept in build_code_system(load_definitions())["concept"]}
    told = {issue.message_id for issue in validate_resource(resource)}
    assert len(told) > 3
    assert told <= codes
