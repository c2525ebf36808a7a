"""`python -m benchmarks.scale`: what searches of many shapes examine in a full database, and what that costs.

Each search goes through the whole server; each command it sends to MongoDB is explained afterwards, so that
chains, includes, totals and later pages count with what they really ask. Bars: docs/performance.md
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import parse_qsl

from pymongo import MongoClient
from pymongo.monitoring import CommandListener, CommandStartedEvent, CommandSucceededEvent
from pymongo.write_concern import WriteConcern

from benchmarks.scale_records import CHRONIC, PRACTITIONERS, documents, patients_of
from benchmarks.scale_shapes import BOUND, SHAPES, Shape
from fhir_server.app import Server
from fhir_server.interactions.messages import FhirRequest
from fhir_server.policy.context import AccessContext
from fhir_server.policy.scopes import parse_scopes
from fhir_server.settings import load_settings
from fhir_server.storage.embedded import EmbeddedMongo
from fhir_server.storage.explanation import summarise_plan
from fhir_server.storage.mongo import OTHER_INDEXES, RESOURCE_INDEXES, Mongo
from fhir_server.storage.stored import decompress

KEYS_PER_RESULT, KEYS_FREE = 3, 100
GROWTH, FLOOR_RATIO = 1.3, 1.6
KEYS_SPREAD, MS_SPREAD = 10, 0.15
"""Records differ a little, and so does the clock."""
SMALL = 10_000
ROUNDS = 25
_BATCH = 2_000
_INDEX_MS = 600_000
"""Until the indexes of a full collection are built."""
_READS = frozenset({"find", "aggregate", "count"})
_NOT_EXPLAINED = frozenset({"lsid", "$db", "$clusterTime", "$readPreference", "maxTimeMS", "readConcern"})
_FLOOR_SHAPE = "long record, code, date-sorted page"


class Commands(CommandListener):
    """Remembers the reads of resources that the server sends, and how long each took."""

    def __init__(self) -> None:
        self.seen: list[dict[str, Any]] = []
        self.microseconds = 0
        self._open: set[int] = set()

    def started(self, event: CommandStartedEvent) -> None:
        if event.command_name in _READS and str(event.command[event.command_name])[0].isupper():
            self.seen.append({k: v for k, v in event.command.items() if k not in _NOT_EXPLAINED})
            self._open.add(event.request_id)

    def succeeded(self, event: CommandSucceededEvent) -> None:
        if event.request_id in self._open:
            self.microseconds += event.duration_micros

    def failed(self, event: Any) -> None:
        """The answer tells of it."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What one command examined."""

    command: str
    index: str
    keys: int
    documents: int
    results: int

    @property
    def is_within(self) -> bool:
        """The bar: an index, and few keys for each result."""
        return (
            not self.index.startswith("none: every")
            and self.keys <= KEYS_PER_RESULT * self.results + KEYS_FREE
        )


@dataclass(frozen=True, slots=True)
class Measured:
    """One shape on one database; figures are medians over patients."""

    shape: Shape
    costs: tuple[Cost, ...]
    """Of one search."""
    keys: float
    found: float
    ms: float
    """What its commands took together."""

    @property
    def is_within(self) -> bool:
        """The bar for each of its commands; a search that only counts reads no document."""
        only_counts = "_summary=count" in self.shape.search
        return all(cost.is_within and not (only_counts and cost.documents) for cost in self.costs)


