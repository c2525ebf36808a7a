"""URL parameters → Query; what is not declared is refused. https://hl7.org/fhir/R4/search.html#parameters"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

from fhir_server.definitions.registry import SearchParameter, load_definitions
from fhir_server.errors import Invalid, Issue, NotSupported, TooCostly
from fhir_server.search.element_types import UNKNOWN, token_elements
from fhir_server.search.escapes import split
from fhir_server.search.extraction import FIELDS, type_table
from fhir_server.search.parameters import PARAMETER_TYPES, composite
from fhir_server.search.parameters.parameter_type import TYPE, Asked
from fhir_server.search.query import Clause, Query
from fhir_server.search.result_parameters import RESULT_PARAMETERS

MAX_PARAMETERS = 100
MAX_VALUES = 500
MAX_LENGTH = 16_384
"""Characters of one parameter's values."""

_UNREADABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]")
_FIELD_MODIFIERS = {"_id": frozenset({"not"}), "_lastUpdated": frozenset[str]()}
_COMPOSITE_MODIFIERS = frozenset({"missing"})


@dataclass(frozen=True, slots=True)
class _Context:
    """What the parameters are read against."""

    resource_type: str
    declared: Collection[str]
    base_url: str


class _NotSupportedHere(Exception):
    """Not known or not supported: what `Prefer: handling=lenient` ignores, and strict handling raises."""

    def __init__(self, error: Invalid) -> None:
        super().__init__(error.diagnostics)
        self.error = error


def parse_query(
    resource_type: str,
    parameters: Sequence[tuple[str, str]],
    declared: Collection[str],
    *,
    lenient: bool,
    base_url: str,
) -> tuple[Query, list[Issue]]:
    """Returns the query and warnings about what was ignored; raises Invalid or NotSupported.

    Lenient handling ignores parameters and modifiers that are not known or not supported; a value that cannot
    be read is an error always, because leaving it out would answer another question.
    """
    if not load_definitions().is_resource_type(resource_type):
        raise Invalid(f"{resource_type[:64]!r} is no resource type", "http.type")
    if len(parameters) > MAX_PARAMETERS:
        raise TooCostly(f"at most {MAX_PARAMETERS} parameters in one search", "http.query")
    context = _Context(resource_type, declared, base_url)
    query, warnings = Query(resource_type), list[Issue]()
    for name, text in parameters:
        try:
            query = _apply(query, name, text, context)
        except _NotSupportedHere as refusal:
            if not lenient:
                raise refusal.error from None
            issue = refusal.error.issues[0]
            ignored = f"{issue.diagnostics}; this parameter was ignored"
            warnings.append(Issue("warning", issue.code, ignored, issue.expression))
    return query, warnings


def _apply(query: Query, name: str, text: str, context: _Context) -> Query:
    shown = _UNREADABLE.sub("?", name)[:128]
    if not name or shown != name:
        raise Invalid(f"{shown!r} is no name of a parameter", "http.query")
    if not text:
        raise Invalid(f"{name}: the value is empty", f"http.{name}")
    if _UNREADABLE.search(text):
        raise Invalid(f"{name}: the value has characters that no text has", f"http.{name}")
    if len(text) > MAX_LENGTH:
        raise TooCostly(f"{name}: the values have more than {MAX_LENGTH} characters", f"http.{name}")
    result = RESULT_PARAMETERS.get(name)
    if result is None:
        clause = _read_clause(name, text, context)
        return replace(
            query, clauses=(*query.clauses, clause), applied=(*query.applied, (name, ",".join(clause.texts)))
        )
    field, read = result
    if any(n == name for n, _ in query.applied):
        raise Invalid(f"{name}: given twice", f"http.{name}")
    try:
        value, applied = read(text, context.resource_type, context.declared)
    except NotSupported as error:
        raise _NotSupportedHere(error) from None
    changed: dict[str, Any] = {field: value, "applied": (*query.applied, (name, applied))}
    return replace(query, **changed)


def _read_clause(name: str, text: str, context: _Context) -> Clause:
    code, _, modifier = name.partition(":")
    parameter, stored = _find(code, name, context)
    if name.endswith(":"):
        raise Invalid(f"{name}: the modifier is empty", f"http.{name}")
    texts = split(text, ",")
    if len(texts) > MAX_VALUES:
        raise TooCostly(f"{name}: at most {MAX_VALUES} values", f"http.{name}")
    if "" in texts:
        raise Invalid(f"{name}: one of the values is empty", f"http.{name}")
    _check_modifier(parameter, modifier, name)
    elements = token_elements(context.resource_type, code) if parameter.type == "token" else UNKNOWN
    asked = Asked(context.resource_type, parameter, modifier, name, context.base_url, elements)
    if modifier == "missing":
        values: tuple[Any, ...] = (_read_missing(text, asked),)
    elif parameter.type == "composite":
        parts = _component_types(asked)
        values = tuple(composite.parse(t, parts, asked) for t in texts)
    else:
        values = tuple(PARAMETER_TYPES[parameter.type].parse(t, asked) for t in texts)
    return Clause(code, parameter.type, modifier, values, stored, name, tuple(texts))


def _find(code: str, name: str, context: _Context) -> tuple[SearchParameter, tuple[str, ...]]:
    """Returns a declared parameter and the names of its entries."""
    code = code.partition(".")[0]
    parameter = load_definitions().search_parameters(context.resource_type).get(code)
    if parameter is None or code not in context.declared:
        reason = "is not known" if parameter is None else "is not supported"
        error = NotSupported(f"search parameter {code!r} of {context.resource_type} {reason}", f"http.{name}")
        raise _NotSupportedHere(error)
    if "." in name.partition(":")[0] or "." in name.partition(":")[2]:
        raise _NotSupportedHere(NotSupported(f"{name}: chained parameters are not supported", f"http.{name}"))
    stored = (code,) if code in FIELDS else type_table(context.resource_type).stored.get(code, ())
    if not stored:
        raise _NotSupportedHere(NotSupported(f"{name}: {code} cannot be searched", f"http.{name}"))
    return parameter, stored


def _check_modifier(parameter: SearchParameter, modifier: str, name: str) -> None:
    if not modifier:
        return
    allowed = _FIELD_MODIFIERS.get(parameter.code)
    if allowed is None:
        kind = PARAMETER_TYPES.get(parameter.type)
        allowed = kind.modifiers if kind else _COMPOSITE_MODIFIERS
    if modifier in allowed and modifier != TYPE:
        return
    if TYPE in allowed and load_definitions().is_resource_type(modifier):
        if parameter.target and modifier not in parameter.target:
            raise Invalid(f"{name}: {parameter.code} never refers to a {modifier}", f"http.{name}")
        return
    error = NotSupported(
        f"{name}: the modifier is not supported for a parameter of type {parameter.type}", f"http.{name}"
    )
    raise _NotSupportedHere(error)


def _read_missing(text: str, asked: Asked) -> bool:
    if text not in ("true", "false"):
        raise asked.refuse("true or false")
    return text == "true"


def _component_types(asked: Asked) -> tuple[tuple[str, Asked], ...]:
    components = type_table(asked.resource_type).components[asked.parameter.code]
    return tuple(
        (type_, replace(asked, parameter=parameter, elements=UNKNOWN)) for type_, parameter in components
    )
