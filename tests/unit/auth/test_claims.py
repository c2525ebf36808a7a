"""Claims of upstream providers are read as what they are: texts of strangers."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fhir_server.auth.claims import activities, full_name, rpps

PROFESSIONS = {"10": "Médecin", "60": "Infirmier"}
HOSTILE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("number", "expected"),
    [
        ("899900000011", "99900000011"),
        ("99900000011", "99900000011"),
        ("0999000000", ""),
        ("x", ""),
        (8, ""),
        ("", ""),
    ],
)
def test_the_rpps_number_stands_after_the_kind_of_number(number: Any, expected: str) -> None:
    assert rpps({"SubjectNameID": number}) == expected


def test_each_place_of_each_exercise_is_an_activity() -> None:
    claims = {
        "SubjectRefPro": {
            "exercices": [
                {
                    "codeProfession": "10",
                    "activities": [
                        {"identifiantTechniqueDeLaStructure": "R1", "raisonSocialeSite": "CABINET"},
                        {"numeroFinessSite": "999000012", "enseigneCommercialeSite": "HOPITAL"},
                    ],
                },
                {"codeProfession": "60", "activities": [{}]},
            ]
        }
    }
    assert [
        (a["role_display"], a["organization"], a["organization_display"])
        for a in activities(claims, PROFESSIONS)
    ] == [
        ("Médecin", "R1", "CABINET"),
        ("Médecin", "999000012", "HOPITAL"),
        ("Infirmier", "", ""),
    ]


def test_without_exercises_the_role_alone_is_the_activity() -> None:
    claims = {"SubjectRole": ["10^1.2.250.1.213.1.1.5.5"], "SubjectOrganization": "CABINET"}
    assert activities(claims, PROFESSIONS) == [
        {"role": "10", "role_display": "Médecin", "organization": "", "organization_display": "CABINET"}
    ]


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(["SubjectNameID", "SubjectRole", "SubjectRefPro", "given_name", "name"]), HOSTILE
    )
)
def test_claims_of_any_shape_are_read_without_failure(claims: dict[str, Any]) -> None:
    assert isinstance(rpps(claims), str)
    assert isinstance(full_name(claims), str)
    for activity in activities(claims, PROFESSIONS):
        assert all(isinstance(value, str) and len(value) <= 200 for value in activity.values())
