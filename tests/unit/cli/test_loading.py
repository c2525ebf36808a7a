"""Loading: what is sent together, what is refused, where a second run continues."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from fhir_server.cli import loading
from fhir_server.cli.loading import Tally, load_file
from fhir_server.errors import Invalid, Unavailable
from fhir_server.fhir import Resource
from fhir_server.storage.loads import LoadProgress


class Memory:
    """Stands for the progress kept in the database."""

    def __init__(self) -> None:
        self.rows: dict[str, LoadProgress] = {}

    def progress(self, digest: str) -> LoadProgress:
        return self.rows.get(digest, LoadProgress())

    def note(self, digest: str, name: str, line: int) -> str:
        return f"{name}:{line}"

    def record(self, digest: str, name: str, progress: LoadProgress) -> None:
        self.rows[digest] = progress


class Base:
    """Stands for the FHIR base: refuses resources that are marked bad."""

    def __init__(self) -> None:
        self.stored: dict[str, Resource] = {}
        self.bundles: list[Resource] = []
        self.notes: list[Any] = []
        self.before: Callable[[], None] = lambda: None

    def send(self, bundle: Resource, note: Any = None) -> Resource:
        self.before()
        self.bundles.append(bundle)
        self.notes.append(note)
        bad = [i for i, entry in enumerate(bundle["entry"]) if entry["resource"].get("bad")]
        if bad and bundle["type"] == "transaction":
            raise Invalid("refused", f"Bundle.entry[{bad[0]}]")
        answers = []
        for index, entry in enumerate(bundle["entry"]):
            if index in bad:
                issue = {"severity": "error", "code": "invalid", "diagnostics": "refused"}
                answers.append({"response": {"status": "400", "outcome": {"issue": [issue]}}})
            else:
                self.stored[entry["request"]["url"]] = entry["resource"]
                answers.append({"response": {"status": "201 Created"}})
        return {"resourceType": "Bundle", "type": f"{bundle['type']}-response", "entry": answers}


@pytest.fixture
def base() -> Base:
    return Base()


@pytest.fixture
def memory() -> Memory:
    return Memory()


def load(path: Path, base: Base, memory: Any) -> Tally:
    tally = Tally()
    load_file(path, base.send, memory, tally, lambda position: None)
    return tally


def patient(id: str, **more: Any) -> dict[str, Any]:
    return {"resourceType": "Patient", "id": id, **more}


def ndjson(folder: Path, *resources: Any) -> Path:
    path = folder / "x.ndjson"
    path.write_text("".join(f"{r if isinstance(r, str) else json.dumps(r)}\n" for r in resources))
    return path


def document(folder: Path, resource: Any) -> Path:
    path = folder / "x.json"
    path.write_text(json.dumps(resource))
    return path


def test_resources_go_together_in_transactions_of_puts(tmp_path: Path, base: Base, memory: Memory) -> None:
    tally = load(ndjson(tmp_path, *(patient(str(n)) for n in range(250))), base, memory)
    assert [len(bundle["entry"]) for bundle in base.bundles] == [100, 100, 50]
    assert {bundle["type"] for bundle in base.bundles} == {"transaction"}
    assert base.bundles[0]["entry"][0]["request"] == {"method": "PUT", "url": "Patient/0"}
    assert (tally.resources, tally.files, tally.failures) == (250, 1, [])


def test_a_second_run_sends_nothing(tmp_path: Path, base: Base, memory: Memory) -> None:
    file = ndjson(tmp_path, patient("1"))
    load(file, base, memory)
    base.bundles.clear()
    tally = load(file, base, memory)
    assert base.bundles == []
    assert (tally.known_files, tally.resources) == (1, 0)


def test_an_interrupted_run_continues_after_the_last_transaction(
    tmp_path: Path, base: Base, memory: Memory
) -> None:
    file = ndjson(tmp_path, *(patient(str(n)) for n in range(250)))

    def interrupt() -> None:
        if len(base.bundles) == 1:
            raise KeyboardInterrupt

    base.before = interrupt
    with pytest.raises(KeyboardInterrupt):
        load(file, base, memory)
    base.before = lambda: None
    tally = load(file, base, memory)
    assert tally.resources == 150
    assert len(base.stored) == 250


def test_one_identity_is_never_twice_in_one_transaction(tmp_path: Path, base: Base, memory: Memory) -> None:
    load(ndjson(tmp_path, patient("1"), patient("2"), patient("1", active=True)), base, memory)
    assert [len(bundle["entry"]) for bundle in base.bundles] == [2, 1]
    assert base.stored["Patient/1"]["active"] is True


def test_a_resource_without_id_gets_one_that_a_second_try_gets_too(
    tmp_path: Path, base: Base, memory: Memory
) -> None:
    file = ndjson(tmp_path, {"resourceType": "Patient"}, {"resourceType": "Patient"})
    load(file, base, memory)
    assert len(base.stored) == 2
    load(file, base, Memory())
    assert len(base.stored) == 2


def test_only_the_culprits_stay_out_and_are_named_by_line(tmp_path: Path, base: Base, memory: Memory) -> None:
    file = ndjson(tmp_path, patient("1"), patient("2", bad=True), "{", patient("4"))
    tally = load(file, base, memory)
    assert set(base.stored) == {"Patient/1", "Patient/4"}
    assert [failure.line for failure in tally.failures] == [2, 3]
    assert tally.failures[0].issue.expression == "Patient"
    assert tally.resources == 2


def test_refused_lines_alone_are_tried_again(tmp_path: Path, base: Base, memory: Memory) -> None:
    file = ndjson(tmp_path, patient("1"), patient("2", bad=True), patient("3"))
    load(file, base, memory)
    base.bundles.clear()
    tally = load(file, base, memory)
    assert [entry["request"]["url"] for entry in base.bundles[0]["entry"]] == ["Patient/2"]
    assert [failure.line for failure in tally.failures] == [2]


def test_too_many_refusals_end_the_file(
    tmp_path: Path, base: Base, memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading, "MOST_FAILURES", 150)
    file = ndjson(tmp_path, *(patient(str(n), bad=True) for n in range(400)))
    tally = load(file, base, memory)
    assert len(tally.failures) == 200
    assert tally.files == 0


@pytest.mark.parametrize("kind", ["transaction", "batch"])
def test_a_bundle_to_be_executed_is_sent_as_it_is(
    tmp_path: Path, base: Base, memory: Memory, kind: str
) -> None:
    entry = {"resource": patient("1"), "request": {"method": "POST", "url": "Patient"}}
    bundle = {"resourceType": "Bundle", "type": kind, "entry": [entry]}
    tally = load(document(tmp_path, bundle), base, memory)
    assert base.bundles == [bundle]
    assert tally.resources == 1


def test_a_refused_transaction_is_told_and_tried_again(tmp_path: Path, base: Base, memory: Memory) -> None:
    entry = {"resource": patient("1", bad=True), "request": {"method": "POST", "url": "Patient"}}
    file = document(tmp_path, {"resourceType": "Bundle", "type": "transaction", "entry": [entry]})
    (failure,) = load(file, base, memory).failures
    assert (failure.line, failure.issue.expression) == (1, "Bundle.entry[0]")
    load(file, base, memory)
    assert len(base.bundles) == 2


def test_a_batch_that_was_done_in_part_is_not_done_again(tmp_path: Path, base: Base, memory: Memory) -> None:
    entries = [
        {"resource": resource, "request": {"method": "POST", "url": "Patient"}}
        for resource in (patient("1"), patient("2", bad=True))
    ]
    file = document(tmp_path, {"resourceType": "Bundle", "type": "batch", "entry": entries})
    tally = load(file, base, memory)
    assert (tally.resources, len(tally.failures)) == (1, 1)
    load(file, base, memory)
    assert len(base.bundles) == 1


@pytest.mark.parametrize("kind", ["collection", "searchset"])
def test_a_bundle_that_holds_resources_is_written_by_their_ids(
    tmp_path: Path, base: Base, memory: Memory, kind: str
) -> None:
    entries = [
        {"fullUrl": "https://other.example/Patient/1", "resource": patient("1")},
        {"resource": {"resourceType": "Observation"}},
        {"resource": {"resourceType": "OperationOutcome"}, "search": {"mode": "outcome"}},
        {"fullUrl": "https://other.example/Patient/2"},
        "nonsense",
    ]
    load(document(tmp_path, {"resourceType": "Bundle", "type": kind, "entry": entries}), base, memory)
    (bundle,) = base.bundles
    assert bundle["type"] == "transaction"
    assert [entry["request"] for entry in bundle["entry"]] == [
        {"method": "PUT", "url": "Patient/1"},
        {"method": "POST", "url": "Observation"},
    ]
    assert bundle["entry"][0]["fullUrl"] == "https://other.example/Patient/1"


def test_resources_that_refer_to_each_other_by_urn_are_all_written_or_none(
    tmp_path: Path, base: Base, memory: Memory
) -> None:
    entries = [
        {"fullUrl": "urn:uuid:1", "resource": patient("1")},
        {"fullUrl": "urn:uuid:2", "resource": patient("2", bad=True)},
    ]
    file = document(tmp_path, {"resourceType": "Bundle", "type": "collection", "entry": entries})
    tally = load(file, base, memory)
    assert len(tally.failures) == 1
    assert base.stored == {}


def test_an_empty_collection_is_nothing_to_send(tmp_path: Path, base: Base, memory: Memory) -> None:
    tally = load(document(tmp_path, {"resourceType": "Bundle", "type": "collection"}), base, memory)
    assert (base.bundles, tally.failures, tally.files) == ([], [], 1)


def test_a_document_bundle_is_stored_as_a_resource(tmp_path: Path, base: Base, memory: Memory) -> None:
    load(document(tmp_path, {"resourceType": "Bundle", "id": "d", "type": "document"}), base, memory)
    assert list(base.stored) == ["Bundle/d"]


def test_a_busy_database_is_asked_again(
    tmp_path: Path, base: Base, memory: Memory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loading.time, "sleep", lambda seconds: None)
    tries = []

    def refuse_twice() -> None:
        tries.append(1)
        if len(tries) < 3:
            raise Unavailable("election")

    base.before = refuse_twice
    assert load(ndjson(tmp_path, patient("1")), base, memory).resources == 1


@pytest.mark.parametrize("kind", ["ndjson", "transaction"])
def test_an_absent_database_ends_the_run_and_blames_no_line(
    tmp_path: Path, base: Base, memory: Memory, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(loading.time, "sleep", lambda seconds: None)

    def refuse() -> None:
        raise Unavailable("away")

    base.before = refuse
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": []}
    file = ndjson(tmp_path, patient("1")) if kind == "ndjson" else document(tmp_path, bundle)
    with pytest.raises(Unavailable):
        load(file, base, memory)
    assert memory.rows == {}
