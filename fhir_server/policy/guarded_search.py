"""Searches through the guard: the caller's reach is in the query, and in each step of it.

The root, every chain and reverse chain, every list, every included type and every count are
narrowed by `decide.constrain` before the database is asked; nothing is filtered afterwards.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from fhir_server.definitions.artefacts import Artefacts
from fhir_server.definitions.registry import load_definitions
from fhir_server.errors import Forbidden, TooCostly
from fhir_server.fhir import Resource
from fhir_server.fhir.json import parse_json
from fhir_server.policy.decide import constrain
from fhir_server.policy.guarded_contained import ContainedSearch, read_rows
from fhir_server.policy.reach import Reach
from fhir_server.policy.situation import Situation
from fhir_server.search.chain import resolve
from fhir_server.search.compile import Plan, compile_query
from fhir_server.search.concepts import canonical_query
from fhir_server.search.contained import inside
from fhir_server.search.cost import describe_scan
from fhir_server.search.include import Include, forward_targets, reverse_filter
from fhir_server.search.query import Chain, Query
from fhir_server.search.scores import relevant_tokens, score
from fhir_server.storage.explanation import summarise_plan
from fhir_server.storage.resources import Resources
from fhir_server.storage.stored import Stored, read_document

COUNT_BOUND = 10_000
"""Without _total=accurate a search counts no further."""

STEP_BOUND = 50_000
"""Ids that one step of a chain may find."""

INCLUDE_BOUND = 1_000
"""Resources that the includes of one page may bring."""

SCAN_BOUND = 50_000
"""Resources of a type from which on a search needs a criterion that an index serves."""

TOKEN_BOUND = 8
"""Systems of one code that are told apart; each costs a round trip."""

ITERATIONS = 10
"""Rounds of _include:iterate."""

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Page:
    """A page of matches and what it includes."""

    matches: tuple[Stored, ...]
    included: tuple[Stored, ...]
    cursor: Any
    """Where the next page starts; None when there is none."""
    is_cut: bool = False
    """The includes would have brought more."""
    scores: dict[str, Decimal] = field(default_factory=dict)
    """Type/id of a match → its relevance, from 0 to 1, in a search for words."""
    is_last: bool = True
    """Where there is no next page: because there are no more matches."""


class GuardedSearch:
    """The searches of one caller; also answers the steps of chains (search.lookup.Lookup)."""

    def __init__(
        self, situation: Situation, resources: Resources, session: Any, artefacts: Artefacts
    ) -> None:
        self._situation = situation
        self._resources = resources
        self._session = session
        self._artefacts = artefacts

    def page(self, query: Query, limit: int, cursor: Any = None) -> Page:
        """Returns one page of matches, with what the query includes."""
        reach = constrain(self._situation, query.resource_type, "s")
        self._refuse_scan(query, reach)
        if query.is_of_contained:
            return self._contained_page(query, limit, cursor)
        plan = compile_query(resolve(query, self))
        words = relevant_tokens(query)
        entries = bool(query.includes or words)
        documents = self._find(plan, reach, limit + 1, cursor, entries=entries) if limit else []
        page, further = documents[:limit], len(documents) > limit
        matches = tuple(read_document(query.resource_type, d) for d in page)
        included, is_cut = (
            self._include(query.includes, {query.resource_type: page}) if query.includes else ((), False)
        )
        following = plan.cursor(page, cursor) if further else None
        return Page(matches, included, following, is_cut, _scores(query.resource_type, page, words))

    @property
    def _contained(self) -> ContainedSearch:
        return ContainedSearch(self._situation, self._resources, self._session)

    @property
    def _steps_of_contained(self) -> GuardedSearch:
        return _StepsOfContained(self._situation, self._resources, self._session, self._artefacts)

    def _contained_page(self, query: Query, limit: int, cursor: Any) -> Page:
        plan = compile_query(resolve(query, self._steps_of_contained))
        rows = self._contained.page(query, plan, limit + 1, cursor) if limit else []
        page, further = rows[:limit], len(rows) > limit
        return Page(read_rows(query, page), (), plan.cursor(page, cursor) if further else None)

    def merged_page(self, queries: Sequence[Query], limit: int, cursor: Any = None) -> Page:
        """Returns one page of the matches of several types, in one order; each type has its own cursor."""
        cursors: dict[str, Any] = dict(cursor or {})
        plans = self._comparable_plans(queries)
        rows: list[tuple[Any, str, Document]] = []
        for query in queries:
            type_ = query.resource_type
            plan, reach = plans[type_], constrain(self._situation, type_, "s")
            entries = bool(query.includes or relevant_tokens(query))
            found = self._find(plan, reach, limit + 1, cursors.get(type_), entries=entries)
            rows += [(plan.sort.key(document), type_, document) for document in found]
        rows.sort(key=lambda row: row[0])
        taken: dict[str, list[Document]] = {}
        for _, type_, document in rows[:limit]:
            taken.setdefault(type_, []).append(document)
        matches = tuple(read_document(type_, document) for _, type_, document in rows[:limit])
        includes = queries[0].includes if queries else ()
        included, is_cut = self._include(includes, taken) if includes else ((), False)
        for type_, documents in taken.items():
            cursors[type_] = plans[type_].cursor(documents, cursors.get(type_))
        # Lenient handling may have ignored the words for some of the types.
        words = {query.resource_type: relevant_tokens(query) for query in queries}
        scores = {k: v for t, found in taken.items() for k, v in _scores(t, found, words[t]).items()}
        return Page(matches, included, cursors if limit and len(rows) > limit else None, is_cut, scores)

    def _comparable_plans(self, queries: Sequence[Query]) -> dict[str, Plan]:
        """Returns the plan of each type; all sort in the same way, so that their rows can be merged."""
        resolved: list[Query] = []
        for query in queries:
            self._refuse_scan(query, constrain(self._situation, query.resource_type, "s"))
            resolved.append(resolve(query, self))
        plans = [compile_query(query) for query in resolved]
        # Ids tell the resources of one type apart, not those of several.
        has_ties = len(queries) > 1 and any(len(query.sort) > 1 for query in queries)
        if has_ties or len({type(plan.sort) for plan in plans}) > 1:
            plans = [compile_query(query, by_values=True) for query in resolved]
        return {plan.resource_type: plan for plan in plans}

    def count(self, query: Query, *, accurate: bool) -> int | None:
        """Counts the matches; None when there are more than a search counts unasked."""
        reach = constrain(self._situation, query.resource_type, "s")
        self._refuse_scan(query, reach)
        limit = 0 if accurate else COUNT_BOUND + 1
        if query.is_of_contained:
            plan = compile_query(resolve(query, self._steps_of_contained))
            counted = self._contained.count(query, plan, limit)
        else:
            plan = compile_query(resolve(query, self))
            counted = self._resources.count(plan, reach.filter, limit, self._session)
        return None if limit and counted == limit else counted

    def _find(
        self, plan: Plan, reach: Reach, limit: int, cursor: Any = None, *, entries: bool = False
    ) -> list[Document]:
        return self._resources.find(plan, reach.filter, limit, cursor, self._session, entries=entries)

    # --- steps of chains -------------------------------------------------------------------------

    def ids(self, query: Query, *, required: bool) -> list[str]:
        """Returns the ids that match, as far as the caller may search the type."""
        reach = self._reach(query.resource_type, required=required)
        if reach is None:
            return []
        self._refuse_scan(query, reach)
        plan = compile_query(resolve(query, self))
        found = self._resources.ids(plan, reach.filter, STEP_BOUND + 1, self._session)
        return _bounded(found)

    def referenced(self, query: Query, stored: Sequence[str], resource_type: str) -> list[str]:
        """Returns the ids of a type to which the matches refer."""
        reach = constrain(self._situation, query.resource_type, "s")
        self._refuse_scan(query, reach)
        found = self._resources.referenced(
            compile_query(query), reach.filter, stored, resource_type, STEP_BOUND + 1, self._session
        )
        return _bounded(found)

    def containing(self, resource_type: str, chain: Chain) -> list[str]:
        """Returns the ids of a type that contain what a chain looks for, and refer to it."""
        reach = self._included_reach(resource_type)
        if reach is None or not self._resources.contains_any(resource_type, self._session):
            return []
        steps = self._steps_of_contained
        plans = [compile_query(resolve(target, steps)) for target in chain.targets]
        filters = [inside(plan.resource_type, plan.filter, chain.stored) for plan in plans]
        plan = Plan(resource_type, {"$or": filters}, plans[0].sort)
        return _bounded(self._resources.ids(plan, reach.filter, STEP_BOUND + 1, self._session))

    def tokens(self, resource_type: str, prefix: str) -> list[str] | None:
        """Returns the tokens that begin so; None where not everything is reached and where there are many."""
        if not constrain(self._situation, resource_type, "s").is_everything:
            return None
        found = self._resources.tokens(resource_type, prefix, TOKEN_BOUND + 1, self._session)
        return None if len(found) > TOKEN_BOUND else found

    @property
    def patient(self) -> str:
        """The patient to whom the caller is bound; "" for none."""
        return self._situation.context.patient

    def first(self, query: Query) -> str:
        """Returns the id of the first match that the caller may read; "" for none."""
        reach = self._included_reach(query.resource_type)
        found = self._find(compile_query(query), reach, 1) if reach is not None else []
        return str(found[0]["_id"]) if found else ""

    def members(self, list_id: str, resource_type: str) -> list[str]:
        """Returns the ids of a type that are entries of a List the caller may read."""
        reach = constrain(self._situation, "List", "r")
        document = self._resources.entries("List", list_id, reach.filter, self._session)
        if document is None:
            return []
        include = Include("List", ("item",), resource_type, reverse=False, iterate=False)
        return forward_targets([include], "List", [document]).get(resource_type, [])

    def artefact(self, resource_type: str, reference: str) -> Resource | None:
        """Returns a ValueSet or CodeSystem that comes with the server, or the newest the caller may see."""
        own = self._artefacts.find(resource_type, reference)
        reach = self._included_reach(resource_type)
        if own is not None or reach is None:
            return own
        type_, _, resource_id = reference.partition("/")
        if type_ == resource_type:
            stored = self._resources.read(resource_type, resource_id, reach.filter, self._session)
            return parse_json(stored.raw) if stored is not None and not stored.deleted else None
        plan = compile_query(canonical_query(resource_type, reference))
        found = self._find(plan, reach, 1)
        return parse_json(read_document(resource_type, found[0]).raw) if found else None

    def _refuse_scan(self, query: Query, reach: Reach) -> None:
        """Refuses a search that would look at every resource of a large type; a patient's record is small."""
        reason = "" if reach.is_in_records else describe_scan(query)
        if reason and self._resources.size(query.resource_type) > SCAN_BOUND:
            raise TooCostly(f"{reason}; add a patient, a code, an identifier or a period", "http.query")

    def explain(self, query: Query, limit: int) -> dict[str, Any]:
        """Returns how MongoDB executes the first page of a search, and what it examined."""
        reach = constrain(self._situation, query.resource_type, "s")
        plan = compile_query(resolve(query, self))
        account = self._resources.explain(plan, reach.filter, limit)
        refused = "" if reach.is_in_records else describe_scan(query)
        return {"search": query.text, "refused": refused, **summarise_plan(account), "plan": account}

    def _reach(self, resource_type: str, *, required: bool) -> Reach | None:
        try:
            return constrain(self._situation, resource_type, "s")
        except Forbidden:
            if required:
                raise
            return None

    # --- includes --------------------------------------------------------------------------------

    def _include(
        self, asked: Sequence[Include], fresh: dict[str, list[Document]]
    ) -> tuple[tuple[Stored, ...], bool]:
        """Follows the includes from a page, and from what they bring where they iterate."""
        seen = {(type_, d["_id"]) for type_, documents in fresh.items() for d in documents}
        found: list[Stored] = []
        asked = self._with_sources(asked)
        includes: Iterable[Include] = asked
        for _ in range(ITERATIONS):
            fresh = self._bring(includes, fresh, seen)
            found += [read_document(type_, d) for type_, documents in fresh.items() for d in documents]
            includes = [include for include in asked if include.iterate]
            if len(found) > INCLUDE_BOUND or not includes or not any(fresh.values()):
                break
        return tuple(found[:INCLUDE_BOUND]), len(found) > INCLUDE_BOUND

    def _with_sources(self, includes: Sequence[Include]) -> list[Include]:
        """Returns the includes, with _revinclude=* as one for each type in use: all but the audit trail."""
        if all(i.source or not i.reverse for i in includes):
            return list(includes)
        types = frozenset(load_definitions().resource_types) - {"AuditEvent"}
        used = self._resources.types_in_use(types)
        sources = [type_ for type_ in used if self._included_reach(type_) is not None]
        return [
            one
            for i in includes
            for one in ([i] if i.source or not i.reverse else [replace(i, source=s) for s in sources])
        ]

    def _bring(
        self,
        includes: Iterable[Include],
        sources: dict[str, list[Document]],
        seen: set[tuple[str, str]],
    ) -> dict[str, list[Document]]:
        """Returns, by type, what some documents include and nobody has seen; one round trip per type."""
        filters: dict[str, list[Document]] = {}
        for resource_type, documents in sources.items():
            forward = [i for i in includes if not i.reverse]
            for type_, ids in forward_targets(forward, resource_type, documents).items():
                unseen = [id_ for id_ in ids if (type_, id_) not in seen]
                if unseen:
                    filters.setdefault(type_, []).append({"_id": {"$in": unseen}, "t": {"$eq": "*"}})
            for include in (i for i in includes if i.reverse):
                referring = reverse_filter(include, resource_type, [d["_id"] for d in documents])
                if referring is not None:
                    filters.setdefault(include.source, []).append(referring)
        return {type_: self._unseen(type_, any_of, seen) for type_, any_of in filters.items()}

    def _unseen(
        self, resource_type: str, any_of: list[Document], seen: set[tuple[str, str]]
    ) -> list[Document]:
        reach = self._included_reach(resource_type)
        if reach is None:
            return []
        plan = Plan(resource_type, {"$or": any_of}, compile_query(Query(resource_type)).sort)
        documents = self._find(plan, reach, INCLUDE_BOUND + 1, entries=True)
        unseen = [d for d in documents if (resource_type, d["_id"]) not in seen]
        seen.update((resource_type, d["_id"]) for d in unseen)
        return unseen

    def _included_reach(self, resource_type: str) -> Reach | None:
        """The whole of the token decides: what it may read or search, it may have included."""
        try:
            return constrain(self._situation, resource_type, "rs")
        except Forbidden:
            return None


class _StepsOfContained(GuardedSearch):
    """The steps of a search inside resources: the index of their type does not know their systems."""

    def tokens(self, resource_type: str, prefix: str) -> None:
        return None


def _scores(resource_type: str, documents: list[Document], words: Sequence[str]) -> dict[str, Decimal]:
    return {f"{resource_type}/{id_}": value for id_, value in score(documents, words).items()}


def _bounded(found: list[str]) -> list[str]:
    if len(found) > STEP_BOUND:
        raise TooCostly(
            f"a step of the chain finds more than {STEP_BOUND} resources; narrow it", "http.query"
        )
    return found
