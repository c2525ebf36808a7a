"""Many writers at once: the database decides, once, and nobody sees a 500. https://hl7.org/fhir/R4/http.html#concurrency"""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from threading import Barrier

import requests

from tests.examples import body, create, entries, entry, observation, pages, patient, total, transaction
from tests.http_client import FhirHttp
from tests.running_server import RunningServer

Act = Callable[[FhirHttp, int], requests.Response]


def at_once(server: RunningServer, count: int, act: Act) -> list[requests.Response]:
    """Lets `count` callers act at the same moment."""
    barrier = Barrier(count)
    token = server.inside.issue_token(scope="system/*.cruds", client_id="race")

    def run(number: int) -> requests.Response:
        client = FhirHttp(server.base_url, token)
        client.head("Patient/warm")  # the connection is open when the race begins
        barrier.wait(timeout=60)
        return act(client, number)

    with ThreadPoolExecutor(count) as pool:
        answers = list(pool.map(run, range(count)))
    assert [a.text for a in answers if a.status_code >= 500] == []
    return answers


def statuses(answers: list[requests.Response]) -> dict[int, int]:
    return dict(Counter(a.status_code for a in answers))


def versions(fhir: FhirHttp, path: str) -> list[int]:
    """Returns the versions of a resource, oldest first, as its history tells them."""
    found = [
        int(row["response"]["etag"].strip('W/"'))
        for page in pages(fhir, f"{path}/_history?_count=100")
        for row in entries(page)
    ]
    return found[::-1]


def test_64_conditional_creates_make_one_resource(server: RunningServer, fhir: FhirHttp) -> None:
    key = uuid.uuid4().hex
    answers = at_once(
        server,
        64,
        lambda c, _: c.post("Patient", patient(key), headers={"If-None-Exist": f"identifier={key}"}),
    )
    assert statuses(answers) == {201: 1, 200: 63}
    assert len({a.headers["Location"] for a in answers}) == 1
    assert total(fhir, f"Patient?identifier={key}") == 1


def test_64_conditional_creates_as_transactions_make_one_resource(
    server: RunningServer, fhir: FhirHttp
) -> None:
    key = uuid.uuid4().hex
    one = transaction(entry("POST", "Patient", patient(key), ifNoneExist=f"identifier={key}"))
    answers = at_once(server, 64, lambda c, _: c.post("", one))
    assert statuses(answers) == {200: 64}
    inner = Counter(body(a)["entry"][0]["response"]["status"] for a in answers)
    assert inner == {"201": 1, "200": 63}
    assert total(fhir, f"Patient?identifier={key}") == 1


def test_of_64_updates_of_one_version_one_wins(server: RunningServer, fhir: FhirHttp) -> None:
    path = f"Patient/{create(fhir, patient())['id']}"
    answers = at_once(
        server,
        64,
        lambda c, n: c.put(path, patient(str(n), id=path[8:]), headers={"If-Match": 'W/"1"'}),
    )
    assert statuses(answers) == {200: 1, 412: 63}
    assert versions(fhir, path) == [1, 2]


def test_32_plain_updates_all_succeed_without_gap(server: RunningServer, fhir: FhirHttp) -> None:
    path = f"Patient/{create(fhir, patient())['id']}"
    answers = at_once(server, 32, lambda c, n: c.put(path, patient(f"n{n}", id=path[8:])))
    assert statuses(answers) == {200: 32}
    assert sorted(a.headers["ETag"] for a in answers) == sorted(f'W/"{v}"' for v in range(2, 34))
    assert versions(fhir, path) == list(range(1, 34))
    written = {body(fhir.get(f"{path}/_history/{v}"))["identifier"][0]["value"] for v in range(2, 34)}
    assert written == {f"n{n}" for n in range(32)}


def test_32_patches_all_apply(server: RunningServer, fhir: FhirHttp) -> None:
    path = f"Patient/{create(fhir, patient(name=[{'family': 'Curie', 'given': ['Marie']}]))['id']}"
    answers = at_once(
        server, 32, lambda c, n: c.patch(path, [{"op": "add", "path": "/name/0/given/-", "value": f"g{n}"}])
    )
    assert statuses(answers) == {200: 32}
    given = body(fhir.get(path))["name"][0]["given"]
    assert sorted(given) == sorted(["Marie", *(f"g{n}" for n in range(32))])


