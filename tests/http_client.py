"""A FHIR client for tests: requests with a base URL and a token, nothing hidden. https://hl7.org/fhir/R4/http.html"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import requests

from fhir_server.fhir.json import encode_json

FHIR_JSON = "application/fhir+json"
PATCH_JSON = "application/json-patch+json"
Parameters = Mapping[str, str] | Sequence[tuple[str, str]] | str | None
Headers = Mapping[str, str] | None


class FhirHttp:
    """One caller of one server; every method returns the response as it came."""

    def __init__(self, base_url: str, token: str | None = None) -> None:
        self.base_url = base_url
        self.session = requests.Session()
        self.session.trust_env = False  # no proxy, no .netrc
        self.session.headers["Accept"] = FHIR_JSON
        if token is not None:
            self.session.headers["Authorization"] = f"Bearer {token}"

    def url(self, path: str) -> str:
        """Returns the absolute URL of a path below the base; absolute URLs, of page links, stay."""
        if path.startswith(("http://", "https://")):
            return path
        return f"{self.base_url}/{path}" if path else self.base_url

    def request(self, method: str, path: str = "", **options: Any) -> requests.Response:
        """Sends any request; options are those of requests."""
        return self.session.request(method, self.url(path), timeout=60, allow_redirects=False, **options)

    def get(self, path: str = "", params: Parameters = None, headers: Headers = None) -> requests.Response:
        return self.request("GET", path, params=params, headers=headers)

    def head(self, path: str, headers: Headers = None) -> requests.Response:
        return self.request("HEAD", path, headers=headers)

    def post(
        self, path: str, body: Any, params: Parameters = None, headers: Headers = None
    ) -> requests.Response:
        """POST [type], or with path "" a batch or transaction."""
        return self._send("POST", path, body, params, headers)

    def put(
        self, path: str, body: Any, params: Parameters = None, headers: Headers = None
    ) -> requests.Response:
        return self._send("PUT", path, body, params, headers)

    def patch(
        self, path: str, body: Any, params: Parameters = None, headers: Headers = None
    ) -> requests.Response:
        """A list is a JSON Patch, a dict a FHIRPath Patch (Parameters)."""
        content_type = PATCH_JSON if isinstance(body, list) else FHIR_JSON
        return self._send("PATCH", path, body, params, {"Content-Type": content_type, **(headers or {})})

    def delete(self, path: str, params: Parameters = None, headers: Headers = None) -> requests.Response:
        return self.request("DELETE", path, params=params, headers=headers)

    def search(
        self, resource_type: str, params: Parameters = None, headers: Headers = None, *, post: bool = False
    ) -> requests.Response:
        """GET [type]?…, or POST [type]/_search with a form; type "" searches the system."""
        if post:
            path = f"{resource_type}/_search".lstrip("/")
            return self.request("POST", path, data=params, headers=headers)
        return self.get(resource_type, params, headers)

    def _send(
        self, method: str, path: str, body: Any, params: Parameters, headers: Headers
    ) -> requests.Response:
        data = body if isinstance(body, bytes) else encode_json(body)  # decimals keep their digits
        sent = {"Content-Type": FHIR_JSON, **(headers or {})}
        return self.request(method, path, data=data, params=params, headers=sent)
