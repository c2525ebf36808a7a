"""AuditEvents taken apart."""

from __future__ import annotations

import base64
from typing import Any

from fhir_server.fhir.json import parse_json
from fhir_server.storage.stored import decompress
from fhir_server.validation.validate import validate_resource
from tests.examples import Resource


class Watch:
    """The events since it was made, read behind the server's back."""

    def __init__(self, trail: Any) -> None:
        self._trail = trail
        self._before = {d["_id"] for d in trail.find({}, {"_id": 1})}

    def events(self) -> list[Resource]:
        """Returns them oldest first."""
        rows = [d for d in self._trail.find({}) if d["_id"] not in self._before]
        return [parse_json(decompress(d["z"])) for d in sorted(rows, key=lambda d: (d["lu"], d["_id"]))]

    def only(self) -> Resource:
        """Returns the one event."""
        (event,) = self.events()
        return event


def told(event: Resource) -> tuple[str, str, str]:
    """Returns interaction, action and outcome."""
    return event["subtype"][0]["code"], event["action"], event["outcome"]


def touched(event: Resource) -> set[str]:
    """Returns the references of the entities."""
    return {e["what"]["reference"] for e in event["entity"] if "reference" in e.get("what", {})}


def queries(event: Resource) -> list[str]:
    """Returns the searches."""
    return [base64.b64decode(e["query"]).decode() for e in event["entity"] if "query" in e]


def faults(event: Resource) -> list[Any]:
    """Returns what the validator says against an event."""
    return [i for i in validate_resource(event) if i.severity in ("fatal", "error")]
