"""The profiles of one source of conformance resources, compiled when asked for, kept, shared by threads.

https://hl7.org/fhir/R4/profiling.html#resources
"""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import RLock
from typing import Any

from fhir_server.definitions.conformance import Conformance
from fhir_server.definitions.element_tree import ProfileError
from fhir_server.definitions.registry import Definitions
from fhir_server.definitions.snapshot import Snapshots, type_url
from fhir_server.errors import FhirError
from fhir_server.fhir import Resource
from fhir_server.fhirpath.node import Node
from fhir_server.fhirpath.types import ancestors
from fhir_server.validation.context import Context
from fhir_server.validation.fault import Fault, fault, gather, remark, show
from fhir_server.validation.profile.compile import Compiler
from fhir_server.validation.profile.extensions import (
    check_modifier,
    check_places,
    is_modifier,
    stands_well,
    unknown,
)
from fhir_server.validation.profile.named_slices import NamedSlices, find_slices, select_slices
from fhir_server.validation.profile.parts import Item, ItemCheck
from fhir_server.validation.profile.terms import Terms
from fhir_server.validation.profile.vital_signs import implied_profiles, read_tree
from fhir_server.validation.questionnaire.questions import Question, read_questions, rows
from fhir_server.validation.rules.binding import Admits, build_admits

MAX_PROFILES = 5_000
"""Compiled profiles kept of one source."""
MAX_NESTED = 64
"""Profiles applied inside each other."""


@dataclass(frozen=True, slots=True)
class Profile:
    """A StructureDefinition ready to run."""

    url: str
    type: str
    definition: Resource
    check: ItemCheck | None
    problems: tuple[str, ...] = ()
    """What of it cannot be checked, and why."""
    broken: str = ""
    """Why nothing of it can be checked."""
    modifies: bool = False
    """Of an extension: it changes the meaning of what it stands on."""
    holders: dict[str, bool] = field(default_factory=dict)
    """Of an extension: type of what holds it → is that enough to say that it may stand there."""


