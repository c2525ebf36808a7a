"""Rebuilds the index entries of stored resources after search parameters changed. https://hl7.org/fhir/R4/search.html"""

from __future__ import annotations

from collections.abc import Callable

from fhir_server.fhir.json import parse_json
from fhir_server.storage.mongo import Mongo
from fhir_server.storage.rebuild import rebuild_history, rebuild_index

Progress = Callable[[str, int], None]
"""Called with the resource type and how many of it are done."""


def reindex(mongo: Mongo, resource_types: frozenset[str], base_url: str, progress: Progress | None) -> int:
    """Rebuilds the index entries of these types, and of their old versions, while the server runs.

    Returns how many resources there are.
    """
    total = 0
    for resource_type in mongo.resource_collections(resource_types):
        done = 0
        for batch in rebuild_index(mongo, resource_type, base_url, parse_json):
            done += batch
            if progress is not None:
                progress(resource_type, done)
        past = 0
        for batch in rebuild_history(mongo, resource_type, base_url, parse_json):
            past += batch
            if progress is not None:
                progress(f"{resource_type}, old versions", past)
        total += done
    return total
