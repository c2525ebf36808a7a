"""Composite parameters: values of one element together. https://hl7.org/fhir/R4/search.html#composite

An entry joins its components by `$`: in t when all of them are tokens, else in r, where a second ordered
component (MolecularSequence's coordinates) takes lo2 and hi2.
"""

from __future__ import annotations

import re
from itertools import product
from typing import Any, NamedTuple

from fhir_server.errors import Unprocessable
from fhir_server.fhir import Resource
from fhir_server.fhirpath.evaluate import Environment, Expression
from fhir_server.fhirpath.node import Node
from fhir_server.search.entries import Filter, prefix_range
from fhir_server.search.escapes import split
from fhir_server.search.parameters import PARAMETER_TYPES, token
from fhir_server.search.parameters.parameter_type import Asked, Match, TokenPattern
from fhir_server.search.parameters.quantity import QuantityValue

_MAX_ENTRIES = 2_000

RangeEntry = tuple[Any, ...]
"""k without the parameter's name, lo, hi and, with two ordered components, lo2, hi2."""


class Component(NamedTuple):
    """One part of a composite."""

    type: str
    expression: Expression


class CompositeValue(NamedTuple):
    """The parts of a value, each as its type has read it."""

    types: tuple[str, ...]
    values: tuple[Any, ...]
    patterns: tuple[TokenPattern, ...]
    """How each part stands in the key: nothing for dates and numbers."""


def extract(
    node: Node, components: tuple[Component, ...], resource: Resource, base_url: str
) -> tuple[list[str], list[RangeEntry]]:
    """Returns the entries for t and for r of one element of a resource."""
    found: list[list[Any]] = []
    count = 1
    for type_, expression in components:
        kind = PARAMETER_TYPES[type_]
        # MolecularSequence's coordinates look at %resource.
        environment = None if expression.is_plain else Environment(resource=resource)
        nodes = expression.evaluate(node, environment)
        extract_part = token.extract_codes if type_ == "token" else kind.extract
        entries = [e for n in nodes for e in extract_part(n, base_url)]
        if kind.field == "t":
            # Exact strings and identifiers of references are no part of a composite.
            entries = [e[1:] for e in entries if e[0] == "="]
        if not entries:
            return [], []
        found.append(entries)
        count *= len(entries)
    if count > _MAX_ENTRIES:
        raise Unprocessable(f"more than {_MAX_ENTRIES} combinations of values to index", node[1])
    if all(PARAMETER_TYPES[c.type].field == "t" for c in components):
        return [f"={'$'.join(parts)}" for parts in product(*found)], []
    return [], [_range_entry(parts) for parts in product(*found)]


def _range_entry(parts: tuple[Any, ...]) -> RangeEntry:
    keys: list[str] = []
    ends: list[float] = []
    for part in parts:
        if isinstance(part, str):
            keys.append(part)
        else:
            keys.append(part[0].removeprefix("="))
            ends += part[1:]
    return (f"={'$'.join(keys)}", *ends)


def parse(text: str, components: tuple[tuple[str, Asked], ...], asked: Asked) -> CompositeValue:
    """Reads part$part, each by the rules of its type."""
    parts = split(text, "$")
    if len(parts) != len(components) or "" in parts:
        raise asked.refuse(f"expected {len(components)} values joined by $")
    values: list[Any] = []
    patterns: list[TokenPattern] = []
    for part, (type_, component) in zip(parts, components, strict=True):
        kind = PARAMETER_TYPES[type_]
        value = kind.parse(part, component)
        values.append(value)
        patterns.append(kind.pattern(value, component) if kind.pattern else _ordered_pattern(value))
    return CompositeValue(tuple(t for t, _ in components), tuple(values), tuple(patterns))


def _ordered_pattern(value: Any) -> TokenPattern:
    if isinstance(value, QuantityValue):
        return TokenPattern(value.key, value.key != "~")
    return TokenPattern("", True)


def match(code: str, value: CompositeValue) -> Match:
    """Returns the exact token, or the filter of one composite value."""
    key = _key(code, value.patterns)
    if all(PARAMETER_TYPES[t].field == "t" for t in value.types):
        return key if isinstance(key, str) else {"t": {"$elemMatch": key}}
    conditions: list[Filter] = []
    for type_, part in zip(value.types, value.values, strict=True):
        bounds = PARAMETER_TYPES[type_].bounds
        if bounds is not None:
            conditions.append(bounds(part) if not conditions else _second(bounds(part)))
    joined = conditions[0] if len(conditions) == 1 else {"$and": conditions}
    return {"r": {"$elemMatch": {"k": key, **joined}}}


def _key(code: str, patterns: tuple[TokenPattern, ...]) -> str | Filter:
    text = f"{code}={'$'.join(p.text for p in patterns)}"
    if all(p.exact for p in patterns):
        return text
    if all(p.exact for p in patterns[:-1]) and not patterns[-1].expression:
        return prefix_range(text)
    # A code in any system before another part, or any code of a system: the index bounds the pattern by its
    # literal beginning.
    parts = [p.expression or re.escape(p.text) + ("" if p.exact else "[^$]*") for p in patterns]
    return {"$regex": f"^{re.escape(code)}={re.escape('$').join(parts)}$"}


def _second(bounds: Filter) -> Filter:
    """Returns bounds on lo and hi as bounds on lo2 and hi2."""
    renamed: Filter = {}
    for name, condition in bounds.items():
        if name == "$or":
            renamed[name] = [_second(b) for b in condition]
        else:
            renamed[f"{name}2"] = condition
    return renamed
