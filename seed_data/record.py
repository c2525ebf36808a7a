"""A transaction Bundle in the making: each resource passes its fhir.resources class, then is JSON.

https://hl7.org/fhir/R4/http.html#transaction
"""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass, field
from html import escape
from importlib import import_module
from typing import Any

NAMESPACE = uuid.UUID("5d0f3c1e-7a55-5c0b-9d3b-0a4f5e1c2d77")
"""Any constant: it makes full URLs the same in each build."""

NO_TEXT = frozenset({"Binary"})


def full_url(resource_type: str, resource_id: str) -> str:
    return f"urn:uuid:{uuid.uuid5(NAMESPACE, f'{resource_type}/{resource_id}')}"


def french_date(value: str) -> str:
    """2024-03-12T… → 12/03/2024; 2024-03 → 03/2024."""
    return "/".join(reversed(value[:10].split("-")))


def moment(date: str, time: str = "09:00") -> str:
    """A dateTime from a date, in the legal time of mainland France (summer time from April to October)."""
    if "T" in date:
        date, time = date.split("T")
    offset = "+02:00" if 4 <= int(date[5:7]) <= 10 else "+01:00"
    return f"{date}T{time[:5]}:00{offset}"


def narrative(*lines: str) -> dict[str, str]:
    body = "".join(f"<p>{escape(line, quote=False)}</p>" for line in lines)
    return {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{body}</div>'}


@dataclass(slots=True)
class Record:
    """The Bundle of one patient (or of the directory), in the order of `add`."""

    prefix: str
    """Start of every id: dmp-0001."""
    entries: list[dict[str, Any]] = field(default_factory=list)
    shown: dict[str, str] = field(default_factory=dict)
    """fullUrl → display of references to it."""

    def add(self, resource_type: str, name: str, summary: str, /, **elements: Any) -> dict[str, str]:
        """Put the resource `<prefix>-<name>` in the Bundle; gives the reference to it."""
        resource_id = f"{self.prefix}-{name}" if name else self.prefix
        resource: dict[str, Any] = {"resourceType": resource_type, "id": resource_id}
        if resource_type not in NO_TEXT:
            resource |= {"language": "fr-FR", "text": narrative(summary)}
        resource |= {key: value for key, value in elements.items() if value not in (None, "", [], {})}
        model = getattr(import_module(f"fhir.resources.R4B.{resource_type.lower()}"), resource_type)
        checked = json.loads(model.model_validate(resource).model_dump_json())
        url = full_url(resource_type, resource_id)
        if url in self.shown:
            raise ValueError(f"{resource_type}/{resource_id} is added twice")
        self.shown[url] = summary
        request = {"method": "PUT", "url": f"{resource_type}/{resource_id}"}
        self.entries.append({"fullUrl": url, "resource": checked, "request": request})
        return {"reference": url, "display": summary}

    def has(self, resource_type: str, name: str) -> bool:
        return full_url(resource_type, f"{self.prefix}-{name}") in self.shown

    def reference(self, resource_type: str, name: str) -> dict[str, str]:
        """A reference to something already added."""
        url = full_url(resource_type, f"{self.prefix}-{name}" if name else self.prefix)
        return {"reference": url, "display": self.shown[url]}

    def bundle(self) -> dict[str, Any]:
        return {"resourceType": "Bundle", "type": "transaction", "entry": self.entries}


def dump(bundle: dict[str, Any]) -> str:
    """One line per entry: small files, readable differences."""
    entries = ",\n".join(
        json.dumps(entry, ensure_ascii=False, separators=(",", ":")) for entry in bundle["entry"]
    )
    head = {key: value for key, value in bundle.items() if key != "entry"}
    return f'{json.dumps(head, separators=(",", ":"))[:-1]},"entry":[\n{entries}\n]}}\n'
