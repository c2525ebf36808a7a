"""Every interaction in application/fhir+xml, both ways. https://hl7.org/fhir/R4/xml.html, https://hl7.org/fhir/R4/http.html"""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Any

import pytest

from tests.examples import SYSTEM_URI, batch, body, entry, observation, patient, transaction
from tests.http_client import FhirHttp
from tests.running_server import MakeClient, RunningServer
from tests.xml_http import FHIR_XML, FhirXmlHttp, as_json, issues, read

NULL = {"url": "http://example.org/reason", "valueCode": "unknown"}
DIV = '<div xmlns="http://www.w3.org/1999/xhtml">'
WEIGHT = f"""<?xml version="1.0" encoding="UTF-8"?>
<!-- written by hand -->
<Observation xmlns="http://hl7.org/fhir" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
             xsi:schemaLocation="http://hl7.org/fhir ../observation.xsd">
  <language value="fr"/>
  <text>
    <status value="generated"/>
    {DIV}<p>Poids&#160;: <b>72,50&#160;kg</b> &lt; 80<br/></p></div>
  </text>
  <contained>
    <Practitioner>
      <id value="p"/>
      <name><family value="Curie"/><given value="Marie"/><given value="S."/></name>
    </Practitioner>
  </contained>
  <extension url="http://example.org/why">
    <valueString value="&lt;contrôle&gt; &amp; &quot;suivi&quot;&#10;2"/>
  </extension>
  <status id="s1" value="final"/>
  <code>
    <coding id="c1"><system value="http://loinc.org"/><code value="15074-8"/></coding>
  </code>
  <subject><display value="X"/></subject>
  <effectiveDateTime value="2024-02-29">
    <extension url="http://example.org/sure"><valueBoolean value="false"/></extension>
  </effectiveDateTime>
  <performer><reference value="#p"/></performer>
  <component>
    <code><text value="a"/></code><valueQuantity><value value="72.50"/></valueQuantity>
  </component>
</Observation>
"""


@pytest.fixture(scope="module")
def xml(server: RunningServer) -> FhirXmlHttp:
    token = server.inside.issue_token(scope="system/*.cruds", client_id="tests")
    return FhirXmlHttp(server.base_url, token)


@pytest.fixture
def path(xml: FhirXmlHttp) -> str:
    return f"Patient/{read(xml.post('Patient', patient(active=True, name=[{'family': 'Curie'}])), 201)['id']}"


def test_what_was_written_in_xml_is_the_same_in_json(xml: FhirXmlHttp) -> None:
    answer = xml.post("Observation", WEIGHT.encode())
    created = read(answer, 201)
    found = body(as_json(xml, f"Observation/{created['id']}"))
    assert created == found
    assert found["text"]["div"] == f"{DIV}<p>Poids&#160;: <b>72,50&#160;kg</b> &lt; 80<br/></p></div>"
    assert found["contained"] == [
        {"resourceType": "Practitioner", "id": "p", "name": [{"family": "Curie", "given": ["Marie", "S."]}]}
    ]
    assert found["extension"] == [{"url": "http://example.org/why", "valueString": '<contrôle> & "suivi"\n2'}]
    assert (found["status"], found["_status"]) == ("final", {"id": "s1"})
    assert found["code"]["coding"][0]["id"] == "c1"
    assert found["_effectiveDateTime"]["extension"][0]["valueBoolean"] is False
    assert str(found["component"][0]["valueQuantity"]["value"]) == "72.50"


def test_what_was_written_in_json_is_the_same_in_xml(fhir: FhirHttp, xml: FhirXmlHttp) -> None:
    sent = patient(
        "json",
        multipleBirthInteger=2,
        name=[{"given": ["a", None], "_given": [None, {"extension": [NULL]}]}],
        extension=[{"url": "http://example.org/d", "valueDecimal": Decimal("1.00")}],
        text={"status": "generated", "div": f"{DIV}&eacute;&lt;</div>"},
    )
    created = body(fhir.post("Patient", sent))
    found = read(xml.get(f"Patient/{created['id']}"))
    assert found == {**created, "text": {"status": "generated", "div": f"{DIV}&#233;&lt;</div>"}}


def test_one_version_has_one_tag_in_both_formats(xml: FhirXmlHttp, path: str) -> None:
    answers = [xml.get(path), as_json(xml, path)]
    assert {answer.headers["ETag"] for answer in answers} == {'W/"1"'}
    assert answers[0].headers["Last-Modified"] == answers[1].headers["Last-Modified"]
    assert all("Accept" in answer.headers["Vary"] for answer in answers)
    assert xml.get(path, headers={"If-None-Match": 'W/"1"'}).status_code == 304
    head = xml.head(path)
    assert head.headers["Content-Type"] == f"{FHIR_XML}; charset=utf-8"
    assert head.headers["Content-Length"] == str(len(answers[0].content))


