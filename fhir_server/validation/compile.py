"""Definitions → tree of rules, compiled once per structure. https://hl7.org/fhir/R4/structuredefinition.html"""

from __future__ import annotations

from functools import cache
from threading import Lock
from typing import Any

from fhir_server.definitions.registry import Definitions, load_definitions
from fhir_server.validation.context import Context
from fhir_server.validation.fault import Check, Fault, Position, fault, gather, show, wrong_type
from fhir_server.validation.level import Level
from fhir_server.validation.rules import (
    OBJECT_RULES,
    RULES,
    STRUCTURE_OBJECT_RULES,
    STRUCTURE_RULES,
    cardinality,
)
from fhir_server.validation.rules.types import build_object


class Rulebook:
    """The checks of all structures, built on first use; one per process, shared by threads."""

    def __init__(self, definitions: Definitions, level: Level = Level.FULL) -> None:
        self._definitions = definitions
        is_full = level is Level.FULL
        self._rules = RULES if is_full else STRUCTURE_RULES
        self._object_rules = OBJECT_RULES if is_full else STRUCTURE_OBJECT_RULES
        self._checks: dict[str, Check] = {}
        self._lock = Lock()

    def check(
        self, resource: Any, owner: dict[str, Any] | None = None, around: Context | None = None
    ) -> list[Fault] | None:
        """Checks a resource that is not contained: its own context begins here."""
        if type(resource) is not dict:
            return wrong_type("an object", resource)
        type_ = resource.get("resourceType")
        if not self._definitions.is_resource_type(type_):
            return _unknown_type(type_)
        context = Context(resource, around=around)
        return self.check_in(context, str(type_), owner)

    def check_in(
        self, context: Context, type_: str, owner: dict[str, Any] | None = None, asked: tuple[str, ...] = ()
    ) -> list[Fault] | None:
        """Checks the resource of a context by its type, then by the profiles it names and those asked for."""
        resource = context.resource
        if owner is not None and isinstance(url := owner.get("fullUrl"), str):
            context.full_url = url
        faults = self.find(type_)(resource, resource, context)
        return self._check_profiles(faults, context, asked)

    def _check_profiles(
        self, faults: list[Fault] | None, context: Context, asked: tuple[str, ...] = ()
    ) -> list[Fault] | None:
        book = context.book
        resource = context.resource
        named = asked or "meta" in resource or resource.get("resourceType") == "Observation"
        if book is None or not (named or context.has_extensions):
            return faults
        found = book.check_resource(context.resource, context, asked)
        return gather(faults, found) if found else faults

    def find(self, name: str) -> Check:
        """Returns the check of the objects of a structure."""
        check = self._checks.get(name)
        if check is None:
            with self._lock:
                # Published only when whole: another thread must never meet a half-filled table.
                building = dict(self._checks)
                check = self._build(name, building)
                self._checks = building
        return check

    def _build(self, name: str, building: dict[str, Check]) -> Check:
        if name in building:
            return building[name]
        structure = self._definitions.structure(name)
        table: dict[str, Check] = {}
        object_checks = [
            check
            for build in self._object_rules
            if (check := build(self._definitions, structure)) is not None
        ]
        # Before its table is filled, because structures contain each other.
        building[name] = build_object(structure, table, object_checks)
        if structure.kind == "resource":
            table["resourceType"] = _accept

        def find(child: str) -> Check:
            return self._build(child, building)

        for key, (element, type_) in structure.keys.items():
            self._fill(table, Position(self._definitions, structure, element, key, type_, find))
        return building[name]

    def _fill(self, table: dict[str, Check], position: Position) -> None:
        """Adds the checks of a property, and of the one beside it that carries extensions of a primitive."""
        check = self._begin(position)
        for build in self._rules:
            check = build(position, check)
        table[position.key] = check
        if _may_have_sibling(position):
            table["_" + position.key] = cardinality.build_sibling(position, position.find("Element"))

    def _begin(self, position: Position) -> Check:
        """Returns the check of the type alone, which the rules then wrap."""
        if position.type == "Resource":
            return self._check_contained if position.key == "contained" else self.check
        if position.definitions.structure(position.type).is_primitive:
            return _accept
        return position.find(position.type)

    def _check_contained(self, value: Any, _owner: dict[str, Any], context: Context) -> list[Fault] | None:
        """Checks a contained resource: it sees the context of its container."""
        if type(value) is not dict:
            return wrong_type("an object", value)
        type_ = value.get("resourceType")
        if not self._definitions.is_resource_type(type_):
            return _unknown_type(type_)
        faults: list[Fault] | None = None
        if "contained" in value:
            text = "dom-2: a contained resource must not contain others."
            faults = fault("invariant", text, ".contained", id="invariant:dom-2")
            value = {key: item for key, item in value.items() if key != "contained"}
        if "id" not in value:
            faults = gather(faults, fault("required", _NO_ID, ".id", id="cardinality:min"))
        inner = Context(value, container=context)
        found = self._check_profiles(self.find(str(type_))(value, value, inner), inner)
        return gather(faults, found) if found else faults


_NO_ID = "A contained resource must have an id."


@cache
def load_rulebook(level: Level = Level.FULL) -> Rulebook:
    """Returns the Rulebook of a level; one per process."""
    return Rulebook(load_definitions(), level)


def _may_have_sibling(position: Position) -> bool:
    """True for primitives that may carry extensions: not for those that are XML attributes, nor for XHTML."""
    if not position.definitions.structure(position.type).is_primitive or position.type == "xhtml":
        return False
    is_attribute = position.key == "id" or (position.owner.name, position.key) == ("Extension", "url")
    return position.owner.kind == "resource" or not is_attribute


def _accept(_value: Any, _owner: dict[str, Any], _context: Context) -> None:
    """The resource type was checked before its rules were looked up."""


def _unknown_type(type_: object) -> list[Fault]:
    return fault("structure", f"There is no resource type {show(str(type_))} in R4.", id="type:resource")
