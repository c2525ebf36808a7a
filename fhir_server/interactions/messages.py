"""What an interaction receives and returns, whether it came by HTTP or in a Bundle entry."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace

from fhir_server.definitions.conformance import Conformance
from fhir_server.definitions.declared import Declared
from fhir_server.fhir import Resource
from fhir_server.fhir.position import Position, Step
from fhir_server.interactions.paging import PageSeal
from fhir_server.policy.guard import GuardedStore


def _nowhere(expressions: Iterable[str], start: tuple[Step, ...]) -> dict[str, Position]:
    return {}


@dataclass(frozen=True, slots=True)
class Document:
    """A body in another format than JSON; it is read when the caller is known."""

    read: Callable[[int], Resource]
    """Takes the greatest depth and returns the resource; raises Invalid."""
    locate: Callable[[Iterable[str], tuple[Step, ...]], Mapping[str, Position]] = _nowhere
    """As `position.locate`, in the text of the body."""


@dataclass(frozen=True, slots=True)
class FhirRequest:
    """A request below the FHIR base."""

    method: str
    segments: tuple[str, ...]
    """Decoded path below the base: ("Patient", "1", "_history")."""
    query: tuple[tuple[str, str], ...] = ()
    """Search and result parameters, in order; those of a form body included."""
    headers: Mapping[str, str] = field(default_factory=dict)
    """By lower-case name."""
    body: bytes = b""
    resource: Resource | None = None
    """The body when it is parsed already, as in a Bundle entry."""
    document: Document | None = None
    """What the body is when it is not JSON."""

    @property
    def resource_type(self) -> str:
        return self.segments[0] if self.segments else ""

    @property
    def id(self) -> str:
        """Second segment, unless it is the name of an operation on the type."""
        second = self.segments[1] if len(self.segments) > 1 else ""
        return "" if second.startswith("$") else second

    def preference(self, name: str) -> str:
        """Returns a value of the Prefer header: handling → lenient. RFC 7240"""
        for part in self.headers.get("prefer", "").replace(";", ",").split(","):
            key, _, value = part.strip().partition("=")
            if key.strip().lower() == name:
                return value.strip().strip('"')
        return ""


@dataclass(frozen=True, slots=True)
class FhirResponse:
    """An answer; the edge renders it."""

    status: int
    body: Resource | bytes | None = None
    """bytes: the JSON of a stored resource, sent as it is."""
    version: int | None = None
    last_modified: int | None = None
    """ms since 1970"""
    location: str = ""
    """Relative to the base: Patient/1/_history/2."""
    cacheable: bool = False
    """Anyone may keep it for a while: it holds no data of anyone."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What one request may ask for; from the settings."""

    max_depth: int = 64
    max_bundle_entries: int = 10_000
    default_count: int = 20
    max_count: int = 1000
    update_create: bool = True
    validation: str = "full"
    """off structure full"""


@dataclass(frozen=True, slots=True)
class Operation:
    """One row of the table of operations, which lives on the floor above and is handed over by `app.py`."""

    definition: str
    """Canonical of the OperationDefinition."""
    perform: Callable[[Exchange], FhirResponse]
    levels: frozenset[str]
    """Where it is invoked: system type instance"""
    affects_state: bool = False
    """Such an operation is invoked by POST only."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request with all that answering it needs."""

    request: FhirRequest
    store: GuardedStore
    declared: Declared
    seal: PageSeal
    limits: Limits
    base_url: str
    operations: Mapping[str, Operation] = field(default_factory=dict)
    """By name, without "$"."""
    conformance: Conformance | None = None
    """Profiles and value sets, those that were stored here included; None: what comes with the server."""

    def with_request(self, request: FhirRequest) -> Exchange:
        """The same exchange for another request: an entry of a Bundle."""
        return replace(self, request=request)

    def with_store(self, store: GuardedStore) -> Exchange:
        """The same exchange inside a transaction."""
        return replace(self, store=store)
