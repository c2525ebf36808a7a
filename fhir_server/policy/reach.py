"""How far a token goes on one resource type, as one condition: in each query, and for a document in hand.

docs/decisions/0004-hidden-is-absent.md, docs/decisions/0021-granular-scopes.md
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fhir_server.search.entries import Filter
from fhir_server.search.matching import matches

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Share:
    """Resources in some records that meet one of some conditions."""

    patients: tuple[str, ...]
    """Patients in whose record alone a resource is; empty for all resources."""
    conditions: tuple[Filter, ...] = ()
    """Compiled search parameters of granular scopes; empty for none."""
    rules: Filter = field(default_factory=dict)
    """What the policy of the records leaves of them; empty for all."""

    @property
    def filter(self) -> Filter:
        """The share as a MongoDB filter; `p` is outermost, where search plans look for it."""
        parts = [self.rules] if self.rules else []
        return self._joined(parts)

    @property
    def place(self) -> Filter:
        """The share without the rules of the record: where something may be put."""
        return self._joined([])

    def _joined(self, parts: list[Filter]) -> Filter:
        record: Filter = {}
        if self.patients:
            record = {
                "p": {"$eq": self.patients[0]} if len(self.patients) == 1 else {"$in": list(self.patients)}
            }
        if self.conditions:
            parts = [_any_of(self.conditions), *parts]
        return record | {"$and": parts} if parts else record


@dataclass(frozen=True, slots=True)
class Reach:
    """The shares of which a resource must be in one; decided from the token alone."""

    shares: tuple[Share, ...]
    rule: str = "system"
    """Code of the rule that opened it; of the first, where several did."""

    @property
    def is_everything(self) -> bool:
        return any(not (share.patients or share.conditions or share.rules) for share in self.shares)

    @property
    def is_in_records(self) -> bool:
        """Nothing outside the records of named patients is reached."""
        return all(share.patients for share in self.shares)

    @property
    def filter(self) -> Filter:
        """The reach as a MongoDB filter of current resources."""
        if len(self.shares) == 1:
            return self.shares[0].filter
        return {} if self.is_everything else _any_of([share.filter for share in self.shares])

    @property
    def past_filter(self) -> Filter:
        """The same of rows of the history, where `id` is the logical id."""
        past: Filter = _renamed(self.filter)
        return past

    def covers(self, document: Mapping[str, Any]) -> bool:
        """Tells whether a document is reached, by its fields."""
        return matches(self.filter, document)

    def takes(self, document: Mapping[str, Any]) -> bool:
        """Tells whether a document may be put there; to read it afterwards is another question."""
        return any(matches(share.place, document) for share in self.shares)


EVERYTHING = Reach((Share(()),))
NOTHING = Reach((Share(("-",)),), "scope")
"""No patient has this id."""


def _any_of(filters: Sequence[Filter]) -> Filter:
    """Joins filters by "or"; where all ask for tokens, by one list, which an index reads in order."""
    if len(filters) == 1:
        return filters[0]
    tokens: list[str] = []
    for one in filters:
        asked = one["t"] if set(one) == {"t"} else {}
        if set(asked) == {"$eq"}:
            tokens.append(asked["$eq"])
        elif set(asked) == {"$in"}:
            tokens += asked["$in"]
        else:
            return {"$or": list(filters)}
    return {"t": {"$in": list(dict.fromkeys(tokens))}}


def _renamed(value: Any) -> Any:
    if isinstance(value, list):
        return [_renamed(one) for one in value]
    if isinstance(value, dict):
        return {"id" if name == "_id" else name: _renamed(one) for name, one in value.items()}
    return value
