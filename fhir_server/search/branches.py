"""Criteria → branches that one index answers each: by record, by sort key, by the token that comes first.

MongoDB takes the bounds of one condition on `t` for each use of an index, the first one written, and reads
in the order of `sk` what it finds there. So the most selective token comes first, a reference to a Patient
becomes that patient's record, and a range of the primary date becomes a range of `sk`. Every branch holds all
criteria: what is added narrows where the index looks, never what matches. docs/decisions/0012-search-plans.md
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from fhir_server.search.element_types import token_elements
from fhir_server.search.entries import IRREGULAR, LONG, Filter
from fhir_server.search.extraction import patient_codes, refers_to_patients, type_table
from fhir_server.search.parameters.date import DateValue
from fhir_server.search.primary_date import DAY_MS, sort_key_range
from fhir_server.search.query import Among, Clause, Compartment, Condition, Query


class Span(NamedTuple):
    """Where the starts of the dates that match lie, in ms; None is open."""

    lo: int | None
    """Of those that last a day at most."""
    long_lo: int | None
    """Of the others."""
    hi: int | None


_EVER = Span(None, None, None)


@dataclass(frozen=True, slots=True)
class Branches:
    """The criteria of a query, and how an index leads to what meets them."""

    criteria: tuple[Filter, ...]
    """All, the one that leads first."""
    own: tuple[Filter, ...]
    """Those that being in the record does not imply."""
    patients: tuple[str, ...] = ()
    """Everything that matches is in one of these patients' records; none where nobody knows."""
    spans: tuple[tuple[Filter, ...], ...] = ((),)
    """Alternatives of which every match meets one."""
    leads: bool = True
    """The first criterion leads to few: no further condition is better to begin with."""

    def match(self, constraint: Filter) -> Filter:
        """Returns the filter under a further constraint, one branch for each use of an index."""
        record, rest = _split(constraint)
        first, last = (record, rest) if self.leads else ([*record, *rest], [])
        if not self.patients:
            return _any_of([[*first, *span, *self.criteria, *last] for span in self.spans])
        inside: Filter = {"p": _one_of(self.patients)}
        branches = [[*first, inside, *span, *self.own, *last] for span in self.spans]
        if record:
            # Whoever is bound to a patient sees what is in that record alone, and there `p` says so.
            return _any_of(branches)
        several: Filter = {"t": _one_of([f"p={patient}" for patient in self.patients])}
        return _any_of([*branches, [*first, several, *self.own, *last]])


def _split(constraint: Filter) -> tuple[list[Filter], list[Filter]]:
    """Returns what a constraint says of the record, and what it says beside that."""
    if "p" not in constraint:
        return [], [constraint] if constraint else []
    rest = {name: condition for name, condition in constraint.items() if name != "p"}
    return [{"p": constraint["p"]}], [rest] if rest else []


_NOT_DELETED: Filter = {"d": {"$exists": False}}


def _one_of(values: Sequence[str]) -> Filter:
    return {"$eq": values[0]} if len(values) == 1 else {"$in": list(values)}


def _any_of(branches: Sequence[Sequence[Filter]]) -> Filter:
    filters = [{"$and": list(b)} if len(b) > 1 else b[0] for b in branches]
    return filters[0] if len(filters) == 1 else {"$or": filters}


def plan_branches(query: Query, compiled: Sequence[Filter], everything: Sequence[Filter]) -> Branches:
    """Returns the branches of a query, whose clauses are compiled already; `everything` goes before them."""
    if everything and any(_leads(clause) for clause in query.clauses):
        # No other index is to be tempted by the token of everything.
        everything = [_NOT_DELETED]
    rows = sorted(
        zip(query.clauses, compiled, strict=True), key=lambda row: _rank(row[0], row[1], query.resource_type)
    )
    criteria = (*everything, *(f for _, f in rows))
    spans = _spans(query)
    found = [p for c in query.clauses if (p := implied_patients(c, query.resource_type))]
    compartments = [(c.patient,) for c in query.clauses if isinstance(c, Compartment)]
    patients = min([*compartments, *found], key=len, default=())
    # Only this one is implied by being in the record: another compartment, or a reference, says more.
    own = (*everything, *(f for c, f in rows if patients != (getattr(c, "patient", None),)))
    leads_itself = not everything and implied_patients(rows[0][0], query.resource_type)
    if not patients or (leads_itself and len(own) == len(criteria)):
        return Branches(criteria, criteria, (), spans, leads=not everything)
    return Branches(criteria, own, patients, spans, leads=not everything)


def _leads(clause: Condition) -> bool:
    """True for ids and positions, which have indexes of their own."""
    if isinstance(clause, Among):
        return clause.leads
    return isinstance(clause, Clause) and clause.code == "_id" and not clause.modifier


# --- the record ------------------------------------------------------------------------------------


