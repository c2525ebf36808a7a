"""Reads of stored resources: one version, a history, the matches of a plan. Every read takes a constraint.

The constraint is the policy's filter; it is part of each query, never applied afterwards.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from operator import itemgetter
from typing import Any

from pymongo.client_session import ClientSession
from pymongo.collection import Collection

from fhir_server.search.compile import Plan
from fhir_server.search.contained import CONTAINED
from fhir_server.search.entries import prefix_range
from fhir_server.storage.history_window import Constraint, HistoryWindow
from fhir_server.storage.mongo import HISTORY, TOKEN_INDEX, Document, Mongo, translated
from fhir_server.storage.stored import Stored, read_document

_READ = dict.fromkeys(("v", "lu", "m", "p", "vis", "iv", "d", "z"), 1)
"""What a read takes of a document."""

_FOUND = {"t": 0, "r": 0, CONTAINED: 0}
"""Index entries stay in the database."""

_RANGES = {"r": 0, CONTAINED: 0}

_MATCHED = dict.fromkeys(("v", "lu", "m", "p", "sk", "z"), 1)
"""What a search reads of a match. To name it costs MongoDB less than to leave out the entries."""

_LOCAL = {"readConcern": {"level": "local"}}

HISTORY_ORDER = {"lu": -1, "rt": -1, "id": -1}


Pipeline = tuple[str, list[Document]]
"""The collection it begins at, and its stages."""


class Resources:
    """Reads for one database; pass a session to read inside a transaction."""

    def __init__(self, mongo: Mongo) -> None:
        self._mongo = mongo

    def read(
        self, resource_type: str, resource_id: str, constraint: Document, session: ClientSession | None = None
    ) -> Stored | None:
        """Returns the current version, tombstone included, or None when absent or outside the constraint."""
        query = {"$and": [{"_id": {"$eq": resource_id}}, constraint]}
        with translated():
            document = self._read_one(resource_type, query, session)
        return read_document(resource_type, document) if document else None

    def _read_one(
        self, resource_type: str, query: Document, session: ClientSession | None
    ) -> Document | None:
        if session is None:
            command = {"find": resource_type, "filter": query, "projection": _READ, "limit": 1} | _LOCAL
            rows = self._mongo.direct.find({**command, "singleBatch": True})
            if rows is not None:
                return rows[0] if rows else None
        return self._mongo.collection(resource_type).find_one(query, _READ, session=session)

    def owner(self, resource_type: str, resource_id: str, session: ClientSession | None = None) -> str | None:
        """Returns the patient whose record holds a resource, "" where none does; None where it is absent."""
        query = {"_id": {"$eq": resource_id}}
        with translated():
            found = self._mongo.collection(resource_type).find_one(query, {"p": 1}, session=session)
        return None if found is None else str(found.get("p", ""))

    def vread(
        self,
        resource_type: str,
        resource_id: str,
        version: int,
        constraint: Document,
        session: ClientSession | None = None,
    ) -> Stored | None:
        """Returns a replaced version; the caller has read the current one under its constraint first."""
        key = f"{resource_type}/{resource_id}/{version}"
        query = {"$and": [{"_id": {"$eq": key}}, constraint]}
        with translated():
            row = self._mongo.collection(HISTORY).find_one(query, _FOUND, session=session)
        return read_document(resource_type, row) if row else None

    def find(
        self,
        plan: Plan,
        constraint: Document,
        limit: int,
        cursor: Any = None,
        session: ClientSession | None = None,
        *,
        entries: bool = False,
    ) -> list[Document]:
        """Returns up to `limit` documents of a plan after the cursor, in order; `t` with `entries`."""
        stages = plan.pipeline(constraint, limit, cursor)
        collection = self._mongo.collection(plan.resource_type)
        with translated():
            if _is_plain(stages):
                wanted = _MATCHED | {"t": 1} if entries else _MATCHED
                return self._find_plainly(collection, stages, wanted, limit, session)
            return list(
                collection.aggregate(
                    [*stages, {"$project": _RANGES if entries else _FOUND}],
                    session=session,
                    maxTimeMS=self._mongo.timeout_ms,
                    allowDiskUse=False,
                )
            )

    def _find_plainly(
        self,
        collection: Collection[Document],
        stages: list[Document],
        wanted: Document,
        limit: int,
        session: ClientSession | None,
    ) -> list[Document]:
        criteria, order = stages[0]["$match"], stages[1]["$sort"]
        if session is None and limit:
            command = {"find": collection.name, "filter": criteria, "projection": wanted, "sort": order}
            command |= {"limit": limit, "batchSize": limit + 1, "allowDiskUse": False, **_LOCAL}
            rows = self._mongo.direct.find({**command, "maxTimeMS": self._mongo.timeout_ms})
            if rows is not None:
                return rows
        found = collection.find(
            criteria,
            wanted,
            sort=list(order.items()),
            limit=limit,
            batch_size=limit + 1 if limit else 0,
            session=session,
            max_time_ms=self._mongo.timeout_ms,
            allow_disk_use=False,
        )
        return list(found)

    def count(
        self, plan: Plan, constraint: Document, limit: int = 0, session: ClientSession | None = None
    ) -> int:
        """Counts the matches of a plan, up to `limit` when it is not 0."""
        bound: dict[str, Any] = {"limit": limit} if limit else {}
        with translated():
            return self._mongo.collection(plan.resource_type).count_documents(
                plan.match(constraint),
                session=session,
                maxTimeMS=self._mongo.timeout_ms,
                **bound,
            )

    def ids(
        self, plan: Plan, constraint: Document, limit: int, session: ClientSession | None = None
    ) -> list[str]:
        """Returns up to `limit` ids of the matches of a plan, in no order."""
        with translated():
            found = self._mongo.collection(plan.resource_type).find(
                plan.match(constraint),
                {"_id": 1},
                limit=limit,
                session=session,
                max_time_ms=self._mongo.timeout_ms,
            )
            return [document["_id"] for document in found]

    def referenced(
        self,
        plan: Plan,
        constraint: Document,
        codes: Sequence[str],
        resource_type: str,
        limit: int,
        session: ClientSession | None = None,
    ) -> list[str]:
        """Returns up to `limit` ids of a type to which the matches of a plan refer by one of the codes."""
        pipeline: list[Document] = [
            {"$match": plan.match(constraint)},
            {"$project": {"t": 1}},
            {"$unwind": "$t"},
            {"$match": {"$or": [{"t": prefix_range(f"{code}=")} for code in codes]}},
            {"$group": {"_id": "$t"}},
            {"$limit": limit},
        ]
        with translated():
            rows = self._mongo.collection(plan.resource_type).aggregate(
                pipeline, session=session, maxTimeMS=self._mongo.timeout_ms
            )
            found = [row["_id"].partition("=")[2].rpartition("|") for row in rows]
        return list(dict.fromkeys(id_ for id_, _, type_ in found if type_ == resource_type))

    def tokens(
        self, resource_type: str, prefix: str, limit: int, session: ClientSession | None = None
    ) -> list[str]:
        """Returns up to `limit` tokens in use that begin with a prefix: one key of the index for each."""
        collection = self._mongo.collection(resource_type)
        found: list[str] = []
        bounds = prefix_range(prefix)
        with translated():
            while len(found) < limit:
                # Read along the index, so that the least of its further tokens is the next one in use.
                row = collection.find_one(
                    {"t": {"$elemMatch": bounds}},
                    {"t": 1},
                    hint=TOKEN_INDEX,
                    session=session,
                    max_time_ms=self._mongo.timeout_ms,
                )
                if row is None:
                    break
                found.append(min(t for t in row["t"] if t.startswith(prefix) and t not in found))
                bounds = {"$gt": found[-1], "$lt": prefix_range(prefix)["$lt"]}
        return found

    def entries(
        self, resource_type: str, resource_id: str, constraint: Document, session: ClientSession | None = None
    ) -> Document | None:
        """Returns the id and the tokens of one resource, or None when absent or outside the constraint."""
        query = {"$and": [{"_id": {"$eq": resource_id}}, constraint]}
        with translated():
            return self._mongo.collection(resource_type).find_one(query, {"t": 1}, session=session)

    def contains_any(self, resource_type: str, session: ClientSession | None = None) -> bool:
        """True where a resource of the type contains others."""
        query = {f"{CONTAINED}.t": {"$gte": ""}}
        with translated():
            collection = self._mongo.collection(resource_type)
            return collection.find_one(query, {"_id": 1}, session=session) is not None

    def union(self, parts: Sequence[Pipeline], last: list[Document]) -> list[Document]:
        """Returns the rows of several pipelines, after the `last` stages of all of them together."""
        with translated():
            return self._versions([(name, stages) for name, stages in parts], last, None)

    def size(self, resource_type: str) -> int:
        """Returns about how many resources of a type there are, from the collection's metadata."""
        with translated():
            return self._mongo.collection(resource_type).estimated_document_count(
                maxTimeMS=self._mongo.timeout_ms
            )

    def last_change(self, resource_type: str) -> str:
        """Names the version of a type that was written last, tombstones included; "" where there is none."""
        with translated():
            found = self._mongo.collection(resource_type).find_one(
                {}, {"lu": 1, "v": 1}, sort=[("lu", -1), ("_id", -1)]
            )
        return f"{found['_id']}/{found['v']}/{found['lu']}" if found else ""

    def index_entries(self, resource_type: str, prefix: str, limit: int) -> frozenset[str]:
        """Returns the different index entries of a type that begin with a prefix, at most `limit`."""
        begins = {"$gte": prefix, "$lt": prefix[:-1] + chr(ord(prefix[-1]) + 1)}
        stages: list[Document] = [
            {"$match": {"t": {"$elemMatch": begins}}},
            {"$project": {"t": 1, "_id": 0}},
            {"$unwind": "$t"},
            {"$match": {"t": begins}},
            {"$group": {"_id": "$t"}},
            {"$limit": limit},
        ]
        with translated():
            rows = self._mongo.collection(resource_type).aggregate(stages, maxTimeMS=self._mongo.timeout_ms)
            return frozenset(row["_id"] for row in rows)

    def explain(self, plan: Plan, constraint: Document, limit: int) -> Document:
        """Returns MongoDB's account of how it executes the first page of a plan."""
        stages = plan.pipeline(constraint, limit)
        command: Document = {"aggregate": plan.resource_type, "pipeline": stages, "cursor": {}}
        if _is_plain(stages):
            command = {"find": plan.resource_type, "filter": stages[0]["$match"], "limit": limit}
            command |= {"sort": stages[1]["$sort"], "projection": _MATCHED}
        with translated():
            return self._mongo.database.command("explain", command, verbosity="executionStats")

    def types_in_use(self, resource_types: frozenset[str]) -> list[str]:
        """Returns the types of which anything is stored."""
        with translated():
            return self._mongo.resource_collections(resource_types)

    def history(
        self,
        constraints: dict[str, Constraint],
        window: HistoryWindow,
        limit: int,
        session: ClientSession | None = None,
    ) -> list[Stored]:
        """Returns versions of the types in `constraints`, newest first."""
        rows = self._versions(_history_pipelines(constraints, window, limit), [], session)
        rows.sort(key=itemgetter("lu", "rt", "id"), reverse=True)
        return [read_document(row["rt"], row) for row in (rows[:limit] if limit else rows)]

    def count_history(
        self, constraints: dict[str, Constraint], window: HistoryWindow, session: ClientSession | None = None
    ) -> int:
        """Counts the versions that `history` would return over all pages."""
        whole = HistoryWindow(window.resource_id, window.since, window.at)
        rows = self._versions(_history_pipelines(constraints, whole, 0), [{"$count": "n"}], session)
        return sum(row["n"] for row in rows)

    def _versions(
        self, pipelines: list[Pipeline], last: list[Document], session: ClientSession | None
    ) -> list[Document]:
        """Runs pipelines at one moment: what a writer moves from one collection to another is seen once.

        One round trip; in a transaction one for each pipeline, because $unionWith has no place there.
        """
        if not pipelines:
            return []
        if session is not None:
            return [row for name, stages in pipelines for row in self._run(name, [*stages, *last], session)]
        (first, stages), *others = pipelines
        unions = [{"$unionWith": {"coll": name, "pipeline": p}} for name, p in others]
        return self._mongo.at_one_moment(partial(self._run, first, [*stages, *unions, *last]))

    def _run(self, name: str, stages: list[Document], session: ClientSession) -> list[Document]:
        with translated():
            collection = self._mongo.collection(name)
            return list(collection.aggregate(stages, session=session, maxTimeMS=self._mongo.timeout_ms))


