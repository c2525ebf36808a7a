"""Differential → snapshot: a profile laid over what it builds on.

https://hl7.org/fhir/R4/profiling.html#snapshot
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fhir_server.definitions.element_tree import (
    ElementNode,
    ProfileError,
    Segment,
    elements_of,
    parse_snapshot,
    segments_of,
)
from fhir_server.fhir import Resource

FindStructure = Callable[[str], Resource | None]
"""Canonical → StructureDefinition."""

_PREFIX = "http://hl7.org/fhir/StructureDefinition/"
_SYSTEM = "http://hl7.org/fhirpath/System."
MAX_CHAIN = 24
"""Profiles on profiles."""
MAX_DEPTH = 32
"""Steps of an element path."""
MAX_NODES = 100_000
"""Elements a snapshot may grow to."""

_REPLACED = (
    "min",
    "max",
    "type",
    "binding",
    "slicing",
    "isModifier",
    "isSummary",
    "mustSupport",
    "maxLength",
    "contentReference",
    "sliceIsConstraining",
)
_CHOICES = ("fixed", "pattern", "minValue", "maxValue")


def type_url(code: str) -> str:
    """Returns the canonical of a type."""
    return code if "://" in code else _PREFIX + code


class Snapshots:
    """Generates snapshots and keeps them; used by one thread at a time."""

    def __init__(self, find: FindStructure) -> None:
        self._find = find
        self._trees: dict[str, ElementNode] = {}
        self._open: list[str] = []

    def tree(self, canonical: str) -> ElementNode:
        """Returns the tree of a StructureDefinition, not to be changed; raises ProfileError."""
        found = self._trees.get(canonical)
        if found is not None:
            return found
        if canonical in self._open:
            raise ProfileError(f"{canonical[:200]} builds on itself")
        if len(self._open) >= MAX_CHAIN:
            raise ProfileError(f"{canonical[:200]} builds on more than {MAX_CHAIN} others")
        definition = self._find(canonical)
        if definition is None:
            raise ProfileError(f"the definition {canonical[:200]} is not known here")
        self._open.append(canonical)
        try:
            found = self._trees[canonical] = self._build(definition)
        finally:
            self._open.pop()
        return found

    def _build(self, definition: Resource) -> ElementNode:
        snapshot = elements_of(definition, "snapshot")
        if snapshot:
            return parse_snapshot(snapshot)
        parent = definition.get("baseDefinition")
        if not isinstance(parent, str) or not parent:
            raise ProfileError("it has neither a snapshot nor a baseDefinition")
        return self.apply(self.tree(parent), elements_of(definition, "differential"))

    def apply(self, parent: ElementNode, differential: list[dict[str, Any]]) -> ElementNode:
        """Returns a copy of a tree with a differential laid over it."""
        root = parent.copy()
        budget = MAX_NODES
        for element in differential:
            steps = segments_of(element)
            if len(steps) > MAX_DEPTH:
                raise ProfileError(f"an element path has more than {MAX_DEPTH} steps")
            node = root
            for step in steps[1:]:
                self._expand(node, root)
                node = _step(node, step)
                budget -= 1 + len(node.children)
                if budget < 0:
                    raise ProfileError(f"its snapshot has more than {MAX_NODES} elements")
            merge(node, element)
        return root

    def _expand(self, node: ElementNode, root: ElementNode) -> None:
        """Gives an element the children of its type, of the profile on its type, or of what it repeats."""
        if node.children:
            return
        reference = node.facts.get("contentReference")
        if isinstance(reference, str):
            target = _find_content(root, reference)
            if target is None:
                raise ProfileError(f"the contentReference {reference[:128]} leads nowhere")
            node.children = {name: child.copy() for name, child in target.children.items()}
            node.facts = {k: v for k, v in node.facts.items() if k != "contentReference"}
            node.facts["type"] = target.facts.get("type", [])
            return
        canonical = _only_type(node)
        if canonical:
            tree = self.tree(canonical)
            node.children = {name: child.copy() for name, child in tree.children.items()}


def _only_type(node: ElementNode) -> str:
    """Returns the canonical that says the children of an element: that of its one profile, or of its type."""
    types = [t for t in node.facts.get("type") or () if isinstance(t, dict)]
    if len({str(t.get("code")) for t in types}) != 1:
        return ""
    profiles = [p for t in types for p in t.get("profile") or () if isinstance(p, str)]
    code = str(types[0].get("code"))
    if len(profiles) == 1:
        return profiles[0]
    return type_url("string") if code.startswith(_SYSTEM) else type_url(code)


def _find_content(root: ElementNode, reference: str) -> ElementNode | None:
    node: ElementNode | None = root
    for name in reference.rpartition("#")[2].split(".")[1:]:
        node = node.children.get(name.partition(":")[0]) if node is not None else None
    return node


def _step(node: ElementNode, step: Segment) -> ElementNode:
    child = node.child(step.name)
    slice_ = step.slice
    if child is None:
        child, slice_ = _typed_choice(node, step)
    if not slice_:
        return child
    found = child.slices.get(slice_)
    if found is None:
        found = child.slices[slice_] = _new_slice(child, slice_)
        if child.name in ("extension", "modifierExtension") and "slicing" not in child.facts:
            # https://hl7.org/fhir/R4/profiling.html#extensions: implied, and often left out.
            child.facts = {**child.facts, "slicing": _BY_URL}
    return found


_BY_URL = {"discriminator": [{"type": "value", "path": "url"}], "ordered": False, "rules": "open"}


def _typed_choice(node: ElementNode, step: Segment) -> tuple[ElementNode, str]:
    """Returns value[x] and the slice of one type for valueQuantity."""
    for name, child in node.children.items():
        stem = name[:-3]
        if not name.endswith("[x]") or not step.name.startswith(stem):
            continue
        for type_ in child.facts.get("choices") or child.facts.get("type") or ():
            code = str(type_.get("code"))
            if step.name[len(stem) :] == code[:1].upper() + code[1:]:
                slice_ = step.slice or step.name
                if slice_ not in child.slices:
                    one = child.slices[slice_] = _new_slice(child, slice_)
                    one.facts = {**one.facts, "type": [type_]}
                    _close_choice(child)
                return child, slice_
    raise ProfileError(f"{node.name} has no element {step.name[:64]!r}")


def _close_choice(node: ElementNode) -> None:
    """Says that value[x] has only the types that shortcuts named: https://hl7.org/fhir/R4/profiling.html#sliced-types"""
    discriminator = [{"type": "type", "path": "$this"}]
    node.facts = {
        **node.facts,
        "slicing": {"discriminator": discriminator, "ordered": False, "rules": "closed"},
        "choices": node.facts.get("choices", node.facts.get("type")),
        "type": [one.facts["type"][0] for one in node.slices.values()],
    }


