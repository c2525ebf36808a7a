"""Tokens by what value sets and code systems say: :in, :not-in, :below, :above.

https://hl7.org/fhir/R4/search.html#token, https://hl7.org/fhir/R4/codesystem.html#subsumption
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from fhir_server.errors import FhirError, Invalid, TooCostly
from fhir_server.fhir.reference import parse_canonical
from fhir_server.search.element_types import implies_system, token_elements
from fhir_server.search.extraction import type_table
from fhir_server.search.lookup import Lookup
from fhir_server.search.parameters.token import TokenValue
from fhir_server.search.parameters.token_concept import Concept, ValueSetValue
from fhir_server.search.parameters.uri import UriValue
from fhir_server.search.query import Among, Clause, Condition, Query
from fhir_server.terminology.value_sets import MAX_CODES, Codes, expand, find_concepts

CONCEPT_MODIFIERS = frozenset({"in", "not-in", "below", "above"})


def find_codes(clause: Clause, resource_type: str, lookup: Lookup) -> Condition:
    """Turns a clause about concepts into one about the codes they are."""
    codes: Codes = set()
    others = tuple(v for v in clause.values if not isinstance(v, ValueSetValue | Concept))
    for value in clause.values:
        try:
            if isinstance(value, ValueSetValue):
                codes |= _in_value_set(value, lookup)
            elif isinstance(value, Concept):
                codes |= _related(value, clause.modifier, lookup)
        except FhirError as error:
            raise type(error)(f"{clause.name}: {error.diagnostics}", f"http.{clause.name}") from error
    if len(codes) > MAX_CODES:
        raise TooCostly(f"{clause.name}: more than {MAX_CODES} codes", f"http.{clause.name}")
    values = (*others, *_tokens(codes, clause.code, resource_type))
    excludes = clause.modifier == "not-in"
    if not values:
        nothing = {"t": {"$nin" if excludes else "$in": list[str]()}}
        return Among(nothing, clause.name, clause.texts, is_bound=not excludes)
    return replace(clause, modifier="not" if excludes else "", values=values)


def _in_value_set(value: ValueSetValue, lookup: Lookup) -> Codes:
    value_set = lookup.artefact("ValueSet", value.reference)
    if value_set is None:
        raise Invalid(f"value set {value.reference[:200]} is not known here")
    return expand(value_set, lookup.artefact)


def _related(value: Concept, modifier: str, lookup: Lookup) -> Codes:
    """Returns a concept and what it subsumes (:below), or what subsumes it (:above)."""
    found: Codes = set()
    for system in value.systems:
        concepts = find_concepts(system, lookup.artefact)
        if value.code not in concepts.codes:
            raise Invalid(f"{value.code[:64]} is no code of {system[:200]}, as it is known here")
        related = concepts.descendants(value.code) if modifier == "below" else concepts.ancestors(value.code)
        found |= {(system, code) for code in {value.code} | related}
    return found


def _tokens(codes: Codes, parameter: str, resource_type: str) -> Iterable[TokenValue]:
    """Yields the tokens by which the index knows the codes: those of a required binding have no system."""
    elements = token_elements(resource_type, parameter)
    for system, code in sorted(codes):
        yield TokenValue("" if implies_system(elements, system, code) else system, code)


def canonical_query(resource_type: str, canonical: str) -> Query:
    """Returns the search for a ValueSet or CodeSystem by url, with version where it has one."""
    url, version, _ = parse_canonical(canonical)
    stored = type_table(resource_type).stored
    clauses = [Clause("url", "uri", "", (UriValue(url),), stored["url"], "url", (url,))]
    if version:
        asked = (TokenValue("", version),)
        clauses.append(Clause("version", "token", "", asked, stored["version"], "version", (version,)))
    return Query(resource_type, tuple(clauses))
