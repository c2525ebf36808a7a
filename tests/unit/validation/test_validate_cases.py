"""Each case breaks one rule of a valid resource; the first issue says which, and where."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from fhir_server.errors import Issue
from fhir_server.fhir.json import parse_json
from fhir_server.validation.validate import Level, validate_resource

CASES = parse_json((Path(__file__).parents[2] / "cases" / "invalid_resources.json").read_bytes())


def errors_of(resource: Any, **options: Any) -> list[Issue]:
    """Structure alone: what is broken often breaks an invariant too."""
    return validate_resource(resource, level=Level.STRUCTURE, **options)


def _at(resource: Any, pointer: str) -> tuple[Any, Any]:
    """Returns the holder and key that a JSON Pointer names."""
    *steps, last = pointer.split("/")[1:]
    for step in steps:
        resource = resource[int(step)] if isinstance(resource, list) else resource[step]
    return resource, int(last) if isinstance(resource, list) else last


def _build(case: dict[str, Any]) -> dict[str, Any]:
    resource: dict[str, Any] = deepcopy(CASES["bases"][case["base"]])
    for pointer in case["drop"]:
        holder, key = _at(resource, pointer)
        del holder[key]
    for pointer, value in case["put"].items():
        holder, key = _at(resource, pointer)
        holder[key] = value
    return resource


@pytest.mark.parametrize("name", CASES["bases"])
def test_the_resource_that_cases_start_from_is_valid(name: str) -> None:
    assert errors_of(CASES["bases"][name]) == []


@pytest.mark.parametrize("case", CASES["cases"], ids=lambda case: case["shows"])
def test_a_broken_rule_is_told_with_its_code_and_place(case: dict[str, Any]) -> None:
    issues = errors_of(_build(case))
    assert [(i.severity, i.code, i.expression) for i in issues] == [
        ("error", case["code"], case["expression"])
    ]
    assert issues[0].diagnostics


@pytest.mark.parametrize("case", CASES["cases"], ids=lambda case: case["shows"])
def test_a_broken_rule_is_told_below_the_prefix_of_the_caller(case: dict[str, Any]) -> None:
    (issue,) = errors_of(_build(case), path_prefix="Bundle.entry[7].resource")
    _, _, rest = case["expression"].partition(".")
    assert issue.expression == "Bundle.entry[7].resource" + (f".{rest}" if rest else "")