def implied_patients(clause: Condition, resource_type: str) -> tuple[str, ...]:
    """Returns the patients in whose compartments is all that meets a clause; none where nobody knows."""
    if isinstance(clause, Compartment):
        return (clause.patient,)
    if isinstance(clause, Among):
        return _found_patients(clause, resource_type)
    if not isinstance(clause, Clause) or clause.type != "reference" or len(clause.values) > _FEW:
        return ()
    if clause.modifier not in ("", "Patient") or not patient_codes(resource_type).issuperset(clause.stored):
        return ()
    is_patient = refers_to_patients(resource_type, clause.code)
    known = (v for v in clause.values if v.types == ("Patient",) or (is_patient and "Patient" in v.types))
    patients = tuple(value.id for value in known)
    return tuple(dict.fromkeys(patients)) if len(patients) == len(clause.values) else ()


def _found_patients(among: Among, resource_type: str) -> tuple[str, ...]:
    """The same of a chain that was answered with few patients."""
    tokens = among.filter["t"].get("$in", []) if set(among.filter) == {"t"} else []
    if len(tokens) > _FEW:
        return ()
    codes = patient_codes(resource_type)
    parts = [token.partition("=") for token in tokens]
    patients = [v.removesuffix("|Patient") for c, _, v in parts if c in codes and v.endswith("|Patient")]
    return tuple(dict.fromkeys(patients)) if len(patients) == len(tokens) else ()


# --- which condition leads ----------------------------------------------------------------------------

_LAST = 9
_FEW = 64


def _rank(clause: Condition, filter_: Filter, resource_type: str) -> int:
    """Orders conditions by how few entries they are likely to lead to; only the first matters."""
    if not isinstance(clause, Compartment) and implied_patients(clause, resource_type):
        return 7
    if isinstance(clause, Among) and set(filter_) == {"t"} and len(filter_["t"].get("$in", ())) <= _FEW:
        return 3
    if not isinstance(clause, Clause) or set(filter_) != {"t"} or clause.modifier in ("not", "missing"):
        return _LAST - isinstance(clause, Clause)
    is_exact = not {"$eq", "$in"}.isdisjoint(filter_["t"])
    return _selectivity(resource_type, clause.code, clause.type) + (0 if is_exact else 1)


@cache
def _selectivity(resource_type: str, code: str, type_: str) -> int:
    if code == "identifier":
        return 0
    if type_ == "token" and token_elements(resource_type, code).systemless:
        return 5
    if code in ("category", "class"):
        return 4
    return 1 if type_ == "reference" else 2


# --- the primary date ---------------------------------------------------------------------------------


def _spans(query: Query) -> tuple[tuple[Filter, ...], ...]:
    """Returns bounds of `sk` for the dates that are asked.

    A date that lasts no longer than a day is near its start. Longer ones, and those that are several or end
    before they start, carry a token of their own, and are looked for by it.
    """
    date = type_table(query.resource_type).primary_date
    clauses = [c for c in query.clauses if isinstance(c, Clause) and c.code == date and c.modifier == ""]
    span = _meet([_join([_SPANS[v.prefix](v) for v in c.values]) for c in clauses])
    if span == _EVER:
        return ((),)
    spans = [_bounds(span.lo, span.hi)]
    if span.long_lo != span.lo:
        spans.append(({"t": {"$eq": date + LONG}}, *_bounds(span.long_lo, span.hi)))
    return (*spans, ({"t": {"$eq": date + IRREGULAR}},))


def _bounds(lo: int | None, hi: int | None) -> tuple[Filter, ...]:
    return () if lo is None and hi is None else ({"sk": sort_key_range(lo, hi)},)


def _join(spans: Sequence[Span]) -> Span:
    """One of them holds."""
    return Span(*(None if None in ends else pick(ends) for pick, ends in _ends(spans)))


def _meet(spans: Sequence[Span]) -> Span:
    """All of them hold."""
    opposite = {min: max, max: min}
    return Span(
        *(opposite[pick]((e for e in ends if e is not None), default=None) for pick, ends in _ends(spans))
    )


def _ends(spans: Sequence[Span]) -> list[tuple[Any, list[Any]]]:
    """Returns the ends of the spans, each with what finds the widest."""
    picks = (min, min, max)
    return [(pick, [span[i] for span in spans]) for i, pick in enumerate(picks)]


_SPANS: dict[str, Callable[[DateValue], Span]] = {
    "eq": lambda v: Span(v.lo, v.lo, v.hi),
    "ne": lambda v: _EVER,
    "gt": lambda v: Span(v.hi - DAY_MS, None, None),
    "lt": lambda v: Span(None, None, v.lo),
    "ge": lambda v: Span(min(v.lo, v.hi - DAY_MS), None, None),
    "le": lambda v: Span(None, None, v.hi),
    "sa": lambda v: Span(v.hi, v.hi, None),
    "eb": lambda v: Span(None, None, v.lo),
    "ap": lambda v: Span(v.lo - DAY_MS, None, v.hi),
}
"""Prefix → where a single date starts that matches and does not end before it starts."""
