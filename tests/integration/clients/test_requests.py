"""Clients without FHIR library: requests, the standard library, a connection that is kept.

https://hl7.org/fhir/R4/http.html
"""

from __future__ import annotations

import gzip
import http.client
import json
import urllib.error
import urllib.request
import uuid
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import pytest
import requests

from tests.running_server import RunningServer

FHIR_JSON = "application/fhir+json"
FORM = "application/x-www-form-urlencoded"


@pytest.fixture(scope="module")
def token(server: RunningServer) -> str:
    return server.inside.issue_token(scope="system/*.cruds", client_id="plain")


@pytest.fixture
def session(token: str) -> requests.Session:
    session = requests.Session()
    session.headers["Authorization"] = f"Bearer {token}"
    return session


def test_a_resource_lives_from_its_creation_to_its_deletion(
    server: RunningServer, session: requests.Session
) -> None:
    created = session.post(f"{server.base_url}/Patient", json={"resourceType": "Patient", "active": True})
    assert created.status_code == 201
    url = created.headers["Location"].partition("/_history")[0]
    assert session.get(url).json() == created.json()
    patient = created.json() | {"gender": "other"}
    updated = session.put(url, json=patient, headers={"If-Match": created.headers["ETag"]})
    assert updated.headers["ETag"] == 'W/"2"'
    assert session.put(url, json=patient, headers={"If-Match": created.headers["ETag"]}).status_code == 412
    patched = session.patch(
        url,
        data=json.dumps([{"op": "replace", "path": "/gender", "value": "female"}]),
        headers={"Content-Type": "application/json-patch+json"},
    )
    assert patched.json()["gender"] == "female"
    unchanged = session.get(url, headers={"If-None-Match": patched.headers["ETag"]})
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    head = session.head(url)
    assert head.headers["Content-Length"] == str(len(session.get(url).content))
    assert session.get(f"{url}/_history/1").json() == created.json()
    history = session.get(f"{url}/_history").json()
    assert [entry["request"]["method"] for entry in history["entry"]] == ["PATCH", "PUT", "POST"]
    assert session.delete(url).status_code in (200, 204)
    assert session.get(url).status_code == 410
    assert session.get(f"{url}/_history/3").json()["gender"] == "female"


@pytest.fixture(scope="module")
def tagged(server: RunningServer, token: str) -> str:
    """The system of a tag that nine Patients have, born on nine days."""
    system = f"urn:uuid:{uuid.uuid4()}"
    entries = [
        {
            "resource": {
                "resourceType": "Patient",
                "meta": {"tag": [{"system": system, "code": "plain"}]},
                "name": [{"family": "D'Été, & fils|100 %", "given": [f"n°{day}"]}],
                "birthDate": f"2001-02-{day:02}",
            },
            "request": {"method": "POST", "url": "Patient"},
        }
        for day in range(1, 10)
    ]
    answer = requests.post(
        server.base_url,
        json={"resourceType": "Bundle", "type": "transaction", "entry": entries},
        headers={"Authorization": f"Bearer {token}"},
        timeout=30,
    )
    assert answer.json()["type"] == "transaction-response"
    return system


def pages(session: requests.Session, url: str, parameters: Any = None) -> list[list[str]]:
    """Returns the days of birth on each page."""
    found = []
    following: str | None = requests.Request("GET", url, params=parameters).prepare().url
    while following:
        page = session.get(following).json()
        found.append([entry["resource"]["birthDate"][-2:] for entry in page.get("entry", [])])
        following = next((row["url"] for row in page["link"] if row["relation"] == "next"), None)
    return found


def test_pages_follow_their_links(server: RunningServer, session: requests.Session, tagged: str) -> None:
    search = {"_tag": f"{tagged}|plain", "_sort": "-birthdate", "_count": "4"}
    assert pages(session, f"{server.base_url}/Patient", search) == [
        ["09", "08", "07", "06"],
        ["05", "04", "03", "02"],
        ["01"],
    ]


