"""Nobody learns whether there is an account: same words, same headers, same time. CWE-204, CWE-208"""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime, timedelta
from statistics import median

import pytest
import requests

from fhir_server.auth.throttle import PERSON
from tests.people import PASSWORD, Browser, add_account
from tests.running_server import RunningServer

ROUNDS = 7
NAMES = ("exists", "does-not")


def attempt(server: RunningServer, username: str, password: str = "wrong") -> requests.Response:
    browser = Browser(server)
    browser.get("/auth/login")
    browser.submit("/auth/login", username=username, password=password)
    return browser.answer


def face(answer: requests.Response, username: str) -> tuple[int, str, list[str]]:
    """What an attacker sees, without what differs each time."""
    text = re.sub(r'value="[0-9a-f]{64}"', "", answer.text.replace(username, "NAME"))
    return answer.status_code, text, sorted(answer.headers)


@pytest.mark.parametrize("kind", ["unknown", "disabled", "expired"])
def test_a_wrong_password_and_a_name_that_opens_nothing_look_the_same(
    server: RunningServer, kind: str
) -> None:
    known, other = f"known-{kind}", f"other-{kind}"
    add_account(server, known)
    if kind == "disabled":
        server.inside.accounts.disable(add_account(server, other).account_id)
    elif kind == "expired":
        add_account(server, other, password_until=datetime(2020, 1, 1, tzinfo=UTC))
    expected = face(attempt(server, known), known)
    assert expected[0] == 401
    assert face(attempt(server, other), other) == expected
    assert face(attempt(server, other, PASSWORD), other) == expected


def test_the_wait_after_many_attempts_is_the_same_for_a_name_without_account(server: RunningServer) -> None:
    add_account(server, "exists")
    statuses = {name: [attempt(server, name).status_code for _ in range(PERSON.free)] for name in NAMES}
    assert statuses["exists"] == statuses["does-not"] == [401] * PERSON.free
    rows = server.inside.mongo.collection("login_attempts")
    rows.update_many({}, {"$set": {"next_at": datetime.now(UTC) + timedelta(hours=1)}})
    faces = [face(attempt(server, name), name) for name in NAMES]
    rows.delete_many({})
    assert faces[0][0] == 429
    assert faces[0][0::2] == faces[1][0::2]


def test_an_unknown_name_takes_as_long_as_a_known_one(server: RunningServer) -> None:
    browser = Browser(server)
    browser.get("/auth/login")
    form = browser.page.form("/auth/login")

    def seconds(username: str) -> float:
        data = form.data({"username": username, "password": "wrong"})
        begin = time.perf_counter()
        assert browser._ask("POST", "/auth/login", data=data).status_code == 401
        return time.perf_counter() - begin

    for number in range(ROUNDS):
        add_account(server, f"timed-{number}")
    pairs = [(seconds(f"timed-{n}"), seconds(f"nobody-{n}")) for n in range(ROUNDS)]
    known, unknown = median(p[0] for p in pairs), median(p[1] for p in pairs)
    # Argon2 takes ten times as long as the rest: without it an unknown name would be seen at once.
    assert 0.6 < unknown / known < 1.6, (known, unknown)
