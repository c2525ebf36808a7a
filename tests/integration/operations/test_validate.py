"""$validate by HTTP: all issues in one outcome, at every level, in every form. https://hl7.org/fhir/R4/resource-operation-validate.html"""

from __future__ import annotations

from typing import Any

import pytest

from tests.examples import Resource, batch, body, create, entries, entry, observation, patient, transaction
from tests.http_client import FHIR_JSON, FhirHttp
from tests.minimal import minimal_resource
from tests.running_server import MakeClient

LINE = "http://hl7.org/fhir/StructureDefinition/operationoutcome-issue-line"
COLUMN = "http://hl7.org/fhir/StructureDefinition/operationoutcome-issue-col"
BROKEN = b"""{
  "resourceType": "Patient",
  "gender": "sorceress",
  "birthDate": "1990-02-31",
  "contact": [{"gender": "male"}]
}"""


def validate(fhir: FhirHttp, path: str, sent: Any, params: Any = None) -> list[Resource]:
    """Returns the issues of an outcome that came with 200."""
    answer = fhir.post(f"{path}/$validate", sent, params=params)
    assert answer.status_code == 200, answer.text
    outcome = body(answer)
    assert outcome["resourceType"] == "OperationOutcome"
    issues: list[Resource] = outcome["issue"]
    return issues


def parameters(**values: Any) -> Resource:
    rows = [
        {"name": name, "resource": value} if isinstance(value, dict) else {"name": name, "valueCode": value}
        for name, value in values.items()
    ]
    return {"resourceType": "Parameters", "parameter": rows}


def severities(issues: list[Resource]) -> set[str]:
    return {issue["severity"] for issue in issues}


def raw(fhir: FhirHttp, path: str, text: bytes) -> Any:
    return fhir.request("POST", path, data=text, headers={"Content-Type": FHIR_JSON})


