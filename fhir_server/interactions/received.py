"""The resource a client sent: parsed strictly, of the type the URL names, valid before anything is stored."""

from __future__ import annotations

from collections.abc import Sequence

from fhir_server.definitions.sources import default_conformance
from fhir_server.errors import Invalid, Issue, Unprocessable
from fhir_server.fhir import Resource
from fhir_server.fhir.json import parse_resource
from fhir_server.interactions.messages import Exchange
from fhir_server.validation.fault import LIMIT
from fhir_server.validation.validate import Level, validate_resource


def received_resource(exchange: Exchange) -> Resource:
    """Returns the body; raises Invalid when not of the type in the URL, Unprocessable when not valid."""
    request = exchange.request
    if request.resource is not None:
        # A Bundle entry: parsed and validated with its Bundle.
        check_type(request.resource, request.resource_type)
        return request.resource
    resource = parse_body(exchange)
    check_type(resource, request.resource_type)
    refuse_errors(find_issues(exchange, resource))
    return resource


def find_issues(exchange: Exchange, resource: Resource) -> list[Issue]:
    """Returns what is wrong with a resource that is to be stored, as far as the settings want to know."""
    level = exchange.limits.validation
    if level == "off":
        return unusable(resource)
    return find_faults(exchange, resource, Level(level), (resource,))


def find_faults(
    exchange: Exchange, resource: Resource, level: Level, brought: Sequence[Resource]
) -> list[Issue]:
    """Returns the issues of a resource by what is stored here too, when it or what it brings asks for that.

    Who names no profile, and no extension or Questionnaire that R4 and `profiles/` do not know, is spared the
    look-up; so is everybody where no definition was ever stored.
    """
    if any(isinstance(meta := one.get("meta"), dict) and "profile" in meta for one in brought):
        return validate_resource(resource, level=level, conformance=exchange.conformance)
    issues = validate_resource(resource, level=level)
    stored = exchange.conformance if _may_be_stored(issues) else None
    if stored is None or stored.revision == default_conformance().revision:
        return issues
    return validate_resource(resource, level=level, conformance=stored)


def _may_be_stored(issues: list[Issue]) -> bool:
    """True where a definition was missed; also where so much was found that this may not have been told."""
    return len(issues) >= LIMIT or any(issue.message_id in _MISSED for issue in issues)


_MISSED = ("extension:unknown", "response:unknown")


def unusable(resource: Resource, path: str = "") -> list[Issue]:
    """Returns what no setting lets pass: the server itself writes into meta and its tags."""
    meta = resource.get("meta", {})
    tags = meta.get("tag", []) if type(meta) is dict else None
    if type(tags) is list and all(type(tag) is dict for tag in tags):
        return []
    expression = f"{path or resource.get('resourceType')}.meta"
    return [Issue("error", "structure", "meta is an object, and its tags are objects", expression)]


def parse_body(exchange: Exchange) -> Resource:
    """Returns the body as a resource of any type, not yet validated."""
    if exchange.request.resource is not None:
        return exchange.request.resource
    if exchange.request.document is not None:
        return exchange.request.document.read(exchange.limits.max_depth)
    if not exchange.request.body.strip():
        raise Invalid("the request has no body; a resource is expected")
    return parse_resource(exchange.request.body, max_depth=exchange.limits.max_depth)


def check_type(resource: Resource, resource_type: str) -> None:
    """Refuses a resource of another type than the URL says."""
    if resource.get("resourceType") != resource_type:
        found = str(resource.get("resourceType"))[:64]
        raise Invalid(f"the URL says {resource_type}, the resource says {found}", "resourceType")


def check_id(resource: Resource, resource_id: str) -> None:
    """An update names the same id in URL and body. https://hl7.org/fhir/R4/http.html#update"""
    if resource.get("id") != resource_id:
        said = resource.get("id")
        raise Invalid(
            "the resource needs the id of the URL"
            if said is None
            else "the id of the resource is not the URL's",
            f"{resource['resourceType']}.id",
        )


def refuse_errors(issues: list[Issue]) -> None:
    """Raises Unprocessable with all errors; warnings are no reason to refuse, and would hide the reasons."""
    errors = [i for i in issues if i.severity in ("fatal", "error")]
    if errors:
        raise Unprocessable(errors[0].diagnostics, errors[0].expression, issues=errors)
