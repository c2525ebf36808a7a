"""Twins: two servers whose data differ only in what is hidden answer a professional byte for byte the same.

TWIN_REQUESTS random requests are asked of both; `make test-twins` asks many.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from random import Random
from typing import Any

import pytest

from fhir_server.fhir.labels import with_labels
from tests.records import DOCTOR, decision, state
from tests.running_server import RunningServer, run_server

REQUESTS = int(os.environ.get("TWIN_REQUESTS", "600"))
SEED = int(os.environ.get("TWIN_SEED", "1"))
PEOPLE = ("a", "b")
CODES = ("15074-8", "718-7", "8480-6")
SHOWN, MASKED = 40, 25

VOLATILE = re.compile(
    rb'"(lastUpdated|lastModified|timestamp|recorded)":"[^"]*"|W/"\d+"|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}'
    rb"|[0-9a-f]{32}|127\.0\.0\.1:\d+|_page=[^\"&]+"
)


def _resource(random: Random, number: int, person: str) -> dict[str, Any]:
    subject = {"reference": f"Patient/{person}"}
    kind = random.choice(["Observation", "Observation", "DocumentReference", "Condition", "Encounter"])
    made: dict[str, Any] = {"resourceType": kind, "id": f"r{number}", "subject": subject}
    code = {"coding": [{"system": "http://loinc.org", "code": random.choice(CODES)}]}
    day = f"2025-{random.randrange(1, 13):02}-{random.randrange(1, 28):02}"
    if kind == "Observation":
        made |= {"status": "final", "code": code, "effectiveDateTime": day}
        made["valueQuantity"] = {"value": random.randrange(100), "unit": "mg"}
    elif kind == "DocumentReference":
        made |= {"status": "current", "date": f"{day}T10:00:00Z", "description": f"Lettre {number}"}
        made["type"] = {"coding": [{"system": "http://loinc.org", "code": "34133-9"}]}
        made["content"] = [{"attachment": {"contentType": "text/plain", "data": "eA=="}}]
    elif kind == "Condition":
        made |= {"code": code, "recordedDate": day}
    else:
        made |= {"status": "finished", "class": {"code": "AMB"}, "period": {"start": day}}
    return made


def _fill(server: RunningServer, seed: int) -> None:
    """The same shown resources in both; what is masked differs by the seed, in number and content."""
    operator = server.client()
    for person in PEOPLE:
        one = {"resourceType": "Patient", "id": person, "name": [{"family": f"Nom{person}"}]}
        assert operator.put(f"Patient/{person}", one).status_code == 201
    opened, let_in = state("a", "open"), decision("a", "authorisation", actors=["Practitioner/dr"])
    for made in (opened | {"id": "open"}, let_in | {"id": "dr"}):
        assert operator.put(f"Consent/{made['id']}", made).status_code == 201
    same, other = Random(SEED), Random(seed)
    for number in range(SHOWN):
        made = _resource(same, number, "a")
        assert operator.put(f"{made['resourceType']}/{made['id']}", made).status_code == 201
    for number in range(MASKED - seed % 7):
        made = with_labels(_resource(other, 1000 + seed * 100 + number, other.choice("aab")), 1)
        assert operator.put(f"{made['resourceType']}/{made['id']}", made).status_code == 201
        subject = {"reference": made["subject"]["reference"]}
        target = {"reference": f"{made['resourceType']}/{made['id']}"}
        listed = {"resourceType": "List", "id": f"l{seed}{number}", "status": "current", "mode": "working"}
        listed |= {"subject": subject, "entry": [{"item": target}]}
        assert operator.put(f"List/{listed['id']}", listed).status_code == 201
        if other.random() < 0.3:
            path = f"{made['resourceType']}/{made['id']}"
            assert operator.put(path, {**made, "language": "fr"}).status_code == 200
    hidden = decision("a", "hide-document", "deny", actors=["Practitioner/dr"])
    data = [{"meaning": "instance", "reference": {"reference": f"Observation/x{seed}"}}]
    hidden["provision"]["data"] = data
    assert operator.put(f"Consent/hide{seed}", hidden | {"id": f"hide{seed}"}).status_code == 201


@pytest.fixture(scope="module")
def twins(mongodb_uri: str, database_name: str) -> Iterator[tuple[RunningServer, RunningServer]]:
    settings = {"PAGE_SECRET": "dHdpbnMgdHdpbnMgdHdpbnMgdHdpbnMgdHdpbnMgISE=", "UPDATE_CREATE": "true"}
    with (
        run_server(mongodb_uri, f"{database_name}_one", **settings) as one,
        run_server(mongodb_uri, f"{database_name}_two", **settings) as two,
    ):
        _fill(one, 11)
        _fill(two, 23)
        yield one, two


def _request(random: Random) -> tuple[str, str, Any, dict[str, str]]:
    kind = random.choice(["Observation", "DocumentReference", "Condition", "Encounter", "List", "Provenance"])
    number = random.choice([*range(SHOWN), *range(1000 + 1100, 1000 + 1100 + MASKED), 3300, 3301])
    method = random.choice(["GET"] * 8 + ["PUT", "DELETE", "PATCH", "POST"])
    if method == "GET":
        return "GET", _reading(random, kind, number), None, {}
    subject = {"reference": f"Patient/{random.choice(PEOPLE)}"}
    if method == "POST":
        made = {**_resource(random, 0, "a"), "subject": subject}
        del made["id"]
        criteria = random.choice(["_id=r2101", f"_id=r{number}&patient=a", "patient=a&code=718-7"])
        return "POST", made["resourceType"], made, {"If-None-Exist": criteria}
    if method == "PUT":
        made = _resource(random, number, "a")
        return "PUT", f"{made['resourceType']}/r{number}", {**made, "language": "en"}, {"If-Match": 'W/"9"'}
    if method == "PATCH":
        body = [{"op": "add", "path": "/language", "value": "en"}]
        return "PATCH", f"{kind}/r{number}", body, {"If-Match": 'W/"9"'}
    return "DELETE", f"{kind}?_id=r{number}&patient=a&code=none", None, {}


def _reading(random: Random, kind: str, number: int) -> str:
    search = random.choice(
        [
            "",
            f"&code={random.choice(CODES)}",
            f"&date=ge2025-0{random.randrange(1, 9)}",
            "&_sort=-date",
            "&_sort=_id",
            "&_summary=count",
            "&_total=accurate&_count=3",
            "&_include=*",
            "&_revinclude=*",
            "&_revinclude=List:item",
            "&_has:List:item:_id=l110",
            f"&_id=r{number}",
            f"&_lastUpdated=gt{random.choice(['2020', '2090'])}",
            "&_count=2&_sort=date",
            "&_elements=status",
            "&subject.family=noma",
            "&_content=lettre",
            f"&_list=l11{random.randrange(9)}",
        ]
    )
    return random.choice(
        [
            f"{kind}/r{number}",
            f"{kind}/r{number}/_history",
            f"{kind}/r{number}/_history/{random.randrange(1, 4)}",
            f"List/l{random.choice([11, 23])}{random.randrange(MASKED)}",
            f"{kind}?patient=a{search}",
            f"{kind}?patient=a{search}",
            f"{kind}?patient=a{search}",
            f"{kind}?patient=b{search}",
            f"Patient/a/{kind}?_count=5{search}",
            "Patient/a/*?_count=7&_type=Observation,Condition,DocumentReference,List,Encounter,Consent",
            f"Patient/a/*?_type={kind}&_sort=_id",
            f"{kind}/_history?_count=5",
            f"Consent?patient=a{random.choice(['', '&_summary=count'])}",
            f"Patient?_id=a&_has:{kind}:subject:_id=r{number}",
            "Patient?_id=a&_revinclude=List:subject",
        ]
    )


def _ask(token: Any, asked: tuple[str, str, Any, dict[str, str]]) -> tuple[int, bytes, Any]:
    method, path, body, headers = asked
    if body is not None and not isinstance(body, list):
        answer = token.request(
            method, path, data=json.dumps(body), headers={"Content-Type": "application/fhir+json", **headers}
        )
    elif body is not None:
        answer = token.patch(path, body, headers=headers)
    else:
        answer = token.request(method, path, headers=headers)
    if answer.status_code == 201:  # its id is another one in each, and would be sorted elsewhere
        made = answer.json()
        assert token.delete(f"{made['resourceType']}/{made['id']}").status_code == 204
    kept = {name: answer.headers.get(name) for name in ("ETag", "Allow", "WWW-Authenticate", "Content-Type")}
    return answer.status_code, VOLATILE.sub(b"~", answer.content), kept


def _difference(one: bytes, two: bytes) -> tuple[bytes, bytes]:
    start = next((i for i, (a, b) in enumerate(zip(one, two, strict=False)) if a != b), 0)
    return one[max(0, start - 80) : start + 80], two[max(0, start - 80) : start + 80]


@pytest.mark.parametrize("is_bound", [True, False])
def test_what_is_hidden_changes_no_answer(twins: tuple[RunningServer, RunningServer], is_bound: bool) -> None:
    random = Random(SEED)
    patient = "a" if is_bound else ""
    tokens = [server.client("user/*.cruds", patient, "Practitioner/dr", activity=DOCTOR) for server in twins]
    statuses: dict[int, int] = {}
    for _ in range(REQUESTS // 2):
        asked = _request(random)
        one, two = (_ask(token, asked) for token in tokens)
        assert one == two, (asked, _difference(one[1], two[1]))
        statuses[one[0]] = statuses.get(one[0], 0) + 1
    assert statuses[200] > REQUESTS // 10
    assert statuses[404] > REQUESTS // 50
