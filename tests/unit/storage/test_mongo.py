"""What the driver raises becomes what the client is told: try again, narrow it, or our fault."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self, cast

import pytest
from pymongo.errors import (
    AutoReconnect,
    BulkWriteError,
    ExecutionTimeout,
    NetworkTimeout,
    NotPrimaryError,
    OperationFailure,
    PyMongoError,
    ServerSelectionTimeoutError,
    WTimeoutError,
)

from fhir_server.errors import FhirError, TooCostly, Unavailable
from fhir_server.storage import mongo
from fhir_server.storage.mongo import Mongo, translated


def transient() -> OperationFailure:
    error = OperationFailure("write conflict", 112)
    error._add_error_label("TransientTransactionError")
    return error


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ServerSelectionTimeoutError("host:27017 refused"), Unavailable),
        (AutoReconnect("closed"), Unavailable),
        (NetworkTimeout("slow"), Unavailable),
        (NotPrimaryError("stepped down"), Unavailable),
        (WTimeoutError("no majority", 64), Unavailable),
        (transient(), Unavailable),
        (ExecutionTimeout("maxTimeMS", 50), TooCostly),
        (OperationFailure("sort memory", 292), TooCostly),
    ],
)
def test_a_failure_tells_the_client_what_to_do(error: PyMongoError, expected: type[FhirError]) -> None:
    with pytest.raises(expected) as caught, translated():
        raise error
    assert "host" not in caught.value.diagnostics
    if expected is Unavailable:
        assert int(caught.value.headers["Retry-After"]) > 0


@pytest.mark.parametrize("error", [OperationFailure("bad", 2), BulkWriteError({"writeErrors": []})])
def test_our_own_faults_stay_what_they_are(error: PyMongoError) -> None:
    with pytest.raises(type(error)), translated():
        raise error


class Session:
    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        """Nothing to close."""


class Client:
    def start_session(self, *, snapshot: bool) -> Session:
        assert snapshot
        return Session()


class Snapshots(Mongo):
    @property
    def client(self) -> Any:
        return Client()


@pytest.mark.parametrize("failures", [0, 1, 5])
def test_a_snapshot_waits_until_new_collections_are_in_it(
    failures: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mongo.time, "sleep", lambda _: None)
    left = [OperationFailure("pending catalog changes", 246)] * failures

    def read(session: object) -> str:
        if left:
            raise left.pop()
        return "read"

    assert Snapshots("mongodb://x", "x").at_one_moment(cast(Any, read)) == "read"


def test_a_snapshot_that_never_comes_is_503(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mongo.time, "sleep", lambda _: None)

    def read(session: object) -> None:
        raise OperationFailure("pending catalog changes", 246)

    with pytest.raises(Unavailable):
        Snapshots("mongodb://x", "x").at_one_moment(cast(Any, read))


def test_another_failure_of_a_snapshot_is_not_repeated() -> None:
    asked: list[int] = []

    def read(session: object) -> None:
        asked.append(1)
        raise OperationFailure("bad", 2)

    with pytest.raises(OperationFailure):
        Snapshots("mongodb://x", "x").at_one_moment(cast(Any, read))
    assert asked == [1]
