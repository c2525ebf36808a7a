"""Preconditions: versions in If-Match, and criteria that name a resource by search.

https://hl7.org/fhir/R4/http.html#concurrency, https://hl7.org/fhir/R4/http.html#ccreate
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import parse_qsl

from fhir_server.errors import Invalid, MultipleMatches
from fhir_server.interactions.messages import Exchange
from fhir_server.policy.guard import GuardedStore
from fhir_server.search.parse import parse_query
from fhir_server.search.query import Query, normalised_criteria
from fhir_server.storage.stored import Stored

_MOST_PARAMETERS = 1000
_ETAG = re.compile(r'(?:W/)?"([^"]{1,64})"')
_RESULT_PARAMETERS = frozenset(
    {
        "_count",
        "_sort",
        "_summary",
        "_elements",
        "_total",
        "_include",
        "_revinclude",
        "_format",
        "_pretty",
        "_page",
        "_contained",
        "_containedType",
        "_maxresults",
    }
)


def expected_version(exchange: Exchange) -> int | None:
    """Returns the version If-Match asks for."""
    header = exchange.request.headers.get("if-match", "").strip()
    if not header:
        return None
    match = _ETAG.fullmatch(header)
    if match is None:
        raise Invalid('If-Match takes one version, as in W/"3"', "http.If-Match")
    return int(match[1]) if match[1].isdecimal() and len(match[1]) < 16 else -1


def etags(header: str) -> list[str]:
    """Returns the versions of an If-None-Match header."""
    return _ETAG.findall(header)


def parse_criteria(exchange: Exchange, resource_type: str, text: str) -> Query:
    """Parses the criteria of a conditional interaction, strictly: a typo must not widen what is changed."""
    # Some clients write the type before the criteria, as in a conditional reference.
    criteria = text.removeprefix(resource_type).removeprefix("?")
    return criteria_query(exchange, resource_type, decode_parameters(criteria, "http.query"))


def decode_parameters(text: str, expression: str) -> list[tuple[str, str]]:
    """Returns the parameters of a query inside a header or a Bundle entry."""
    try:
        return parse_qsl(text, keep_blank_values=True, max_num_fields=_MOST_PARAMETERS, errors="strict")
    except ValueError as error:  # not UTF-8, or too many
        most = f"at most {_MOST_PARAMETERS} parameters in UTF-8 are read"
        raise Invalid(f"the query cannot be read; {most}", expression) from error


def criteria_query(exchange: Exchange, resource_type: str, parameters: Sequence[tuple[str, str]]) -> Query:
    """Builds the query of criteria given as parameters."""
    criteria = [(k, v) for k, v in parameters if k not in _RESULT_PARAMETERS]
    for name, text in criteria:
        if not text:  # a search would ignore it, and find more
            raise Invalid(f"{name}: the value is empty", f"http.{name}")
    if not criteria:
        raise Invalid("a conditional interaction needs search criteria", "http.query")
    query, _ = parse_query(
        resource_type,
        criteria,
        exchange.declared.search_parameters,
        lenient=False,
        base_url=exchange.base_url,
    )
    return query


def refuse_criteria(parameters: Sequence[tuple[str, str]], expression: str) -> None:
    """Refuses criteria in the URL of a create: who means "unless there is one" must not get a duplicate."""
    if any(name not in _RESULT_PARAMETERS for name, _ in parameters):
        text = "a create has no criteria in its URL; those of a conditional create are in If-None-Exist"
        raise Invalid(text, expression)


def single_match(store: GuardedStore, query: Query) -> Stored | None:
    """Returns the one match, None when there is none; raises MultipleMatches for more."""
    matches = store.search(query, 2).matches
    if len(matches) > 1:
        raise MultipleMatches(f"the criteria match more than one {query.resource_type}", "http.query")
    return matches[0] if matches else None


def lock_criteria(store: GuardedStore, query: Query) -> None:
    """Makes conditional interactions with the same criteria follow each other: one of them creates."""
    store.lock(normalised_criteria(query))
