"""URLs that are none, methods that are none, and request ids. https://hl7.org/fhir/R4/http.html#root"""

from __future__ import annotations

import http.client
import re
from urllib.parse import urlsplit

import pytest

from tests.examples import body, create, patient, problem
from tests.http_client import FhirHttp
from tests.running_server import RunningServer

ODD_PATHS = [
    "/fhir/Patient/%2e%2e/%2e%2e/etc/passwd",
    "/fhir/Patient/../Patient/1",
    "/fhir/Patient/..%2f..%2f",
    "/fhir/Patient/a%00b",
    "/fhir/Patient/%FF%FE",
    "/fhir/Patient/%ED%A0%80",
    "/fhir/Patient/" + "a" * 65,
    "/fhir/Patient/" + "a" * 20_000,
    "/fhir/Patient/a%2Fb%2Fc",
    "/fhir/Patient/1/2/3/4/5/6",
    "/fhir/" + "Patient/" * 500,
    "/fhir/Patient/%24everything",
    "/fhir/Patient/$everything",
    "/fhir/$export",
    "/fhir/Patient/_search",
    "/fhir/%3Ctype%3E",
    "/fhir/<type>/<id>",
    "/fhir/Patient/{}",
    "/fhir/Patient/{%22$ne%22:1}",
    "/fhir/Patient/1;a=b",
    "/fhir/Patient%20/1",
    "/fhir/PATIENT/1",
    "/fhir/history/1",
    "/fhir/locks/1",
    "/fhir/oauth_access_tokens/1",
    "/fhir/system.users/1",
    "/fhir//Patient/1",
    "/fhir/Patient//1",
    "/fhir/Patient/1//_history",
    "/fhir/Patient/1/_history/1/",
    "/fhir/Patient/1/_history//",
    "/fhir/Patient/%20",
    "/fhir/Patient/.",
    "/fhir/./Patient/absent",
    "/fhir/Patient/1%0d%0aSet-Cookie:%20a=b",
    "/fhir/_history/1",
    "/fhir/metadata/1",
]


def raw(server: RunningServer, method: str, target: str, token: str) -> tuple[int, dict[str, str], bytes]:
    """Sends a request whose target no library has tidied."""
    parts = urlsplit(server.base_url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
    connection.putrequest(method, target, skip_accept_encoding=True)
    connection.putheader("Authorization", f"Bearer {token}")
    connection.endheaders()
    answer = connection.getresponse()
    found = answer.status, {k.title(): v for k, v in answer.getheaders()}, answer.read()
    connection.close()
    return found


@pytest.fixture(scope="module")
def token(server: RunningServer) -> str:
    return server.inside.issue_token(scope="system/*.cruds", client_id="odd")


@pytest.mark.parametrize("target", ODD_PATHS, ids=[p[:40] for p in ODD_PATHS])
def test_an_odd_path_is_refused_in_fhir(server: RunningServer, token: str, target: str) -> None:
    status, headers, content = raw(server, "GET", target, token)
    assert status in (400, 404, 405, 410), content[:300]
    assert headers["Content-Type"].startswith("application/fhir+json")
    assert b"OperationOutcome" in content
    assert "Set-Cookie" not in headers
    assert len(content) < 2000


@pytest.mark.parametrize("target", ODD_PATHS, ids=[p[:40] for p in ODD_PATHS])
def test_an_odd_path_writes_nothing(server: RunningServer, token: str, target: str) -> None:
    for method in ("PUT", "DELETE", "PATCH", "POST"):
        status, _, content = raw(server, method, target, token)
        search = method == "POST" and target.endswith("/_search")
        assert status in ((200,) if search else (204, 400, 404, 405, 415)), content[:300]


def test_a_trailing_slash_changes_nothing(fhir: FhirHttp) -> None:
    stored = create(fhir, patient())
    assert body(fhir.get(f"Patient/{stored['id']}/")) == stored
    assert fhir.get("Patient/").status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "_history", {"GET", "HEAD"}),
        ("POST", "Patient/_history", {"GET", "HEAD"}),
        ("GET", "Patient/_search", {"POST"}),
        ("PATCH", "Patient/1/_history", {"GET", "HEAD"}),
        ("PUT", "AuditEvent/1", {"GET", "HEAD"}),
        ("PATCH", "AuditEvent/1", {"GET", "HEAD"}),
        ("DELETE", "AuditEvent/1", {"GET", "HEAD"}),
        ("DELETE", "AuditEvent", {"GET", "POST", "HEAD"}),
        ("PUT", "AuditEvent", {"GET", "POST", "HEAD"}),
    ],
)
def test_405_says_what_is_allowed(fhir: FhirHttp, method: str, path: str, allowed: set[str]) -> None:
    answer = fhir.request(method, path)
    assert problem(answer, 405)["code"] == "not-supported"
    assert set(answer.headers["Allow"].split(", ")) == allowed


