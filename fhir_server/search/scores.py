"""How relevant a match of _text or _content is: how many of the words it has. https://hl7.org/fhir/R4/search.html#score"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from decimal import Decimal
from typing import Any

from fhir_server.search.parameters import WORDS
from fhir_server.search.parameters.full_text import score_tokens
from fhir_server.search.query import Clause, Query

_PLACES = Decimal("0.001")


def relevant_tokens(query: Query) -> tuple[str, ...]:
    """Returns the tokens of the words of _text and _content; () where the query has none."""
    clauses = [c for c in query.clauses if isinstance(c, Clause) and c.type == WORDS]
    return tuple(dict.fromkeys(token for c in clauses for token in score_tokens(c.code, c.values)))


def score(documents: Iterable[dict[str, Any]], tokens: Collection[str]) -> dict[str, Decimal]:
    """Returns id → the part of the words that the document has, from 0 to 1."""
    wanted = frozenset(tokens)
    if not wanted:
        return {}
    stems = len({token[1:] for token in wanted})
    return {
        d["_id"]: (Decimal(len(wanted.intersection(d["t"]))) / stems).quantize(_PLACES) for d in documents
    }
