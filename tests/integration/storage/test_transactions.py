"""Transactions that meet others: again on what the first one left, and never for ever."""

from __future__ import annotations

import pytest
from pymongo.errors import BulkWriteError, DuplicateKeyError

from fhir_server.errors import Conflict
from fhir_server.storage.transactions import Transactions, WriteSession
from tests.running_server import RunningServer


@pytest.fixture
def transactions(server: RunningServer, monkeypatch: pytest.MonkeyPatch) -> Transactions:
    monkeypatch.setattr("fhir_server.storage.transactions.time.sleep", lambda _: None)
    return Transactions(server.inside.mongo, server.base_url)


DUPLICATES = [
    DuplicateKeyError("E11000"),
    BulkWriteError({"writeErrors": [{"code": 11000, "index": 0, "errmsg": "E11000"}]}),
]


@pytest.mark.parametrize("error", DUPLICATES)
def test_an_id_taken_meanwhile_is_looked_at_again(transactions: Transactions, error: Exception) -> None:
    attempts: list[WriteSession] = []

    def work(writes: WriteSession) -> int:
        attempts.append(writes)
        if len(attempts) < 4:
            raise error
        return len(attempts)

    assert transactions.run({"Patient"}, work) == 4
    assert len(set(map(id, attempts))) == 4


@pytest.mark.parametrize("error", DUPLICATES)
def test_who_never_gets_through_is_told_so(transactions: Transactions, error: Exception) -> None:
    def work(writes: WriteSession) -> None:
        raise error

    with pytest.raises(Conflict):
        transactions.run({"Patient"}, work)


def test_another_failure_is_not_repeated(transactions: Transactions) -> None:
    attempts: list[int] = []

    def work(writes: WriteSession) -> None:
        attempts.append(1)
        raise BulkWriteError({"writeErrors": [{"code": 121, "index": 0, "errmsg": "validation"}]})

    with pytest.raises(BulkWriteError):
        transactions.run({"Patient"}, work)
    assert attempts == [1]


def test_inserts_that_wait_are_lost_with_their_transaction(
    server: RunningServer, transactions: Transactions
) -> None:
    def work(writes: WriteSession) -> None:
        document = transactions.build({"resourceType": "Patient"}, "lost", 1, 1, "POST")
        writes.insert_all({"Patient": [document]})
        writes.flush()
        raise LookupError("stop")

    with pytest.raises(LookupError):
        transactions.run({"Patient"}, work)
    assert server.inside.mongo.collection("Patient").find_one({"_id": "lost"}) is None
