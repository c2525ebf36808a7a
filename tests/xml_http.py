"""A FHIR client for tests that speaks XML: what is sent and what comes back, as JSON for the tests."""

from __future__ import annotations

from typing import Any

import requests

from fhir_server.fhir.json import encode_json
from fhir_server.rest.xml.read import read_xml
from fhir_server.rest.xml.write import write_xml
from tests.http_client import FHIR_JSON, FhirHttp, Headers, Parameters

FHIR_XML = "application/fhir+xml"


class FhirXmlHttp(FhirHttp):
    """As FhirHttp: a dict is sent as XML, and XML is what is wanted."""

    def __init__(self, base_url: str, token: str | None = None) -> None:
        super().__init__(base_url, token)
        self.session.headers["Accept"] = FHIR_XML

    def _send(
        self, method: str, path: str, body: Any, params: Parameters, headers: Headers
    ) -> requests.Response:
        sent = {"Content-Type": FHIR_XML, **(headers or {})}
        if isinstance(body, dict):
            return self.request(method, path, data=write_xml(encode_json(body)), params=params, headers=sent)
        if isinstance(body, list):
            sent["Content-Type"] = "application/json-patch+json"
        data = body if isinstance(body, bytes) else encode_json(body)
        return self.request(method, path, data=data, params=params, headers=sent)

    def patch(
        self, path: str, body: Any, params: Parameters = None, headers: Headers = None
    ) -> requests.Response:
        return self._send("PATCH", path, body, params, headers)


def read(response: requests.Response, status: int = 200) -> dict[str, Any]:
    """Checks that an answer is XML with a status, and returns its resource as JSON."""
    assert response.status_code == status, f"{response.status_code} {response.text[:1000]}"
    assert response.headers["Content-Type"] == f"{FHIR_XML}; charset=utf-8"
    return read_xml(response.content)


def issues(response: requests.Response, status: int) -> list[dict[str, Any]]:
    """As `read`, for an OperationOutcome: its issues."""
    outcome = read(response, status)
    assert outcome["resourceType"] == "OperationOutcome"
    found: list[dict[str, Any]] = outcome["issue"]
    assert found
    assert all(issue["diagnostics"] for issue in found)
    return found


def as_json(fhir: FhirHttp, path: str) -> requests.Response:
    """Reads the same in JSON."""
    return fhir.get(path, headers={"Accept": FHIR_JSON})