@pytest.mark.parametrize("method", ["TRACE", "PROPFIND", "FOO", "COPY"])
def test_a_method_that_http_or_fhir_does_not_have_is_405(fhir: FhirHttp, method: str) -> None:
    answer = fhir.request(method, "Patient")
    problem(answer, 405)
    assert "GET" in answer.headers["Allow"]


def test_options_shows_no_data(server: RunningServer) -> None:
    answer = server.anonymous().request("OPTIONS", "Patient")
    assert answer.status_code in (200, 204, 401, 405)
    assert b"resourceType" not in answer.content or b"OperationOutcome" in answer.content


def test_outside_of_fhir_there_is_nothing(server: RunningServer) -> None:
    origin = server.base_url.removesuffix("/fhir")
    anonymous = server.anonymous()
    for path in ("/", "/fhirx", "/fhir.json", "/static/x", "/console", "/.git/config"):
        assert anonymous.get(origin + path).status_code == 404
    assert anonymous.get(f"{origin}/health/live").text == "alive\n"
    assert anonymous.get(f"{origin}/health/ready").text == "ready\n"


# --- parameters -------------------------------------------------------------------------------------


def test_10_000_parameters_are_refused(fhir: FhirHttp) -> None:
    many = "&".join(f"identifier={i}" for i in range(10_000))
    problem(
        fhir.request(
            "POST",
            "Patient/_search",
            data=many,
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        ),
        400,
    )
    answer = fhir.get(f"Patient?{many[:60_000]}")
    assert answer.status_code in (400, 403, 414)


@pytest.mark.parametrize(
    "query", ["identifier=%FF", "identifier=%C3", "%FF=1", "identifier=%ED%A0%80", "a=%00"]
)
def test_parameters_that_are_no_text_are_400(fhir: FhirHttp, query: str) -> None:
    problem(fhir.get(f"Patient?{query}"), 400)


def test_a_form_that_is_no_text_is_400(fhir: FhirHttp) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    problem(fhir.request("POST", "Patient/_search", data=b"identifier=\xff", headers=form), 400)


# --- request ids ------------------------------------------------------------------------------------


def test_each_answer_has_a_request_id(fhir: FhirHttp) -> None:
    first, second = (fhir.get("metadata").headers["X-Request-Id"] for _ in range(2))
    assert first != second
    assert re.fullmatch(r"[0-9a-f]{32}", first)


def test_a_harmless_request_id_is_kept(fhir: FhirHttp) -> None:
    assert fhir.get("Patient/x", headers={"X-Request-Id": "abc-1.2_3"}).headers["X-Request-Id"] == "abc-1.2_3"


@pytest.mark.parametrize("given", ["a b", "x" * 65, "a\tb", "<script>", "é", "$ne"])
def test_another_request_id_is_replaced(fhir: FhirHttp, given: str) -> None:
    answer = fhir.get("Patient/x", headers={"X-Request-Id": given.encode("latin-1")})
    assert answer.headers["X-Request-Id"] != given
