"""The page seal by itself: for one token, one query, one hour."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.errors import Gone, Invalid
from fhir_server.interactions.paging import LIFETIME_SECONDS, PageSeal

SEAL = PageSeal(lambda: bytes(range(32)))
cursors = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=20),
    st.lists,
    max_leaves=10,
)


@given(cursors, st.text(max_size=20), st.text(max_size=40))
def test_what_was_sealed_is_opened_for_the_same_token_and_query(
    cursor: object, token_id: str, query: str
) -> None:
    page = SEAL.seal(cursor, token_id, query)
    assert SEAL.open(page, token_id, query) == cursor
    assert all(c.isalnum() or c in "-_" for c in page)


@pytest.mark.parametrize(("token_id", "query"), [("b", "q"), ("a", "r"), ("a\nq", ""), ("", "a\nq")])
def test_another_token_or_query_is_refused(token_id: str, query: str) -> None:
    page = SEAL.seal([1], "a", "q")
    with pytest.raises(Invalid, match="another"):
        SEAL.open(page, token_id, query)


@given(st.integers(0, 150), st.characters(codec="ascii"))
def test_a_changed_character_is_refused(position: int, character: str) -> None:
    page = SEAL.seal([1, ["x"]], "a", "q")
    position %= len(page) - 2  # the last character may hold bits that mean nothing
    changed = page[:position] + character + page[position + 1 :]
    if changed != page:
        with pytest.raises(Invalid):
            SEAL.open(changed, "a", "q")


@given(st.text(max_size=200))
def test_any_text_is_refused(text: str) -> None:
    with pytest.raises(Invalid):
        SEAL.open(text, "a", "q")


def test_another_secret_is_refused() -> None:
    page = PageSeal(lambda: bytes(32)).seal([1], "a", "q")
    with pytest.raises(Invalid):
        SEAL.open(page, "a", "q")


def test_after_its_time_it_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    page = SEAL.seal([1], "a", "q")
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + LIFETIME_SECONDS - 2)
    assert SEAL.open(page, "a", "q") == [1]
    monkeypatch.setattr(time, "time", lambda: now + LIFETIME_SECONDS + 2)
    with pytest.raises(Gone):
        SEAL.open(page, "a", "q")


def test_the_secret_is_asked_once_and_late() -> None:
    asked: list[int] = []

    def find() -> bytes:
        asked.append(1)
        return bytes(32)

    seal = PageSeal(find)
    assert asked == []
    seal.open(seal.seal([], "a", "q"), "a", "q")
    assert asked == [1]
