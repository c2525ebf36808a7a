"""What a resource contains: index entries of its own, and how a search finds it.

https://hl7.org/fhir/R4/search.html#contained, docs/decisions/0023-contained-resources.md

A contained resource is an element of the array `c` of its container: its tokens, ranges and sort key, and the
names of the container's parameters that refer to it. Its id is no `_id`: what asks for ids never finds it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from fhir_server.search.entries import CONTAINED_TARGET, EVERYTHING, Filter

CONTAINED = "c"
"""Field of the document."""

Stage = dict[str, Any]

_ENTRIES = ("t", "r", "sk", "p", "g")
"""Of a contained resource, as of any other."""

_OF_CONTAINER = ("lu", "v", "m", "z")


def type_token(resource_type: str) -> str:
    """Returns the token of every contained resource of a type."""
    return EVERYTHING + resource_type


def referring(tokens: Iterable[str]) -> dict[str, list[str]]:
    """Returns id of a contained resource → parameters of its container that refer to it."""
    found: dict[str, list[str]] = {}
    for token in tokens:
        code, separator, id_ = token.partition(CONTAINED_TARGET)
        if separator:
            found.setdefault(id_, []).append(code)
    return found


def inside(resource_type: str, filter_: Filter, codes: Sequence[str] = ()) -> Filter:
    """Returns the filter of what contains a match, and refers to it by one of the codes, if any."""
    criteria: list[Filter] = [{"t": {"$eq": type_token(resource_type)}}, filter_]
    if codes:
        criteria.append({"by": {"$in": list(codes)}})
    return {CONTAINED: {"$elemMatch": {"$and": criteria}}}


def containers(resource_type: str, filter_: Filter, container: str, *, whole: bool) -> list[Stage]:
    """Returns the stages from containers of a type to the matches inside, or to what contains them (`whole`).

    The id of a row is Type/id#id, or Type/id.
    """
    rows: list[Stage] = [
        {"$match": inside(resource_type, filter_)},
        {"$unwind": f"${CONTAINED}"},
        {
            "$project": {"_id": 0, "of": "$_id", "own": {name: f"${name}" for name in _OF_CONTAINER}}
            | {"patient": "$p", "id": f"${CONTAINED}.id"}
            | {name: f"${CONTAINED}.{name}" for name in _ENTRIES}
        },
        {"$match": {"$and": [{"t": {"$eq": type_token(resource_type)}}, filter_]}},
    ]
    id_: Any = {"$concat": [f"{container}/", "$of"] if whole else [f"{container}/", "$of", "#", "$id"]}
    named = {name: f"$own.{name}" for name in _OF_CONTAINER}
    rows.append({"$project": {"_id": id_, "p": "$patient", "t": 1, "r": 1, "sk": 1} | named})
    if whole:
        # One that contains several comes once, in the place of the first.
        fields = ("p", "t", "r", "sk", *_OF_CONTAINER)
        rows.append({"$group": {"_id": "$_id"} | {name: {"$first": f"${name}"} for name in fields}})
    return rows


def ordinary(resource_type: str, filter_: Filter) -> list[Stage]:
    """Returns the stages of resources that are not contained, in the same form."""
    return [{"$match": filter_}, {"$set": {"_id": {"$concat": [f"{resource_type}/", "$_id"]}}}]
