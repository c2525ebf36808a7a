"""What a search asks for, as values: clauses, order and what to return. https://hl7.org/fhir/R4/search.html"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode


@dataclass(frozen=True, slots=True)
class Clause:
    """One parameter: any of its values; a Query joins its clauses by AND."""

    code: str
    type: str
    modifier: str
    values: tuple[Any, ...]
    """As the parameter's type has read them."""
    stored: tuple[str, ...]
    """Names under which the index holds its entries."""
    name: str
    """As in the URL: subject:Patient."""
    texts: tuple[str, ...]
    """The values as in the URL, still escaped."""


@dataclass(frozen=True, slots=True)
class Compartment:
    """Only what is in the compartment of a patient. https://hl7.org/fhir/R4/search.html#compartment"""

    patient: str


@dataclass(frozen=True, slots=True)
class Chain:
    """A reference to something that matches: subject:Patient.name=eve."""

    stored: tuple[str, ...]
    targets: tuple[Query, ...]
    """What is asked of the target, for each type it may have."""
    name: str
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Has:
    """Something that matches and refers to it: _has:Observation:patient:code=718-7."""

    source: Query
    stored: tuple[str, ...]
    """Entries of the source that refer."""
    name: str
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Members:
    """An entry of a List: _list=42."""

    lists: tuple[str, ...]
    name: str
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """Conditions joined by "and", "or", or of which none holds ("not"): a _filter."""

    operator: str
    clauses: tuple[Condition, ...]
    name: str
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Among:
    """A chain, reverse chain or list that was answered: what it found; or any other filter of documents."""

    filter: dict[str, Any]
    name: str
    texts: tuple[str, ...]
    is_bound: bool = True
    """An index leads to what it matches."""
    leads: bool = False
    """An index of its own does, and what matches is not deleted."""


Condition = Clause | Compartment | Chain | Has | Members | Group | Among
"""What a query asks of a resource."""


@dataclass(frozen=True, slots=True)
class SortKey:
    """One of the parameters to sort by."""

    code: str
    type: str
    descending: bool
    stored: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Query:
    """A search of one resource type, checked and ready to be compiled."""

    resource_type: str
    clauses: tuple[Condition, ...] = ()
    sort: tuple[SortKey, ...] = ()
    """Empty: newest first by the type's primary date."""
    count: int | None = None
    """Page size asked for; None where it was not."""
    total: str = ""
    """none, estimate or accurate; "" where it was not asked."""
    summary: str = ""
    """true, text, data, count or false; "" where it was not asked."""
    elements: tuple[str, ...] = ()
    max_results: int = 0
    """After so many matches there is no further page; 0 for all."""
    contained: str = ""
    """true, false or both; "" where it was not asked: false."""
    contained_type: str = ""
    """container or contained; "" where it was not asked: container."""
    includes: tuple[Any, ...] = ()
    applied: tuple[tuple[str, str], ...] = ()
    """Name and value of each parameter that was applied: what the self link says."""

    @property
    def is_count_only(self) -> bool:
        """No matches are returned; _count=0 means the same as _summary=count."""
        return self.summary == "count" or self.count == 0

    @property
    def is_of_contained(self) -> bool:
        """It looks for contained resources, too or alone."""
        return self.contained in ("true", "both")

    @property
    def text(self) -> str:
        """The search as a relative URL."""
        return f"{self.resource_type}?{urlencode(self.applied, errors='replace')}"

    def narrow(self, *clauses: Condition) -> Query:
        """Returns the query with further clauses, which the self link does not tell."""
        return replace(self, clauses=(*self.clauses, *clauses))


def normalised_criteria(query: Query) -> str:
    """Returns a text that is the same for the same clauses in whatever order."""
    parts: list[tuple[str, ...]] = []
    for clause in query.clauses:
        if isinstance(clause, Compartment):
            parts.append(("", clause.patient))
        else:
            parts.append((clause.name, *sorted(set(clause.texts))))
    pairs = [(name, ",".join(values)) for name, *values in sorted(set(parts))]
    return f"{query.resource_type}?{urlencode(pairs, errors='replace')}"
