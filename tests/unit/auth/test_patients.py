"""What a professional types to find a record, and what is shown of it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.auth.patients import read_candidate, search_parameters


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("1 68 12 97 416 997 17", "1681297416997"),
        ("168129741699717", "1681297416997"),
        ("2 80 02 2a 001 002", "280022A001002"),
        ("Moreau", ""),
        ("Petit 17/02/2026", ""),
        ("a", ""),
        ("", ""),
    ],
)
def test_only_an_ins_becomes_a_search(text: str, number: str) -> None:
    systems = [f"urn:oid:1.2.250.1.213.1.4.{one}" for one in (8, 9, 10, 11)]
    expected = [("identifier", ",".join(f"{system}|{number}" for system in systems))] if number else []
    assert list(search_parameters(text)) == expected


@given(st.text(alphabet="0123456789AB |$,\\*éx", max_size=40))
def test_no_text_makes_another_search(text: str) -> None:
    for name, value in search_parameters(text):
        assert name == "identifier"
        assert {part.partition("|")[2].isalnum() for part in value.split(",")} == {True}
        assert len(value.split(",")) == 4


def test_a_record_is_told_by_name_birth_and_ins() -> None:
    patient: dict[str, Any] = {
        "id": "p",
        "birthDate": "1980-02-03",
        "gender": "female",
        "name": [
            {"use": "usual", "family": "Autre"},
            {"use": "official", "family": "Essai", "given": ["Zoé", "Lou"]},
        ],
        "identifier": [
            {"value": "no system"},
            {"system": "urn:oid:1.2.250.1.213.1.4.8", "value": "2800299000001"},
        ],
    }
    found = read_candidate(patient)
    assert (found.name, found.birth_date, found.ins) == ("Zoé ESSAI", "1980-02-03", "2800299000001")
    assert read_candidate({"id": "q"}).name == "Patient/q"
    assert read_candidate({"id": "q", "name": [{"text": "Inconnu"}]}).name == "Inconnu"
