"""The links of the sealed trail: what is hashed, and how one hash leads to the next.

docs/decisions/0028-sealed-audit-trail.md; SHA-256: FIPS 180-4
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from fhir_server.storage.seals import SEALED_FIELDS
from fhir_server.storage.stored import Document, decompress

START = ""
"""What the first link follows."""

SEALS_HEAD = "*"
"""The head of the chain of seals; no patient has this id."""


def link(previous: str, event: Mapping[str, Any]) -> str:
    """Returns the hash of an event that follows a hash; its bytes are those before compression."""
    told = [event.get(name, "" if name == "p" else 0) for name in SEALED_FIELDS]
    content = hashlib.sha256(decompress(event["z"])).hexdigest()
    return _digest([previous, told, content])


def seal_hash(seal: Mapping[str, Any]) -> str:
    """Returns the hash of a seal: of all that it holds, the hash of the one before it too."""
    rows = [[row["p"], row["prev"], [list(event) for event in row["events"]]] for row in seal["rows"]]
    return _digest([seal["_id"], seal["prev"], seal["at"], seal["until"], rows])


def build_seal(
    events: Sequence[Document], last: Mapping[str, Any] | None, heads: Mapping[str, Document], at: int
) -> tuple[Document, dict[str, Document]]:
    """Returns the seal of events in their order, and the heads that it moves; `heads` are those before it."""
    rows: dict[str, Document] = {}
    moved: dict[str, Document] = {}
    for event in events:
        patient = event.get("p", "")
        head = moved.get(patient) or heads.get(patient) or {"_id": patient, "h": START, "n": 0}
        row = rows.setdefault(patient, {"p": patient, "prev": head["h"], "events": []})
        hashed = link(head["h"], event)
        row["events"].append([event["_id"], hashed])
        moved[patient] = {"_id": patient, "h": hashed, "n": head["n"] + 1}
    number, previous, until = (last["_id"], last["h"], last["until"]) if last is not None else (0, START, 0)
    # A clock that is ahead moves no limit: nothing that others store is late by it.
    until = max(until, min(at, max(event["lu"] for event in events)))
    seal: Document = {"_id": number + 1, "prev": previous, "at": at, "until": until, "rows": [*rows.values()]}
    seal["h"] = seal_hash(seal)
    moved[SEALS_HEAD] = {"_id": SEALS_HEAD, "h": seal["h"], "n": seal["_id"]}
    return seal, moved


def _digest(value: list[Any]) -> str:
    # json takes the integers of BSON, which are a kind of their own, as what they are.
    text = json.dumps(value, ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()
