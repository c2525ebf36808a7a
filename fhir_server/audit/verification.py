"""Recomputes the seals of the trail and tells what was changed, removed or inserted.

docs/decisions/0028-sealed-audit-trail.md
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from fhir_server.audit.chain import SEALS_HEAD, START, link, seal_hash
from fhir_server.storage.seals import LATE_MS, Seals
from fhir_server.storage.stored import Document

CHANGED, REMOVED, INSERTED, SEAL = "event changed", "event removed", "event inserted", "seals changed"


@dataclass(frozen=True, slots=True)
class Damage:
    """Something that is not as it was sealed."""

    kind: str
    seal: int
    """Number of the seal, 0 where none is concerned."""
    event: str = ""
    patient: str = ""


@dataclass(slots=True)
class Verification:
    """One look at the whole trail, or at that of one patient."""

    seals: Seals
    patient: str | None = None
    anchor: str = ""
    """A head that was kept elsewhere, as number:hash; "" for none."""
    verified: int = 0
    """Events that are as they were sealed."""
    unsealed: int = 0
    """Events that came after the last seal: not broken, only not sealed yet."""
    _heads: dict[str, str] = field(default_factory=dict)
    _times: dict[str, int] = field(default_factory=dict)
    """Sealed events that are younger than what was searched for insertions."""
    _searched: int = 0
    _suspects: dict[str, Damage] = field(default_factory=dict)
    """Events that no seal until theirs holds; a later one may, when only their time was changed."""

    def damages(self) -> Iterator[Damage]:
        """Yields what is wrong, in the order of the seals."""
        expected = self.seals.heads()
        number, previous = 0, START
        for seal in self.seals.all():
            yield from self._check_seal(seal, number, previous)
            number, previous = seal["_id"], seal["h"]
            self._search(seal["until"] - LATE_MS, number)
        yield from self._suspects.values()
        yield from self._check_heads(expected, number)
        self._count_unsealed()

    def _check_seal(self, seal: Document, number: int, previous: str) -> Iterator[Damage]:
        follows = seal["_id"] == number + 1 and seal["prev"] == previous
        kept, _, told = self.anchor.partition(":")
        is_anchored = kept != str(seal["_id"]) or told == seal["h"]
        if not follows or not is_anchored or seal["h"] != seal_hash(seal):
            yield Damage(SEAL, seal["_id"])
        wanted = [row for row in seal["rows"] if self.patient in (None, row["p"])]
        found = self.seals.events(event_id for row in wanted for event_id, _ in row["events"])
        for row in wanted:
            if row["prev"] != self._heads.get(row["p"], START):
                yield Damage(SEAL, seal["_id"], patient=row["p"])
            yield from self._check_row(row, seal["_id"], found)

    def _check_row(self, row: Document, number: int, found: dict[str, Document]) -> Iterator[Damage]:
        previous = row["prev"]
        for event_id, hashed in row["events"]:
            event = found.get(event_id)
            self._suspects.pop(event_id, None)
            if event is None:
                yield Damage(REMOVED, number, event_id, row["p"])
            else:
                self._times[event_id] = event["lu"]
                if _is_linked(previous, event, hashed):
                    self.verified += 1
                else:
                    yield Damage(CHANGED, number, event_id, row["p"])
            previous = hashed
        self._heads[row["p"]] = previous

    def _search(self, before: int, number: int) -> None:
        """Suspects what is so old that it was sealed by now, if it was there."""
        if before <= self._searched:
            return
        for event_id, _ in self.seals.times(self._searched, before, self.patient):
            if event_id not in self._times:
                self._suspects[event_id] = Damage(INSERTED, number, event_id, self.patient or "")
        self._searched = before
        self._times = {one: time for one, time in self._times.items() if time >= before}

    def _check_heads(self, expected: dict[str, Document], number: int) -> Iterator[Damage]:
        newest = expected.pop(SEALS_HEAD, {"n": 0})["n"]
        anchored = int(self.anchor.partition(":")[0] or 0)
        if number < max(newest, anchored):
            yield Damage(SEAL, number + 1)
        names = expected if self.patient is None else {self.patient} & set(expected)
        for name in names:
            if expected[name]["h"] != self._heads.get(name):
                yield Damage(SEAL, number, patient=name)

    def _count_unsealed(self) -> None:
        for event_id, _ in self.seals.times(self._searched, _ALWAYS, self.patient):
            self.unsealed += event_id not in self._times


_ALWAYS = 2**62


def _is_linked(previous: str, event: dict[str, Any], hashed: str) -> bool:
    try:
        return link(previous, event) == hashed
    except Exception:  # bytes that were meddled with fail in as many ways as there are bytes
        return False
