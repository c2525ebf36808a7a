"""What this server does: `capability_statement.json`, read once. What is not declared is refused.

https://hl7.org/fhir/R4/capabilitystatement.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from fhir_server.fhir import Resource


@dataclass(frozen=True, slots=True)
class DeclaredType:
    """What is switched on for one resource type."""

    interactions: frozenset[str]
    """read vread update patch delete history-instance history-type create search-type"""
    search_parameters: frozenset[str]
    conditional_create: bool
    conditional_read: bool
    conditional_update: bool
    conditional_delete: str
    """not-supported single multiple"""
    operations: frozenset[str] = frozenset()
    """Names, without "$"."""


@dataclass(frozen=True, slots=True)
class Declared:
    """The capability statement as the server obeys it."""

    statement: bytes
    """The CapabilityStatement of this instance, as JSON."""
    types: Mapping[str, DeclaredType]
    system_interactions: frozenset[str]
    """transaction batch search-system history-system"""
    everywhere: frozenset[str] = field(default_factory=frozenset)
    """Search parameters of all types."""
    system_operations: frozenset[str] = frozenset()

    def search_parameters(self, resource_type: str) -> frozenset[str]:
        """Returns the search parameters that are switched on for a type."""
        declared = self.types.get(resource_type)
        return declared.search_parameters if declared is not None else frozenset()


_OAUTH_URIS = "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris"


def read_declared(path: Path, base_url: str, oauth_uris: Mapping[str, str] | None = None) -> Declared:
    """Reads `capability_statement.json` and adds what only the instance knows: its URLs."""
    statement: Resource = msgspec.json.decode(path.read_bytes())
    statement["url"] = f"{base_url}/metadata"
    statement["implementation"]["url"] = base_url
    rest = statement["rest"][0]
    if oauth_uris:
        # https://hl7.org/fhir/smart-app-launch/1.0.0/conformance/index.html#declaring-support-for-oauth2-endpoints
        uris = [{"url": name, "valueUri": uri} for name, uri in oauth_uris.items()]
        rest["security"]["extension"] = [{"url": _OAUTH_URIS, "extension": uris}]
    everywhere = frozenset(p["name"] for p in rest.get("searchParam", []))
    return Declared(
        statement=msgspec.json.encode(statement),
        types={r["type"]: _declared_type(r, everywhere) for r in rest["resource"]},
        system_interactions=frozenset(i["code"] for i in rest.get("interaction", [])),
        everywhere=everywhere,
        system_operations=_operations(rest),
    )


def _declared_type(row: Resource, everywhere: frozenset[str]) -> DeclaredType:
    return DeclaredType(
        interactions=frozenset(i["code"] for i in row.get("interaction", [])),
        search_parameters=everywhere | {p["name"] for p in row.get("searchParam", [])},
        conditional_create=row.get("conditionalCreate", False),
        conditional_read=row.get("conditionalRead", "not-supported") == "full-support",
        conditional_update=row.get("conditionalUpdate", False),
        conditional_delete=row.get("conditionalDelete", "not-supported"),
        operations=_operations(row),
    )


def _operations(row: Resource) -> frozenset[str]:
    return frozenset(operation["name"] for operation in row.get("operation", []))
