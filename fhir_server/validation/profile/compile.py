"""Tree of a profile → checks of what it says beyond R4; what it repeats is checked by the rules of R4.

https://hl7.org/fhir/R4/elementdefinition.html
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fhir_server.definitions.element_tree import ElementNode, ProfileError
from fhir_server.definitions.registry import Definitions, Structure
from fhir_server.definitions.snapshot import Snapshots, type_url
from fhir_server.validation.context import Context
from fhir_server.validation.fault import Fault, fault, gather
from fhir_server.validation.profile.beyond import beyond
from fhir_server.validation.profile.constraints import build_constraints
from fhir_server.validation.profile.discriminator import Tools, build_matches
from fhir_server.validation.profile.parts import Item, ItemCheck, ItemsOf, Matches, Place, build_items_of
from fhir_server.validation.profile.property import accept_text, build_property
from fhir_server.validation.profile.slicing import DEFAULT, Slice, Slicing
from fhir_server.validation.profile.targets import build_targets
from fhir_server.validation.profile.terms import Terms
from fhir_server.validation.profile.values import build_expected, build_length, build_range, expected_value
from fhir_server.validation.rules.binding import outside

CheckProfile = Callable[[str, Item, Context], "list[Fault] | None"]
"""(canonical, item, context) → faults of the item by that profile; None also where it is not known."""

FindType = Callable[[str], "str | None"]


class Compiler:
    """Compiles one profile."""

    def __init__(
        self,
        definitions: Definitions,
        snapshots: Snapshots,
        terms: Terms,
        find_type: FindType,
        check_profile: CheckProfile,
    ) -> None:
        self._definitions = definitions
        self._snapshots = snapshots
        self._terms = terms
        self._find_type = find_type
        self._check_profile = check_profile
        self._tools = Tools(snapshots, self._free_element, self._conforms)
        self._texts: dict[ItemCheck | None, str] = {}
        """Check of a fixed or pattern text → the text."""
        self.problems: list[str] = []
        """What of the profile cannot be checked, and why."""

    def root(self, node: ElementNode, type_: str) -> ItemCheck | None:
        """Compiles the whole profile."""
        return _all(
            [
                self._constraints(node, type_, {i.key for i in self._definitions.invariants(type_)}),
                build_value(node.facts),
                self._children(node, type_),
            ]
        )

    def _conforms(self, canonical: str, item: Item, context: Context) -> bool:
        faults = self._check_profile(canonical, item, context)
        return not any(found.severity == "error" for found in faults or ())

    def _free_element(self, node: ElementNode, type_: str) -> ItemCheck | None:
        """Compiles an element as a discriminator sees it: all it says counts."""
        structure = self._definitions.structure_or_none(type_)
        return _all(
            [
                build_value(node.facts),
                self._binding(node, type_, None) if type_ else None,
                self._children(node, type_) if structure is not None else None,
            ]
        )

    # --- children -------------------------------------------------------------------------------

    def _children(self, node: ElementNode, type_: str) -> ItemCheck | None:
        structure = self._definitions.structure_or_none(type_)
        if structure is not None and structure.is_primitive:
            return _beside(self._children(node, "Element")) if node.children else None
        if structure is None or not node.children:
            return None
        found = [
            check
            for child in node.children.values()
            if (element := structure.elements.get(child.name)) is not None
            and (check := self._property(child, Place(structure, element))) is not None
        ]
        if not found:
            return None

        def check_children(item: Item, context: Context) -> list[Fault] | None:
            value = item.value
            if value.__class__ is not dict:
                return None
            faults: list[Fault] | None = None
            for check in found:
                below = check(value, context)
                if below:
                    faults = gather(faults, below)
            return faults

        return check_children

    def _property(
        self, node: ElementNode, place: Place
    ) -> Callable[[dict[str, Any], Context], list[Fault] | None] | None:
        element = place.element
        keys, primitive = self._keys(place)
        items_of = self.items_of(place)
        slicing = self.slicing(node, place) if node.slices else None
        check_item = self._element(node, place)
        check = build_property(node.facts, place, items_of, check_item, slicing)
        is_text = len(keys) == 1 and primitive and not element.is_list and node.facts.get("max") != "0"
        if check is None or not is_text or (check_item is not None and check_item not in self._texts):
            return check
        return accept_text(next(iter(keys)), self._texts.get(check_item), check)

    def _keys(self, place: Place) -> tuple[dict[str, str], bool]:
        """Returns JSON key → type of an element, and whether one of the types is primitive."""
        keys = {key: type_ for key, (other, type_) in place.owner.keys.items() if other is place.element}
        shapes = [self._definitions.structure_or_none(type_) for type_ in keys.values()]
        return keys, any(shape is None or shape.is_primitive for shape in shapes)

    def items_of(self, place: Place) -> ItemsOf:
        """Returns what lists the items of an element in the object that holds it."""
        keys, primitive = self._keys(place)
        return build_items_of(keys, primitive=primitive, repeats=place.element.is_list)

    def _element(self, node: ElementNode, place: Place) -> ItemCheck | None:
        """Compiles what a profile says about each occurrence of an element."""
        facts, element = node.facts, place.element
        rows = [row for row in facts.get("type") or () if isinstance(row, dict)]
        types = [str(row.get("code")) for row in rows]
        type_ = element.content or (types[0] if len(set(types)) == 1 else "")
        if "://" in type_:
            type_ = element.types[0] if len(element.types) == 1 else "string"
        keys = {i.key for i in self._definitions.invariants(f"{place.owner.name}.{element.name}")}
        if type_:
            keys |= {i.key for i in self._definitions.invariants(type_)}
        value = build_value(facts)
        expected = expected_value(facts)
        if value is not None and expected is not None and isinstance(expected[1], str):
            self._texts[value] = expected[1]
        return _all(
            [
                self._constraints(node, type_, keys),
                value,
                self._binding(node, type_, element.binding),
                self._type_profiles(rows, element.profiles),
                self._targets(rows, element.targets),
                self._in_resource(node, type_)
                if "Resource" in element.types
                else self._children(node, type_),
            ]
        )

    def _in_resource(self, node: ElementNode, type_: str) -> ItemCheck | None:
        """Compiles the children of a nested resource: its own context begins there."""
        inner = self._children(node, type_) if type_ not in ("", "Resource") else None
        if inner is None:
            return None
        return lambda item, context: inner(item, context.below(item.value))

    # --- parts ----------------------------------------------------------------------------------

    def _constraints(self, node: ElementNode, type_: str, known: set[str]) -> ItemCheck | None:
        return build_constraints(node.facts.get("constraint"), type_, known, self.problems)

    def _binding(self, node: ElementNode, type_: str, known: tuple[str, str] | None) -> ItemCheck | None:
        binding = node.facts.get("binding")
        if not isinstance(binding, dict) or not isinstance(binding.get("valueSet"), str):
            return None
        strength, canonical = str(binding.get("strength")), binding["valueSet"]
        if (strength, canonical) == known or strength not in ("required", "extensible", "preferred"):
            return None
        admits = self._terms.admits(type_ or "CodeableConcept", canonical)
        if admits is None:
            return None
        needs_coding = strength == "required" and type_ == "CodeableConcept"

        def check(item: Item, _context: Context) -> list[Fault] | None:
            value = item.value
            lacks = needs_coding and value.__class__ is dict and "coding" not in value
            return outside(strength, canonical, value) if lacks or admits(value) is False else None

        return check

    def _type_profiles(
        self, rows: list[dict[str, Any]], known: dict[str, tuple[str, ...]]
    ) -> ItemCheck | None:
        wanted = {
            str(row.get("code")): [str(p) for p in row["profile"]]
            for row in rows
            # Extensions are checked by their url.
            if row.get("profile") and row.get("code") != "Extension"
            if tuple(row["profile"]) != known.get(str(row.get("code")))
        }
        if not wanted:
            return None

        def check(item: Item, context: Context) -> list[Fault] | None:
            answers = [self._check_profile(p, item, context) for p in wanted.get(item.type, ())]
            return _best(answers) if answers else None

        return check

    def _targets(self, rows: list[dict[str, Any]], known: dict[str, tuple[str, ...]]) -> ItemCheck | None:
        references = [row for row in rows if row.get("code") == "Reference"]
        return build_targets(references, known.get("Reference", ()), self._find_type, self._conforms)

    # --- slices ---------------------------------------------------------------------------------

    def slicing(self, node: ElementNode, place: Place, prefix: str = "") -> Slicing | None:
        """Compiles the slices of an element, or those of one of its slices (`prefix`)."""
        facts = node.facts.get("slicing") or {}
        rows = [d for d in facts.get("discriminator") or () if isinstance(d, dict)]
        if not rows and place.element.is_choice:
            rows = [{"type": "type", "path": "$this"}]
        if not prefix:
            self._tell_orphans(node)
        slices = [
            made
            for name, one in node.slices.items()
            if name.rpartition("/")[0] == prefix and (made := self._slice(node, one, rows, place))
        ]
        if not slices:
            return None
        # A slice that cannot be told apart takes no items: what is left over is then no surprise.
        whole = len(slices) == sum(name.rpartition("/")[0] == prefix for name in node.slices)
        rules = str(facts.get("rules", "open")) if whole else "open"
        if not whole:
            slices = [made for made in slices if not _is_default(made.name)]
        return Slicing(slices, rules, facts.get("ordered") is True)

    def _slice(
        self, node: ElementNode, one: ElementNode, rows: list[dict[str, Any]], place: Place
    ) -> Slice | None:
        matches = _any_item if _is_default(one.slice) else self._matches(one, rows, place)
        if matches is None:
            self.problems.append(
                f"slice {one.slice[:64]} of {one.name[:64]}: nothing it says tells it from other items"
            )
            return None
        within = _within(node, one)
        return Slice(
            one.slice,
            matches,
            _number(one.facts.get("min"), 0),
            None if one.facts.get("max") in (None, "*") else _number(one.facts["max"], 0),
            self._element(beyond(one, node), place),
            self.slicing(within, place, one.slice) if _has_parts(node, one.slice) else None,
        )

    def _tell_orphans(self, node: ElementNode) -> None:
        for name in node.slices:
            above = name.rpartition("/")[0]
            if above and above not in node.slices:
                self.problems.append(f"slice {name[:64]} of {node.name[:64]}: there is no slice {above[:64]}")

    def _matches(self, one: ElementNode, rows: list[dict[str, Any]], place: Place) -> Matches | None:
        """Compiles what tells the items of a slice from others; None where nothing does."""
        types = [str(row.get("code")) for row in one.facts.get("type") or ()]
        type_ = place.element.content or (types[0] if len(types) == 1 else "Element")
        tests = [
            build_matches(str(row.get("type")), str(row.get("path")), one, type_, self._tools) for row in rows
        ]
        found = [test for test in tests if test is not None]
        if not found or len(found) < len(tests):
            return None
        if len(found) == 1:
            return found[0]
        return lambda item, context: all(test(item, context) for test in found)


def _is_default(name: str) -> bool:
    return name.rpartition("/")[2] == DEFAULT


def _any_item(_item: Item, _context: Context) -> bool:
    return True


def _within(node: ElementNode, one: ElementNode) -> ElementNode:
    """Returns a slice as the element that its own slices divide.

    Without discriminators of its own it has those of the element.
    """
    facts = one.facts
    own, outer = facts.get("slicing") or {}, node.facts.get("slicing") or {}
    if not own.get("discriminator") and outer.get("discriminator"):
        facts = {**facts, "slicing": {**own, "discriminator": outer["discriminator"]}}
    return ElementNode(one.name, facts, "", one.children, node.slices)


def _has_parts(node: ElementNode, name: str) -> bool:
    return any(other.startswith(f"{name}/") for other in node.slices)


def _number(value: Any, otherwise: int) -> int:
    try:
        return int(value)
    except (TypeError, ValueError):
        return otherwise


def build_value(facts: dict[str, Any]) -> ItemCheck | None:
    """Returns the check of fixed and pattern values, ranges and lengths."""
    checks = [c for build in (build_expected, build_range, build_length) if (c := build(facts)) is not None]
    if not checks:
        return None

    expected = expected_value(facts)
    is_fixed = expected is not None and expected[0] == "fixed"

    def check(item: Item, _context: Context) -> list[Fault] | None:
        faults: list[Fault] | None = None
        if is_fixed and item.sibling is not None and "extension" in item.sibling:
            faults = fault("value", _NO_EXTENSION, ".extension", id="profile:fixed")
        for one in checks:
            found = one(item.value, item.type)
            if found:
                faults = gather(faults, found)
        return faults

    return check


_NO_EXTENSION = "A fixed value has no extensions."


def _beside(check: ItemCheck | None) -> ItemCheck | None:
    """Applies a check to the id and extensions of a primitive."""
    if check is None:
        return None
    return lambda item, context: check(item._replace(value=item.sibling or {}), context)


def _all(checks: list[ItemCheck | None]) -> ItemCheck | None:
    found = [check for check in checks if check is not None]
    if len(found) < 2:
        return found[0] if found else None

    def check_all(item: Item, context: Context) -> list[Fault] | None:
        faults: list[Fault] | None = None
        for check in found:
            below = check(item, context)
            if below:
                faults = gather(faults, below)
        return faults

    return check_all


def _best(answers: list[list[Fault] | None]) -> list[Fault] | None:
    """Returns the faults by the profile that fits best: one of several is enough."""
    best: list[Fault] | None = None
    for faults in answers:
        errors = sum(found.severity == "error" for found in faults or ())
        if not errors:
            return faults
        if best is None or errors < sum(found.severity == "error" for found in best):
            best = faults
    return best


__all__ = ["Compiler", "ProfileError", "Structure", "type_url"]
