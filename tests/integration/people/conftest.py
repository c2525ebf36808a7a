"""A server for people: one record each, a second factor only for who has one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.people import KEY, add_account
from tests.records import open_record, represent
from tests.running_server import RunningServer, run_server

SCOPE = "openid fhirUser launch/patient offline_access patient/Patient.rs patient/Observation.rs"


@pytest.fixture(scope="module")
def server(mongodb_uri: str, database_name: str) -> Iterator[RunningServer]:
    """People: zoe (a password), zoe2 (and codes), parent (two records), medecin (two activities)."""
    with run_server(mongodb_uri, database_name, SECOND_FACTOR="optional") as running:
        add_people(running)
        yield running


def add_people(server: RunningServer) -> None:
    """Fills a server with the people that the tests of login use."""
    fhir = server.client()
    for number, given in (("1", "Zoé"), ("2", "Léa"), ("3", "Tom")):
        traits = {"name": [{"family": f"Essai{number}", "given": [given]}], "birthDate": "1980-02-03"}
        ins = {"system": "urn:oid:1.2.250.1.213.1.4.10", "value": f"2800299000{number}0{number}"}
        resource = {"resourceType": "Patient", "id": f"p{number}", "identifier": [ins], **traits}
        assert fhir.put(f"Patient/p{number}", resource).status_code == 201
        open_record(fhir, f"p{number}", authorisation=["Practitioner/dr"])
    for child in ("p2", "p3"):
        for person in ("RelatedPerson/r1", "RelatedPerson/r2"):
            represent(fhir, child, person)
    add_account(server, "zoe", fhir_user="Patient/p1", patients=["p1"], display="Zoé Essai1")
    add_account(server, "zoe2", fhir_user="Patient/p2", patients=["p2"], totp_key=KEY, display="Léa Essai2")
    add_account(server, "parent", "representative", fhir_user="RelatedPerson/r1", patients=["p2", "p3"])
    places = [
        {
            "role": "10",
            "role_display": "Médecin",
            "organization": f"Organization/{n}",
            "organization_display": n,
        }
        for n in ("Cabinet", "Hôpital")
    ]
    add_account(
        server,
        "medecin",
        "professional",
        fhir_user="Practitioner/dr",
        rpps="99900000011",
        activities=places,
        display="Dr Anne Essai",
    )
    add_account(server, "administratrice", "administrator", totp_key=KEY)
