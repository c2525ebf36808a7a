"""Codes from bound value sets: required is an error, extensible a warning, preferred a piece of advice.

https://hl7.org/fhir/R4/terminologies.html#strength
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fhir_server.validation.context import Context
from fhir_server.validation.fault import Check, Fault, Position, gather, only_remarks, remark, show
from fhir_server.validation.rules.code_rules import CODE_RULES

Systems = Mapping[str, frozenset[str] | None]
"""System → codes; None where they are known elsewhere only."""

Admits = Callable[[Any], "bool | None"]
"""Coded value → is it in the value set; None where that is not known or nothing is coded."""

SEVERITIES = {"required": "error", "extensible": "warning", "preferred": "information", "doubtful": "warning"}

_LANGUAGES = "http://hl7.org/fhir/ValueSet/languages"
_ALL_LANGUAGES = "http://hl7.org/fhir/ValueSet/all-languages"

_ADVICE = {
    "required": "is not in the required value set {}.",
    "extensible": "is not in the value set {}, from which it must be taken if that has a suitable one.",
    "preferred": "is not in the value set {}, which is recommended.",
    "doubtful": "does not look like one of the required value set {}.",
}


def build_required(position: Position, check: Check) -> Check:
    """Returns the check with the codes of a required binding."""
    binding = position.element.binding
    if binding is None:
        return check
    if binding[1].startswith(_LANGUAGES):
        # Preferred, with all languages as maximum: https://hl7.org/fhir/R4/valueset-all-languages.html
        return _build(position, check, ("required", _ALL_LANGUAGES))
    return _build(position, check, binding) if binding[0] == "required" else check


def build_advised(position: Position, check: Check) -> Check:
    """Returns the check with the codes of an extensible or preferred binding."""
    binding = position.element.binding
    if binding is None or binding[0] not in ("extensible", "preferred"):
        return check
    return _build(position, check, binding)


def _build(position: Position, check: Check, binding: tuple[str, str]) -> Check:
    strength, canonical = binding
    admits = build_admits(position.type, position.definitions.bound_codes(canonical), canonical)
    if admits is None:
        return check
    if position.type not in ("Coding", "CodeableConcept", "Quantity"):
        return _build_code(check, admits, strength, canonical)

    needs_coding = (
        strength == "required" and position.type == "CodeableConcept" and canonical != _ALL_LANGUAGES
    )

    def check_coded(value: Any, owner: dict[str, Any], context: Context) -> list[Fault] | None:
        faults = check(value, owner, context)
        if type(value) is not dict or (faults and not only_remarks(faults)):
            return faults
        answer = admits(value)
        if answer is False or (needs_coding and "coding" not in value):
            return gather(faults, outside(strength, canonical, value))
        return faults

    return check_coded


def _build_code(check: Check, admits: Admits, strength: str, canonical: str) -> Check:
    doubts = strength == "required" and canonical.partition("|")[0] in CODE_RULES

    def check_code(value: Any, owner: dict[str, Any], context: Context) -> list[Fault] | None:
        if admits(value):
            return None
        faults = check(value, owner, context)
        answer = admits(value)
        if faults or (answer is None and not doubts):
            return faults
        return outside(strength if answer is False else "doubtful", canonical, value)

    return check_code


def outside(strength: str, canonical: str, value: Any) -> list[Fault]:
    """Returns the fault of a value that is not in its value set."""
    subject = f"The code {show(value)}" if isinstance(value, str) else "No coding"
    text = f"{subject} {_ADVICE[strength].format(canonical)}"
    if not isinstance(value, str):
        text = text.replace("No coding is not", "No coding is", 1)
    return remark(SEVERITIES[strength], "code-invalid", text, id=f"binding:{strength}")


def build_admits(type_: str, systems: Systems | None, canonical: str) -> Admits | None:
    """Returns what tells the members of a value set; None where nothing can be told."""
    rule = CODE_RULES.get(canonical.partition("|")[0])
    if rule is not None:
        systems = None
    elif systems is None or all(codes is None for codes in systems.values()):
        return None
    if type_ == "CodeableConcept":
        return _concept(_coding(systems, rule))
    if type_ in ("Coding", "Quantity"):
        return _coding(systems, rule)
    return _code(systems, rule)


def _code(systems: Systems | None, rule: Callable[[str], bool | None] | None) -> Admits:
    if rule is not None:
        return lambda value: rule(value) if isinstance(value, str) else None
    known = [codes for codes in (systems or {}).values() if codes is not None]
    codes = frozenset().union(*known)
    is_whole = len(known) == len(systems or {})

    def admits(value: Any) -> bool | None:
        if type(value) is not str:
            return None
        return value in codes or (False if is_whole else None)

    return admits


def _coding(systems: Systems | None, rule: Callable[[str], bool | None] | None) -> Admits:
    def admits(value: Any) -> bool | None:
        code = value.get("code") if type(value) is dict else None
        if type(code) is not str:
            return None
        if rule is not None:
            return rule(code)
        codes = systems.get(str(value.get("system")), _NONE) if systems is not None else None
        return None if codes is None else code in codes

    return admits


_NONE: frozenset[str] = frozenset()


def _concept(coding: Admits) -> Admits:
    def admits(value: Any) -> bool | None:
        codings = value.get("coding") if type(value) is dict else None
        if not isinstance(codings, list):
            return None
        answers = [coding(item) for item in codings]
        return True if True in answers else None if None in answers else False

    return admits
