"""$validate: what is wrong with a resource, and whether an interaction with it would be accepted.

https://hl7.org/fhir/R4/resource-operation-validate.html
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial

from fhir_server.errors import FhirError, Invalid, Issue
from fhir_server.fhir import Resource
from fhir_server.fhir.json import parse_json
from fhir_server.fhir.outcome import build_outcome
from fhir_server.fhir.position import Position, locate
from fhir_server.interactions.messages import Exchange, FhirResponse
from fhir_server.interactions.operation import CODE
from fhir_server.interactions.received import check_type
from fhir_server.operations.parameters import RESOURCE, SIMPLE, Given, read_parameters
from fhir_server.validation.validate import validate_resource

_PARAMETERS = {"resource": RESOURCE, "mode": SIMPLE, "profile": SIMPLE}
_MODES = ("create", "update", "delete", "profile")
_MOST_PROFILES = 20
_WELL = Issue("information", "informational", "no issues")


def validate(exchange: Exchange) -> FhirResponse:
    """POST [type]/$validate, POST or GET [type]/[id]/$validate: 200 with all issues."""
    given = read_parameters(exchange, _PARAMETERS)
    mode = given.one("mode")
    profiles = given.simple.get("profile", ())
    _check(exchange, given, mode, profiles)
    if mode == "delete":
        return _answer(_delete_issues(exchange))
    if given.resource is None:
        return _answer(_issues(exchange, _stored(exchange), profiles))
    check_type(given.resource, exchange.request.resource_type)
    issues = _issues(exchange, given.resource, profiles)
    issues += _acceptance_issues(exchange, given.resource, mode)
    exchange.store.note_operation(exchange.request.resource_type, "$validate")
    return _answer(issues, _positions(exchange, given, issues))


def _check(exchange: Exchange, given: Given, mode: str, profiles: Sequence[str]) -> None:
    """Refuses what cannot be done: the specification wants no outcome of it."""
    if mode and mode not in _MODES:
        raise Invalid(f"mode is one of {', '.join(_MODES)}", "http.mode")
    if mode == "profile" and not profiles:
        raise Invalid("the mode profile needs a profile", "http.profile")
    if len(profiles) > _MOST_PROFILES:
        raise Invalid(f"at most {_MOST_PROFILES} profiles are validated at once", "http.profile")
    if mode == "create" and exchange.request.id:
        raise Invalid("the mode create has no instance: it is asked at [type]/$validate", "http.mode")
    if mode in ("update", "delete") and not exchange.request.id:
        raise Invalid(f"the mode {mode} needs an instance: [type]/[id]/$validate", "http.mode")
    if given.resource is None and (mode == "update" or not exchange.request.id):
        raise Invalid("a resource to validate is expected, alone or as the parameter resource")


def _issues(exchange: Exchange, resource: Resource, profiles: Sequence[str]) -> list[Issue]:
    return validate_resource(resource, profiles=profiles, conformance=exchange.conformance)


def _stored(exchange: Exchange) -> Resource:
    stored = exchange.store.read(exchange.request.resource_type, exchange.request.id, CODE)
    resource: Resource = parse_json(stored.raw)
    return resource


def _delete_issues(exchange: Exchange) -> list[Issue]:
    """Returns why a delete would be refused."""
    request = exchange.request
    _stored(exchange)
    return _refusal(exchange, "delete", "d", f"{request.resource_type}/{request.id}")


def _acceptance_issues(exchange: Exchange, resource: Resource, mode: str) -> list[Issue]:
    """Returns why a create or update would be refused though the resource is valid."""
    request = exchange.request
    if mode == "create":
        return _refusal(exchange, "create", "c", request.resource_type)
    if mode != "update":
        return []
    issues = _refusal(exchange, "update", "u", f"{request.resource_type}/{request.id}")
    if resource.get("id") != request.id:
        text = "the resource needs the id of the URL"
        issues.append(Issue("error", "invalid", text, f"{request.resource_type}.id", "update:id"))
    if not exchange.limits.update_create:
        try:
            _stored(exchange)
        except FhirError as error:
            issues += error.issues
    return issues


def _refusal(exchange: Exchange, interaction: str, letter: str, what: str) -> list[Issue]:
    declared = exchange.declared.types[exchange.request.resource_type]
    if interaction not in declared.interactions:
        return [Issue("error", "not-supported", f"{interaction} of {what} is not offered")]
    if not exchange.store.may(letter, exchange.request.resource_type):
        return [Issue("error", "forbidden", f"the token does not allow to {interaction} {what}")]
    return []


def _positions(exchange: Exchange, given: Given, issues: Sequence[Issue]) -> Mapping[str, Position] | None:
    """Lines and columns of the body; a Bundle entry has no text of its own."""
    request = exchange.request
    if not request.body:
        return None
    find = request.document.locate if request.document is not None else partial(locate, request.body)
    return find({issue.expression for issue in issues}, given.place)


def _answer(issues: Sequence[Issue], positions: Mapping[str, Position] | None = None) -> FhirResponse:
    return FhirResponse(200, build_outcome(issues or [_WELL], positions if issues else None))
