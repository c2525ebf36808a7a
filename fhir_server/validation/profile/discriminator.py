"""Discriminators: what tells the slices of an element apart. https://hl7.org/fhir/R4/profiling.html#discriminator"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple

from fhir_server.definitions.element_tree import ElementNode, ProfileError
from fhir_server.definitions.registry import load_definitions
from fhir_server.definitions.snapshot import Snapshots
from fhir_server.fhirpath import tree
from fhir_server.fhirpath.evaluate import compile_uncached
from fhir_server.fhirpath.node import FhirPathError, Node
from fhir_server.fhirpath.parse import parse
from fhir_server.fhirpath.types import ancestors
from fhir_server.validation.context import Context
from fhir_server.validation.profile.parts import Item, ItemCheck, Matches
from fhir_server.validation.profile.values import expected_value, meets

_NAMES = re.compile(r"[a-z][A-Za-z0-9]{0,63}(?:\.[a-z][A-Za-z0-9]{0,63}){0,7}")

Check = Callable[[ElementNode, str], "ItemCheck | None"]
"""Compiles what a profile says about an element of a type."""

Conforms = Callable[[str, Item, Context], bool]
"""Does an item meet the profile of a canonical."""


class Tools(NamedTuple):
    """What a discriminator needs of the compiler."""

    snapshots: Snapshots
    check: Check
    conforms: Conforms


class _Target(NamedTuple):
    """What a slice says at the path of a discriminator: an element, or a part of a fixed value."""

    node: ElementNode | None
    expected: tuple[str, Any] | None
    beyond: bool = False
    """The path goes on to what the reference leads to."""


def build_matches(kind: str, path: str, slice_: ElementNode, type_: str, tools: Tools) -> Matches | None:
    """Returns what tells whether an item is of a slice; None where the slice says nothing at that path."""
    if slice_.name in ("extension", "modifierExtension") and path == "url":
        return _by_url(slice_)
    steps = _steps(path)
    if kind in ("type", "profile") and steps and _is_resolve(steps[-1]):
        # What is said of the target is said on the reference.
        target = _locate(slice_, steps[:-1], tools.snapshots)
        target = None if target is None else target._replace(beyond=True)
    else:
        target = _locate(slice_, steps, tools.snapshots)
    test = _TESTS.get(kind)
    matches = None if test is None or target is None else test(target, tools)
    if matches is None or target is None:
        return None
    if path == "$this":
        return matches
    expected = target.expected
    if expected is not None and isinstance(expected[1], str) and _is_named(path, type_):
        return _at_names(path.split("."), expected[1])
    return _at_path(path, type_, matches, kind)


def _is_resolve(step: tree.Tree) -> bool:
    return isinstance(step, tree.Call) and step.name == "resolve"


def _steps(path: str) -> list[tree.Tree]:
    parsed = parse(path)
    if isinstance(parsed, tree.Special):
        return []
    if isinstance(parsed, tree.Path):
        first = [] if isinstance(parsed.start, tree.Special) else [parsed.start]
        return [*first, *parsed.steps]
    return [parsed]


def _by_url(slice_: ElementNode) -> Matches | None:
    urls: set[str] = set()
    for type_ in slice_.facts.get("type") or ():
        urls |= {p.partition("|")[0] for p in type_.get("profile") or () if isinstance(p, str)}
    child = slice_.children.get("url")
    expected = expected_value(child.facts) if child is not None else None
    if expected is not None and isinstance(expected[1], str):
        urls = {expected[1]}
    if not urls:
        return None
    return lambda item, _: item.value.__class__ is dict and str(item.value.get("url")) in urls


# --- what the slice says at the path ----------------------------------------------------------------


def _locate(node: ElementNode, steps: list[tree.Tree], snapshots: Snapshots) -> _Target | None:
    for i, step in enumerate(steps):
        expected = expected_value(node.facts)
        if expected is not None:
            return _part(expected, steps[i:])
        found = _step(node, step, steps[i + 1 :], snapshots)
        if found is None:
            return None
        node = found
    return _Target(node, expected_value(node.facts))


def _part(expected: tuple[str, Any], steps: list[tree.Tree]) -> _Target | None:
    kind, value = expected
    for step in steps:
        if isinstance(value, list):
            value = value[0] if value else None
        if not isinstance(step, tree.Name) or not isinstance(value, dict):
            return None
        value = value.get(step.name)
    if isinstance(value, list):
        value = value[0] if value else None
    return None if value is None else _Target(None, (kind, value))


def _step(
    node: ElementNode, step: tree.Tree, rest: list[tree.Tree], snapshots: Snapshots
) -> ElementNode | None:
    if isinstance(step, tree.Call):
        return _call(node, step, snapshots)
    if not isinstance(step, tree.Name):
        return None
    if not node.children:
        node = _profile_of(node, "profile", snapshots) or node
    child = node.child(step.name)
    if child is None:
        return None
    # A slice that must be there says more than the element (code.coding:loinc.code).
    needed = (one for one in child.slices.values() if one.facts.get("min"))
    return next((one for one in needed if _locate(one, rest, snapshots) is not None), child)


def _call(node: ElementNode, step: tree.Call, snapshots: Snapshots) -> ElementNode | None:
    if _is_resolve(step):
        return _profile_of(node, "targetProfile", snapshots)
    if step.name in ("ofType", "as"):
        return node
    return _extension(node, step) if step.name == "extension" else None


def _profile_of(node: ElementNode, key: str, snapshots: Snapshots) -> ElementNode | None:
    profiles = [p for t in node.facts.get("type") or () for p in t.get(key) or ()]
    if len(profiles) != 1:
        return None
    try:
        return snapshots.tree(str(profiles[0]))
    except ProfileError:
        return None


def _extension(node: ElementNode, step: tree.Call) -> ElementNode | None:
    child = node.children.get("extension")
    argument = step.arguments[0] if step.arguments else None
    if child is None or not isinstance(argument, tree.Literal):
        return None
    item = Item({"url": argument.value}, None, "Extension", 0, "extension")
    for one in child.slices.values():
        matches = _by_url(one)
        if matches is not None and matches(item, Context({})):
            return one
    return None


# --- tests ------------------------------------------------------------------------------------------


def _by_value(target: _Target, tools: Tools) -> Matches | None:
    expected = target.expected
    if expected is not None:
        return lambda item, _: meets(item.value, expected)
    node = target.node
    if node is None:
        return None
    types = [str(t.get("code")) for t in node.facts.get("type") or ()]
    check = tools.check(node, types[0] if len(types) == 1 else "")
    if check is None:
        return None

    def matches(item: Item, context: Context) -> bool:
        return not any(found.severity == "error" for found in check(item, context) or ())

    return matches


def _by_presence(target: _Target, _tools: Tools) -> Matches | None:
    facts = target.node.facts if target.node is not None else {}
    if facts.get("max") == "0":
        return lambda item, _: False
    return (lambda item, _: True) if facts.get("min") else None


def _by_type(target: _Target, tools: Tools) -> Matches | None:
    types = (target.node.facts.get("type") if target.node is not None else None) or ()
    wanted: set[str] = set()
    for row in types:
        targets = [str(p) for p in row.get("targetProfile") or ()] if target.beyond else []
        wanted |= {_type_of(p, tools) for p in targets} if targets else {str(row.get("code"))}
    if not wanted:
        return None
    return lambda item, _: not wanted.isdisjoint(ancestors(item.type))


def _type_of(canonical: str, tools: Tools) -> str:
    try:
        return tools.snapshots.tree(canonical).name
    except ProfileError:
        return ""


def _by_profile(target: _Target, tools: Tools) -> Matches | None:
    types = target.node.facts.get("type") if target.node is not None else None
    profiles = [str(p) for t in types or () for p in t.get("profile") or t.get("targetProfile") or ()]
    if not profiles:
        return None
    return lambda item, context: any(tools.conforms(p, item, context) for p in profiles)


_TESTS: dict[str, Callable[[_Target, Tools], Matches | None]] = {
    "value": _by_value,
    "pattern": _by_value,
    "exists": _by_presence,
    "type": _by_type,
    "profile": _by_profile,
}


def _is_named(path: str, type_: str) -> bool:
    """True for a path whose names are keys of the JSON, as those of a choice are not."""
    if not _NAMES.fullmatch(path):
        return False
    for name in path.split("."):
        structure = load_definitions().structure_or_none(type_)
        if structure is None or name not in structure.keys:
            return False
        type_ = structure.keys[name][1]
    return True


def _at_names(names: list[str], wanted: str) -> Matches:
    """Returns the test of a text below plain names; a choice has another key and is left to FHIRPath."""

    *above, last = names

    def at_names(item: Item, _context: Context) -> bool:
        values = [item.value]
        for name in above:
            found: list[Any] = []
            for value in values:
                below = value.get(name) if value.__class__ is dict else None
                if below.__class__ is list:
                    found += below
                elif below is not None:
                    found.append(below)
            values = found
        return any(value.__class__ is dict and _has(value.get(last), wanted) for value in values)

    return at_names


def _has(value: Any, wanted: str) -> bool:
    return bool(value == wanted) or (value.__class__ is list and wanted in value)


def _at_path(path: str, type_: str, matches: Matches, kind: str) -> Matches | None:
    """Returns the test applied to the items that the path leads to; absence is a match of `exists` only."""
    try:
        evaluate = compile_uncached(path, type_).evaluate
    except FhirPathError:
        return None
    wants_none = kind == "exists"

    def at_path(item: Item, context: Context) -> bool:
        try:
            nodes = evaluate(Node(item.value, item.type, item.sibling), context.environment)
        except FhirPathError:
            return False
        if wants_none:
            probe = Item(None, None, "", -1, "")
            return bool(nodes) is matches(probe, context)
        return any(matches(Item(n.value, n.element, n.type, -1, ""), context) for n in nodes)

    return at_path
