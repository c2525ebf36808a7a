"""The kind of a resource for the habilitations, whatever its shape."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.policy.document_kind import kind_of

LOINC = "http://loinc.org"
KEYS = st.sampled_from(["coding", "system", "code"])
VALUES = st.recursive(
    st.none() | st.text(max_size=5) | st.just(LOINC),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner),
)


def concept(*codes: tuple[str, str]) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code} for system, code in codes]}


@pytest.mark.parametrize(
    ("resource", "kind"),
    [
        ({"resourceType": "Observation"}, "type:Observation"),
        ({"resourceType": "Binary"}, ""),
        ({"resourceType": "DocumentReference", "type": concept((LOINC, "11490-0"))}, "11490-0"),
        ({"resourceType": "Composition", "type": concept(("urn:x", "a"), (LOINC, "60591-5"))}, "60591-5"),
        ({"resourceType": "DocumentReference", "type": concept((LOINC, "type:Observation"))}, ""),
        ({"resourceType": "DocumentReference"}, ""),
        ({"resourceType": "DiagnosticReport", "code": concept((LOINC, "11502-2"))}, "11502-2"),
        ({"resourceType": "DiagnosticReport", "code": concept((LOINC, "58410-2"))}, "type:DiagnosticReport"),
    ],
)
def test_a_kind_is_a_type_code_or_a_resource_type(resource: dict[str, Any], kind: str) -> None:
    assert kind_of(resource) == kind


@given(st.sampled_from(["DocumentReference", "Composition", "DiagnosticReport"]), VALUES)
def test_no_shape_breaks_it(resource_type: str, value: Any) -> None:
    kind = kind_of({"resourceType": resource_type, "type": value, "code": value})
    assert ":" not in kind or kind == "type:DiagnosticReport"