@pytest.mark.parametrize(
    ("parameters", "days"),
    [
        ([("birthdate", "ge2001-02-03"), ("birthdate", "lt2001-02-05")], ["03", "04"]),
        ([("birthdate", "2001-02-01,2001-02-09")], ["01", "09"]),
        ([("given", "n°2")], ["02"]),
        ([("family", r"d'ete\, & fils\|100 %"), ("given:exact", "n°7")], ["07"]),
        ([("family:contains", "fils"), ("birthdate", "gt2001-02-08")], ["09"]),
        ([("gender:missing", "true"), ("birthdate", "le2001-02-01T23:59:59Z")], ["01"]),
        ([("_lastUpdated", "gt2100")], []),
    ],
    ids=str,
)
def test_get_and_post_searches_understand_the_same(
    server: RunningServer,
    session: requests.Session,
    tagged: str,
    parameters: list[tuple[str, str]],
    days: list[str],
) -> None:
    whole = [("_tag", f"{tagged}|"), ("_sort", "birthdate"), *parameters]
    assert pages(session, f"{server.base_url}/Patient", whole) == [days]
    posted = session.post(f"{server.base_url}/Patient/_search", data=whole).json()
    assert [entry["resource"]["birthDate"][-2:] for entry in posted.get("entry", [])] == days


def test_parameters_are_read_in_every_legal_spelling(
    server: RunningServer, session: requests.Session, tagged: str
) -> None:
    base = f"{server.base_url}/Patient?_summary=count&_tag={tagged}"
    for spelled in (f"{base}|plain", f"{base}%7Cplain", f"{base}%7cplain&", base.replace("?", "?&") + "%7C"):
        request = requests.Request("GET", spelled).prepare()
        request.headers.update(session.headers)
        request.url = spelled
        assert session.send(request).json()["total"] == 9, spelled


def test_one_connection_serves_one_request_after_the_other(
    server: RunningServer, token: str, tagged: str
) -> None:
    connection = http.client.HTTPConnection(urlsplit(server.base_url).netloc, timeout=30)
    path = urlsplit(server.base_url).path
    headers = {"Authorization": f"Bearer {token}", "Accept": "application/json"}
    for method, url, status in (
        ("GET", f"{path}/Patient?_tag={quote(tagged)}%7Cplain", 200),
        ("HEAD", f"{path}/metadata", 200),
        ("GET", f"{path}/Patient/nobody", 404),
        ("DELETE", f"{path}/Patient/nobody", 204),
        ("OPTIONS", f"{path}/metadata", 405),
        ("GET", f"{path}/metadata", 200),
    ):
        connection.request(method, url, headers=headers)
        answer = connection.getresponse()
        content = answer.read()
        assert answer.status == status, (method, url, content[:300])
    connection.close()


def test_the_standard_library_alone_is_enough(server: RunningServer, token: str, tagged: str) -> None:
    form = urlencode({"_tag": f"{tagged}|plain", "_elements": "birthDate"}).encode()
    asked = urllib.request.Request(
        f"{server.base_url}/Patient/_search", form, {"Authorization": f"Bearer {token}"}
    )
    with urllib.request.urlopen(asked, timeout=30) as answer:
        assert answer.headers.get_content_type() == FHIR_JSON
        assert json.load(answer)["total"] == 9
    with pytest.raises(urllib.error.HTTPError) as refusal:
        urllib.request.urlopen(f"{server.base_url}/Patient", timeout=30)
    assert refusal.value.code == 401
    assert refusal.value.headers["WWW-Authenticate"].startswith("Bearer")
    assert json.load(refusal.value)["resourceType"] == "OperationOutcome"


def test_a_body_in_pieces_is_read(server: RunningServer, session: requests.Session) -> None:
    pieces = (piece for piece in (b'{"resourceType":', b'"Patient"', b"}"))
    answer = session.post(f"{server.base_url}/Patient", data=pieces, headers={"Content-Type": FHIR_JSON})
    assert answer.status_code == 201


@pytest.mark.parametrize(("path", "media_type"), [("Patient", FHIR_JSON), ("Patient/_search", FORM)])
def test_a_compressed_body_is_refused_by_name(
    server: RunningServer, session: requests.Session, path: str, media_type: str
) -> None:
    headers = {"Content-Type": media_type, "Content-Encoding": "gzip"}
    answer = session.post(f"{server.base_url}/{path}", data=gzip.compress(b"{}"), headers=headers)
    assert answer.status_code == 415
    assert answer.headers["Accept-Encoding"] == "identity"
    assert answer.json()["issue"][0]["expression"] == ["http.Content-Encoding"]
    plain = {"Content-Type": FHIR_JSON, "Content-Encoding": "identity"}
    patient = b'{"resourceType":"Patient"}'
    assert session.post(f"{server.base_url}/Patient", data=patient, headers=plain).status_code == 201