def _new_slice(node: ElementNode, name: str) -> ElementNode:
    """Returns a slice: as the element, or as the slice it divides further (a/b), but not required."""
    parent = node.slices.get(name.rpartition("/")[0], node)
    made = parent.copy()
    made.slices = {}
    made.slice = name
    made.facts = {k: v for k, v in made.facts.items() if k not in ("slicing", "choices")}
    made.facts["min"] = 0
    return made


def merge(node: ElementNode, element: dict[str, Any]) -> None:
    """Lays the facts of a differential element over those of a node."""
    facts = dict(node.facts)
    for key, value in element.items():
        if key in _REPLACED or key.startswith(_CHOICES):
            facts[key] = value
    added = element.get("constraint")
    if isinstance(added, list):
        own = [c for c in added if isinstance(c, dict)]
        keys = {c.get("key") for c in own}
        facts["constraint"] = [c for c in facts.get("constraint", []) if c.get("key") not in keys] + own
    node.facts = facts


def generate_snapshot(definition: Resource, find: FindStructure) -> list[dict[str, Any]]:
    """Returns the elements of the snapshot of a StructureDefinition; raises ProfileError."""
    parent = definition.get("baseDefinition")
    if not isinstance(parent, str):
        raise ProfileError("it has no baseDefinition")
    tree = Snapshots(find).tree(parent)
    return list(Snapshots(find).apply(tree, elements_of(definition, "differential")).flat())
