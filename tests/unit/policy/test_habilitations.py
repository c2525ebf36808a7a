"""The habilitation matrix: the narrowest row decides, by date; what is wrong is refused with its line."""

from __future__ import annotations

from contextlib import suppress
from datetime import date
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.errors import Invalid
from fhir_server.policy.current_habilitations import document_classes
from fhir_server.policy.habilitations import shipped_text
from fhir_server.policy.habilitations_check import check_habilitations

CLASSES = document_classes(Path("profiles"))
HEAD = "profession,kind,read,from,until,confidence,source\n"
TODAY = date(2026, 11, 26)


def matrix(*rows: str) -> str:
    return HEAD + "\n".join(f"{row},certain,x" for row in rows)


def readable(text: str, profession: str = "10", at: date = TODAY) -> frozenset[str]:
    return check_habilitations(text, CLASSES).readable(profession, at)


def test_the_shipped_matrix_is_well_formed_and_says_what_is_known() -> None:
    shipped = check_habilitations(shipped_text(), CLASSES)
    doctor, nurse, dentist = (shipped.readable(code, TODAY) for code in ("10", "60", "40"))
    assert doctor >= nurse - {"ATTEST-RESID"}
    assert "ATTEST-RESID" not in doctor
    assert {"68599-0", "83901-9", "75496-0"}.isdisjoint(nurse | dentist)
    assert {"83981-1", "56445-0"} <= nurse
    assert "83981-1" not in dentist
    assert shipped.readable("31", TODAY) == shipped.readable("", TODAY) == frozenset()
    assert shipped.readable("10", date(2023, 10, 28)) == frozenset()


def test_the_narrowest_row_decides() -> None:
    text = matrix(
        "10,*documents,yes,2020-01-01,",
        "10,class:10,no,2020-01-01,",
        "10,11490-0,yes,2020-01-01,",
        "10,type:Observation,yes,2020-01-01,",
    )
    found = readable(text)
    assert {code for code in found if CLASSES.get(code) == "10"} == {"11490-0"}
    assert {code for code in CLASSES if CLASSES[code] != "10"} <= found
    assert {kind for kind in found if kind.startswith("type:")} == {"type:Observation"}
    assert readable(text, "60") == frozenset()


@given(st.dates(date(2019, 1, 1), date(2023, 1, 1)))
def test_a_row_holds_from_its_first_day_to_before_its_last(at: date) -> None:
    cells = ["10,11490-0,yes,2020-01-01,2021-01-01", "10,11490-0,no,2021-01-01,", "10,SYNTH,no,2019-01-01,"]
    text = matrix(*cells)
    assert ("11490-0" in readable(text, at=at)) == (at.year == 2020)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "the first line"),
        ("a,b\n1,2", "the first line"),
        (matrix("10,*documents,maybe,2020-01-01,"), "line 2: 'maybe'"),
        (matrix("10,11490-0,yes,2020-01-01,", "10,0000-0,yes,2020-01-01,"), "line 3: 0000-0 is no"),
        (matrix("10,type:Practitioner,yes,2020-01-01,"), "line 2: type:Practitioner is no"),
        (matrix("10,11490-0,yes,2020-02-30,"), "line 2: day"),
        (matrix("10,11490-0,yes,2021-01-01,2020-01-01"), "line 2: it ends"),
        (matrix("10,11490-0,yes,2020-01-01,", "10,11490-0,no,2021-01-01,"), "lines 2 and 3: two periods"),
        (matrix("10,11490-0,yes,2020-01-01,,x"), "line 2"),
        (HEAD + '"10', "this is no CSV"),
    ],
)
def test_what_is_wrong_is_refused_with_its_line(text: str, said: str) -> None:
    with pytest.raises(Invalid) as refusal:
        check_habilitations(text, CLASSES)
    assert refusal.value.diagnostics.startswith(said)


@given(st.text(alphabet='0123456789,"\n\r*:#aefnos-', max_size=200))
def test_no_text_breaks_the_reader(text: str) -> None:
    for one in (text, HEAD + text):
        with suppress(Invalid):
            check_habilitations(one, CLASSES)