class Scaled:
    """A server on a database that `load` filled with `count` resources."""

    def __init__(self, uri: str, database: str, count: int) -> None:
        self.commands = Commands()
        settings = {"MONGODB_URI": uri, "MONGODB_DATABASE": database, "LOG_LEVEL": "WARNING"}
        self.server = Server(load_settings(settings | {"BASE_URL": "http://127.0.0.1/fhir"}))
        self.server.mongo._client = MongoClient(uri, event_listeners=[self.commands], tz_aware=True)
        self.server.mongo._pid = os.getpid()
        self.patients = patients_of(count)
        self.entries: list[dict[str, Any]] = []

    def search(self, shape: Shape, number: int) -> int:
        """Asks one search, its pages one by one up to the one meant; returns how many entries it has."""
        long_records = -(-self.patients // CHRONIC)
        chosen = CHRONIC * (number % long_records) if shape.is_long else 7 * number % self.patients
        record = f"{chosen:07d}"
        words = {"p": f"p{record}", "d": f"d{number % PRACTITIONERS:07d}", "e": f"e{record}03"}
        path, _, query = shape.search.format(**words).partition("?")
        level = "patient" if shape.token == BOUND else "system"
        text = f"{level}/*.rs"
        if shape.condition:
            text = f"{level}/Observation.rs?{shape.condition} {level}/Patient.rs"
        scopes = parse_scopes(text, self.server.definitions.resource_types)
        context = AccessContext("scale", "scale", scopes, f"p{record}" if shape.token == BOUND else "")
        pairs = tuple(parse_qsl(query.replace("+", "%2B")))
        for _ in range(shape.page):
            self.commands.seen.clear()
            self.commands.microseconds = 0
            answer = self.server.interact(context, FhirRequest("GET", tuple(path.split("/")), pairs))
            assert answer.status == 200, (shape.name, answer)
            assert isinstance(answer.body, dict)
            links = {row["relation"]: row["url"] for row in answer.body.get("link", ())}
            pairs = tuple(parse_qsl(links.get("next", "").partition("?")[2]))
        self.entries = answer.body.get("entry", [])
        return len(self.entries) or int(answer.body.get("total", 0))

    def explain(self) -> list[Cost]:
        """Explains the commands of the last search."""
        return [self._cost(command) for command in list(self.commands.seen)]

    def _cost(self, command: dict[str, Any]) -> Cost:
        (name, _) = next(iter(command.items()))
        account = self.server.mongo.database.command("explain", command, verbosity="executionStats")
        found = summarise_plan(account)
        kind = "count" if name == "aggregate" and "$group" in command["pipeline"][-1] else name
        return Cost(kind, found["index"], found["keys"], found["documents"], found["results"])

    def measure(self, shape: Shape, rounds: int = ROUNDS) -> Measured:
        """Asks a shape for several patients."""
        return measure_in_turns([self], shape, rounds)[0]

    def floor_ratio(self, rounds: int = 200) -> float:
        """A page of one code of a long record over a bare find of the same documents, returned as bytes."""
        shape = next(s for s in SHAPES if s.name == _FLOOR_SHAPE)
        ratios = []
        for number in range(rounds):
            self.search(shape, number)
            ours = self.commands.microseconds
            ids = [entry["fullUrl"].rpartition("/")[2] for entry in self.entries]
            collection = self.server.mongo.collection("Observation")
            self.commands.seen.clear()
            self.commands.microseconds = 0
            bare = [decompress(row["z"]) for row in collection.find({"_id": {"$in": ids}}, {"z": 1})]
            assert len(bare) == len(ids)
            ratios.append(ours / self.commands.microseconds)
        return median(ratios)


class _Tally:
    """What one database costs, round after round."""

    def __init__(self, scaled: Scaled) -> None:
        self._scaled = scaled
        self._keys: list[int] = []
        self._times: list[float] = []
        self._found: list[int] = []
        self._costs: list[Cost] = []

    def ask(self, shape: Shape, number: int) -> None:
        """Asks twice, the first time to warm what is cold, and explains the second."""
        self._scaled.search(shape, number)
        self._found.append(self._scaled.search(shape, number))
        self._times.append(self._scaled.commands.microseconds / 1000)
        costs = self._scaled.explain()
        self._keys.append(sum(c.keys for c in costs))
        self._costs = max(self._costs, costs, key=lambda c: (sum(x.keys for x in c), len(c)))

    def measured(self, shape: Shape) -> Measured:
        keys, found, times = map(median, (self._keys, self._found, self._times))
        return Measured(shape, tuple(self._costs), keys, found, times)


def measure_in_turns(databases: Sequence[Scaled], shape: Shape, rounds: int = ROUNDS) -> list[Measured]:
    """Asks a shape of several databases, one after the other in each round: a noisy machine is so for all."""
    tallies = [_Tally(scaled) for scaled in databases]
    for number in range(1, rounds + 1):
        for tally in tallies:
            tally.ask(shape, number)
    return [tally.measured(shape) for tally in tallies]


def load(uri: str, database: str, count: int) -> tuple[int, float]:
    """Fills a database, its indexes last; returns how many resources and the seconds."""
    mongo = Mongo(uri, database, timeout_ms=_INDEX_MS)
    began = time.perf_counter()
    stream, total = documents(count), 0
    fast = WriteConcern(w=1, j=False)
    while batch := list(islice(stream, _BATCH)):
        by_type: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for resource_type, document in batch:
            by_type[resource_type].append(document)
        for resource_type, rows in by_type.items():
            collection = mongo.collection(resource_type).with_options(write_concern=fast)
            collection.insert_many(rows, ordered=False)
        total += len(batch)
        if total % 100_000 < _BATCH:
            print(f"  {total:,} in {time.perf_counter() - began:.0f} s", flush=True)
    for name in mongo.database.list_collection_names():
        mongo.collection(name).create_indexes(list(OTHER_INDEXES.get(name, RESOURCE_INDEXES)))
    mongo.close()
    return total, time.perf_counter() - began


def report(pairs: list[tuple[Measured, Measured]]) -> bool:
    """Prints the table of (small, large); tells whether every bar holds."""
    kept = True
    print("| shape | index | keys | documents | found | ms | ms at 10,000 | bar |")
    print("|---|---|---|---|---|---|---|---|")
    for before, row in pairs:
        grown = row.shape.is_record and row.keys > GROWTH * before.keys + KEYS_SPREAD
        slow = row.shape.is_record and row.ms > GROWTH * before.ms + MS_SPREAD
        verdict = ["keys"] * (not row.is_within) + ["growth"] * grown + ["time"] * slow
        kept = kept and not verdict
        index = "; ".join(dict.fromkeys(f"{c.command}: {c.index}" for c in row.costs))
        keys, fetched = (" + ".join(str(getattr(c, n)) for c in row.costs) for n in ("keys", "documents"))
        print(
            f"| {row.shape.name} | {index} | {keys} | {fetched} | {row.found:.0f} | {row.ms:.1f} "
            f"| {before.ms:.1f} | {', '.join(verdict) or 'holds'} |",
            flush=True,
        )
    return kept


def main() -> None:
    """Fills two databases, measures all shapes on both, and fails when a bar does not hold."""
    count = int(os.environ.get("SCALE_RESOURCES", "1000000"))
    with tempfile.TemporaryDirectory(prefix="scale-") as name, EmbeddedMongo(Path(name), cache_gb=3) as mongo:
        load(mongo.uri, "small", SMALL)
        total, seconds = load(mongo.uri, "large", count)
        print(f"{total:,} resources in {seconds:.0f} s")
        few, many = Scaled(mongo.uri, "small", SMALL), Scaled(mongo.uri, "large", count)
        few_and_many = [measure_in_turns([few, many], shape) for shape in SHAPES]
        kept = report([(small, large) for small, large in few_and_many])
        ratio = many.floor_ratio()
        print(f"\n{_FLOOR_SHAPE}: {ratio:.2f} times a bare find of the same documents, at most {FLOOR_RATIO}")
    sys.exit(not (kept and ratio <= FLOOR_RATIO))


if __name__ == "__main__":
    main()
