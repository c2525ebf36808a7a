"""All that an app can ask about one resource, and its answer without what differs anyway."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import requests

from tests.examples import batch, entry, observation, patient, transaction
from tests.http_client import FhirHttp

Ask = Callable[[FhirHttp, str], requests.Response]
"""What an app asks about a reference, Type/id."""

_PATCH = [{"op": "replace", "path": "/id", "value": "x"}]


def _resource(reference: str) -> dict[str, Any]:
    type_, _, id_ = reference.partition("/")
    return patient(id=id_) if type_ == "Patient" else observation("Patient/me", id=id_)


ASKS: dict[str, Ask] = {
    "read": lambda c, r: c.get(r),
    "head": lambda c, r: c.head(r),
    "conditional read": lambda c, r: c.get(r, headers={"If-None-Match": "*"}),
    "read of parts": lambda c, r: c.get(f"{r}?_elements=id&_summary=false"),
    "vread": lambda c, r: c.get(f"{r}/_history/1"),
    "vread of no version": lambda c, r: c.get(f"{r}/_history/99"),
    "vread of nonsense": lambda c, r: c.get(f"{r}/_history/x"),
    "history": lambda c, r: c.get(f"{r}/_history"),
    "history without rows": lambda c, r: c.get(f"{r}/_history?_count=0"),
    "history since": lambda c, r: c.get(f"{r}/_history?_since=2999"),
    "history at": lambda c, r: c.get(f"{r}/_history?_at=2999"),
    "update": lambda c, r: c.put(r, _resource(r)),
    "update if match": lambda c, r: c.put(r, _resource(r), headers={"If-Match": 'W/"1"'}),
    "update if match another": lambda c, r: c.put(r, _resource(r), headers={"If-Match": 'W/"7"'}),
    "patch": lambda c, r: c.patch(r, _PATCH),
    "patch if match": lambda c, r: c.patch(r, _PATCH, headers={"If-Match": 'W/"1"'}),
    "delete": lambda c, r: c.delete(r),
    "delete if match": lambda c, r: c.delete(r, headers={"If-Match": 'W/"1"'}),
    "search by id": lambda c, r: c.get(f"{r.partition('/')[0]}?_id={r.partition('/')[2]}"),
    "count by id": lambda c, r: c.get(f"{r.partition('/')[0]}?_id={r.partition('/')[2]}&_summary=count"),
    "total by id": lambda c, r: c.get(f"{r.partition('/')[0]}?_id={r.partition('/')[2]}&_total=accurate"),
    "search by POST": lambda c, r: c.search(r.partition("/")[0], {"_id": r.partition("/")[2]}, post=True),
    "conditional update": lambda c, r: c.put(
        f"{r.partition('/')[0]}?_id={r.partition('/')[2]}", _resource(r)
    ),
    "conditional delete": lambda c, r: c.delete(f"{r.partition('/')[0]}?_id={r.partition('/')[2]}"),
    "conditional patch": lambda c, r: c.patch(f"{r.partition('/')[0]}?_id={r.partition('/')[2]}", _PATCH),
    "references to it": lambda c, r: c.get(f"Observation?subject={r}"),
    "trail of it": lambda c, r: c.get(f"AuditEvent?entity={r}"),
    "compartment": lambda c, r: c.get(f"{r}/Observation"),
    "compartment of all": lambda c, r: c.get(f"{r}/*"),
    "batch read": lambda c, r: c.post("", batch(entry("GET", r))),
    "batch history": lambda c, r: c.post("", batch(entry("GET", f"{r}/_history"))),
    "batch delete": lambda c, r: c.post("", batch(entry("DELETE", r))),
    "batch update": lambda c, r: c.post("", batch(entry("PUT", r, _resource(r)))),
    "transaction read": lambda c, r: c.post("", transaction(entry("GET", r))),
    "transaction vread": lambda c, r: c.post("", transaction(entry("GET", f"{r}/_history/1"))),
    "transaction history": lambda c, r: c.post("", transaction(entry("GET", f"{r}/_history"))),
    "transaction update": lambda c, r: c.post("", transaction(entry("PUT", r, _resource(r)))),
    "transaction update if match": lambda c, r: c.post(
        "", transaction(entry("PUT", r, _resource(r), ifMatch='W/"2"'))
    ),
    "transaction delete": lambda c, r: c.post("", transaction(entry("DELETE", r))),
    "transaction search": lambda c, r: c.post(
        "", transaction(entry("GET", f"{r.partition('/')[0]}?_id={r.partition('/')[2]}"))
    ),
}


def seen(answer: requests.Response, id_: str) -> Any:
    """Returns an answer without what differs anyway: ids, moments, request ids, page tokens."""
    text = answer.text.replace(id_, "<id>")
    text = re.sub(r"\d{4}-\d\d-\d\dT[0-9:.]+Z", "<moment>", text)
    names = (
        "Content-Type",
        "ETag",
        "Last-Modified",
        "Location",
        "Allow",
        "Cache-Control",
        "WWW-Authenticate",
    )
    headers = {n: answer.headers.get(n) for n in names}
    return answer.status_code, headers, json.loads(text) if text else None