def _is_plain(stages: list[Document]) -> bool:
    """True where a find does what the stages say: a third faster than an aggregate."""
    return [next(iter(stage)) for stage in stages] in (["$match", "$sort", "$limit"], ["$match", "$sort"])


def _history_pipelines(
    constraints: dict[str, Constraint], window: HistoryWindow, limit: int
) -> list[Pipeline]:
    """Old versions from the history collection, and the current ones of each type's collection.

    All are in one order: newest first, then type and id, so that a page ends at a place and not at a moment.
    """
    if not constraints:
        return []
    old: list[Document] = [
        {"$and": [{"rt": {"$eq": resource_type}}, constraint.past, *_after(window, resource_type, "id")]}
        for resource_type, constraint in constraints.items()
    ]
    replaced: Document = {"$match": {"$and": [{"$or": old}, *_window_filter(window, "id")]}}
    pipelines: list[Pipeline] = [(HISTORY, [replaced, *_newest(HISTORY_ORDER, limit), {"$project": _FOUND}])]
    for resource_type, constraint in constraints.items():
        conditions = [
            constraint.current,
            *_after(window, resource_type, "_id"),
            *_window_filter(window, "_id"),
        ]
        current: list[Document] = [
            {"$match": {"$and": conditions}},
            *_newest({"lu": -1, "_id": -1}, limit),
            {"$project": _FOUND},
            {"$set": {"rt": {"$literal": resource_type}, "id": "$_id"}},
        ]
        pipelines.append((resource_type, current))
    return pipelines


def _newest(order: Document, limit: int) -> list[Document]:
    return [{"$sort": order}, {"$limit": limit}] if limit else []


def _window_filter(window: HistoryWindow, id_field: str) -> list[Document]:
    conditions: list[Document] = []
    if window.resource_id:
        conditions.append({id_field: {"$eq": window.resource_id}})
    if window.since is not None:
        conditions.append({"lu": {"$gte": window.since}})
    if window.at is not None:
        low, high = window.at
        conditions.append({"lu": {"$lt": high}})
        conditions.append({"$or": [{"until": {"$gt": low}}, {"until": {"$exists": False}}]})
    return conditions


def _after(window: HistoryWindow, resource_type: str, id_field: str) -> list[Document]:
    """What comes after the page cursor, for one type."""
    if window.before is None:
        return []
    last, last_type, last_id = window.before
    if resource_type != last_type:
        return [{"lu": {"$lte" if resource_type < last_type else "$lt": last}}]
    beyond: Document = {"$or": [{"lu": {"$lt": last}}, {id_field: {"$lt": last_id}}]}
    return [{"lu": {"$lte": last}}, beyond]