def test_updates_and_versions_are_written_and_read(xml: FhirXmlHttp, path: str) -> None:
    changed = {**read(xml.get(path)), "active": False}
    answer = xml.put(path, changed, headers={"If-Match": 'W/"1"'})
    assert read(answer)["active"] is False
    assert answer.headers["ETag"] == 'W/"2"'
    assert read(xml.get(f"{path}/_history/1"))["active"] is True
    issues(xml.put(path, changed, headers={"If-Match": 'W/"1"'}), 412)
    history = read(xml.get(f"{path}/_history"))
    assert [row["request"]["method"] for row in history["entry"]] == ["PUT", "POST"]
    assert [row["resource"]["active"] for row in history["entry"]] == [False, True]


def test_deletes_and_errors_are_told_in_xml(xml: FhirXmlHttp, path: str) -> None:
    assert xml.delete(path).status_code == 204
    assert issues(xml.get(path), 410)[0]["code"] == "deleted"
    assert issues(xml.get("Patient/nothing"), 404)[0]["code"] == "not-found"
    assert issues(xml.get("Colour/1"), 404)
    assert issues(xml.request("PUT", "metadata", data=b""), 405)
    assert issues(xml.get("Patient?colour=blue"), 400)[0]["expression"] == ["http.colour"]
    assert issues(xml.request("OPTIONS", "Patient"), 405)


@pytest.mark.parametrize("choice", ["minimal", "representation", "OperationOutcome"])
def test_the_body_after_a_write_is_chosen(xml: FhirXmlHttp, choice: str) -> None:
    answer = xml.post("Patient", patient(), headers={"Prefer": f"return={choice}"})
    if choice == "minimal":
        assert (answer.status_code, answer.content) == (201, b"")
    else:
        expected = "Patient" if choice == "representation" else choice
        assert read(answer, 201)["resourceType"] == expected


def test_conditional_interactions_take_and_give_xml(xml: FhirXmlHttp) -> None:
    name = uuid.uuid4().hex
    criteria = f"identifier={SYSTEM_URI}|{name}"
    first = read(xml.post("Patient", patient(name), headers={"If-None-Exist": criteria}), 201)
    again = xml.post("Patient", patient(name), headers={"If-None-Exist": criteria})
    assert (again.status_code, read(again)["id"]) == (200, first["id"])
    updated = read(xml.put(f"Patient?{criteria}", patient(name, active=True)))
    assert (updated["id"], updated["active"]) == (first["id"], True)
    assert xml.delete(f"Patient?{criteria}").status_code == 204


def test_searches_answer_with_bundles_in_xml(xml: FhirXmlHttp) -> None:
    name = uuid.uuid4().hex
    one = read(xml.post("Patient", patient(name)), 201)
    read(xml.post("Observation", observation(f"Patient/{one['id']}")), 201)
    found = read(xml.get("Observation", {"patient": one["id"], "_include": "Observation:subject"}))
    assert (found["type"], found["total"]) == ("searchset", 1)
    assert [row["search"]["mode"] for row in found["entry"]] == ["match", "include"]
    assert found["entry"][1]["resource"] == one
    posted = read(xml.search("Patient", {"identifier": name, "_format": "xml"}, {"Accept": "*/*"}, post=True))
    assert [row["resource"] for row in posted["entry"]] == [one]
    everywhere = read(xml.get("", {"_id": one["id"]}))
    assert everywhere["entry"][0]["resource"] == one
    part = read(xml.get("Patient", {"identifier": name, "_elements": "identifier"}))
    assert part["entry"][0]["resource"]["meta"]["tag"][0]["code"] == "SUBSETTED"
    assert read(xml.get("Patient", {"identifier": name, "_summary": "count"}))["total"] == 1
    assert read(xml.get("_history", {"_count": "1"}))["type"] == "history"


def test_pages_keep_their_format(xml: FhirXmlHttp) -> None:
    name = uuid.uuid4().hex
    for _ in range(3):
        read(xml.post("Patient", patient(name)), 201)
    page = read(xml.get("Patient", {"identifier": name, "_count": "2"}))
    following = next(row["url"] for row in page["link"] if row["relation"] == "next")
    assert len(read(xml.get(following))["entry"]) == 1


def test_a_transaction_is_taken_in_xml(xml: FhirXmlHttp) -> None:
    subject = f"urn:uuid:{uuid.uuid4()}"
    sent = transaction(
        entry("POST", "Patient", patient(), subject),
        entry("POST", "Observation", observation(subject)),
        entry("GET", "Patient?_id=none"),
    )
    answer = read(xml.post("", sent))
    assert answer["type"] == "transaction-response"
    assert [row["response"]["status"] for row in answer["entry"]] == ["201", "201", "200"]
    location = answer["entry"][1]["response"]["location"].partition("/_history")[0]
    written = read(xml.get(location))
    assert (
        written["subject"]["reference"]
        == answer["entry"][0]["response"]["location"].partition("/_history")[0]
    )
    assert answer["entry"][2]["resource"]["type"] == "searchset"


