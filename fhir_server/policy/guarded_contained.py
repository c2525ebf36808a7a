"""Searches for contained resources through the guard: the reach of the container decides.

https://hl7.org/fhir/R4/search.html#contained, docs/decisions/0023-contained-resources.md
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fhir_server.definitions.registry import load_definitions
from fhir_server.errors import Forbidden, NotSupported, TooCostly
from fhir_server.fhir.json import encode_json, parse_json
from fhir_server.policy.decide import constrain
from fhir_server.policy.reach import Reach
from fhir_server.policy.situation import Situation
from fhir_server.search.compile import Plan
from fhir_server.search.contained import Stage, containers, ordinary
from fhir_server.search.cost import is_bound
from fhir_server.search.query import Query
from fhir_server.storage.resources import Pipeline, Resources
from fhir_server.storage.stored import Stored, decompress, read_document

Document = dict[str, Any]


class ContainedSearch:
    """One search of one caller; it reads all types at one moment."""

    def __init__(self, situation: Situation, resources: Resources, session: Any) -> None:
        self._situation = situation
        self._resources = resources
        self._session = session

    def page(self, query: Query, plan: Plan, limit: int, cursor: Any) -> list[Document]:
        """Returns the rows of a page in order."""
        stages: list[Stage] = [*plan.sort.stages({}, cursor), {"$limit": limit}]
        return self._resources.union(self._parts(query, plan), stages)

    def count(self, query: Query, plan: Plan, limit: int) -> int:
        """Counts the matches, up to `limit` when it is not 0."""
        stages: list[Stage] = [{"$limit": limit}] if limit else []
        rows = self._resources.union(self._parts(query, plan), [*stages, {"$count": "n"}])
        return sum(row["n"] for row in rows)

    def _parts(self, query: Query, plan: Plan) -> list[Pipeline]:
        if self._session is not None:
            raise NotSupported("_contained: not inside a transaction", "http._contained")
        reach = constrain(self._situation, query.resource_type, "s")
        whole = query.contained_type != "contained"
        parts: list[Pipeline] = []
        if query.contained == "both":
            self._refuse_everything(query, reach)
            parts.append((query.resource_type, ordinary(query.resource_type, plan.match(reach.filter))))
        for container, filter_ in self._containers():
            criteria = [filter_] if filter_ else []
            if whole and query.contained == "both" and container == query.resource_type:
                # What matches by itself is there already.
                criteria.append({"$nor": [plan.filter]})
            stages = containers(query.resource_type, plan.filter, container, whole=whole)
            parts.append((container, [{"$match": {"$and": criteria}}, *stages] if criteria else stages))
        return parts

    def _refuse_everything(self, query: Query, reach: Reach) -> None:
        if (
            not reach.is_in_records
            and not is_bound(query)
            and self._resources.size(query.resource_type) > UNION_BOUND
        ):
            raise TooCostly(
                "_contained=both of everything would sort it all; add a code, an identifier or a period",
                "http._contained",
            )

    def _containers(self) -> list[tuple[str, Document]]:
        """Returns the types in use whose resources the caller may search, and how far."""
        found: list[tuple[str, Document]] = []
        for name in self._resources.types_in_use(frozenset(load_definitions().resource_types)):
            try:
                found.append((name, constrain(self._situation, name, "s").filter))
            except Forbidden:
                continue
        return found


UNION_BOUND = 50_000
"""Resources of a type from which on _contained=both needs a criterion that an index serves."""


def read_rows(query: Query, rows: Sequence[Document]) -> tuple[Stored, ...]:
    """Returns the resources of a page: containers, or what they contain."""
    return tuple(_read(query, row) for row in rows)


def _read(query: Query, row: Document) -> Stored:
    container, _, contained_id = row["_id"].partition("#")
    type_, _, id_ = container.partition("/")
    document = {**row, "_id": contained_id or id_}
    if not contained_id:
        return read_document(type_, document)
    resource = parse_json(decompress(row["z"]))
    found = next(r for r in resource["contained"] if r.get("id") == contained_id)
    return Stored(
        resource_type=query.resource_type,
        id=contained_id,
        version=row["v"],
        last_updated=int(row["lu"]),
        method=row["m"],
        raw=encode_json(found),
        deleted=False,
        patient=row.get("p", ""),
        container=container,
    )