def test_a_valid_resource_gives_one_information(fhir: FhirHttp) -> None:
    narrative = {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">x</div>'}
    issues = validate(fhir, "Patient", patient(text=narrative))
    assert severities(issues) <= {"information"}


def test_all_issues_come_at_once_with_code_message_expression_line_and_column(fhir: FhirHttp) -> None:
    answer = raw(fhir, "Patient/$validate", BROKEN)
    assert answer.status_code == 200
    found = {}
    for issue in answer.json()["issue"]:
        if issue["severity"] == "error":
            place = {extension["url"]: extension.get("valueInteger") for extension in issue["extension"]}
            found[issue["expression"][0]] = (place[LINE], place[COLUMN])
            assert issue["code"]
            assert issue["diagnostics"]
            assert issue["details"]["coding"][0]["code"]
            assert issue["location"] == [f"Line[{place[LINE]}] Col[{place[COLUMN]}]"]
    assert found == {"Patient.gender": (3, 13), "Patient.birthDate": (4, 16), "Patient.contact[0]": (5, 15)}


def test_an_invariant_is_named_by_its_key(fhir: FhirHttp) -> None:
    issues = validate(fhir, "Patient", patient(contact=[{"gender": "male"}]))
    assert "invariant:pat-1" in {i["details"]["coding"][0]["code"] for i in issues if "details" in i}


@pytest.mark.parametrize("mode", ["create", "profile", ""])
def test_parameters_carry_the_resource_its_mode_and_profile(fhir: FhirHttp, mode: str) -> None:
    values = {"resource": patient(gender="x"), "profile": "http://hl7.org/fhir/StructureDefinition/Patient"}
    issues = validate(fhir, "Patient", parameters(**values, **({"mode": mode} if mode else {})))
    errors = [issue for issue in issues if issue["severity"] == "error"]
    assert [issue["expression"] for issue in errors] == [["Patient.gender"]]


def test_lines_and_columns_of_a_resource_in_parameters_are_those_of_the_body(fhir: FhirHttp) -> None:
    text = (
        b'{"resourceType": "Parameters", "parameter": [{"name": "resource", "resource":\n' + BROKEN + b"}]}"
    )
    issues = raw(fhir, "Patient/$validate", text).json()["issue"]
    (gender,) = [issue for issue in issues if issue.get("expression") == ["Patient.gender"]]
    assert gender["location"] == ["Line[4] Col[13]"]


def test_the_profile_may_stand_in_the_url(fhir: FhirHttp) -> None:
    wanted = {"profile": "http://example.org/fhir/StructureDefinition/unknown"}
    issues = validate(fhir, "Patient", patient(), wanted)
    assert any("unknown" in issue["diagnostics"] for issue in issues)


def test_a_stored_resource_is_validated_by_get_and_by_post(fhir: FhirHttp) -> None:
    created = create(fhir, patient())
    path = f"Patient/{created['id']}/$validate"
    for answer in (fhir.get(path), fhir.request("POST", path)):
        assert answer.status_code == 200, answer.text
        assert "error" not in severities(body(answer)["issue"])
    assert fhir.head(path).status_code == 200
    assert fhir.get("Patient/nobody/$validate").status_code == 404


def test_an_update_needs_the_id_of_the_url(fhir: FhirHttp) -> None:
    wanted = parameters(resource=patient(id="other"), mode="update")
    issues = validate(fhir, "Patient/one", wanted)
    assert [i["expression"] for i in issues if i["severity"] == "error"] == [["Patient.id"]]
    good = validate(fhir, "Patient/one", parameters(resource=patient(id="one"), mode="update"))
    assert "error" not in severities(good)


def test_a_delete_is_refused_where_the_token_or_the_server_would(
    fhir: FhirHttp, make_client: MakeClient
) -> None:
    created = create(fhir, patient())
    path = f"Patient/{created['id']}/$validate"
    assert severities(body(fhir.get(path, {"mode": "delete"}))["issue"]) == {"information"}
    reader = make_client("system/*.rs")
    (issue,) = body(reader.get(path, {"mode": "delete"}))["issue"]
    assert (issue["severity"], issue["code"]) == ("error", "forbidden")
    event = create(fhir, minimal_resource("AuditEvent"))
    (issue,) = body(fhir.get(f"AuditEvent/{event['id']}/$validate", {"mode": "delete"}))["issue"]
    assert (issue["severity"], issue["code"]) == ("error", "not-supported")


def test_a_create_is_refused_where_the_token_would(make_client: MakeClient) -> None:
    reader = make_client("system/*.rs")
    issues = validate(reader, "Patient", parameters(resource=patient(), mode="create"))
    assert "forbidden" in {issue["code"] for issue in issues}
    assert "forbidden" not in {issue["code"] for issue in validate(reader, "Patient", patient())}


@pytest.mark.parametrize(
    ("path", "sent", "params"),
    [
        ("Patient", observation("Patient/1"), None),
        ("Patient", parameters(mode="create"), None),
        ("Patient", parameters(resource=patient(), mode="destroy"), None),
        ("Patient", parameters(resource=patient(), mode="profile"), None),
        ("Patient", parameters(resource=patient(), mode="update"), None),
        ("Patient/1", parameters(resource=patient(), mode="create"), None),
        ("Patient", parameters(resource=patient(), colour="blue"), None),
        ("Patient", patient(), {"colour": "blue"}),
        ("Patient", patient(), {"mode": "create", "resource": "x"}),
        ("Patient", patient(), [("mode", "create"), ("mode", "update")]),
        ("Patient", {"resourceType": "Parameters", "parameter": "x"}, None),
        ("Patient", {"resourceType": "Parameters", "parameter": [5]}, None),
        ("Patient", {"resourceType": "Parameters", "parameter": [{"name": 5}]}, None),
        ("Patient", {"resourceType": "Parameters", "parameter": [{"name": "resource"}]}, None),
        ("Patient", {"resourceType": "Parameters", "parameter": [{"name": "mode", "valueInteger": 1}]}, None),
        ("Patient", {"resourceType": "Parameters"}, None),
        ("Patient", [patient()], None),
        ("Patient", {"name": "x"}, None),
    ],
)
def test_what_cannot_be_validated_is_a_bad_request(fhir: FhirHttp, path: str, sent: Any, params: Any) -> None:
    answer = fhir.post(f"{path}/$validate", sent, params=params)
    assert answer.status_code == 400, answer.text
    assert body(answer)["issue"][0]["severity"] == "error"


@pytest.mark.parametrize("text", [b"", b"{", b"\xff", b'{"resourceType":"Patient","a":1,"a":1}', b"[" * 5000])
def test_a_body_that_is_no_json_is_a_bad_request(fhir: FhirHttp, text: bytes) -> None:
    assert raw(fhir, "Patient/$validate", text).status_code == 400


@pytest.mark.parametrize(
    "sent",
    [
        {"resourceType": "Patient", "name": 5, "contact": {"x": [[[]]]}, "extension": [None, {}, "x"]},
        {"resourceType": "Patient", "meta": {"profile": 5}},
        {"resourceType": "Patient", "meta": {"profile": ["", None, "x" * 5000, "http://[", "#x"]}},
        {"resourceType": "Patient", "contained": [[], {"resourceType": []}, {"resourceType": "Nothing"}]},
        {"resourceType": "Patient", "text": {"div": "<" * 5000}},
    ],
)
def test_a_hostile_resource_gets_its_outcome(fhir: FhirHttp, sent: Resource) -> None:
    assert "error" in severities(validate(fhir, "Patient", sent))


def test_parameters_themselves_are_validated_when_they_wrap_nothing(fhir: FhirHttp) -> None:
    alone = {"resourceType": "Parameters", "parameter": [{"name": "x", "valueString": "y", "colour": "z"}]}
    assert "error" in severities(validate(fhir, "Parameters", alone))
    wrapped = parameters(
        resource={"resourceType": "Parameters", "parameter": [{"name": "x", "valueString": "y"}]}
    )
    assert "error" not in severities(validate(fhir, "Parameters", wrapped))


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "$validate", 404),
        ("GET", "Nothing/$validate", 404),
        ("GET", "Patient/1/x/$validate", 404),
        ("POST", "Patient/a b/$validate", 404),
        ("POST", "Patient/$nothing", 404),
        ("POST", "Patient/$", 404),
        ("PUT", "Patient/$validate", 405),
        ("DELETE", "Patient/1/$validate", 405),
        ("GET", "Patient/$validate", 400),
    ],
)
def test_an_operation_is_found_where_it_is_declared_only(
    fhir: FhirHttp, method: str, path: str, status: int
) -> None:
    answer = fhir.request(method, path)
    assert answer.status_code == status, answer.text
    if status == 405:
        assert answer.headers["Allow"] == "GET, HEAD, POST"


