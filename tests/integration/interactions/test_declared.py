"""What the capability statement does not declare is refused, everywhere. https://hl7.org/fhir/R4/capabilitystatement.html"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from fhir_server.settings import find_artefacts
from tests.examples import batch, body, create, entries, entry, patient, problem, total, transaction
from tests.http_client import FhirHttp
from tests.running_server import run_server


def _serve(
    folder: Path, mongodb_uri: str, database_name: str, system: list[str], patient_row: dict[str, object]
) -> Iterator[FhirHttp]:
    statement = json.loads((find_artefacts() / "capability_statement.json").read_text("utf-8"))
    rest = statement["rest"][0]
    rest["interaction"] = [{"code": code} for code in system]
    rest["resource"] = [row for row in rest["resource"] if row["type"] in ("Patient", "AuditEvent")]
    next(row for row in rest["resource"] if row["type"] == "Patient").update(patient_row)
    (folder / "capability_statement.json").write_text(json.dumps(statement), "utf-8")
    with run_server(mongodb_uri, database_name, ARTEFACTS=str(folder)) as running:
        yield running.client()


@pytest.fixture(scope="module")
def narrow(
    tmp_path_factory: pytest.TempPathFactory, mongodb_uri: str, database_name: str
) -> Iterator[FhirHttp]:
    """A server that declares little."""
    row: dict[str, object] = {
        "interaction": [{"code": c} for c in ("read", "create", "update", "patch", "delete", "search-type")],
        "conditionalCreate": False,
        "conditionalUpdate": False,
        "conditionalDelete": "not-supported",
    }
    yield from _serve(tmp_path_factory.mktemp("narrow"), mongodb_uri, database_name, ["transaction"], row)


@pytest.fixture(scope="module")
def single(
    tmp_path_factory: pytest.TempPathFactory, mongodb_uri: str, database_name: str
) -> Iterator[FhirHttp]:
    """A server whose conditional delete ends one resource."""
    row: dict[str, object] = {"conditionalDelete": "single"}
    codes = ["transaction", "batch"]
    yield from _serve(tmp_path_factory.mktemp("single"), mongodb_uri, database_name, codes, row)


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("Patient/1/_history", ""),
        ("Patient/1/_history/1", ""),
        ("Patient/_history", ""),
        ("_history", ""),
        ("", "POST"),
    ],
)
def test_an_interaction_that_is_off_is_405(narrow: FhirHttp, path: str, allowed: str) -> None:
    answer = narrow.get(path)
    problem(answer, 405)
    assert set(filter(None, answer.headers["Allow"].split(", "))) <= {allowed} - {""}


def test_a_type_that_is_off_is_404(narrow: FhirHttp) -> None:
    problem(narrow.get("Observation/1"), 404)
    problem(narrow.post("", transaction(entry("GET", "Observation/1"))), 404)


def test_a_batch_that_is_off_is_405(narrow: FhirHttp) -> None:
    problem(narrow.post("", batch()), 405)
    assert body(narrow.post("", transaction()))["type"] == "transaction-response"


def test_conditional_interactions_that_are_off_are_refused(narrow: FhirHttp) -> None:
    create(narrow, patient("narrow"))
    change = [{"op": "add", "path": "/active", "value": True}]
    criteria = "identifier=narrow"
    for answer in (
        narrow.post("Patient", patient(), headers={"If-None-Exist": criteria}),
        narrow.put(f"Patient?{criteria}", patient()),
        narrow.patch(f"Patient?{criteria}", change),
        narrow.delete(f"Patient?{criteria}"),
        narrow.post("", transaction(entry("POST", "Patient", patient(), ifNoneExist=criteria))),
        narrow.post("", transaction(entry("PUT", f"Patient?{criteria}", patient()))),
        narrow.post("", transaction(entry("DELETE", f"Patient?{criteria}"))),
    ):
        assert answer.status_code in (400, 405), answer.text
        assert body(answer)["issue"][0]["code"] == "not-supported"
    assert total(narrow, "Patient") == 1


def test_the_history_of_the_system_leaves_out_types_without_history(narrow: FhirHttp) -> None:
    problem(narrow.get("_history"), 405)


def test_a_single_conditional_delete_ends_one_or_none(single: FhirHttp) -> None:
    for key, count in (("one", 1), ("two", 2)):
        for _ in range(count):
            create(single, patient(key))
    assert single.delete("Patient?identifier=one").status_code == 204
    assert problem(single.delete("Patient?identifier=two"), 412)["code"] == "multiple-matches"
    (row,) = entries(body(single.post("", batch(entry("DELETE", "Patient?identifier=two")))))
    assert row["response"]["status"] == "412"
    problem(single.post("", transaction(entry("DELETE", "Patient?identifier=two"))), 412)
    assert total(single, "Patient?identifier=two") == 2


def test_a_conditional_delete_has_a_bound(
    single: FhirHttp, fhir: FhirHttp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fhir_server.interactions.delete.MOST", 2)
    for _ in range(3):
        create(fhir, patient("bound"))
    assert problem(fhir.delete("Patient?identifier=bound"), 403)["code"] == "too-costly"
    assert total(fhir, "Patient?identifier=bound") == 3
