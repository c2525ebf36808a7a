"""URL parameters → Query; what is not declared is refused. https://hl7.org/fhir/R4/search.html#parameters"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from fhir_server.definitions.registry import SearchParameter, load_definitions
from fhir_server.errors import Invalid, Issue, NotSupported, TooCostly
from fhir_server.search.element_types import UNKNOWN, token_elements
from fhir_server.search.escapes import split
from fhir_server.search.extraction import FIELDS, type_table
from fhir_server.search.filter_conditions import Reader, read_filter
from fhir_server.search.include import MAX_INCLUDES, read_include
from fhir_server.search.parameters import PARAMETER_TYPES, WORDS, composite
from fhir_server.search.parameters.parameter_type import TYPE, Asked
from fhir_server.search.parse_context import Context, Declared, NeverRefers, NotSupportedHere
from fhir_server.search.parse_special import SPECIAL
from fhir_server.search.query import Chain, Clause, Condition, Group, Has, Query
from fhir_server.search.result_parameters import RESULT_PARAMETERS

MAX_PARAMETERS = 100
MAX_VALUES = 500
MAX_LENGTH = 16_384
"""Characters of one parameter's values."""

MAX_STEPS = 8
"""Chains and reverse chains of one parameter, one after the other."""

MAX_TARGETS = 64
"""Searches into which one untyped chain may fan out."""

_UNREADABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff]")
_FIELD_MODIFIERS = {"_id": frozenset({"not"}), "_lastUpdated": frozenset[str]()}
_COMPOSITE_MODIFIERS = frozenset({"missing"})


def parse_query(
    resource_type: str,
    parameters: Sequence[tuple[str, str]],
    declared: Declared,
    *,
    lenient: bool,
    base_url: str,
) -> tuple[Query, list[Issue]]:
    """Returns the query and warnings about what was ignored; raises Invalid or NotSupported.

    Lenient handling ignores parameters and modifiers that are not known or not supported; a value that cannot
    be read is an error always, because leaving it out would answer another question. Empty parameters are no
    error: they are ignored, with a warning. https://hl7.org/fhir/R4/search.html#errors
    """
    if not load_definitions().is_resource_type(resource_type):
        raise Invalid(f"{resource_type[:64]!r} is no resource type", "http.type")
    if len(parameters) > MAX_PARAMETERS:
        raise TooCostly(f"at most {MAX_PARAMETERS} parameters in one search", "http.query")
    context = Context(resource_type, declared, base_url)
    query, warnings = Query(resource_type), list[Issue]()
    for name, text in parameters:
        try:
            query = _apply(query, name, text, context)
        except NeverRefers as refusal:
            raise Invalid(refusal.diagnostics, issues=refusal.issues) from None
        except NotSupportedHere as refusal:
            if not lenient and not refusal.is_harmless:
                raise refusal.error from None
            issue = refusal.error.issues[0]
            ignored = f"{issue.diagnostics}; this parameter was ignored"
            warnings.append(Issue("warning", issue.code, ignored, issue.expression))
    _check_together(query)
    return query, warnings


def _check_together(query: Query) -> None:
    """Refuses what parameters cannot say together."""
    if query.includes and query.summary == "text":
        raise Invalid("_summary=text cannot be mixed with includes", "http._summary")
    if query.elements and query.summary not in ("", "false", "count"):
        raise Invalid("_summary and _elements exclude each other", "http._elements")
    if not query.is_of_contained:
        return
    if query.includes:
        raise NotSupported("_contained: contained resources bring no includes", "http._contained")
    if any(isinstance(clause, Clause) and clause.type == WORDS for clause in query.clauses):
        raise NotSupported(
            "_contained: the words of a resource are those of its container", "http._contained"
        )


