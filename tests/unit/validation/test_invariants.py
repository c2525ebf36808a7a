"""Invariants: each is told with its key and place, and the fast forms answer what FHIRPath answers."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings

from fhir_server.definitions.registry import load_definitions
from fhir_server.fhir.elements import walk
from fhir_server.fhirpath.errata import ERRATA
from fhir_server.fhirpath.evaluate import Environment, Node, compile_expression
from fhir_server.fhirpath.node import FhirPathError
from fhir_server.validation.context import Context
from fhir_server.validation.rules.invariant import build_rule
from fhir_server.validation.rules.written import WRITTEN
from fhir_server.validation.validate import Level, validate_resource
from tests.generated import any_resources

DEFINITIONS = load_definitions()
UUID = "urn:uuid:00000000-0000-0000-0000-000000000001"
VERSIONED = {"fullUrl": "http://a/Patient/1/_history/2", "resource": {"resourceType": "Patient", "id": "1"}}
OBSERVATION = {"resourceType": "Observation", "status": "final", "code": {"coding": [{"code": "a"}]}}
PATIENT: dict[str, Any] = {"resourceType": "Patient"}
ENTRY = {"fullUrl": UUID, "resource": PATIENT}
ORGANIZATION = {"resourceType": "Organization", "id": "o", "name": "x"}
ANCHOR = {"managingOrganization": {"reference": "#o"}}


def bundle(type_: str, *entries: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": type_, "entry": list(entries), **more}


BROKEN: list[tuple[str, str, dict[str, Any]]] = [
    ("obs-6", "Observation", {**OBSERVATION, "valueString": "x", "dataAbsentReason": {"text": "y"}}),
    (
        "obs-7",
        "Observation",
        {**OBSERVATION, "valueString": "x", "component": [{"code": {"coding": [{"code": "a"}]}}]},
    ),
    ("obs-3", "Observation.referenceRange[0]", {**OBSERVATION, "referenceRange": [{"age": {}}]}),
    ("pat-1", "Patient.contact[0]", {**PATIENT, "contact": [{"gender": "male"}]}),
    ("cpt-2", "Patient.telecom[0]", {**PATIENT, "telecom": [{"value": "1"}]}),
    (
        "per-1",
        "Patient.name[0].period",
        {**PATIENT, "name": [{"period": {"start": "2021", "end": "2020-05-01"}}]},
    ),
    ("org-1", "Organization", {"resourceType": "Organization"}),
    (
        "org-3",
        "Organization.telecom[0]",
        {**ORGANIZATION, "telecom": [{"system": "phone", "value": "1", "use": "home"}]},
    ),
    ("att-1", "Patient.photo[0]", {**PATIENT, "photo": [{"data": "AAAA"}]}),
    ("ref-1", "Patient.managingOrganization.reference", {**PATIENT, **ANCHOR}),
    ("dom-3", "Patient.contained[0]", {**PATIENT, "contained": [ORGANIZATION]}),
    (
        "dom-4",
        "Patient.contained[0].meta",
        {**PATIENT, **ANCHOR, "contained": [{**ORGANIZATION, "meta": {"versionId": "1"}}]},
    ),
    (
        "dom-5",
        "Patient.contained[0].meta",
        {**PATIENT, **ANCHOR, "contained": [{**ORGANIZATION, "meta": {"security": [{"code": "R"}]}}]},
    ),
    (
        "dom-2",
        "Patient.contained[0].contained",
        {**PATIENT, **ANCHOR, "contained": [{**ORGANIZATION, "contained": [PATIENT]}]},
    ),
    ("bdl-1", "Bundle", bundle("collection", total=1)),
    ("bdl-2", "Bundle", bundle("collection", {**ENTRY, "search": {"mode": "match"}})),
    ("bdl-3", "Bundle", bundle("transaction", {"resource": PATIENT})),
    ("bdl-3", "Bundle", bundle("collection", {"fullUrl": UUID, "resource": PATIENT, "request": {
        "method": "GET", "url": "x"}})),
    ("bdl-4", "Bundle", bundle("batch-response", {"resource": PATIENT})),
    ("bdl-5", "Bundle.entry[0]", bundle("collection", {"fullUrl": UUID})),
    (
        "bdl-7",
        "Bundle",
        bundle("collection", {"fullUrl": UUID, "resource": PATIENT}, {"fullUrl": UUID, "resource": PATIENT}),
    ),
    (
        "bdl-8",
        "Bundle.entry[0].fullUrl",
        bundle("collection", VERSIONED),
    ),
    ("bdl-9", "Bundle", bundle("document", timestamp="2024-01-01T00:00:00Z")),
    ("bdl-10", "Bundle", bundle("document", identifier={"system": "urn:x:y", "value": "1"})),
    ("bdl-11", "Bundle", bundle("document", {"fullUrl": UUID, "resource": PATIENT})),
    ("bdl-12", "Bundle", bundle("message", {"fullUrl": UUID, "resource": PATIENT})),
    (
        "con-4",
        "Condition",
        {"resourceType": "Condition", "subject": {"display": "x"}, "abatementString": "x"},
    ),
    (
        "que-2",
        "Questionnaire",
        {
            "resourceType": "Questionnaire",
            "status": "draft",
            "item": [{"linkId": "1", "type": "group", "item": [{"linkId": "1", "type": "string"}]}],
        },
    ),
    (
        "csd-1",
        "CodeSystem",
        {
            "resourceType": "CodeSystem",
            "status": "draft",
            "content": "complete",
            "concept": [{"code": "a", "concept": [{"code": "a"}]}],
        },
    ),
    (
        "sqty-1",
        "Observation.referenceRange[0].low",
        {**OBSERVATION, "referenceRange": [{"low": {"value": 1, "comparator": "<"}}]},
    ),
]  # fmt: skip


@pytest.mark.parametrize(("key", "place", "resource"), BROKEN, ids=[key for key, _, _ in BROKEN])
def test_a_broken_invariant_is_told_with_its_key_text_and_place(
    key: str, place: str, resource: dict[str, Any]
) -> None:
    issues = validate_resource(resource)
    (found,) = (issue for issue in issues if issue.message_id == f"invariant:{key}")
    assert (found.severity, found.code, found.expression) == ("error", "invariant", place)
    assert found.diagnostics.startswith(f"{key}: ")
    assert len(found.diagnostics) > len(key) + 10


@pytest.mark.parametrize(("key", "place", "resource"), BROKEN, ids=[key for key, _, _ in BROKEN])
def test_the_level_structure_asks_for_no_invariant_but_those_of_the_structure(
    key: str, place: str, resource: dict[str, Any]
) -> None:
    issues = validate_resource(resource, level=Level.STRUCTURE)
    told = {issue.message_id for issue in issues}
    assert (f"invariant:{key}" in told) is (key in ("ref-1", "dom-2"))


def test_a_resource_without_narrative_is_worth_a_warning() -> None:
    (issue,) = validate_resource(PATIENT)
    assert (issue.severity, issue.message_id) == ("warning", "invariant:dom-6")


@pytest.mark.parametrize(
    ("start", "end", "holds"),
    [
        ("2024", "2024", True),
        ("2024-01", "2024-02-15", True),
        ("2024-01-15T23:30:00Z", "2024-01-16T00:30:00.5+01:00", True),
        ("2024-01", "2024-01-15", False),
        ("2024-01-15", "2024-01", False),
        ("2024-01-15", "2024-01-15T10:00:00Z", False),
    ],
)
def test_a_period_whose_order_is_not_known_is_refused(start: str, end: str, holds: bool) -> None:
    resource = {**PATIENT, "name": [{"family": "x", "period": {"start": start, "end": end}}]}
    told = [i.message_id for i in validate_resource(resource) if i.severity == "error"]
    assert told == ([] if holds else ["invariant:per-1"])


def test_remarks_never_crowd_out_an_error() -> None:
    entries = [
        {"fullUrl": f"urn:uuid:00000000-0000-0000-0000-{n:012}", "resource": PATIENT} for n in range(1000)
    ]
    entries.append({**entries[0], "fullUrl": UUID[:-1] + "z", "resource": {"resourceType": "X"}})
    issues = validate_resource(bundle("collection", *entries))
    assert len(issues) == 200
    assert [i.expression for i in issues if i.severity == "error"] == [
        "Bundle.entry[1000].fullUrl",
        "Bundle.entry[1000].resource",
    ]


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck), database=None)
@given(any_resources())
def test_look_ups_answer_what_the_expression_answers(resource: dict[str, Any]) -> None:
    context = Context(resource)
    environment = Environment(resource=resource, root_resource=resource, resolve=context.environment.resolve)
    for node in walk(resource, DEFINITIONS.structure_or_none):
        structure = DEFINITIONS.structure_or_none(node.type)
        if structure is None or not isinstance(node.value, dict):
            continue
        for invariant in DEFINITIONS.invariants(node.type):
            if invariant.key in WRITTEN:
                continue
            rule = build_rule(invariant, structure)
            text = ERRATA.get(invariant.expression, invariant.expression)
            try:
                expected = compile_expression(text, node.type).is_true(
                    Node(node.value, node.type, None), environment, when_empty=False
                )
            except FhirPathError:
                continue
            gated = rule.keys is not None and rule.keys.isdisjoint(node.value)
            assert (gated or rule.holds(node.value, context)) is expected, (invariant, node.value)


def test_most_invariants_need_no_evaluation() -> None:
    from fhir_server.fhirpath.parse import parse
    from fhir_server.fhirpath.presence import compile_presence

    kinds = Counter(
        compile_presence(parse(invariant.expression), structure) is not None
        for path in DEFINITIONS.invariant_paths
        if (structure := DEFINITIONS.structure_or_none(path)) is not None
        for invariant in DEFINITIONS.invariants(path)
        if invariant.key not in WRITTEN
    )
    assert kinds[True] > kinds[False]
