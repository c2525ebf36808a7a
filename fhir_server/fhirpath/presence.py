"""Expressions that only ask which elements an object has, or compare one with a literal: dict look-ups.

Most invariants are of this kind. What they answer is what `evaluate` answers for an object whose structure
is valid. http://hl7.org/fhirpath/N1/#boolean-logic
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fhir_server.definitions.registry import Structure, load_definitions
from fhir_server.fhirpath import tree

Presence = Callable[[dict[str, Any]], "bool | None"]
"""Object → true, false, or no answer."""

_WITH_ITEM = frozenset({"where", "all", "exists", "select", "repeat"})
"""Their arguments are evaluated on the items before them only."""


def keys_of(structure: Structure, name: str) -> frozenset[str]:
    """Returns the JSON keys under which a child element may stand, extensions of primitives included."""
    keys = [key for key, (element, _) in structure.keys.items() if element.name in (name, f"{name}[x]")]
    return frozenset(keys) | {f"_{key}" for key in keys}


# --- which keys an expression looks at -------------------------------------------------------------


def keys_read(expression: tree.Tree, structure: Structure) -> frozenset[str] | None:
    """Returns the keys of the object on which the answer depends; None where it depends on more."""
    names: set[str] = set()
    if not _names(expression, names):
        return None
    return frozenset().union(*(keys_of(structure, name) for name in names))


def _names(part: tree.Tree, names: set[str]) -> bool:
    if isinstance(part, tree.Name):
        names.add(part.name)
        return True
    if isinstance(part, tree.Path):
        return _names_of_path(part, names)
    if isinstance(part, (tree.Literal, tree.Nothing)):
        return True
    if isinstance(part, tree.Binary):
        return _names(part.left, names) and _names(part.right, names)
    if isinstance(part, tree.Union):
        return all(_names(branch, names) for branch in part.branches)
    return isinstance(part, (tree.TypeOperator, tree.Sign)) and _names(part.operand, names)


def _names_of_path(part: tree.Path, names: set[str]) -> bool:
    steps = part.steps
    start = part.start
    if isinstance(start, tree.Name) and start.name[:1].isupper():
        if not steps:
            return False
        start, steps = steps[0], steps[1:]
    if not _names(start, names):
        return False
    return all(_is_closed(step, names) for step in steps)


def _is_closed(step: tree.Tree, names: set[str]) -> bool:
    """True for a step that sees nothing but the items before it and named children of the object."""
    if isinstance(step, tree.Name):
        return True
    if isinstance(step, tree.Indexer):
        return _names(step.index, names)
    if not isinstance(step, tree.Call):
        return False
    return step.name in _WITH_ITEM or all(_names(argument, names) for argument in step.arguments)


# --- look-ups ---------------------------------------------------------------------------------------


def compile_presence(expression: tree.Tree, structure: Structure) -> Presence | None:
    """Compiles an expression to look-ups, None where it asks for more."""
    if isinstance(expression, tree.Binary):
        return _binary(expression, structure)
    return _path(expression, structure) if isinstance(expression, tree.Path) else None


def _binary(part: tree.Binary, structure: Structure) -> Presence | None:
    if part.operator in ("=", "!=", "in"):
        return _comparison(part, structure)
    join = _JOINS.get(part.operator)
    if join is None:
        return None
    left, right = compile_presence(part.left, structure), compile_presence(part.right, structure)
    return None if left is None or right is None else join(left, right)


def _path(part: tree.Path, structure: Structure) -> Presence | None:
    if not part.steps:
        return compile_presence(part.start, structure)
    *steps, last = part.steps
    if not isinstance(last, tree.Call) or last.arguments:
        return None
    if last.name == "not":
        before = part.start if not steps else tree.Path(part.height, part.start, tuple(steps))
        inner = compile_presence(before, structure)
        return None if inner is None else _not(inner)
    if last.name not in ("exists", "empty") or not isinstance(part.start, tree.Name):
        return None
    wanted = last.name == "exists"
    if not steps:
        keys = keys_of(structure, part.start.name)
        return _exists(keys, wanted=wanted) if keys else None
    return _deep(part.start, steps, structure, wanted=wanted)


def _deep(start: tree.Name, steps: list[tree.Tree], structure: Structure, *, wanted: bool) -> Presence | None:
    """Compiles a.b.exists() and a.b.where(…).exists()."""
    criteria = steps.pop() if isinstance(steps[-1], tree.Call) else None
    names = [start, *steps]
    if criteria is None:
        last = names.pop()
    keys: list[str] = []
    for name in names:
        found = _nested(name, structure)
        if found is None:
            return None
        keys.append(found[0])
        structure = found[1]
    if criteria is None:
        holds = _exists(keys_of(structure, last.name), wanted=True) if isinstance(last, tree.Name) else None
    else:
        holds = _criteria(criteria, structure)
    return None if holds is None else _any(tuple(keys), holds, wanted=wanted)


def _nested(name: tree.Tree, structure: Structure) -> tuple[str, Structure] | None:
    """Returns the key and structure of a child that is an object of one type."""
    if not isinstance(name, tree.Name) or name.name not in structure.keys:
        return None
    below = load_definitions().structure_or_none(structure.keys[name.name][1])
    if below is None or below.is_primitive or below.kind == "resource":
        return None
    return name.name, below


def _criteria(call: tree.Tree, structure: Structure) -> Presence | None:
    if not isinstance(call, tree.Call) or call.name != "where" or len(call.arguments) != 1:
        return None
    return compile_presence(call.arguments[0], structure)


def _any(keys: tuple[str, ...], holds: Presence, *, wanted: bool) -> Presence:
    def presence(value: dict[str, Any]) -> bool | None:
        items = [value]
        for key in keys:
            found: list[dict[str, Any]] = []
            for item in items:
                below = item.get(key)
                if below.__class__ is dict:
                    found.append(below)
                elif below.__class__ is list:
                    found += [one for one in below if one.__class__ is dict]
            items = found
        return any(holds(item) for item in items) is wanted

    return presence


def _exists(keys: frozenset[str], *, wanted: bool) -> Presence:
    if len(keys) == 2:
        first, second = keys
        if wanted:
            return lambda value: first in value or second in value
        return lambda value: first not in value and second not in value
    if wanted:
        return lambda value: not keys.isdisjoint(value)
    return keys.isdisjoint


def _not(inner: Presence) -> Presence:
    def presence(value: dict[str, Any]) -> bool | None:
        answer = inner(value)
        return None if answer is None else not answer

    return presence


def _comparison(part: tree.Binary, structure: Structure) -> Presence | None:
    if part.operator == "=" and not isinstance(part.right, tree.Literal):
        return _same_presence(part, structure)
    literals = _literals(part.right)
    if literals is None or not isinstance(part.left, tree.Name):
        return None
    element, type_ = structure.keys.get(part.left.name, (None, ""))
    shape = load_definitions().structure_or_none(type_)
    if element is None or element.is_list or shape is None or not shape.is_primitive:
        return None
    key, expected = part.left.name, part.operator != "!="

    def presence(value: dict[str, Any]) -> bool | None:
        found = value.get(key)
        if found is None or found.__class__ not in _SCALARS:
            return None
        return (found in literals) is expected

    return presence


_SCALARS = (str, bool)


def _literals(part: tree.Tree) -> frozenset[Any] | None:
    if isinstance(part, tree.Path) and not part.steps:
        part = part.start
    branches = part.branches if isinstance(part, tree.Union) else (part,)
    values = [b.value for b in branches if isinstance(b, tree.Literal) and b.value.__class__ in _SCALARS]
    return frozenset(values) if len(values) == len(branches) else None


def _same_presence(part: tree.Binary, structure: Structure) -> Presence | None:
    left, right = compile_presence(part.left, structure), compile_presence(part.right, structure)
    if left is None or right is None or not (_asks_presence(part.left) and _asks_presence(part.right)):
        return None
    return lambda value: left(value) is right(value)


def _asks_presence(part: tree.Tree) -> bool:
    return isinstance(part, tree.Path) and isinstance(part.start, tree.Name)


def _and(left: Presence, right: Presence) -> Presence:
    def presence(value: dict[str, Any]) -> bool | None:
        one = left(value)
        if one is False:
            return False
        other = right(value)
        return False if other is False else True if one and other else None

    return presence


def _or(left: Presence, right: Presence) -> Presence:
    def presence(value: dict[str, Any]) -> bool | None:
        one = left(value)
        if one:
            return True
        other = right(value)
        return True if other else None if one is None or other is None else False

    return presence


def _xor(left: Presence, right: Presence) -> Presence:
    def presence(value: dict[str, Any]) -> bool | None:
        one, other = left(value), right(value)
        return None if one is None or other is None else one is not other

    return presence


def _implies(left: Presence, right: Presence) -> Presence:
    return _or(_not(left), right)


_JOINS: dict[str, Callable[[Presence, Presence], Presence]] = {
    "and": _and,
    "or": _or,
    "xor": _xor,
    "implies": _implies,
}
