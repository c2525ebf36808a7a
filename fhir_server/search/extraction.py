"""What to extract from a type of resource: its search parameters, compiled and grouped by JSON key.

https://hl7.org/fhir/R4/searchparameter.html, docs/decisions/0011-index-entries.md
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from fhir_server.definitions.registry import SearchParameter, load_definitions
from fhir_server.fhirpath.evaluate import Expression, compile_expression
from fhir_server.fhirpath.node import FhirPathError, Node
from fhir_server.search.intervals import point_length
from fhir_server.search.parameters import PARAMETER_TYPES, token
from fhir_server.search.parameters.composite import Component
from fhir_server.search.parameters.token_text import WITHOUT_TEXTS
from fhir_server.search.primary_date import DATES

FIELDS = {"_id": "_id", "_lastUpdated": "lu"}
"""Parameters that are fields of the document and need no entries."""

_FIRST_STEP = re.compile(
    r"\(*(?P<type>[A-Z]\w*)\.(?P<name>[a-z]\w*)(?:\.as\((?P<method>\w+)\)| as (?P<operator>\w+))?"
)
_COMPONENT_STEP = re.compile(r"(?P<name>[a-z]\w*)(?:\.as\((?P<method>\w+)\)| as (?P<operator>\w+))?")
_OF_PATIENT = ".where(resolve() is Patient)"
_LOGIC = re.compile(r" (?:and|or|xor|implies) |[!=]=|\bexists\(|\bempty\(|\bnot\(")


class Use(NamedTuple):
    """A parameter fed by an extraction."""

    code: str
    field: str
    extract: Callable[[Node, str], list[Any]]
    length: int
    """What lasts longer is no point."""


@dataclass(frozen=True, slots=True)
class Extraction:
    """One expression, evaluated once for all parameters that share it."""

    expression: Expression
    uses: tuple[Use, ...]
    composites: tuple[tuple[str, tuple[Component, ...]], ...]


@dataclass(frozen=True, slots=True)
class TypeTable:
    """The extractions of one resource type."""

    by_key: dict[str, tuple[Extraction, ...]]
    """Top-level JSON key → what may find something there."""
    always: tuple[Extraction, ...]
    """Where that cannot be said."""
    stored: dict[str, tuple[str, ...]]
    """Parameter → parameters under whose names its entries are; itself unless it is the union of others."""
    components: dict[str, tuple[tuple[str, SearchParameter], ...]]
    """Composite → (type, parameter) of its components."""
    patient: frozenset[str]
    """Stored parameters whose references to a Patient put the resource into that compartment."""
    primary_date: str


@cache
def type_table(resource_type: str) -> TypeTable:
    """Returns the table of a resource type."""
    parameters = load_definitions().search_parameters(resource_type)
    branches = {c: _branches(p, resource_type) for c, p in parameters.items() if _is_extracted(p)}
    compiled = {c: x for c, p in parameters.items() if (x := _compile(p, branches.get(c), resource_type))}
    stored = _stored({c: (parameters[c], branches[c]) for c in compiled})
    components = {
        c: tuple(_component(u, e, branches[c], resource_type) for u, e in parameters[c].component)
        for c in compiled
        if parameters[c].type == "composite"
    }
    groups: dict[tuple[str, ...], list[str]] = {}
    for code in compiled:
        if stored[code] == (code,):
            groups.setdefault(branches[code], []).append(code)
    by_key: dict[str, list[Extraction]] = {}
    always: list[Extraction] = []
    for codes in groups.values():
        plain = [c for c in codes if c not in components]
        for group in ([plain] if plain else []) + [[c] for c in codes if c in components]:
            extraction = _extraction(
                group, compiled[group[0]], parameters, components, branches[group[0]], resource_type
            )
            keys = _keys(group[0], branches[group[0]], parameters, resource_type)
            if keys is None:
                always.append(extraction)
            for key in keys or ():
                by_key.setdefault(key, []).append(extraction)
    patient = load_definitions().compartment("Patient").get(resource_type, ())
    date = DATES.get(resource_type, "date")
    return TypeTable(
        by_key={k: tuple(v) for k, v in by_key.items()},
        always=tuple(always),
        stored=stored,
        components=components,
        patient=frozenset(s for c in patient for s in stored.get(c, ())),
        primary_date=date if date in compiled else "",
    )


@cache
def patient_codes(resource_type: str) -> frozenset[str]:
    """Returns the stored parameters whose references to a Patient put a resource into its compartment.

    Those of the compartment, and those that look at the same elements: where the compartment names `subject`,
    `patient` is `subject` of a Patient.
    """
    if resource_type == "Patient":
        # Is in its own compartment only, whatever it refers to.
        return frozenset()
    parameters = load_definitions().search_parameters(resource_type)
    table = type_table(resource_type)
    inside = {b for code in table.patient for b in _plain_branches(parameters[code], resource_type)}
    return frozenset(
        code
        for code, parameter in parameters.items()
        if parameter.type == "reference"
        and table.stored.get(code) == (code,)
        and inside.issuperset(_plain_branches(parameter, resource_type))
    )


def _plain_branches(parameter: SearchParameter, resource_type: str) -> set[str]:
    return {b.replace(_OF_PATIENT, "") for b in _branches(parameter, resource_type)}


@cache
def refers_to_patients(resource_type: str, code: str) -> bool:
    """True where a reference parameter finds references to Patients only, whatever targets it declares."""
    parameter = load_definitions().search_parameters(resource_type)[code]
    elements = load_definitions().structure(resource_type).elements
    for branch in _branches(parameter, resource_type):
        element = elements.get(branch.removeprefix(f"{resource_type}."))
        targets = element.targets.get("Reference") if element else None
        if not branch.endswith(_OF_PATIENT) and targets != ("Patient",):
            return False
    return True


def _is_extracted(parameter: SearchParameter) -> bool:
    known = parameter.type in PARAMETER_TYPES or parameter.type == "composite"
    return known and bool(parameter.expression) and parameter.code not in FIELDS


def _branches(parameter: SearchParameter, resource_type: str) -> tuple[str, ...]:
    """Returns the branches of the expression's union that can begin at the type."""
    own = re.compile(rf"\(*(?:{resource_type}|Resource|DomainResource)\b")
    branches = [b.strip() for b in parameter.expression.split("|")]
    return tuple(b for b in branches if own.match(b) or not re.match(r"\(*[A-Z]", b))