def test_a_transaction_with_a_fault_writes_nothing(xml: FhirXmlHttp) -> None:
    name = uuid.uuid4().hex
    sent = transaction(
        entry("POST", "Patient", patient(name)), entry("POST", "Patient", patient(gender="blue"))
    )
    (issue,) = issues(xml.post("", sent), 422)
    assert issue["expression"] == ["Bundle.entry[1].resource.gender"]
    assert read(xml.get("Patient", {"identifier": name}))["total"] == 0


def test_a_batch_is_taken_in_xml(xml: FhirXmlHttp, path: str) -> None:
    answer = read(xml.post("", batch(entry("GET", path), entry("GET", "Patient/nothing"))))
    assert answer["entry"][0]["resource"] == read(xml.get(path))
    assert answer["entry"][1]["response"]["outcome"]["issue"][0]["code"] == "not-found"


def test_a_fhirpath_patch_is_taken_in_xml(xml: FhirXmlHttp, path: str) -> None:
    part: list[dict[str, Any]] = [
        {"name": "type", "valueCode": "replace"},
        {"name": "path", "valueString": "Patient.active"},
        {"name": "value", "valueBoolean": False},
    ]
    change = {"resourceType": "Parameters", "parameter": [{"name": "operation", "part": part}]}
    assert read(xml.patch(path, change))["active"] is False
    issues(xml.patch(path, patient()), 400)
    issues(xml.patch(path, b"<Parameters", headers={"If-Match": 'W/"2"'}), 400)


def test_a_json_patch_is_answered_in_xml(xml: FhirXmlHttp, path: str) -> None:
    assert read(xml.patch(path, [{"op": "remove", "path": "/active"}])).get("active") is None


def test_the_capabilities_are_the_same_in_xml(xml: FhirXmlHttp) -> None:
    statement = read(xml.get("metadata"))
    assert statement == body(as_json(xml, "metadata"))
    assert FHIR_XML in statement["format"]
    assert FHIR_XML in statement["patchFormat"]


def test_validation_says_where_in_the_xml_the_issues_are(xml: FhirXmlHttp) -> None:
    text = b'<Patient xmlns="http://hl7.org/fhir">\n  <gender value="blue"/>\n</Patient>'
    issue = issues(xml.post("Patient/$validate", text), 200)[0]
    assert issue["expression"] == ["Patient.gender"]
    assert issue["location"] == ["Line[2] Col[3]"]
    wrapped = b'<Parameters xmlns="http://hl7.org/fhir"><parameter>\n<name value="resource"/><resource>\n'
    wrapped += text.replace(b' xmlns="http://hl7.org/fhir"', b"") + b"</resource></parameter></Parameters>"
    issue = issues(xml.post("Patient/$validate", wrapped), 200)[0]
    assert issue["location"] == ["Line[4] Col[3]"]


def test_a_client_that_takes_anything_is_answered_as_it_wrote(xml: FhirXmlHttp) -> None:
    text = b'<Patient xmlns="http://hl7.org/fhir"><active value="true"/></Patient>'
    assert read(xml.post("Patient", text, headers={"Accept": "*/*"}), 201)["active"] is True
    assert issues(xml.post("Patient", b"<Patient/>", headers={"Accept": "*/*"}), 400)
    answer = xml.post("Patient", text, headers={"Accept": "application/fhir+json"})
    assert body(answer)["active"] is True


def test_pretty_is_for_people(xml: FhirXmlHttp, path: str) -> None:
    plain, pretty = xml.get(path), xml.get(path, {"_pretty": "true"})
    assert read(plain) == read(pretty)
    assert b'\n  <active value="true"/>\n' in pretty.content
    assert b"\n  " not in plain.content
    assert b"\n  <issue>" in xml.get("Patient/nothing", {"_pretty": "true"}).content


def test_strangers_are_told_in_xml(server: RunningServer) -> None:
    stranger = FhirXmlHttp(server.base_url)
    assert issues(stranger.get("Patient"), 401)[0]["code"] == "login"
    # The body of a stranger is not looked at.
    assert issues(stranger.post("Patient", b"<!DOCTYPE x>"), 401)[0]["code"] == "login"


def test_what_is_out_of_reach_is_told_in_xml(make_client: MakeClient) -> None:
    reader = make_client("system/Observation.rs")
    assert issues(reader.get("Patient", headers={"Accept": FHIR_XML}), 403)[0]["code"] == "forbidden"
