"""What it means to be in a compartment, as a condition of a query. https://hl7.org/fhir/R4/compartmentdefinition.html"""

from __future__ import annotations

from fhir_server.definitions.registry import load_definitions
from fhir_server.errors import NotFound
from fhir_server.search.extraction import type_table
from fhir_server.search.query import Among, Compartment, Condition

COMPARTMENTS = ("Patient", "Encounter", "RelatedPerson", "Practitioner", "Device")


def in_compartment(compartment: str, resource_id: str, resource_type: str) -> Condition:
    """Returns the condition; raises NotFound when the type is in no such compartment."""
    codes = _compartment(compartment).get(resource_type)
    if codes is None and resource_type != compartment:
        raise NotFound(f"{resource_type[:64]} is not part of the {compartment} compartment")
    if compartment == "Patient":
        return Compartment(resource_id)
    stored = type_table(resource_type).stored
    tokens = [f"{s}={resource_id}|{compartment}" for code in codes or () for s in stored.get(code, ())]
    own = [{"_id": {"$eq": resource_id}}] if resource_type == compartment else []
    filter_ = {"$or": [{"t": {"$in": tokens}}, *own]}
    return Among(filter_, compartment, (resource_id,))


def member_types(compartment: str) -> list[str]:
    """Returns the types of a compartment, its own included."""
    return sorted({compartment, *_compartment(compartment)})


def _compartment(name: str) -> dict[str, tuple[str, ...]]:
    if name not in COMPARTMENTS:
        raise NotFound(f"there is no compartment of a {name[:64]}")
    return load_definitions().compartment(name)
