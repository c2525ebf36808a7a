"""What a search has to ask before it can be compiled; the guard answers with the caller's reach.

https://hl7.org/fhir/R4/search.html#chaining
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from fhir_server.fhir import Resource
from fhir_server.search.query import Chain, Query


class Lookup(Protocol):
    """What answers the steps."""

    def ids(self, query: Query, *, required: bool) -> list[str]:
        """Returns the ids that match a query whose steps are still to be answered.

        Nothing where the type is closed to the caller, unless it is required.
        """

    def referenced(self, query: Query, stored: Sequence[str], resource_type: str) -> list[str]:
        """Returns the ids of a type to which matches refer by the entries named `stored`."""

    def containing(self, resource_type: str, chain: Chain) -> list[str]:
        """Returns the ids of a type that contain what a chain looks for, and refer to it."""

    def tokens(self, resource_type: str, prefix: str) -> list[str] | None:
        """Returns the tokens in use that begin with a prefix; None where it is not worth asking."""

    @property
    def patient(self) -> str:
        """The patient to whom the caller is bound; "" for none."""

    def first(self, query: Query) -> str:
        """Returns the id of the first match of a query; "" for none."""

    def members(self, list_id: str, resource_type: str) -> list[str]:
        """Returns the ids of a type that are entries of a List."""

    def artefact(self, resource_type: str, reference: str) -> Resource | None:
        """Returns a ValueSet or CodeSystem by canonical or Type/id; None where the caller knows none."""
