"""The types a patient's token reaches. https://hl7.org/fhir/R4/compartmentdefinition-patient.html"""

from __future__ import annotations

from fhir_server.definitions.registry import load_definitions
from fhir_server.policy.compartment import compartment_types, shared_types


def test_the_compartment_is_that_of_the_standard() -> None:
    types = compartment_types()
    assert {"Patient", "Observation", "AuditEvent", "DocumentReference", "Consent"} <= types
    assert not types & {"Organization", "Binary", "Subscription", "Task"}


def test_no_type_is_shared_and_of_a_record() -> None:
    assert not shared_types() & compartment_types()


def test_every_shared_type_exists() -> None:
    assert shared_types() <= set(load_definitions().resource_types)


def test_what_may_hold_anything_is_not_shared() -> None:
    assert not shared_types() & {"Binary", "Bundle", "Parameters", "Basic", "Task", "Subscription", "Linkage"}
