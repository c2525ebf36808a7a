"""The resources most expressions are tried on."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

_PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "p1",
    "active": True,
    "name": [
        {"use": "official", "family": "Durand", "given": ["Anne", "Marie"]},
        {"use": "usual", "given": ["Nanou"]},
    ],
    "telecom": [{"system": "phone", "value": "01"}, {"system": "email", "value": "a@b.c", "rank": 2}],
    "birthDate": "1974-12-25",
    "_birthDate": {"extension": [{"url": "http://x/time", "valueDateTime": "1974-12-25T14:35:45-05:00"}]},
    "_gender": {"id": "g", "extension": [{"url": "http://x/absent", "valueCode": "unknown"}]},
    "deceasedBoolean": False,
    "multipleBirthInteger": 2,
    "contained": [{"resourceType": "Organization", "id": "o", "name": "Ward"}],
    "managingOrganization": {"reference": "#o"},
    "generalPractitioner": [
        {"reference": "Practitioner/1"},
        {"reference": "https://host/fhir/Organization/2/_history/3"},
        {"reference": "urn:uuid:0", "type": "PractitionerRole"},
        {"display": "nobody"},
    ],
}
_OBSERVATION: dict[str, Any] = {
    "resourceType": "Observation",
    "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}], "text": "Weight"},
    "valueQuantity": {
        "value": Decimal("185.50"),
        "unit": "lbs",
        "system": "http://unitsofmeasure.org",
        "code": "[lb_av]",
    },
    "effectivePeriod": {"start": "2020-01-01", "end": "2020-02"},
    "referenceRange": [{"age": {"low": {"value": 2, "system": "http://unitsofmeasure.org", "code": "a"}}}],
    "issued": "2020-01-01T10:00:00.500+02:00",
}


@pytest.fixture
def patient() -> dict[str, Any]:
    """A Patient with primitive extensions, contained and outside references; shared, not to be changed."""
    return _PATIENT


@pytest.fixture
def observation() -> dict[str, Any]:
    """An Observation with a quantity, a period and an instant; shared, not to be changed."""
    return _OBSERVATION
