"""The functions FHIR adds. https://hl7.org/fhir/R4/fhirpath.html#functions"""

from __future__ import annotations

from fhir_server.fhirpath.functions.signature import Function, Table, plain
from fhir_server.fhirpath.navigate import member
from fhir_server.fhirpath.node import EMPTY, Collection, FhirPathError, Node, State, Step, boolean, single
from fhir_server.fhirpath.resolve import resolve
from fhir_server.fhirpath.types import KINDS

_EXTENSIONS = member("extension")
_MODIFIERS = member("modifierExtension")


def _extension(url: Step) -> Step:
    def step(state: State, items: Collection) -> Collection:
        if not items:
            return items
        wanted = single(url(state, state.focus), "extension()")
        if wanted is None:
            return EMPTY
        found = _EXTENSIONS(state, items)
        return [node for node in found if node[0].get("url") == wanted.value]

    return step


def _has_extension(url: Step) -> Step:
    extension = _extension(url)
    return lambda state, items: boolean(bool(extension(state, items)))


def _has_value(state: State, items: Collection) -> Collection:
    return boolean(len(items) == 1 and _is_primitive(items[0]))


def _get_value(state: State, items: Collection) -> Collection:
    if len(items) != 1 or not _is_primitive(items[0]):
        return EMPTY
    node = items[0]
    return [Node(node.value, f"System.{KINDS[node.type]}", None)]


def _is_primitive(node: Node) -> bool:
    return node.value is not None and node.type in KINDS and not isinstance(node.value, dict)


def _conforms_to(profile: Step) -> Step:
    def step(state: State, items: Collection) -> Collection:
        conforms_to = state.environment.conforms_to
        if conforms_to is None:
            raise FhirPathError("conformsTo() needs profiles, none are given here")
        node = single(items, "conformsTo()")
        canonical = single(profile(state, state.focus), "conformsTo()")
        if node is None or canonical is None:
            return EMPTY
        state.spend(100)
        return boolean(conforms_to(node, str(canonical.value)))

    return step


def _check_modifiers(modifier: Step) -> Step:
    def step(state: State, items: Collection) -> Collection:
        given = single(modifier(state, state.focus), "checkModifiers()")
        if given is None or not isinstance(given.value, str) or not given.value.strip():
            raise FhirPathError("checkModifiers(): the extensions that are understood must be given")
        understood = {url.strip() for url in given.value.split(",")}
        for node in _MODIFIERS(state, items):
            url = node.value.get("url")
            if url not in understood:
                raise FhirPathError(f"checkModifiers(): {str(url)[:200]!r} is not understood")
        return items

    return step


def _slice(structure: Step, name: Step) -> Step:
    def step(state: State, items: Collection) -> Collection:
        slices_of = state.environment.slices_of
        if slices_of is None:
            raise FhirPathError("slice() needs profiles, none are given here")
        canonical = single(structure(state, state.focus), "slice()")
        wanted = single(name(state, state.focus), "slice()")
        if canonical is None or wanted is None:
            return EMPTY
        found: Collection = []
        for node in items:
            state.spend(100)
            found += slices_of(node, str(canonical.value), str(wanted.value))
        return found

    return step


FHIR: Table = {
    "extension": Function(_extension, 1, 1),
    "hasExtension": Function(_has_extension, 1, 1),
    "hasValue": plain(_has_value),
    "getValue": plain(_get_value),
    "resolve": plain(resolve),
    "conformsTo": Function(_conforms_to, 1, 1),
    "checkModifiers": Function(_check_modifiers, 1, 1),
    "slice": Function(_slice, 2, 2),
}
