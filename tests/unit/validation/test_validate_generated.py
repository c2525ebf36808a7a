"""Resources generated from the element model are valid; one change of their shape makes them invalid."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fhir_server.definitions.registry import load_definitions
from fhir_server.errors import Issue
from fhir_server.fhir.elements import Node, format_expression, walk
from fhir_server.fhir.json import encode_json, parse_resource
from fhir_server.validation.validate import Level, validate_resource
from tests.generated import RESOURCE_TYPES, any_resources, resources

FEW = settings(
    max_examples=3, deadline=None, suppress_health_check=list(HealthCheck), database=None, derandomize=True
)
MANY = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck), database=None)
find = load_definitions().structure_or_none


def _structural(resource: Any) -> list[Issue]:
    """The generator knows the element model, not the invariants."""
    return validate_resource(resource, level=Level.STRUCTURE)


@pytest.mark.parametrize("resource_type", RESOURCE_TYPES)
def test_generated_resources_of_each_type_are_valid(resource_type: str) -> None:
    @FEW
    @given(resources(resource_type))
    def check(resource: dict[str, Any]) -> None:
        assert _structural(resource) == []

    check()


@MANY
@given(any_resources())
def test_a_valid_resource_is_still_valid_after_a_round_trip_as_text(resource: dict[str, Any]) -> None:
    again = parse_resource(encode_json(resource))
    assert again == resource
    assert list(again) == list(resource)
    assert _structural(again) == []


def _add_unknown(holder: Any, key: Any) -> None:
    if isinstance(holder[key], dict):
        holder[key]["zzz"] = 1
    else:
        holder[key] = {"zzz": 1}


def _nullify(holder: Any, key: Any) -> None:
    holder[key] = None


def _wrap(holder: Any, key: Any) -> None:
    holder[key] = [holder[key]]


def _empty_array(holder: Any, key: Any) -> None:
    holder[key] = []


def _empty_object(holder: Any, key: Any) -> None:
    holder[key] = {}


def _mistype(holder: Any, key: Any) -> None:
    holder[key] = 1.5 if not isinstance(holder[key], int | float) else "1"


MUTATIONS: tuple[Callable[[Any, Any], None], ...] = (
    _add_unknown,
    _nullify,
    _wrap,
    _empty_array,
    _empty_object,
    _mistype,
)


def _holder(resource: dict[str, Any], node: Node) -> tuple[Any, Any]:
    holder: Any = resource
    for step in node.path[:-1]:
        holder = holder[step]
    return holder, node.path[-1]


@MANY
@given(st.data())
def test_a_mutated_resource_is_refused_at_the_place_of_the_mutation(data: st.DataObject) -> None:
    resource = deepcopy(data.draw(any_resources()))
    nodes = [node for node in walk(resource, find) if node.path and node.value is not None]
    if not nodes:
        return
    node = data.draw(st.sampled_from(nodes))
    mutate = data.draw(st.sampled_from(MUTATIONS))
    holder, key = _holder(resource, node)
    if mutate is _nullify and isinstance(holder, list):
        # A null beside a sibling is allowed.
        mutate = _wrap
    if mutate is _add_unknown and not isinstance(holder[key], dict):
        mutate = _empty_object
    expression = format_expression(resource, node.path, find)
    mutate(holder, key)
    issues = _structural(resource)
    assert issues
    assert any(issue.expression.startswith(expression) for issue in issues), (expression, issues)
