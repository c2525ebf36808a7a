"""Guessing gets slower, in parallel too, and locks out nobody but who guesses. CWE-307, ASVS 5 §6.3.1"""

from __future__ import annotations

import threading
from collections import Counter
from datetime import UTC, datetime, timedelta

import pyotp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.auth.throttle import NETWORK, PERSON, SECOND_FACTOR, Budget, Origin, Throttle
from fhir_server.storage.attempts import Attempts
from tests.people import PASSWORD, Browser, add_account
from tests.running_server import RunningServer

KEY = "KRSXG5CTMVRXEZLUKRSXG5CTMVRXEZLU"


@pytest.fixture(scope="module")
def throttle(server: RunningServer) -> Throttle:
    return Throttle(Attempts(server.inside.documents))


def claims(throttle: Throttle, name: str, origin: Origin, times: int) -> int:
    """How many of some attempts are let through."""
    return sum(throttle.claim_password(name, "", origin) is None for _ in range(times))


@given(st.sampled_from([PERSON, NETWORK, SECOND_FACTOR]), st.integers(1, 10_000))
def test_delays_never_shrink_and_have_an_end(budget: Budget, failures: int) -> None:
    assert budget.delay(failures) <= budget.delay(failures + 1) <= budget.longest
    assert budget.delay(budget.free - 1) == timedelta()
    assert budget.delay(10_000) == budget.longest


def test_guessing_one_name_from_one_place_stops_after_a_few_attempts(throttle: Throttle) -> None:
    # On a slow machine a delay may end while the others are tried.
    assert PERSON.free <= claims(throttle, "one", Origin("192.0.2.1", "b" * 43), 50) <= PERSON.free + 4


def test_parallel_guesses_do_not_pass_uncounted(throttle: Throttle) -> None:
    origin, passed, lock = Origin("192.0.2.2", "b" * 43), Counter[bool](), threading.Lock()
    start = threading.Barrier(32)

    def guess() -> None:
        start.wait()
        allowed = throttle.claim_password("parallel", "", origin) is None
        with lock:
            passed[allowed] += 1

    threads = [threading.Thread(target=guess) for _ in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 1 <= passed[True] <= PERSON.free


def test_guessing_many_names_from_one_network_stops_too(throttle: Throttle) -> None:
    origin = Origin("2001:db8::1", "b" * 43)
    neighbours = [Origin(f"2001:db8::{n:x}", "c" * 43) for n in range(2, 6)]
    passed = sum(
        throttle.claim_password(f"name-{n}", "", neighbours[n % 4] if n % 2 else origin) is None
        for n in range(NETWORK.free + 30)
    )
    assert NETWORK.free <= passed <= NETWORK.free + 6
    assert throttle.claim_password("name-x", "", Origin("2001:db8:0:1::1", "d" * 43)) is None


def test_who_guesses_does_not_lock_out_the_person_elsewhere(
    server: RunningServer, throttle: Throttle
) -> None:
    account = add_account(server, "victim", fhir_user="Patient/p1", patients=["p1"])
    for n in range(10):
        claims(throttle, "victim", Origin(f"203.0.113.{n}", "e" * 43), 8)
    browser = Browser(server)
    browser.get("/auth/login")
    assert browser.log_in("victim").heading == "Applications qui ont un accès"
    # Her browser is known now: even guesses of a neighbour do not slow her down.
    claims(throttle, "victim", Origin("127.0.0.1", "f" * 43), 10)
    browser.submit("/auth/logout")
    assert browser.log_in("victim").heading == "Applications qui ont un accès"
    assert throttle.claim_password("victim", account.account_id, Origin("127.0.0.1", "g" * 43)) is not None


def test_after_the_wait_another_attempt_is_allowed_and_a_success_forgets(
    server: RunningServer, throttle: Throttle
) -> None:
    add_account(server, "patient", fhir_user="Patient/p1", patients=["p1"])
    browser = Browser(server)
    for _ in range(PERSON.free):
        browser.get("/auth/login")
        browser.log_in("patient", "wrong")
    rows = server.inside.mongo.collection("login_attempts")
    rows.update_many({}, {"$set": {"next_at": datetime.now(UTC) + timedelta(seconds=60)}})
    browser.get("/auth/login")
    page = browser.log_in("patient")
    assert browser.answer.status_code == 429
    assert 1 <= int(browser.answer.headers["Retry-After"]) <= 61
    assert "Trop d’essais" in page.text
    rows.update_many({}, {"$set": {"next_at": datetime.now(UTC) - timedelta(seconds=1)}})
    assert browser.log_in("patient").heading == "Applications qui ont un accès"
    assert claims(throttle, "patient", Origin("127.0.0.1", "h" * 43), PERSON.free) == PERSON.free


def test_codes_are_counted_by_account_whatever_the_network(server: RunningServer, throttle: Throttle) -> None:
    account = add_account(server, "codes", fhir_user="Patient/p1", patients=["p1"], totp_key=KEY)
    for n in range(SECOND_FACTOR.free):
        origin = Origin(f"198.51.100.{n}", "i" * 43)
        assert throttle.claim_second_factor(account.account_id, origin) is None
    browser = Browser(server)
    browser.get("/auth/login")
    browser.submit("/auth/login", username="codes", password=PASSWORD)
    page = browser.submit("/auth/second-factor", code=pyotp.TOTP(KEY).now())
    assert browser.answer.status_code == 429
    assert "Trop d’essais" in page.text


def test_what_was_typed_as_a_name_is_not_kept(server: RunningServer) -> None:
    browser = Browser(server)
    browser.get("/auth/login")
    browser.log_in("mon mot de passe tapé trop tôt")
    rows = str(list(server.inside.mongo.collection("login_attempts").find()))
    assert "mot de passe" not in rows
