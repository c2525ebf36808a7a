"""Small resources and Bundles for tests, and how an answer is taken apart."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import requests

from fhir_server.fhir.json import parse_json
from tests.http_client import FhirHttp

Resource = dict[str, Any]

SYSTEM_URI = "urn:oid:1.2.250.1.213.1.4.10"


def patient(identifier: str = "", **more: Any) -> Resource:
    """Returns a Patient, with an identifier when one is given."""
    found: Resource = {"resourceType": "Patient"}
    if identifier:
        found["identifier"] = [{"system": SYSTEM_URI, "value": identifier}]
    return found | more


def observation(subject: str, **more: Any) -> Resource:
    """Returns an Observation of a subject: Patient/1, urn:uuid:…"""
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "15074-8"}]},
        "subject": {"reference": subject},
    } | more


def entry(
    method: str, url: str, resource: Resource | None = None, full_url: str = "", **request: Any
) -> Resource:
    """Returns an entry of a batch or transaction."""
    found: Resource = {"fullUrl": full_url} if full_url else {}
    if resource is not None:
        found["resource"] = resource
    return found | {"request": {"method": method, "url": url, **request}}


def bundle(type_: str, *entries: Resource) -> Resource:
    """Returns a Bundle of entries."""
    found: Resource = {"resourceType": "Bundle", "type": type_}
    return found | {"entry": list(entries)} if entries else found


def transaction(*entries: Resource) -> Resource:
    return bundle("transaction", *entries)


def batch(*entries: Resource) -> Resource:
    return bundle("batch", *entries)


def body(response: requests.Response) -> Any:
    """Returns the JSON of an answer, decimals exact."""
    return parse_json(response.content)


def problems(response: requests.Response, status: int) -> list[Resource]:
    """Checks that an answer is an OperationOutcome with a status, and returns its issues."""
    assert response.status_code == status, f"{response.status_code} {response.text[:1000]}"
    assert response.headers["Content-Type"].startswith("application/fhir+json")
    outcome = body(response)
    assert outcome["resourceType"] == "OperationOutcome"
    issues: list[Resource] = outcome["issue"]
    assert issues
    for issue in issues:
        assert issue["severity"] in ("fatal", "error", "warning", "information")
        assert issue["diagnostics"]
    return issues


def problem(response: requests.Response, status: int) -> Resource:
    """As `problems`, the first of them."""
    return problems(response, status)[0]


def create(fhir: FhirHttp, resource: Resource) -> Resource:
    """Creates a resource and returns it as stored."""
    response = fhir.post(resource["resourceType"], resource)
    assert response.status_code == 201, response.text
    found: Resource = body(response)
    return found


def total(fhir: FhirHttp, search: str) -> int:
    """Counts the matches of a search."""
    path, _, query = search.partition("?")
    response = fhir.get(f"{path}?{query}&_summary=count".replace("?&", "?"))
    assert response.status_code == 200, response.text
    return int(body(response)["total"])


def pages(fhir: FhirHttp, path: str) -> Iterator[Resource]:
    """Yields the Bundles of a search or history from the first page to the last."""
    url: str | None = path
    while url is not None:
        response = fhir.get(url)
        assert response.status_code == 200, response.text
        page = body(response)
        yield page
        url = link(page, "next")


def link(page: Resource, relation: str) -> str | None:
    """Returns a link of a Bundle."""
    return next((row["url"] for row in page.get("link", []) if row["relation"] == relation), None)


def entries(page: Resource) -> list[Resource]:
    """Returns the entries of a Bundle."""
    found: list[Resource] = page.get("entry", [])
    return found
