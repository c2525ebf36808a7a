"""What a person reads before she agrees."""

from __future__ import annotations

import pytest

from fhir_server.auth.pages.consent import granted
from fhir_server.auth.scope_words import Narrower, ScopeLine, describe, resource_words
from fhir_server.auth.scopes import NAMED, OPERATOR
from fhir_server.definitions.registry import load_definitions


def test_every_resource_type_has_words_in_both_languages() -> None:
    words = resource_words()
    assert list(words) == sorted(words)
    assert set(words) == set(load_definitions().resource_types)
    assert all(row["fr"] and row["en"] and row["sensitive"] in ("", "yes") for row in words.values())


@pytest.mark.parametrize(
    ("scope", "french", "english"),
    [
        (
            "patient/Condition.rs",
            "Consulter : Maladies, diagnostics et problèmes",
            "Read: Diseases, diagnoses and problems",
        ),
        (
            "patient/Condition.read",
            "Consulter : Maladies, diagnostics et problèmes",
            "Read: Diseases, diagnoses and problems",
        ),
        (
            "user/Appointment.cud",
            "Ajouter, modifier et supprimer : Rendez-vous",
            "Add, change and delete: Appointments",
        ),
        (
            "patient/*.cruds",
            "Consulter, ajouter, modifier et supprimer : "
            "Toutes les données de santé, maintenant et à l’avenir",
            "Read, add, change and delete: All health data, now and in the future",
        ),
        (
            "openid",
            "Reconnaître que c’est vous d’une fois à l’autre",
            "Recognise that it is you from one time to the next",
        ),
    ],
)
def test_a_scope_is_told_in_plain_words(scope: str, french: str, english: str) -> None:
    assert describe(scope, "fr").title == french
    assert describe(scope, "en").title == english


def test_a_granular_scope_says_its_limit() -> None:
    system = "http://terminology.hl7.org/CodeSystem/observation-category"
    line = describe(f"patient/Observation.rs?category={system}|laboratory", "fr")
    assert line.detail == "Seulement : analyses de laboratoire"
    assert (
        describe("patient/Observation.rs?code=http://loinc.org|1234-5", "en").detail
        == "Only: code = http://loinc.org|1234-5"
    )
    assert not line.narrower


def test_writing_everything_and_sensitive_types_are_marked() -> None:
    assert describe("patient/Condition.c", "fr").writes
    assert not describe("patient/Condition.rs", "fr").writes
    assert describe("patient/*.rs", "fr").is_everything
    assert describe("patient/MolecularSequence.r", "fr").is_sensitive


def test_every_named_scope_that_an_app_may_ask_has_words() -> None:
    for scope in NAMED - set(OPERATOR):
        assert describe(scope, "fr").title
        assert describe(scope, "en").title != describe(scope, "fr").title


def lines() -> list[ScopeLine]:
    return [
        ScopeLine("launch/patient", "context", "", is_locked=True),
        ScopeLine("openid", "identity", ""),
        ScopeLine("fhirUser", "identity", ""),
        ScopeLine("patient/Patient.rs", "patient", ""),
        ScopeLine(
            "patient/Observation.rs",
            "patient",
            "",
            narrower=(Narrower("patient/Observation.rs?category=a|b", ""),),
        ),
        ScopeLine("offline_access", "duration", ""),
    ]


@pytest.mark.parametrize(
    ("ticked", "narrower", "expected"),
    [
        (["patient/Patient.rs"], [], ("launch/patient", "patient/Patient.rs")),
        (["fhirUser", "patient/Patient.rs"], [], ("launch/patient", "patient/Patient.rs")),
        (["openid", "fhirUser"], [], ("launch/patient", "openid", "fhirUser")),
        (["offline_access"], [], ()),
        ([], ["patient/Observation.rs?category=a|b"], ()),
        (
            ["patient/Observation.rs"],
            ["patient/Observation.rs?category=a|b", "patient/Observation.rs?category=x|y"],
            ("launch/patient", "patient/Observation.rs?category=a|b"),
        ),
        (["patient/*.cruds", "system/*.rs", "launch/patient"], [], ()),
    ],
)
def test_a_form_grants_what_was_offered_and_ticked(
    ticked: list[str], narrower: list[str], expected: tuple[str, ...]
) -> None:
    assert granted(lines(), ticked, narrower) == expected
