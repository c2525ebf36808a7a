"""The server as the oracle sees it: what is written, and the pages of a search."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec

from fhir_server.app import Server
from fhir_server.errors import FhirError
from fhir_server.fhir.json import encode_json
from fhir_server.interactions.messages import FhirRequest
from fhir_server.policy.context import AccessContext
from fhir_server.policy.scopes import parse_scopes
from tests.http_client import FhirHttp
from tests.oracle.reference_search import Key, Pairs, Resource, World
from tests.running_server import RunningServer

_DECODER = msgspec.json.Decoder(float_hook=Decimal)  # 0.15, not the float beside it

MAX_PAGES = 400

_PROBES = {
    "exact": ("Patient", "family", "a"),
    "contains": ("Patient", "family", "a"),
    "not": ("Patient", "gender", "male"),
    "text": ("Observation", "code", "a"),
    "of-type": ("Patient", "identifier", "a|b|c"),
    "below": ("ValueSet", "url", "http://example.org"),
    "above": ("ValueSet", "url", "http://example.org"),
    "identifier": ("Observation", "subject", "a"),
    "Patient": ("Observation", "subject", "a"),
}


@dataclass
class Answer:
    """What a search answered, page by page."""

    status: int
    matches: list[list[Key]] = field(default_factory=list)
    included: list[list[Key]] = field(default_factory=list)
    totals: list[int | None] = field(default_factory=list)
    error: str = ""

    @property
    def keys(self) -> list[Key]:
        return [key for page in self.matches for key in page]


class ServerUnderTest:
    """Writes resources and asks searches, in-process or over HTTP."""

    def __init__(self, running: RunningServer) -> None:
        self._running = running
        self._server: Server = running.inside
        self._callers: dict[str, AccessContext] = {"": running.inside.system_context("oracle")}
        self._clients: dict[str, FhirHttp] = {}
        self.base_url = running.base_url
        self.mongo = running.inside.mongo

    def write(self, steps: list[tuple[str, Resource]]) -> World:
        """Writes in order and returns what is there at the end, as the server last changed it."""
        left: dict[Key, Resource] = {}
        for method, resource in steps:
            key = resource["resourceType"], resource["id"]
            body = resource if method == "PUT" else None
            response = self._server.interact(self._callers[""], FhirRequest(method, key, resource=body))
            if response.status not in (200, 201, 204):
                raise AssertionError(f"{method} {key} answered {response.status}: {response.body!r}")
            left.pop(key, None)
            if method == "PUT":
                left[key] = resource
        return World(self.base_url, {key: self._with_server_meta(key, r) for key, r in left.items()})

    def _with_server_meta(self, key: Key, written: Resource) -> Resource:
        body = self._server.interact(self._callers[""], FhirRequest("GET", key)).body
        meta = _json(body)["meta"]
        given = {k: meta[k] for k in ("versionId", "lastUpdated")}
        return written | {"meta": written.get("meta", {}) | given}

    def _caller(self, patient: str, scopes: str = "") -> AccessContext:
        if scopes:
            types, base_url = self._server.definitions.resource_types, self.base_url
            parsed = parse_scopes(scopes, types, base_url)
            return replace(self._callers[""], token_id="granular", scopes=parsed, patient=patient)
        if patient not in self._callers:
            scopes = parse_scopes("patient/*.rs", self._server.definitions.resource_types)
            self._callers[patient] = replace(
                self._callers[""], token_id=f"oracle-{patient}", scopes=scopes, patient=patient
            )
        return self._callers[patient]

    def search(
        self, path: str, pairs: Pairs, patient: str = "", *, http: bool = False, scopes: str = ""
    ) -> Answer:
        """Walks all pages of a search; over HTTP, or by a token with these scopes."""
        answer = Answer(200)
        for _ in range(MAX_PAGES):
            if http and not scopes:
                status, bundle = self._over_http(path, pairs, patient)
            else:
                status, bundle = self._inside(path, pairs, self._caller(patient, scopes))
            if status != 200:
                return Answer(status, error=str(bundle.get("issue", bundle)))
            entries = bundle.get("entry", [])
            for mode, pages in (("match", answer.matches), ("include", answer.included)):
                pages.append([_key(e) for e in entries if e["search"]["mode"] == mode])
            answer.totals.append(bundle.get("total"))
            following = [link["url"] for link in bundle["link"] if link["relation"] == "next"]
            if not following:
                return answer
            pairs = parse_qsl(urlsplit(following[0]).query, keep_blank_values=True)
        raise AssertionError(f"{path}?{pairs}: more than {MAX_PAGES} pages")

    def _inside(self, path: str, pairs: Pairs, caller: AccessContext) -> tuple[int, Resource]:
        segments = tuple(path.split("/")) if path else ()
        try:
            response = self._server.interact(caller, FhirRequest("GET", segments, tuple(pairs)))
        except FhirError as error:
            return error.status, {"issue": error.diagnostics}
        return response.status, _json(response.body)

    def history(self, path: str, scopes: str, count: int) -> tuple[list[Resource], set[int]]:
        """Walks all pages of a history by a token with scopes; returns its entries and totals."""
        rows: list[Resource] = []
        totals: set[int] = set()
        pairs: Pairs = [("_count", str(count))]
        for _ in range(MAX_PAGES):
            status, bundle = self._inside(path, pairs, self._caller("", scopes))
            if status != 200:
                raise AssertionError(f"{path} answered {status}: {bundle}")
            rows += bundle.get("entry", [])
            totals.add(bundle["total"])
            following = [link["url"] for link in bundle["link"] if link["relation"] == "next"]
            if not following:
                return rows, totals
            pairs = parse_qsl(urlsplit(following[0]).query, keep_blank_values=True)
        raise AssertionError(f"{path}: more than {MAX_PAGES} pages")

    def modifiers(self) -> frozenset[str]:
        """The modifiers, of those the oracle knows, that the server takes."""
        probes = {
            name: self.search(type_, [(f"{code}:{name}", text)])
            for name, (type_, code, text) in _PROBES.items()
        }
        return frozenset(name for name, answer in probes.items() if answer.status == 200)

    def _over_http(self, path: str, pairs: Pairs, patient: str) -> tuple[int, Resource]:
        if patient not in self._clients:
            self._clients[patient] = (
                self._running.client("patient/*.rs", patient) if patient else self._running.client()
            )
        # Pages are links, so they are read; the first one may be asked by a form.
        is_form = len(pairs) % 2 == 1 and "/" not in path and not any(name == "_page" for name, _ in pairs)
        response = self._clients[patient].search(path, pairs, post=is_form)
        return response.status_code, response.json()


def _json(body: Any) -> Resource:
    text = body if isinstance(body, bytes) else encode_json(body)
    decoded: Resource = _DECODER.decode(text)
    return decoded


def _key(entry: Resource) -> Key:
    type_, id_ = entry["resource"]["resourceType"], entry["resource"]["id"]
    container, mark, contained = entry["fullUrl"].rpartition("#")
    # What is contained is told apart by what contains it.
    return (type_, "/".join(container.split("/")[-2:]) + mark + contained) if mark else (type_, id_)