def _apply(query: Query, name: str, text: str, context: Context) -> Query:
    shown = _UNREADABLE.sub("?", name)[:128]
    if not name or shown != name:
        raise Invalid(f"{shown!r} is no name of a parameter", "http.query")
    if not text:
        raise NotSupportedHere(Invalid(f"{name}: the value is empty", f"http.{name}"), is_harmless=True)
    if name == "_query":
        raise NotSupported("_query: this server has no named queries", "http._query")
    if _UNREADABLE.search(text):
        raise Invalid(f"{name}: the value has characters that no text has", f"http.{name}")
    if len(text) > MAX_LENGTH:
        raise TooCostly(f"{name}: the values have more than {MAX_LENGTH} characters", f"http.{name}")
    if name.partition(":")[0] in ("_include", "_revinclude"):
        return _add_include(query, name, text, context)
    if name not in RESULT_PARAMETERS:
        clause = read_condition(name, text, context)
        return replace(query, clauses=(*query.clauses, clause), applied=(*query.applied, (name, text)))
    return _add_result_parameter(query, name, text, context)


def _add_result_parameter(query: Query, name: str, text: str, context: Context) -> Query:
    field, read = RESULT_PARAMETERS[name]
    if any(n == name for n, _ in query.applied):
        raise Invalid(f"{name}: given twice", f"http.{name}")
    try:
        value, applied = read(text, context.resource_type, context.declared(context.resource_type))
    except NotSupported as error:
        raise NotSupportedHere(error) from None
    changed: dict[str, Any] = {field: value, "applied": (*query.applied, (name, applied))}
    return replace(query, **changed)


def _add_include(query: Query, name: str, text: str, context: Context) -> Query:
    if len(query.includes) >= MAX_INCLUDES:
        raise TooCostly(f"at most {MAX_INCLUDES} includes in one search", f"http.{name}")
    source = text.partition(":")[0]
    known = load_definitions().is_resource_type(source)
    try:
        include = read_include(name, text, context.declared(source) if known else (), query.resource_type)
    except NotSupported as error:
        raise NotSupportedHere(error) from None
    return replace(query, includes=(*query.includes, include), applied=(*query.applied, (name, text)))


def read_condition(name: str, text: str, context: Context, steps: int = 0) -> Condition:
    """Reads one parameter, which may lead through references to other types."""
    if steps > MAX_STEPS:
        raise TooCostly(f"at most {MAX_STEPS} references in one chain", "http.query")
    if name.startswith("_has:"):
        return _read_has(name, text, context, steps)
    if "." in name:
        return _read_chain(name, text, context, steps)
    if name == "_filter":
        return _read_filter(name, text, context, steps)
    special = SPECIAL.get(name.partition(":")[0])
    return special(name, text, context) if special else _read_clause(name, text, context)


@dataclass(frozen=True, slots=True)
class _FilterReader:
    """Reads the names and values inside a _filter (filter_conditions.Reader)."""

    context: Context
    steps: int

    @property
    def resource_type(self) -> str:
        return self.context.resource_type

    def parameter(self, code: str) -> tuple[str, tuple[str, ...]]:
        parameter, stored = _find(code, code, self.context)
        return parameter.type, stored

    def clause(self, name: str, text: str) -> Clause:
        if _UNREADABLE.search(text):
            raise Invalid(f"{name}: the value has characters that no text has", f"http.{name}")
        return _read_clause(name, text, self.context)

    def chain(self, head: str, inside: Callable[[Reader], tuple[Condition, ...]]) -> Condition:
        if self.steps >= MAX_STEPS:
            raise TooCostly(f"at most {MAX_STEPS} references in one chain", "http._filter")
        return _chain(head, ("_filter", ""), self.context, lambda c: inside(_FilterReader(c, self.steps + 1)))


def _read_filter(name: str, text: str, context: Context, steps: int) -> Group:
    if name not in context.declared(context.resource_type):
        raise NotSupportedHere(NotSupported(f"{name} is not supported", f"http.{name}"))
    try:
        group = read_filter(text, _FilterReader(context, steps))
    except NotSupportedHere as refusal:
        reason = refusal.error.diagnostics
        raise NotSupportedHere(NotSupported(f"_filter: {reason}", "http._filter")) from None
    except NotSupported as error:
        raise NotSupportedHere(error) from None
    if _fan_out((group,)) > MAX_TARGETS:
        raise TooCostly("_filter: say the types of the targets, or ask less at once", "http._filter")
    return group


