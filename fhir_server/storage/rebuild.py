"""Writes new index entries beside stored resources; versions and bytes stay as they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from pymongo import UpdateOne

from fhir_server.storage.mongo import Document, Mongo, translated
from fhir_server.storage.stored import OPTIONAL_FIELDS, build_index, decompress

_BATCH = 500


def rebuild_index(
    mongo: Mongo, resource_type: str, base_url: str, parse: Callable[[bytes], Any]
) -> Iterator[int]:
    """Rebuilds one type batch by batch, in the order of the ids; yields the size of each batch."""
    collection = mongo.prepared(resource_type)
    last = ""
    while True:
        with translated():
            batch = list(
                collection.find({"_id": {"$gt": last}, "d": {"$exists": False}}, {"z": 1, "v": 1, "lu": 1})
                .sort("_id", 1)
                .limit(_BATCH)
            )
            if not batch:
                return
            collection.bulk_write([_update(d, parse, base_url) for d in batch], ordered=False)
        last = batch[-1]["_id"]
        yield len(batch)


def _update(document: Document, parse: Callable[[bytes], Any], base_url: str) -> UpdateOne:
    entries = build_index(parse(decompress(document["z"])), document["lu"], base_url)
    change: Document = {"$set": entries}
    gone = {name: "" for name in OPTIONAL_FIELDS if name not in entries}
    if gone:
        change["$unset"] = gone
    # A writer that came meanwhile has indexed its own version.
    return UpdateOne({"_id": document["_id"], "v": document["v"]}, change)