def _compile(
    parameter: SearchParameter, branches: tuple[str, ...] | None, resource_type: str
) -> Expression | None:
    """Returns the compiled expression; None for what is not extracted or no FHIRPath."""
    if not branches:
        return None
    try:
        return compile_expression(" | ".join(branches), resource_type, distinct=False)
    except FhirPathError:
        return None


def _stored(rows: dict[str, tuple[SearchParameter, tuple[str, ...]]]) -> dict[str, tuple[str, ...]]:
    """Finds the parameters that are the union of others (combo-code, phonetic): they need no entries."""
    stored: dict[str, tuple[str, ...]] = {}
    for code, (parameter, branches) in sorted(rows.items(), key=lambda row: len(row[1][1])):
        kind = (parameter.type, tuple(e for _, e in parameter.component))
        parts = [
            c
            for c, sources in stored.items()
            if sources == (c,)
            and (rows[c][0].type, tuple(e for _, e in rows[c][0].component)) == kind
            and set(rows[c][1]) <= set(branches)
        ]
        covered = {b for c in parts for b in rows[c][1]}
        stored[code] = tuple(parts) if covered == set(branches) else (code,)
    return stored


def _component(
    url: str, expression: str, branches: tuple[str, ...], resource_type: str
) -> tuple[str, SearchParameter]:
    """Returns type and definition of a component.

    The published relationship of DocumentReference names its two definitions in the wrong order, so the type
    is taken from the element where that is a plain one.
    """
    definitions = load_definitions()
    parameter = definitions.search_parameter(url)
    structure = definitions.structure_or_none(branches[0])
    element = structure.elements.get(expression) if structure else None
    types = element.types if element else ()
    if types == ("Reference",):
        return "reference", parameter
    if types in (("code",), ("CodeableConcept",), ("Coding",), ("Identifier",)):
        return "token", parameter
    return parameter.type, parameter


def _extraction(
    codes: Iterable[str],
    expression: Expression,
    parameters: dict[str, SearchParameter],
    components: dict[str, tuple[tuple[str, SearchParameter], ...]],
    branches: tuple[str, ...],
    resource_type: str,
) -> Extraction:
    uses: list[Use] = []
    composites: list[tuple[str, tuple[Component, ...]]] = []
    for code in codes:
        if code in components:
            parts = zip(components[code], parameters[code].component, strict=True)
            composites.append(
                (
                    code,
                    tuple(
                        Component(t, compile_expression(e, branches[0], distinct=False))
                        for (t, _), (_, e) in parts
                    ),
                )
            )
        else:
            kind = PARAMETER_TYPES[parameters[code].type]
            extract = kind.extract
            if extract is token.extract and resource_type in WITHOUT_TEXTS:
                extract = token.extract_codes
            uses.append(Use(code, kind.field, extract, point_length(parameters[code].type)))
    return Extraction(expression, tuple(uses), tuple(composites))


def _keys(
    code: str, branches: tuple[str, ...], parameters: dict[str, SearchParameter], resource_type: str
) -> frozenset[str] | None:
    """Returns the top-level keys without which the expression is empty; None where that cannot be said."""
    keys: set[str] = set()
    for branch in branches:
        if branch == resource_type and parameters[code].component:
            # Of the element itself: its last component, the value, is the one most often absent.
            parts = parameters[code].component[-1][1].split("|")
            matches = [_COMPONENT_STEP.match(p.strip()) for p in parts]
        else:
            matches = [None if _LOGIC.search(_arguments_removed(branch)) else _FIRST_STEP.match(branch)]
        for match in matches:
            found = _keys_of(match, resource_type) if match else set()
            if not found:
                return None
            keys |= found
    return frozenset(keys)


def _arguments_removed(branch: str) -> str:
    """Returns the branch without the criteria of where(): they only narrow."""
    return re.sub(r"\.where\([^()]*(?:\(\))?[^()]*\)", "", branch)


def _keys_of(match: re.Match[str], resource_type: str) -> set[str]:
    structure = load_definitions().structure(resource_type)
    name, type_ = match["name"], match["method"] or match["operator"]
    keys = {k for k, (element, _) in structure.keys.items() if element.name in (name, f"{name}[x]")}
    # Published expressions write value.as(DateTime) for valueDateTime.
    narrowed = {k for k in keys if type_ and k.lower() == f"{name}{type_}".lower()}
    return narrowed or keys
