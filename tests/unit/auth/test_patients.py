"""What a professional types to find a record, and what is shown of it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.auth.patients import read_candidate, search_parameters


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Moreau", [("name", "Moreau")]),
        ("Moreau, Françoise", [("name", "Moreau"), ("name", "Françoise")]),
        ("Petit 17/02/2026", [("name", "Petit"), ("birthdate", "2026-02-17")]),
        ("petit 2026-02-17", [("name", "petit"), ("birthdate", "2026-02-17")]),
        ("1 68 12 97 416 997 17", [("identifier", "1681297416997")]),
        ("168129741699717", [("identifier", "1681297416997")]),
        ("2 80 02 2A 001 002", [("identifier", "280022A001002")]),
        ("17/02/2026", []),
        ("a", []),
        ("", []),
    ],
)
def test_what_is_typed_becomes_a_search(text: str, expected: list[tuple[str, str]]) -> None:
    assert list(search_parameters(text)) == expected


@given(st.text(max_size=120))
def test_no_text_makes_another_search_than_by_name_date_or_number(text: str) -> None:
    for name, value in search_parameters(text):
        assert name in ("name", "birthdate", "identifier")
        assert value
        assert not set(value) & set("|$\\,")


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
