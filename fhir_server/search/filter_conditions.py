"""What a _filter asks: the tree of its text → conditions of a query. https://hl7.org/fhir/R4/search_filter.html#ops

Most operators are a prefix or a modifier of plain search; the others look at the index entries by themselves.
The page asks whether one of the values compares so: `ne` holds where one value differs, unlike :not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

from fhir_server.errors import Invalid, NotSupported
from fhir_server.search.entries import PRESENT, Filter, after, escape, escape_prefix, prefix_range
from fhir_server.search.escapes import split
from fhir_server.search.extraction import FIELDS
from fhir_server.search.filter_expression import Comparison, Expression, Logical, Step, parse_filter
from fhir_server.search.fold import fold
from fhir_server.search.parameters import PARAMETER_TYPES
from fhir_server.search.query import Among, Clause, Condition, Group


class Reader(Protocol):
    """Reads parameters of one resource type, as plain search does."""

    @property
    def resource_type(self) -> str: ...

    def parameter(self, code: str) -> tuple[str, tuple[str, ...]]:
        """Returns type of a parameter, and the names under which the index holds its entries."""

    def clause(self, name: str, text: str) -> Clause:
        """Reads one parameter with its modifier."""

    def chain(self, head: str, inside: Callable[[Reader], tuple[Condition, ...]]) -> Condition:
        """Follows a reference; `inside` says what is asked of each type of target."""


class _Asked(NamedTuple):
    """One comparison at the end of its path."""

    reader: Reader
    code: str
    type: str
    stored: tuple[str, ...]
    value: str

    def clause(self, modifier: str = "", prefix: str = "") -> Clause:
        name = f"{self.code}:{modifier}" if modifier else self.code
        return self.reader.clause(name, prefix + _as_parameter(self.value, self.type))


def read_filter(text: str, reader: Reader) -> Group:
    """Returns the condition of a _filter; raises Invalid, NotSupported or TooCostly."""
    return Group("and", (_build(parse_filter(text), reader),), "_filter", (text,))


def _build(expression: Expression, reader: Reader) -> Condition:
    if isinstance(expression, Logical):
        return _group(expression.operator, *(_build(part, reader) for part in expression.parts))
    try:
        return _compare(expression, reader)
    except Invalid as error:
        if error.diagnostics.startswith("_filter"):
            raise  # of a condition inside brackets, which says its own place
        reason = f"_filter, character {expression.position}: {error.diagnostics}"
        raise type(error)(reason, "http._filter") from error


def _group(operator: str, *conditions: Condition) -> Group:
    return Group(operator, conditions, "_filter", ())


def _compare(comparison: Comparison, reader: Reader) -> Condition:
    """Some operators speak of the whole set of values: they are the contrary of another."""
    operator, value = comparison.operator, comparison.value
    if operator == "pr":
        if value.lower() not in ("true", "false"):
            raise Invalid("pr asks for true or false", "http._filter")
        present = _along(comparison.path, "pr", "false", reader)  # as in :missing=false
        return present if value.lower() == "true" else _group("not", present)
    if operator == "ni":
        return _group("not", _along(comparison.path, "in", value, reader))
    return _along(comparison.path, operator, value, reader)


def _along(path: Sequence[Step], operator: str, value: str, reader: Reader) -> Condition:
    """Follows a path to its end; what is in brackets is asked of the same target as what comes behind."""
    head, *rest = path
    if not rest:
        return _at_end(head.name, operator, value, reader)
    if (reader.resource_type, head.name) in _PARTS:
        return _of_one_part(path, operator, value, reader)

    def inside(target: Reader) -> tuple[Condition, ...]:
        further = _along(rest, operator, value, target)
        return (further,) if head.filter is None else (_build(head.filter, target), further)

    return reader.chain(head.name, inside)


_PARTS: dict[tuple[str, str], tuple[str, tuple[str, str]]] = {
    ("DocumentReference", "relatesTo"): ("relationship", ("code", "target")),
    ("Group", "characteristic"): ("characteristic-value", ("code", "value")),
}
"""Names that only _filter has, and the composite parameter that asks for two of their elements together.