def _read_has(name: str, text: str, context: Context, steps: int) -> Has:
    """Reads _has:[type]:[reference]:[parameter]."""
    _, source, code, rest = (*name.split(":", 3), "", "", "")[:4]
    if not rest or not load_definitions().is_resource_type(source):
        raise Invalid(f"{name}: _has:Type:reference:parameter", f"http.{name}")
    inside = context.of(source)
    parameter, stored = _find_reference(code, name, inside)
    if parameter.target and context.resource_type not in parameter.target:
        raise NeverRefers(
            f"{name}: {code} of {source} never refers to a {context.resource_type}", f"http.{name}"
        )
    condition = read_condition(rest, text, inside, steps + 1)
    return Has(Query(source, (condition,)), stored, name, (text,))


def _read_chain(name: str, text: str, context: Context, steps: int) -> Chain:
    """Reads [reference].[parameter] or [reference]:[type].[parameter]."""
    head, _, rest = name.partition(".")
    return _chain(head, (name, text), context, lambda c: (read_condition(rest, text, c, steps + 1),))


def _chain(
    head: str, asked: tuple[str, str], context: Context, inside: Callable[[Context], tuple[Condition, ...]]
) -> Chain:
    """Reads what is asked of each type of target; `asked` is name and value of the whole."""
    name, text = asked
    code, _, type_ = head.partition(":")
    parameter, stored = _find_reference(code, name, context)
    if type_:
        _check_modifier(parameter, type_, head)
        if not load_definitions().is_resource_type(type_):
            raise Invalid(f"{name}: {type_} is no type of a target", f"http.{name}")
    types = (type_,) if type_ else parameter.target
    if not types or types == ("Resource",):
        raise Invalid(f"{name}: say the type of the target, as in {code}:Patient", f"http.{name}")
    targets: list[Query] = []
    refusals: list[NotSupportedHere | NeverRefers] = []
    for target in types:
        try:
            targets.append(Query(target, inside(context.of(target))))
        except (NotSupportedHere, NeverRefers) as refusal:
            refusals.append(refusal)
    if not targets:
        raise refusals[0]
    if sum(_fan_out(q.clauses) + 1 for q in targets) > MAX_TARGETS:
        raise TooCostly(f"{name}: say the types of the targets", f"http.{name}")
    return Chain(stored, tuple(targets), name, (text,))


def _fan_out(clauses: Sequence[Condition]) -> int:
    """Returns the searches to which chains lead from here."""
    chained = sum(_fan_out(q.clauses) + 1 for c in clauses if isinstance(c, Chain) for q in c.targets)
    return chained + sum(_fan_out(c.clauses) for c in clauses if isinstance(c, Group))


def _find_reference(code: str, name: str, context: Context) -> tuple[SearchParameter, tuple[str, ...]]:
    parameter, stored = _find(code, name, context)
    if parameter.type != "reference":
        raise NeverRefers(f"{name}: {code} of {context.resource_type} is no reference", f"http.{name}")
    return parameter, stored


def _read_clause(name: str, text: str, context: Context) -> Clause:
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


def _find(code: str, name: str, context: Context) -> tuple[SearchParameter, tuple[str, ...]]:
    """Returns a declared parameter and the names of its entries."""
    parameter = load_definitions().search_parameters(context.resource_type).get(code)
    if parameter is None or code not in context.declared(context.resource_type):
        reason = "is not known" if parameter is None else "is not supported"
        error = NotSupported(
            f"search parameter {code[:64]!r} of {context.resource_type} {reason}", f"http.{name}"
        )
        raise NotSupportedHere(error)
    stored = (code,) if code in FIELDS else type_table(context.resource_type).stored.get(code, ())
    if not stored:
        raise NotSupportedHere(NotSupported(f"{name}: {code} cannot be searched", f"http.{name}"))
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
            raise NeverRefers(f"{name}: {parameter.code} never refers to a {modifier}", f"http.{name}")
        return
    error = NotSupported(
        f"{name}: the modifier is not supported for a parameter of type {parameter.type}", f"http.{name}"
    )
    raise NotSupportedHere(error)


def _read_missing(text: str, asked: Asked) -> bool:
    if text not in ("true", "false"):
        raise asked.refuse("true or false")
    return text == "true"


def _component_types(asked: Asked) -> tuple[tuple[str, Asked], ...]:
    components = type_table(asked.resource_type).components[asked.parameter.code]
    return tuple(
        (type_, replace(asked, parameter=parameter, elements=UNKNOWN)) for type_, parameter in components
    )
