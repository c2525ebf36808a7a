"""FHIR capabilities. https://hl7.org/fhir/R4/http.html#capabilities"""

from __future__ import annotations

import pytest

from fhir_server.validation.validate import validate_resource
from tests.examples import body, problem
from tests.http_client import FhirHttp
from tests.running_server import RunningServer


def test_the_statement_is_open_cacheable_and_valid(server: RunningServer) -> None:
    answer = server.anonymous().get("metadata")
    assert answer.status_code == 200
    assert "public" in answer.headers["Cache-Control"]
    statement = body(answer)
    assert statement["resourceType"] == "CapabilityStatement"
    assert statement["fhirVersion"] == "4.0.1"
    assert statement["implementation"]["url"] == server.base_url
    assert [i for i in validate_resource(statement) if i.severity in ("fatal", "error")] == []


def test_all_types_of_r4_are_served(fhir: FhirHttp) -> None:
    rows = body(fhir.get("metadata"))["rest"][0]["resource"]
    assert len({row["type"] for row in rows}) == 146


@pytest.mark.parametrize(("query", "status"), [("mode=full", 200), ("mode=normative", 200), ("mode=x", 400)])
def test_a_mode_of_the_statement_is_checked(fhir: FhirHttp, query: str, status: int) -> None:
    assert fhir.get(f"metadata?{query}").status_code == status


def test_the_statement_answers_in_the_formats_it_declares(server: RunningServer) -> None:
    anonymous = server.anonymous()
    for format_ in body(anonymous.get("metadata"))["format"]:
        assert anonymous.get("metadata", {"_format": format_}).status_code == 200
    problem(anonymous.get("metadata", {"_format": "application/fhir+turtle"}), 406)


def test_head_of_the_statement(server: RunningServer) -> None:
    assert server.anonymous().head("metadata").status_code == 200


def test_nothing_else_of_the_statement_can_be_done(server: RunningServer, fhir: FhirHttp) -> None:
    problem(server.anonymous().post("metadata", {}), 401)
    answer = fhir.post("metadata", {"resourceType": "CapabilityStatement"})
    problem(answer, 405)
    assert set(answer.headers["Allow"].split(", ")) == {"GET", "HEAD"}
