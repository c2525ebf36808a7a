"""What an operation is given: Parameters in the body, simple parameters in the URL, or a resource alone.

https://hl7.org/fhir/R4/operations.html#request
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fhir_server.errors import Invalid
from fhir_server.fhir import Resource
from fhir_server.interactions.messages import Exchange
from fhir_server.interactions.received import parse_body

SIMPLE, RESOURCE = "simple", "resource"
"""A string in the URL or value[x] in the body; a resource of the body."""


@dataclass(frozen=True, slots=True)
class Given:
    """The values of the parameters of one invocation."""

    simple: Mapping[str, tuple[str, ...]]
    resource: Resource | None = None
    place: tuple[str | int, ...] = ()
    """Where in the body the resource stands."""

    def one(self, name: str) -> str:
        """Returns the value of a parameter that may be given once, "" when it is not."""
        values = self.simple.get(name, ())
        if len(values) > 1:
            raise Invalid(f"{name} may be given once", f"http.{name}")
        return values[0] if values else ""


def read_parameters(exchange: Exchange, known: Mapping[str, str]) -> Given:
    """Reads the parameters that an operation knows, by name and kind; refuses all others."""
    simple: dict[str, tuple[str, ...]] = {}
    for name, value in exchange.request.query:
        if known.get(name) != SIMPLE:
            raise Invalid(f"the operation has no parameter {name[:64]!r} in the URL", f"http.{name[:64]}")
        simple[name] = (*simple.get(name, ()), value)
    request = exchange.request
    if request.resource is None and request.document is None and not request.body.strip():
        return Given(simple)
    body = parse_body(exchange)
    if not _is_wrapper(exchange, body, known):
        return Given(simple, body)
    return _unwrap(body, known, simple)


def _is_wrapper(exchange: Exchange, body: Resource, known: Mapping[str, str]) -> bool:
    """Below Parameters itself, one that has a resource among its parameters is meant as wrapper."""
    if body.get("resourceType") != "Parameters":
        return False
    rows = body.get("parameter")
    names = {row.get("name") for row in rows if isinstance(row, dict)} if isinstance(rows, list) else set()
    resources = {name for name, kind in known.items() if kind == RESOURCE}
    return exchange.request.resource_type != "Parameters" or bool(names & resources)


def _unwrap(body: Resource, known: Mapping[str, str], simple: dict[str, tuple[str, ...]]) -> Given:
    rows = body.get("parameter", [])
    if not isinstance(rows, list):
        raise Invalid("parameter is a list", "Parameters.parameter")
    resource: Resource | None = None
    place: tuple[str | int, ...] = ()
    for index, row in enumerate(rows):
        path = f"Parameters.parameter[{index}]"
        name, kind = _name(row, known, path)
        if kind == SIMPLE:
            simple[name] = (*simple.get(name, ()), _value(row, path))
        elif resource is not None:
            raise Invalid(f"{name} may be given once", path)
        else:
            resource, place = _resource(row, path), ("parameter", index, "resource")
    return Given(simple, resource, place)


def _name(row: Any, known: Mapping[str, str], path: str) -> tuple[str, str]:
    name = row.get("name") if isinstance(row, dict) else None
    kind = known.get(name) if isinstance(name, str) else None
    if kind is None:
        raise Invalid(f"a parameter of this operation is one of {', '.join(sorted(known))}", f"{path}.name")
    return str(name), kind


def _value(row: Resource, path: str) -> str:
    values = [value for key, value in row.items() if key.startswith("value")]
    if len(values) != 1 or not isinstance(values[0], str):
        raise Invalid(f"{row['name']} has one value, a string, code or URI", path)
    return values[0]


def _resource(row: Resource, path: str) -> Resource:
    resource = row.get("resource")
    if not isinstance(resource, dict) or not isinstance(resource.get("resourceType"), str):
        raise Invalid(f"{row['name']} is a resource, which names its resourceType", f"{path}.resource")
    return resource
