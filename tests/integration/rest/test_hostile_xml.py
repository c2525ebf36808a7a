"""Hostile XML is refused with an outcome, and nothing is written. https://owasp.org/www-community/vulnerabilities/XML_External_Entity_(XXE)_Processing"""

from __future__ import annotations

import pytest

from tests.running_server import RunningServer
from tests.xml_http import FhirXmlHttp, issues, read

N = ' xmlns="http://hl7.org/fhir"'
BOMB = (
    "<!DOCTYPE x [<!ENTITY a0 'ha'>"
    + "".join(f"<!ENTITY a{n} '{f'&a{n - 1};' * 10}'>" for n in range(1, 12))
    + "]>"
)

REFUSED: dict[str, tuple[bytes, int]] = {
    "billion laughs": (f'{BOMB}<Patient{N}><language value="&a11;"/></Patient>'.encode(), 400),
    "external entity": (
        f'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><Patient{N}>&e;</Patient>'.encode(),
        400,
    ),
    "external document type": (f'<!DOCTYPE x SYSTEM "http://127.0.0.1:1/x"><Patient{N}/>'.encode(), 400),
    "instruction": (f"<?x y?><Patient{N}/>".encode(), 400),
    "deep": (f"<Patient{N}>{'<extension>' * 100_000}".encode(), 400),
    "deep and closed": (f"<Patient{N}>{'<extension>' * 40}{'</extension>' * 40}</Patient>".encode(), 400),
    "huge attribute": (f'<Patient{N}><gender value="{"x" * 1_000_000}"/></Patient>'.encode(), 422),
    "wrong namespace": (b'<Patient xmlns="http://example.org"/>', 400),
    "no namespace": (b"<Patient/>", 400),
    "unknown element": (f'<Patient{N}><colour value="blue"/></Patient>'.encode(), 400),
    "duplicate attribute": (f'<Patient{N}><gender value="male" value="male"/></Patient>'.encode(), 400),
    "mixed text": (f"<Patient{N}>x<gender value='male'/></Patient>".encode(), 400),
    "empty value": (f'<Patient{N}><gender value=""/></Patient>'.encode(), 422),
    "empty element": (f"<Patient{N}><name/></Patient>".encode(), 422),
    "declared latin-1": (f'<?xml version="1.0" encoding="ISO-8859-1"?><Patient{N}/>'.encode(), 415),
    "UTF-16": (f"<Patient{N}/>".encode("utf-16"), 415),
    "latin-1": (f'<Patient{N}><language value="é"/></Patient>'.encode("latin-1"), 400),
    "broken narrative": (
        f"<Patient{N}><text><status value='generated'/><div xmlns='http://www.w3.org/1999/xhtml'><script>x</script></div></text></Patient>".encode(),
        422,
    ),
    "JSON": (b'{"resourceType":"Patient"}', 400),
    "other type": (f"<Basic{N}><code><text value='x'/></code></Basic>".encode(), 400),
    "blank": (b"  ", 400),
    "empty": (b"", 400),
}


@pytest.fixture(scope="module")
def xml(server: RunningServer) -> FhirXmlHttp:
    token = server.inside.issue_token(scope="system/*.cruds", client_id="tests")
    return FhirXmlHttp(server.base_url, token)


@pytest.mark.parametrize(("text", "status"), REFUSED.values(), ids=REFUSED)
def test_hostile_xml_is_refused_and_nothing_is_written(xml: FhirXmlHttp, text: bytes, status: int) -> None:
    assert all(len(issue["diagnostics"]) < 600 for issue in issues(xml.post("Patient", text), status))
    assert read(xml.get("Patient", {"_summary": "count"}))["total"] == 0


@pytest.mark.parametrize("name", [name for name, (_, status) in REFUSED.items() if status == 400])
def test_so_it_is_in_every_place_that_takes_a_body(xml: FhirXmlHttp, name: str) -> None:
    text = REFUSED[name][0]
    for answer in (
        xml.put("Patient/x", text),
        xml.post("", text),
        xml.patch("Patient/x", text),
        xml.post("Patient/$validate", text),
    ):
        assert issues(answer, 400)


def test_a_fault_is_told_with_its_place(xml: FhirXmlHttp) -> None:
    text = f'<Patient{N}>\n  <name>\n    <colour value="blue"/></name></Patient>'.encode()
    (issue,) = issues(xml.post("Patient", text), 400)
    assert "line 3, column 5" in issue["diagnostics"]
    assert issue["expression"] == ["Patient.name[0].colour"]


def test_a_body_that_is_too_large_is_refused(server: RunningServer, xml: FhirXmlHttp) -> None:
    size = server.inside.settings.max_body_bytes + 1
    assert issues(xml.post("Patient", b" " * size), 413)


def test_an_outcome_that_xml_cannot_carry_comes_in_json(xml: FhirXmlHttp) -> None:
    text = b'{"resourceType":"Patient\\u0001"}'
    answer = xml.post("Patient", text, headers={"Content-Type": "application/fhir+json"})
    assert answer.status_code == 400
    assert answer.headers["Content-Type"].startswith("application/fhir+json")
    assert "\x01" in answer.json()["issue"][0]["diagnostics"]
