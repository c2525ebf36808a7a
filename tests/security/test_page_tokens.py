"""Page tokens carry no right, work for one caller and one query, and end. https://hl7.org/fhir/R4/http.html#paging"""

from __future__ import annotations

import base64
from urllib.parse import parse_qs, urlsplit

import msgspec
import pytest

from fhir_server.interactions import paging
from tests.examples import body, create, entries, link, patient, problem
from tests.http_client import FhirHttp
from tests.running_server import RunningServer, run_server
from tests.security.conftest import Record

PATHS = [
    "Patient?active=true&_count=2",
    "Patient/_history?_count=2",
    "?_type=Patient&_count=2",
    "_history?_count=2",
]


@pytest.fixture(scope="module", autouse=True)
def several(fhir: FhirHttp) -> None:
    for _ in range(6):
        create(fhir, patient(active=True))


def following(client: FhirHttp, path: str) -> str:
    found = link(body(client.get(path)), "next")
    assert found is not None
    return found


def token_of(url: str) -> str:
    return parse_qs(urlsplit(url).query)["_page"][0]


@pytest.mark.parametrize("path", PATHS)
def test_a_page_follows_with_other_entries(fhir: FhirHttp, path: str) -> None:
    first = body(fhir.get(path))
    second = body(fhir.get(link(first, "next") or ""))
    assert entries(second)
    shown = [row["fullUrl"] + row.get("response", {}).get("etag", "") for row in entries(first)]
    assert not set(shown) & {
        row["fullUrl"] + row.get("response", {}).get("etag", "") for row in entries(second)
    }


@pytest.mark.parametrize("path", PATHS)
def test_another_caller_cannot_use_it(server: RunningServer, fhir: FhirHttp, path: str) -> None:
    url = following(fhir, path)
    problem(server.client().get(url), 400)
    problem(server.anonymous().get(url), 401)
    assert fhir.get(url).status_code == 200


def test_a_patient_cannot_use_that_of_the_system(fhir: FhirHttp, alice: Record) -> None:
    problem(alice.app.get(following(fhir, PATHS[0])), 400)


@pytest.mark.parametrize("path", PATHS)
def test_another_query_cannot_use_it(fhir: FhirHttp, path: str) -> None:
    url = following(fhir, path)
    for changed in (
        url.replace("_count=2", "_count=3"),
        url.replace("_count=2&", ""),
        url.replace("Patient", "Person"),
        url + "&_elements=id",
    ):
        if changed != url:
            assert fhir.get(changed).status_code in (400, 404), changed


@pytest.mark.parametrize("path", PATHS)
def test_a_tampered_one_is_400(fhir: FhirHttp, path: str) -> None:
    url = following(fhir, path)
    token = token_of(url)
    middle = len(token) // 2
    flipped = token[:middle] + ("A" if token[middle] != "A" else "B") + token[middle + 1 :]
    for bad in (flipped, token[:-6], token + "AAAA", "", "x", "é", "A" * 100_000, "[]", "$ne", "\x01"):
        answer = fhir.get(path, {"_page": bad})
        assert answer.status_code in (400, 414, 431), (bad[:20], answer.text[:200])


def test_a_forged_one_is_400(fhir: FhirHttp) -> None:
    content = msgspec.json.encode([9_999_999_999, "", [0, []]])
    forged = base64.urlsafe_b64encode(b"\x80" + bytes(24) + content + bytes(32)).decode()
    problem(fhir.get(PATHS[0], {"_page": forged}), 400)
    other = paging.PageSeal(lambda: bytes(32))
    problem(fhir.get(PATHS[0], {"_page": other.seal([0, []], "", "")}), 400)


@pytest.mark.parametrize("path", PATHS)
def test_an_expired_one_is_410(fhir: FhirHttp, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    with monkeypatch.context() as patched:
        patched.setattr(paging, "LIFETIME_SECONDS", -1)
        url = following(fhir, path)
    problem(fhir.get(url), 410)


def test_it_tells_nothing_of_what_it_holds(fhir: FhirHttp, server: RunningServer) -> None:
    url = following(fhir, PATHS[0])
    token = token_of(url)
    raw = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    shown = entries(body(fhir.get(PATHS[0])))
    assert all(row["resource"]["id"].encode() not in raw for row in shown)
    assert token_of(following(server.client(), PATHS[0])) != token


def test_workers_share_the_secret(server: RunningServer, mongodb_uri: str, database_name: str) -> None:
    token = server.inside.issue_token(scope="system/*.rs", client_id="workers")
    url = following(FhirHttp(server.base_url, token), PATHS[0])
    with run_server(mongodb_uri, database_name) as other:
        answer = FhirHttp(other.base_url, token).get(url.replace(server.base_url, other.base_url))
    assert answer.status_code == 200


def test_two_workers_agree_on_first_use(server: RunningServer) -> None:
    values = {server.inside.state.keep("agreement", value) for value in ("one", "two")}
    assert values == {"one"}
