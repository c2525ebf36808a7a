"""Writes new index entries beside resources and their old versions; versions and bytes stay as they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from pymongo import UpdateOne
from pymongo.collection import Collection

from fhir_server.search.entries import prefix_range
from fhir_server.storage.mongo import HISTORY, Document, Mongo, translated
from fhir_server.storage.stored import (
    OPTIONAL_FIELDS,
    PAST_FIELDS,
    RECORD_BY_REFERENCE,
    build_index,
    decompress,
    past_tokens,
)

_BATCH = 500

Parse = Callable[[bytes], Any]


def rebuild_index(mongo: Mongo, resource_type: str, base_url: str, parse: Parse) -> Iterator[int]:
    """Rebuilds one type batch by batch, in the order of the ids; yields the size of each batch."""
    for batch in _batches(mongo.prepared(resource_type), {"$gt": ""}):
        changes = [_update(resource_type, d, _entries(d, parse, base_url)) for d in batch]
        yield _write(mongo.collection(resource_type), changes)


def rebuild_history(mongo: Mongo, resource_type: str, base_url: str, parse: Parse) -> Iterator[int]:
    """Does the same with the old versions of one type."""
    for batch in _batches(mongo.prepared(HISTORY), prefix_range(f"{resource_type}/")):
        changes = []
        for row in batch:
            entries = {k: v for k, v in _entries(row, parse, base_url).items() if k in PAST_FIELDS}
            changes.append(_update(resource_type, row, entries | {"t": past_tokens(entries["t"])}))
        yield _write(mongo.collection(HISTORY), changes)


def _batches(collection: Collection[Document], ids: Document) -> Iterator[list[Document]]:
    while True:
        with translated():
            query = {"_id": ids, "d": {"$exists": False}}
            batch = list(
                collection.find(query, {"z": 1, "v": 1, "lu": 1, "iv": 1}).sort("_id", 1).limit(_BATCH)
            )
        if not batch:
            return
        yield batch
        ids = {"$gt": batch[-1]["_id"], **{k: v for k, v in ids.items() if k == "$lt"}}


def _entries(document: Document, parse: Parse, base_url: str) -> Document:
    return build_index(parse(decompress(document["z"])), document["lu"], base_url)


def _update(resource_type: str, document: Document, entries: Document) -> UpdateOne:
    # An earlier release knew nothing that hides for a time.
    change: Document = {"$set": entries | ({} if "iv" in document else {"iv": 0})}
    gone = {name: "" for name in OPTIONAL_FIELDS if name not in entries}
    if resource_type in RECORD_BY_REFERENCE:
        gone.pop("p", None)
    if gone:
        change["$unset"] = gone
    # A writer that came meanwhile has indexed its own version.
    return UpdateOne({"_id": document["_id"], "v": document["v"]}, change)


def _write(collection: Collection[Document], changes: list[UpdateOne]) -> int:
    with translated():
        collection.bulk_write(changes, ordered=False)
    return len(changes)
