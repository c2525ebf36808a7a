"""Literal references: their shape, the type they point to, contained targets.

https://hl7.org/fhir/R4/references.html#literal
"""

from __future__ import annotations

import re
from typing import Any

from fhir_server.definitions.registry import Definitions
from fhir_server.validation.context import Context
from fhir_server.validation.fault import Check, Fault, Position, fault, gather, remark, show

_ID = r"[A-Za-z0-9\-.]{1,64}"
_RELATIVE = re.compile(rf"([A-Z][A-Za-z]{{1,63}})/{_ID}(?:/_history/{_ID})?(?:#\S+)?")
_ABSOLUTE = re.compile(rf"https?://\S+/([A-Z][A-Za-z]{{1,63}})/{_ID}(?:/_history/{_ID})?(?:#\S+)?")
_CONDITIONAL = re.compile(r"([A-Z][A-Za-z]{1,63})\?\S+")
_URI = re.compile(r"[A-Za-z][A-Za-z0-9+.\-]*:\S+")
_WORD = re.compile(r"\S+")
_is_id = re.compile(_ID).fullmatch


def build(position: Position, check: Check) -> Check:
    """Returns the check with the target types of a Reference."""
    if position.type != "Reference":
        return check
    definitions = position.definitions
    allowed = frozenset(position.element.targets.get("Reference", ("Resource",)))
    targets = frozenset(definitions.resource_types) if "Resource" in allowed else allowed

    def check_reference(value: Any, owner: dict[str, Any], context: Context) -> list[Fault] | None:
        faults = check(value, owner, context)
        if type(value) is not dict:
            return faults
        literal = value.get("reference")
        if type(literal) is not str or not literal:
            return faults
        type_, _, rest = literal.partition("/")
        if type_ in targets and _is_id(rest) and value.get("type", type_) == type_:
            return faults
        found = _check_declared(value.get("type"), literal, definitions)
        found = found or _judge(literal, targets, definitions, context)
        return gather(faults, found) if found else faults

    return check_reference


def _judge(
    literal: str, targets: frozenset[str], definitions: Definitions, context: Context
) -> list[Fault] | None:
    if literal.startswith("#"):
        return _judge_contained(literal, targets, context)
    match = _RELATIVE.fullmatch(literal) or _CONDITIONAL.fullmatch(literal)
    if match is None:
        match = _ABSOLUTE.fullmatch(literal)
        if match is None or not definitions.is_resource_type(match[1]):
            return None if _URI.fullmatch(literal) else _malformed(literal)
    if not definitions.is_resource_type(match[1]):
        return _malformed(literal)
    return _judge_type(match[1], targets)


def _judge_contained(literal: str, targets: frozenset[str], context: Context) -> list[Fault] | None:
    # "#" alone is the container itself, as seen from a contained resource.
    target = context.find(literal)
    if target is None:
        text = f"ref-1: no contained resource has the id {show(literal[1:])}."
        return fault("invariant", text, ".reference", id="invariant:ref-1")
    return _judge_type(str(target.get("resourceType")), targets)


def _judge_type(type_: str, targets: frozenset[str]) -> list[Fault] | None:
    if type_ in targets:
        return None
    text = f"The reference points to {show(type_)}; allowed are {', '.join(sorted(targets))}."
    return fault("structure", text, ".reference", id="reference:target")


def _check_declared(declared: Any, literal: str, definitions: Definitions) -> list[Fault] | None:
    if not definitions.is_resource_type(declared):
        return None
    match = _RELATIVE.fullmatch(literal) or _ABSOLUTE.fullmatch(literal)
    if match is None or not definitions.is_resource_type(match[1]) or match[1] == declared:
        return None
    text = f"The reference says it points to {declared}, and points to {match[1]}."
    return fault("structure", text, ".type", id="reference:type")


def _malformed(literal: str) -> list[Fault]:
    text = f"{show(literal)} is neither Type/id, an absolute URI, nor #id of a contained resource."
    # What may be a URL only leads nowhere: other systems have such links in their records.
    severity = "warning" if _WORD.fullmatch(literal) else "error"
    return remark(severity, "value", text, ".reference", id="reference:form")
