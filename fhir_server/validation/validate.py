"""The door of validation: a resource → all its issues. https://hl7.org/fhir/R4/validation.html"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fhir_server.definitions.conformance import Conformance
from fhir_server.errors import Issue
from fhir_server.validation.compile import load_rulebook
from fhir_server.validation.fault import Fault, bounded
from fhir_server.validation.level import Level

__all__ = ["Level", "validate_resource"]


def validate_resource(
    resource: Any,
    *,
    path_prefix: str = "",
    profiles: Sequence[str] = (),
    level: Level = Level.FULL,
    conformance: Conformance | None = None,
) -> list[Issue]:
    """Returns the issues of a resource (at most 200), none when it is valid.

    Expressions begin with the resource type, or with `path_prefix` (Bundle.entry[3].resource) in its place.
    `profiles` are asked for beside those of meta.profile; `conformance` knows more than R4 and `profiles/`.
    """
    try:
        faults = load_rulebook(level).check(resource)
    except RecursionError:
        return [Issue("error", "structure", "The resource is nested too deeply.", path_prefix, "depth")]
    if not faults:
        return []
    type_ = resource.get("resourceType") if isinstance(resource, dict) else None
    prefix = path_prefix or (type_ if isinstance(type_, str) and type_.isalpha() else "")
    return [_issue(found, prefix) for found in bounded(faults)]


def _issue(found: Fault, prefix: str) -> Issue:
    expression = prefix + "".join(reversed(found.path))
    return Issue(found.severity, found.code, found.text, expression, found.message_id)
