"""Where in a JSON text the FHIRPath expressions of issues point: line and column, as an editor counts them.

https://hl7.org/fhir/R4/extension-operationoutcome-issue-line.html

One pass over the text; only the branches that lead to an expression are walked, the rest is skipped.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import NamedTuple

_STEP = re.compile(r"\.?([A-Za-z_]\w*)(?:\.ofType\((\w+)\))?((?:\[\d+\])*)")
_INDEX = re.compile(r"\[(\d+)\]")
_SPACE = re.compile(r"[ \t\r\n]*+")
_QUOTED = r'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_SCALAR = re.compile(rf"{_QUOTED}|[^\s,\]}}]++", re.DOTALL)
_STRING = re.compile(_QUOTED, re.DOTALL)
_NESTING = re.compile(rf'[^"\[\]{{}}]*+(?:{_QUOTED}[^"\[\]{{}}]*+)*+([\[\]{{}}])', re.DOTALL)
"""Up to the next bracket, over all strings before it: many times fewer matches than tokens."""


class Position(NamedTuple):
    """A place in a text; both count from 1."""

    line: int
    column: int


Step = str | int
"""A key, without the type that a choice adds to it, or an index."""


@dataclass(slots=True)
class _Node:
    """A place that expressions name or pass through."""

    type: str = ""
    """Quantity, where the key is valueQuantity."""
    branches: dict[Step, _Node] = field(default_factory=dict)
    offset: int = -1
    is_sibling: bool = False
    """Found at _birthDate: birthDate itself is the better place."""


class _Ended(Exception):
    """The text is no JSON from here on."""


def locate(text: bytes, expressions: Iterable[str], start: tuple[Step, ...] = ()) -> dict[str, Position]:
    """Returns the position of each expression, or of the nearest element around it that the text has.

    `start` leads from the top of the text to the resource that the expressions begin at.
    """
    decoded = text.decode("utf-8", "replace")
    root = _Node()
    ways: dict[str, list[_Node]] = {}
    for expression in expressions:
        ways.setdefault(expression, _grow(root, [*((step, "") for step in start), *parse_steps(expression)]))
    with suppress(_Ended):  # what was found before stays found
        _visit(decoded, _space(decoded, 0), root)
    offsets = {expression: _deepest(way) for expression, way in ways.items()}
    positions = _positions(decoded, sorted(set(offsets.values())))
    return {expression: positions[offset] for expression, offset in offsets.items()}


def parse_steps(expression: str) -> Iterator[tuple[Step, str]]:
    """Patient.name[0].value.ofType(Quantity) → name, 0, (value, Quantity)."""
    _, dot, rest = expression.partition(".")
    position = 0
    while dot and position < len(rest):
        found = _STEP.match(rest, position)
        if found is None:
            return  # a filter, or another thing that a path of JSON has no word for
        yield found[1], found[2] or ""
        yield from ((int(index), "") for index in _INDEX.findall(found[3]))
        position = found.end()


def _grow(root: _Node, steps: list[tuple[Step, str]]) -> list[_Node]:
    """Adds a way to the tree and returns its nodes, outermost first."""
    way = [root]
    for step, type_ in steps:
        key = f"{step}({type_})" if type_ else step
        way.append(way[-1].branches.setdefault(key, _Node(type_)))
    return way


def _deepest(way: list[_Node]) -> int:
    return next((node.offset for node in reversed(way) if node.offset >= 0), 0)


def _visit(text: str, offset: int, node: _Node, is_sibling: bool = False) -> int:
    """Notes where a value stands, goes into it as far as someone asks, and returns where it ends."""
    if node.offset < 0 or node.is_sibling:
        node.offset, node.is_sibling = offset, is_sibling
    if not node.branches or text[offset : offset + 1] not in ("{", "["):
        return _skip(text, offset)
    inside = _visit_object if text[offset] == "{" else _visit_array
    return inside(text, offset, node, is_sibling)


def _visit_object(text: str, offset: int, node: _Node, _is_sibling: bool) -> int:
    end = _space(text, offset + 1)
    while text[end : end + 1] == '"':
        found = _STRING.match(text, end)
        if found is None:
            raise _Ended
        colon = _space(text, found.end())
        if text[colon : colon + 1] != ":":
            raise _Ended
        end = _space(text, _visit_property(text, _key(found[0]), _space(text, colon + 1), node))
        if text[end : end + 1] == ",":
            end = _space(text, end + 1)
    return _close(text, end, "}")


def _visit_property(text: str, key: str, offset: int, node: _Node) -> int:
    for step, branch in node.branches.items():
        if isinstance(step, str) and key.removeprefix("_") == _property(step, branch.type):
            return _visit(text, offset, branch, key.startswith("_"))
    return _skip(text, offset)


def _property(step: str, type_: str) -> str:
    """value(Quantity) → valueQuantity."""
    return step.partition("(")[0] + type_[:1].upper() + type_[1:]


def _visit_array(text: str, offset: int, node: _Node, is_sibling: bool) -> int:
    end = _space(text, offset + 1)
    index = 0
    while text[end : end + 1] not in ("]", ""):
        branch = node.branches.get(index)
        end = _visit(text, end, branch, is_sibling) if branch is not None else _skip(text, end)
        end = _space(text, end)
        if text[end : end + 1] == ",":
            end = _space(text, end + 1)
        index += 1
    return _close(text, end, "]")


def _skip(text: str, offset: int) -> int:
    """Returns where the value ends that begins here."""
    if text[offset : offset + 1] not in ("{", "["):
        found = _SCALAR.match(text, offset)
        if found is None:
            raise _Ended
        return found.end()
    depth = 0
    while (found := _NESTING.match(text, offset)) is not None:
        depth += 1 if found[1] in "{[" else -1
        offset = found.end()
        if depth == 0:
            return offset
    raise _Ended


def _space(text: str, offset: int) -> int:
    found = _SPACE.match(text, offset)
    return found.end() if found is not None else offset


def _close(text: str, offset: int, bracket: str) -> int:
    if text[offset : offset + 1] != bracket:
        raise _Ended
    return offset + 1


def _key(literal: str) -> str:
    if "\\" not in literal:
        return literal[1:-1]
    try:
        return str(json.loads(literal, strict=False))
    except ValueError as error:
        raise _Ended from error


def _positions(text: str, offsets: list[int]) -> dict[int, Position]:
    """Counts lines once, from one offset to the next."""
    found: dict[int, Position] = {}
    line, begins, before = 1, 0, 0
    for offset in offsets:
        line += text.count("\n", before, offset)
        begins = max(begins, text.rfind("\n", before, offset) + 1)
        before = offset
        found[offset] = Position(line, offset - begins + 1)
    return found
