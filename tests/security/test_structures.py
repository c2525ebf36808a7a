"""A structure as client: deposits into open records, reads what it deposited, nothing else. P526 note 4"""

from __future__ import annotations

import pytest

from tests.examples import body, create, observation, problem, total
from tests.http_client import FhirHttp
from tests.records import decision, document, open_record, professional
from tests.running_server import RunningServer
from tests.smart_app import SmartApp, public_jwks, rsa_key, system_token


@pytest.fixture
def hospital(server: RunningServer) -> FhirHttp:
    fields = {
        "name": "Hôpital",
        "status": "active",
        "auth_method": "private_key_jwt",
        "grant_types": ["client_credentials"],
        "jwks": public_jwks(rsa_key()),
        "scope": "system/*.cruds",
    }
    if server.inside.oauth.clients.find("hospital") is None:
        server.inside.oauth.clients.add("hospital", {**fields, "organization": "Organization/chu"})
    answer = system_token(SmartApp(server, "hospital"), rsa_key(), "RS384", "system/*.cruds")
    assert answer.status_code == 200, answer.text
    return FhirHttp(server.base_url, answer.json()["access_token"])


def test_a_structure_deposits_and_reads_its_own(
    server: RunningServer, fhir: FhirHttp, record: str, hospital: FhirHttp
) -> None:
    problem(hospital.post("Observation", observation(f"Patient/{record}")), 403)  # no record is open
    open_record(fhir, record, authorisation=["Practitioner/dr"])
    other = create(fhir, document(record))
    own = create(hospital, document(record))
    assert total(hospital, f"DocumentReference?patient={record}") == 1
    assert total(hospital, "DocumentReference?_count=0") == 1
    problem(hospital.get(f"DocumentReference/{other['id']}"), 404)
    problem(hospital.put(f"DocumentReference/{other['id']}", other), 404)
    assert body(professional(server, "dr").get(f"DocumentReference/{own['id']}"))["id"] == own["id"]
    problem(hospital.post("Consent", decision(record, "authorisation", actors=["Organization/chu"])), 403)
    create(fhir, decision(record, "block", "deny", actors=["Organization/chu"]))
    create(hospital, document(record))  # whoever is blocked goes on feeding the record
    assert hospital.delete(f"DocumentReference/{own['id']}").status_code == 204
    agents = str(body(fhir.get(f"AuditEvent?patient={record}&_count=50&action=C")))
    assert "Organization/chu" in agents


def test_no_client_registers_itself_as_a_structure() -> None:
    from fhir_server.auth.client_metadata import read_metadata

    document = {
        "client_name": "x",
        "redirect_uris": ["https://a.example/c"],
        "scope": "patient/*.rs",
        "token_endpoint_auth_method": "none",
        "organization": "Organization/chu",
    }
    assert "organization" not in read_metadata(document, private_addresses=False)