def test_32_creations_of_one_id_make_one_resource(server: RunningServer, fhir: FhirHttp) -> None:
    name = uuid.uuid4().hex
    answers = at_once(server, 32, lambda c, n: c.put(f"Patient/{name}", patient(f"n{n}", id=name)))
    assert statuses(answers) == {201: 1, 200: 31}
    assert versions(fhir, f"Patient/{name}") == list(range(1, 33))
    assert total(fhir, f"Patient?_id={name}") == 1


def test_conditional_updates_without_match_make_one_resource(server: RunningServer, fhir: FhirHttp) -> None:
    key = uuid.uuid4().hex
    answers = at_once(server, 24, lambda c, _: c.put(f"Patient?identifier={key}", patient(key)))
    assert statuses(answers) == {201: 1, 200: 23}
    assert total(fhir, f"Patient?identifier={key}") == 1


def test_deletes_and_updates_leave_one_line_of_versions(server: RunningServer, fhir: FhirHttp) -> None:
    path = f"Patient/{create(fhir, patient())['id']}"

    def act(client: FhirHttp, number: int) -> requests.Response:
        return client.delete(path) if number % 2 else client.put(path, patient(id=path[8:]))

    answers = at_once(server, 24, act)
    assert set(statuses(answers)) <= {200, 201, 204}
    found = versions(fhir, path)
    assert found == list(range(1, len(found) + 1))
    rows = [row for page in pages(fhir, f"{path}/_history?_count=50") for row in entries(page)]
    methods = [row["request"]["method"] for row in rows]
    assert methods.count("PUT") == 12
    assert all(pair != ("DELETE", "DELETE") for pair in pairwise(methods))
    current = fhir.get(path).status_code
    assert current == (410 if methods[0] == "DELETE" else 200)
    assert total(fhir, f"Patient?_id={path[8:]}") == (current == 200)


def test_transactions_on_the_same_resources_are_whole(server: RunningServer, fhir: FhirHttp) -> None:
    first, second = (create(fhir, patient())["id"] for _ in range(2))

    def act(client: FhirHttp, number: int) -> requests.Response:
        pair = [
            entry("PUT", f"Patient/{id_}", patient(f"n{number}", id=id_))
            for id_ in ((first, second) if number % 2 else (second, first))
        ]
        return client.post("", transaction(*pair))

    answers = at_once(server, 16, act)
    assert statuses(answers) == {200: 16}
    assert versions(fhir, f"Patient/{first}") == list(range(1, 18))
    for version in range(2, 18):
        one, two = (body(fhir.get(f"Patient/{i}/_history/{version}")) for i in (first, second))
        assert one["identifier"] == two["identifier"]


def test_creates_of_a_type_that_was_never_used(server: RunningServer, fhir: FhirHttp) -> None:
    resource = {"resourceType": "Basic", "code": {"text": "x"}}
    answers = at_once(
        server,
        24,
        lambda c, n: (
            c.post("Basic", resource) if n % 2 else c.post("", transaction(entry("POST", "Basic", resource)))
        ),
    )
    assert set(statuses(answers)) == {200, 201}
    assert total(fhir, "Basic?") == 24


def test_a_reader_sees_a_transaction_whole_or_not_at_all(server: RunningServer, fhir: FhirHttp) -> None:
    key = uuid.uuid4().hex
    code = {"coding": [{"system": "urn:race", "code": key}]}
    many = transaction(
        *(entry("POST", "Observation", observation("Patient/x", code=code)) for _ in range(50))
    )

    def act(client: FhirHttp, number: int) -> requests.Response:
        return client.post("", many) if number == 0 else client.get(f"Observation?code={key}&_count=100")

    answers = at_once(server, 12, act)
    assert {len(entries(body(a))) for a in answers[1:]} <= {0, 50}
    assert total(fhir, f"Observation?code={key}") == 50