class ProfileBook:
    """All profiles of a source."""

    def __init__(self, definitions: Definitions, conformance: Conformance) -> None:
        self._definitions = definitions
        self._conformance = conformance
        self.terms = Terms(definitions, conformance)
        self._snapshots = Snapshots(lambda c: conformance.find("StructureDefinition", c))
        self._profiles: dict[str, Profile | None] = {}
        self._questions: dict[str, tuple[Question, ...] | None] = {}
        self._slices: dict[tuple[str, str], list[NamedSlices]] = {}
        self._lock = RLock()

    def member_of(self, node: Node, canonical: str) -> bool | None:
        """Says whether an item is in a value set; None where that is not known."""
        return self.terms.member_of(node, canonical)

    def conforms_to(self, node: Node, canonical: str, context: Context) -> bool | None:
        """Says whether an item meets a profile; None where the profile is not known."""
        if self.find(canonical) is None:
            return None
        item = Item(node.value, node.element, node.type, -1, "")
        faults = self.check_item(canonical, item, context)
        return not any(found.severity == "error" for found in faults or ())

    def questions(self, canonical: str) -> tuple[Question, ...] | None:
        """Returns the questions of a Questionnaire, None where it is not known."""
        with self._lock:
            if canonical not in self._questions:
                if len(self._questions) >= MAX_PROFILES:
                    self._questions = {}
                found = self._conformance.find("Questionnaire", canonical)
                self._questions[canonical] = None if found is None else self.read_questions(found)
            return self._questions[canonical]

    def read_questions(self, questionnaire: Resource) -> tuple[Question, ...]:
        """Returns the questions of a Questionnaire that is at hand."""

        def find_admits(canonical: str) -> Admits | None:
            if not canonical.startswith("#"):
                return self.terms.admits("Coding", canonical)
            for resource in rows(questionnaire, "contained"):
                if resource.get("id") == canonical[1:] and resource.get("resourceType") == "ValueSet":
                    return build_admits("Coding", self.terms.systems_of(resource), canonical)
            return None

        return read_questions(questionnaire, find_admits)

    def subsumes(self, system: str, high: str, low: str) -> bool | None:
        """Says whether a code subsumes another; None where that is not known."""
        return self.terms.subsumes(system, high, low)

    def slices_of(self, node: Node, canonical: str, name: str, context: Context) -> list[Node]:
        """Returns the children of an item that are in a slice of a profile, none where it is not known."""
        profile = self.find(canonical)
        if profile is None or profile.broken:
            return []
        key = (canonical, name)
        with self._lock:
            if key not in self._slices:
                if len(self._slices) >= MAX_PROFILES:
                    self._slices = {}
                tree = read_tree(canonical, self._snapshots.tree(canonical))
                self._slices[key] = find_slices(tree, profile.type, name, self._compiler(), self._definitions)
        return select_slices(self._slices[key], node, name, context)

    def _compiler(self) -> Compiler:
        return Compiler(self._definitions, self._snapshots, self.terms, self._find_type, self.check_item)

    def find(self, canonical: str) -> Profile | None:
        """Returns a compiled profile, None where it is not known."""
        try:
            return self._profiles[canonical]
        except KeyError:
            with self._lock:
                if canonical not in self._profiles:
                    if len(self._profiles) >= MAX_PROFILES:
                        self._profiles = {}
                    self._profiles[canonical] = self._compile(canonical)
                return self._profiles[canonical]

    def _compile(self, canonical: str) -> Profile | None:
        definition = self._conformance.find("StructureDefinition", canonical)
        if definition is None:
            return None
        type_ = str(definition.get("type"))
        try:
            if self._definitions.structure_or_none(type_) is None:
                raise ProfileError(f"there is no type {type_[:64]!r} in R4")
            if definition.get("derivation") != "constraint":
                return Profile(canonical, type_, definition, None)
            compiler = self._compiler()
            check = compiler.root(read_tree(canonical, self._snapshots.tree(canonical)), type_)
            modifies = type_ == "Extension" and is_modifier(definition)
            problems = tuple(compiler.problems[:20])
            return Profile(canonical, type_, definition, check, problems, modifies=modifies)
        except FhirError as error:
            return Profile(canonical, type_, definition, None, (), error.diagnostics)
        except RecursionError:
            return Profile(canonical, type_, definition, None, (), "it is nested too deeply")
        except (TypeError, ValueError, KeyError, AttributeError, IndexError) as error:
            # A StructureDefinition is input from outside: of any shape.
            return Profile(canonical, type_, definition, None, (), f"it is malformed: {error!r:.200}")

    def _find_type(self, canonical: str) -> str | None:
        definition = self._conformance.find("StructureDefinition", canonical)
        return None if definition is None else str(definition.get("type"))

    # --- checks ---------------------------------------------------------------------------------

    def check_item(self, canonical: str, item: Item, context: Context) -> list[Fault] | None:
        """Returns the faults of an item by a profile, None where the profile is not known."""
        profile = self.find(canonical)
        if profile is None or profile.check is None:
            return None
        nested = item.value.__class__ is dict and "resourceType" in item.value
        if nested and item.value is not context.resource:
            context = context.below(item.value)
        if not _is_of(item.type, profile.type):
            text = f"The profile {profile.url} is for {profile.type}, not for {show(item.type)}."
            return fault("structure", text, id="profile:type")
        key = (id(item.value), canonical)
        if key in context.open:
            # Resources may refer to each other: what is being checked already is not checked again.
            return None
        if len(context.open) >= MAX_NESTED:
            return remark("warning", "too-costly", "Profiles are nested too deeply.", id="profile:depth")
        context.open.add(key)
        try:
            return profile.check(item, context)
        finally:
            context.open.discard(key)

    def check_value(self, canonical: str, value: Any, type_: str, context: Context) -> list[Fault] | None:
        """Returns the faults of a value by a profile, None where the profile is not known."""
        return self.check_item(canonical, Item(value, None, type_, -1, ""), context)

    def check_extension(
        self, value: dict[str, Any], key: str, holder: str, context: Context
    ) -> list[Fault] | None:
        """Returns the faults of an extension by its definition; where it stands is looked at later."""
        url = value.get("url")
        if url.__class__ is not str or not url:
            return None
        if ":" not in url:
            # Inside an extension a name is enough: the definition of the outer one knows it.
            if holder == "Extension":
                return None
            return fault("value", f"{show(url)} is not an absolute URL.", ".url", id="extension:url")
        profile = self.find(url)
        if profile is None or profile.type != "Extension":
            return unknown(url)
        stands = profile.holders.get(holder)
        if stands is None:
            stands = profile.holders[holder] = stands_well(profile.definition, holder)
        if not stands:
            context.has_extensions = True
        faults = check_modifier(profile.definition, key, modifies=profile.modifies)
        found = self.check_item(url, Item(value, None, "Extension", -1, key), context)
        return gather(faults, found) if found else faults

    def _definition(self, url: str) -> Resource | None:
        profile = self.find(url)
        return profile.definition if profile is not None and profile.type == "Extension" else None

    def check_resource(
        self, resource: Resource, context: Context, asked: tuple[str, ...] = ()
    ) -> list[Fault] | None:
        """Returns the faults of a resource by the profiles it names, and by those asked for."""
        faults: list[Fault] | None = None
        if context.has_extensions:
            faults = check_places(context, self._definitions, self._definition)
        named = (*_named(resource), *implied_profiles(resource))
        for canonical in dict.fromkeys((*named, *asked)):
            found = self._check_profile(canonical, resource, context, asked=canonical in asked)
            if found:
                faults = gather(faults, found)
        return faults

    def _check_profile(
        self, canonical: str, resource: Resource, context: Context, *, asked: bool
    ) -> list[Fault] | None:
        profile = self.find(canonical)
        if profile is None:
            text = f"The profile {show(canonical)} is not known here; the resource was not checked by it."
            return remark("error" if asked else "warning", "not-found", text, id="profile:unknown")
        if profile.broken:
            text = f"The profile {show(canonical)} cannot be used: {profile.broken}"
            return fault("structure", text, id="profile:broken")
        faults: list[Fault] | None = None
        for problem in profile.problems:
            text = f"Of the profile {show(canonical)} a part was not checked: {problem}"
            severity = "error" if problem.startswith("constraint") else "warning"
            faults = gather(faults, remark(severity, "not-supported", text, id="profile:part"))
        item = Item(resource, None, str(resource.get("resourceType")), -1, "")
        if profile.check is None and not _is_of(item.type, profile.type):
            text = f"The profile {profile.url} is for {profile.type}, not for {show(item.type)}."
            return gather(faults, fault("structure", text, id="profile:type"))
        found = self.check_item(canonical, item, context)
        return gather(faults, found) if found else faults


def _is_of(type_: str, wanted: str) -> bool:
    return type_ == wanted or wanted in ancestors(type_)


def _named(resource: Resource) -> tuple[str, ...]:
    meta: Any = resource.get("meta")
    profiles = meta.get("profile") if isinstance(meta, dict) else None
    if not isinstance(profiles, list):
        return ()
    return tuple(p for p in profiles[:32] if isinstance(p, str))


__all__ = ["Profile", "ProfileBook", "type_url"]
