"""Which types a patient's token reaches: those of the Patient compartment, and the shared ones.

https://hl7.org/fhir/R4/compartmentdefinition-patient.html
"""

from __future__ import annotations

import csv
from functools import cache
from importlib import resources

from fhir_server.definitions.registry import load_definitions


@cache
def compartment_types() -> frozenset[str]:
    """Returns the types of the Patient compartment, Patient itself included."""
    return frozenset(load_definitions().compartment("Patient")) | {"Patient"}


@cache
def record_types() -> frozenset[str]:
    """Returns the types that belong to records: those of the compartment, and the content of documents."""
    return compartment_types() | {"Binary"}


@cache
def shared_types() -> frozenset[str]:
    """Returns the types that hold no patient's data, as `shared_types.csv` says."""
    text = resources.files(__package__).joinpath("shared_types.csv").read_text("utf-8")
    rows = csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))
    return frozenset(row["resource_type"] for row in rows)
