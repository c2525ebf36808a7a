"""Which access is told to whom; the table itself is notifications.csv."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_server.audit.event import Access, Caller
from fhir_server.audit.notifications import notify, professional
from fhir_server.fhir.labels import INVISIBLE_PATIENT

NOW = 1_000


def caller(user: str, purpose: str = "TREAT") -> Caller:
    return Caller("app", "t1", user, purpose, "", "")


def told(access: Access, by: Caller) -> set[tuple[str, str]]:
    rows = notify([access], by, NOW, lambda patient, now: [f"Practitioner/of-{patient}-{now}"])
    assert all(row["delivered"] is False and row["created"] == NOW for row in rows)
    return {(row["code"], row["recipient"]) for row in rows}


DOCTOR = caller("Practitioner/7")


@pytest.mark.parametrize(
    ("access", "by", "expected"),
    [
        (Access("read", "Observation", "1"), DOCTOR, {("ACCES_DMP_PS", "Patient/1")}),
        (Access("search-type", "Patient", "1"), DOCTOR, set()),
        (Access("read", "Observation", ""), DOCTOR, set()),
        (Access("read", "Observation", "1", denied="no"), DOCTOR, set()),
        (Access("read", "Observation", "1"), caller("Patient/1"), set()),
        (Access("read", "Observation", "1"), caller("RelatedPerson/2"), set()),
        (Access("read", "Observation", "1"), caller(""), set()),
        (
            Access("read", "Observation", "1"),
            caller("Practitioner/7", "BTG"),
            {("ACCES_BRIS_GLACE", "Patient/1"), ("ACCES_BRIS_GLACE", f"Practitioner/of-1-{NOW}")},
        ),
        (Access("patch", "DocumentReference", "1", ("D/1",)), DOCTOR, {("MODIF_DOCUMENT", "Patient/1")}),
        (Access("delete", "DocumentReference", "1", ("D/1",)), DOCTOR, {("SUPP_DOC", "Patient/1")}),
        (Access("create", "Observation", "1", ("O/1",)), DOCTOR, set()),
        (Access("create", "Consent", "1", ("C/1",)), DOCTOR, {("MODIF_ACCES", "Patient/1")}),
        (Access("update", "Consent", "1", ("C/1",)), caller("Patient/2"), {("MODIF_ACCES", "Patient/1")}),
        (Access("update", "Consent", "1", ("C/1",)), caller("Patient/1"), set()),
    ],
)
def test_an_access_is_told(access: Access, by: Caller, expected: Any) -> None:
    assert told(access, by) == expected


@pytest.mark.parametrize(("until", "is_told"), [(NOW + 1, False), (NOW, True)])
def test_a_hidden_document_is_told_once_it_shows(until: int, is_told: bool) -> None:
    hidden = Access(
        "update", "DocumentReference", "1", ("D/1",), labels=INVISIBLE_PATIENT, hidden_until=until
    )
    assert bool(told(hidden, DOCTOR)) is is_told


def test_what_is_told_once_has_one_name_for_record_and_professional() -> None:
    reads = [Access("read", "Observation", patient) for patient in ("1", "1", "2")]
    rows = notify(reads, DOCTOR, NOW, lambda *_: [])
    assert len({row["_id"] for row in rows}) == len(rows) == 2
    assert all(row["once"] for row in rows)


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ("Practitioner/7", "Practitioner/7"),
        ("https://x/fhir/Practitioner/7", "Practitioner/7"),
        ("Patient/7", ""),
        ("", ""),
        ("Practitioner/", ""),
    ],
)
def test_a_professional_is_known_by_the_reference(user: str, expected: str) -> None:
    assert professional(caller(user)) == expected
