"""Builds searchset, history and response Bundles; stored resources go in as their bytes.

https://hl7.org/fhir/R4/bundle.html
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from fhir_server.fhir import Resource


def build_bundle(
    type_: str, entries: list[Resource], links: Iterable[tuple[str, str]], total: int | None, updated: str
) -> Resource:
    """Returns a Bundle made now; empty parts are left out, as FHIR wants."""
    bundle: Resource = {"resourceType": "Bundle", "meta": {"lastUpdated": updated}, "type": type_}
    if total is not None:
        bundle["total"] = total
    link = [{"relation": relation, "url": url} for relation, url in links]
    if link:
        bundle["link"] = link
    if entries:
        bundle["entry"] = entries
    return bundle


def stored_json(raw: bytes) -> Any:
    """Marks bytes as JSON to be spliced as they are."""
    return msgspec.Raw(raw)
