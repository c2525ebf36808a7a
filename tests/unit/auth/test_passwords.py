"""Passwords: what is kept, what is refused, and that nobody's password costs as much as somebody's."""

from __future__ import annotations

import time
from statistics import median

import pytest
from argon2 import PasswordHasher

from fhir_server.auth.passwords import _OF_NOBODY, hash_password, is_outdated, verify_password, weakness

RIGHT = "quatre mots bien rangés"
HASH = hash_password(RIGHT)


def test_a_password_is_kept_as_argon2id_with_at_least_46_mib() -> None:
    assert HASH.startswith("$argon2id$v=19$m=47104,t=1,p=1$")
    assert hash_password(RIGHT) != HASH
    assert not is_outdated(HASH)
    assert is_outdated(PasswordHasher(memory_cost=8192).hash(RIGHT))


@pytest.mark.parametrize(
    "wrong", ["", "quatre mots bien rangés ", "Quatre mots bien rangés", "\ud800", "x" * 5000]
)
def test_another_password_is_not_the_right_one(wrong: str) -> None:
    assert verify_password(HASH, RIGHT)
    assert not verify_password(HASH, wrong)


def test_an_accent_may_be_typed_in_two_ways() -> None:
    assert verify_password(HASH, "quatre mots bien range\N{COMBINING ACUTE ACCENT}s")


@pytest.mark.parametrize("no_hash", ["", "!", "$argon2id$broken", "plain"])
def test_without_a_hash_no_password_is_right(no_hash: str) -> None:
    assert not verify_password(no_hash, RIGHT)
    assert not verify_password(no_hash, "")


def test_the_password_of_nobody_takes_as_long_as_that_of_somebody() -> None:
    def seconds(password_hash: str) -> float:
        begin = time.perf_counter()
        verify_password(password_hash, "a wrong password")
        return time.perf_counter() - begin

    pairs = [(seconds(HASH), seconds("")) for _ in range(9)]
    somebody, nobody = median(pair[0] for pair in pairs), median(pair[1] for pair in pairs)
    assert nobody > somebody / 2


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("court", "short"),
        ("x" * 257, "long"),
        ("zoe.martin est là", "name"),
        ("aaaaaaaaaaaaaaaa", "simple"),
        ("121212121212", "simple"),
        (RIGHT, ""),
    ],
)
def test_a_weak_password_is_refused_with_the_reason(password: str, reason: str) -> None:
    assert weakness(password, "Zoe.Martin") == reason


def test_the_hash_of_nobody_costs_what_a_new_one_costs() -> None:
    assert not is_outdated(_OF_NOBODY)