https://hl7.org/fhir/R4/search_filter.html#params; the other rows are of elements that R4 has no more.
"""


def _of_one_part(path: Sequence[Step], operator: str, value: str, reader: Reader) -> Condition:
    """Reads relatesTo[code eq replaces].target re DocumentReference/1 as two components of one element."""
    head, last = path[0], path[-1]
    composite, names = _PARTS[reader.resource_type, head.name]
    inside = head.filter
    plain = isinstance(inside, Comparison) and len(inside.path) == 1 and inside.operator in ("eq", "re")
    asked = {inside.path[0].name: inside.value, last.name: value} if isinstance(inside, Comparison) else {}
    if not plain or len(path) != 2 or set(asked) != set(names) or operator not in ("eq", "re"):
        example = f"{head.name}[{names[0]} eq x].{names[1]} eq y"
        raise NotSupported(f"{head.name}: only as in {example}", "http._filter")
    return _at_end(composite, "eq", "$".join(asked[name] for name in names), reader)


def _at_end(code: str, operator: str, value: str, reader: Reader) -> Condition:
    if ":" in code:
        raise Invalid(f"{code}: only names before a . have a type", "http._filter")
    type_, stored = reader.parameter(code)
    asked = _Asked(reader, code, type_, stored, value)
    if operator == "pr":
        return asked.clause("missing")
    compare = _OPERATORS.get(type_, {}).get(operator)
    if compare is None:
        raise Invalid(f"{operator} does not apply to {code}, of type {type_}", "http._filter")
    return compare(asked)


# --- values --------------------------------------------------------------------------------------

_SYSTEMS = {
    "loinc": "http://loinc.org",
    "snomed": "http://snomed.info/sct",
    "rxnorm": "http://www.nlm.nih.gov/research/umls/rxnorm",
    "ucum": "http://unitsofmeasure.org",
}
_SYSTEM = re.compile(r"(?<![^|$])(loinc|snomed|rxnorm|ucum)(?=\|)")
_SEPARATORS = re.compile(r"([\\,|$])")


def _as_parameter(value: str, type_: str) -> str:
    """Returns a value as a parameter of plain search has it: one value, and a string without separators."""
    if type_ == "string":
        return _SEPARATORS.sub(r"\\\1", value)
    if type_ in ("token", "quantity", "composite"):
        value = _SYSTEM.sub(lambda match: _SYSTEMS[match[1]], value)
    return "\\,".join(split(value, ","))


# --- operators -----------------------------------------------------------------------------------

_Compare = Callable[[_Asked], Condition]


def _found(filter_: Filter, *, is_bound: bool = True) -> Among:
    return Among(filter_, "_filter", (), is_bound=is_bound)


def _any(filters: list[Filter], *, is_bound: bool = True) -> Among:
    return _found(filters[0] if len(filters) == 1 else {"$or": filters}, is_bound=is_bound)


def _prefix(prefix: str) -> _Compare:
    return lambda asked: asked.clause(prefix=prefix)


def _modifier(modifier: str) -> _Compare:
    return lambda asked: asked.clause(modifier)


def _same_text(asked: _Asked) -> Condition:
    folded = escape(_folded(asked))
    return _any([{"t": {"$eq": f"{code}={folded}"}} for code in asked.stored])


def _folded(asked: _Asked) -> str:
    asked.clause()  # refuses what cannot be looked for
    return fold(asked.value)


def _ends_with(asked: _Asked) -> Condition:
    folded = re.escape(escape_prefix(_folded(asked)))
    patterns = [f"^{re.escape(code)}=.*{folded}$" for code in asked.stored]
    return _any([{"t": {"$regex": pattern}} for pattern in patterns], is_bound=False)


def _by_initial(operator: str) -> _Compare:
    """Compares the first characters, as the page says of strings."""

    def compare(asked: _Asked) -> Condition:
        initial = escape_prefix(_folded(asked)[0])
        ranges: list[Filter] = []
        for code in asked.stored:
            bounds = prefix_range(f"{code}=")
            at = f"{code}={initial}" if operator in ("ge", "lt") else after(f"{code}={initial}")
            bounds["$gte" if operator in ("gt", "ge") else "$lt"] = at
            ranges.append({"t": {"$elemMatch": bounds}})
        return _any(ranges)

    return compare


def _unequal(asked: _Asked) -> Condition:
    """Returns where an entry lies beside the value, or is one that cannot be looked for."""
    clause = asked.clause()
    if asked.code in FIELDS:
        return asked.clause("not")
    filters: list[Filter] = []
    for code in asked.stored:
        whole = prefix_range(f"{code}=")
        below, above = _beside(code, asked, clause.values[0])
        filters += [{"t": {"$elemMatch": {**whole, **bounds}}} for bounds in (below, above)]
        filters.append({"t": {"$eq": code + PRESENT}})
    return _any(filters, is_bound=False)


def _beside(code: str, asked: _Asked, value: Any) -> tuple[Filter, Filter]:
    """Returns the bounds of what sorts before and after the entries of a value."""
    if asked.type == "string":
        match: Any = f"{code}={escape(fold(asked.value))}"
    else:
        match = PARAMETER_TYPES[asked.type].match(code, "", value)
    if isinstance(match, str):
        return {"$lt": match}, {"$gt": match}
    bounds = match.get("t", {}).get("$elemMatch", {})
    if set(bounds) != {"$gte", "$lt"}:
        raise NotSupported("ne needs one code", "http._filter")
    return {"$lt": bounds["$gte"]}, {"$gte": bounds["$lt"]}


def _by_period(bounds: Callable[[int, int], Filter]) -> _Compare:
    def compare(asked: _Asked) -> Condition:
        clause = asked.clause()
        if asked.code in FIELDS:
            return clause  # an instant lies in a period or beside it
        value = clause.values[0]
        found = bounds(value.lo, value.hi)
        return _any([{"r": {"$elemMatch": {"k": code, **found}}} for code in asked.stored])

    return compare


def _imprecision(asked: _Asked) -> Condition:
    raise NotSupported(f"co: the index has no precision of {asked.code}; use eq or ap", "http._filter")


_BY_PREFIX = {p: _prefix(p) for p in ("eq", "ne", "gt", "lt", "ge", "le", "ap", "sa", "eb")}
_PLAIN = _prefix("")

_OPERATORS: dict[str, dict[str, _Compare]] = {
    "string": {
        "eq": _same_text,
        "ne": _unequal,
        "co": _modifier("contains"),
        "sw": _PLAIN,
        "ew": _ends_with,
        **{operator: _by_initial(operator) for operator in ("gt", "lt", "ge", "le")},
    },
    "number": {**_BY_PREFIX, "co": _imprecision},
    "date": {
        **_BY_PREFIX,
        "co": _by_period(lambda lo, hi: {"lo": {"$lte": lo}, "hi": {"$gte": hi}}),
        "po": _by_period(lambda lo, hi: {"lo": {"$lt": hi}, "hi": {"$gt": lo}}),
    },
    "token": {
        "eq": _PLAIN,
        "ne": _unequal,
        "ss": _modifier("below"),
        "sb": _modifier("above"),
        "in": _modifier("in"),
    },
    "reference": {"re": _PLAIN},
    "quantity": _BY_PREFIX,
    "uri": {"eq": _PLAIN, "ne": _unequal},
    "composite": {"eq": _PLAIN},
}
"""Type of parameter → operator → condition; what is not here does not apply."""