def test_an_operation_asks_for_a_token(fhir: FhirHttp) -> None:
    assert FhirHttp(fhir.base_url).post("Patient/$validate", patient()).status_code == 401


@pytest.mark.parametrize("bundle", [batch, transaction])
def test_in_a_bundle_the_resource_to_validate_may_be_invalid(fhir: FhirHttp, bundle: Any) -> None:
    rows = [
        entry("POST", "Patient/$validate", patient(gender="x")),
        entry("POST", "Patient", patient()),
        entry("POST", "Patient/$validate?mode=create", patient()),
    ]
    answer = fhir.post("", bundle(*rows))
    assert answer.status_code == 200, answer.text
    found = [row["response"] for row in entries(body(answer))]
    assert [row["status"][:3] for row in found] == ["200", "201", "200"]
    assert severities(found[0]["outcome"]["issue"]) >= {"error"}
    assert "error" not in severities(found[2]["outcome"]["issue"])


def test_an_operation_is_in_the_audit_trail(fhir: FhirHttp) -> None:
    validate(fhir, "Substance", minimal_resource("Substance"))
    created = create(fhir, minimal_resource("Substance"))
    assert fhir.get(f"Substance/{created['id']}/$validate").status_code == 200
    assert fhir.get("Substance/nothing/$validate").status_code == 404
    found = entries(body(fhir.search("AuditEvent", {"subtype": "operation", "_count": "1000"})))
    events = [row["resource"] for row in found]
    touched = [str(event["entity"]) for event in events]
    assert any(f"Substance/{created['id']}/_history/1" in text for text in touched)
    assert any(event["outcome"] == "4" for event in events)


def test_the_definition_of_a_declared_operation_is_that_of_the_specification(fhir: FhirHttp) -> None:
    rows = {row["type"]: row for row in body(fhir.get("metadata"))["rest"][0]["resource"]}
    definition = "http://hl7.org/fhir/OperationDefinition/Resource-validate"
    operation = {"name": "validate", "definition": definition}
    assert all(operation in row["operation"] for row in rows.values())
