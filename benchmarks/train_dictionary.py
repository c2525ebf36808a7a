"""Trains the dictionary with which resources are compressed: `make dictionary`. RFC 8878 §5

A resource of 1 KB alone hardly compresses; with a dictionary of what resources share it takes a fifth.
Samples are the fictitious records of seed_data/ and AuditEvents as the server writes them, in the form
in which they are stored. The result is deterministic.

A frame names the dictionary it needs, so a dictionary that data was written with is never changed or removed:
this writes a new file with the next id, the server writes with the highest id and reads with all of them.
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import zstandard

from fhir_server.audit.event import Access, Caller, build_event
from fhir_server.fhir import Resource
from fhir_server.fhir.instant import format_instant
from fhir_server.fhir.json import encode_json, parse_json

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "fhir_server" / "storage" / "dictionaries"
FIRST_ID = 32_768
"""RFC 8878: lower ids are for registered dictionaries; up to 65,535 an id takes two bytes of each frame."""
SIZE = 32_768
LEVEL = 3
_SEGMENT, _DMER = 500, 8
_INSTANT = 1_760_000_000_000
_LONGEST = 16_384
"""Larger resources are mostly base64, from which nothing is to be learned."""

_INTERACTIONS = ("read", "vread", "search-type", "create", "update", "patch", "delete", "history-instance")
_TYPES = ("Patient", "Observation", "DocumentReference", "MedicationRequest", "Condition", "Encounter")
_USERS = ("", "Practitioner/{}", "Patient/{}")


def main() -> None:
    """Writes the next dictionary and says what it saves."""
    samples: list[bytes | bytearray | memoryview[int]] = [*stored_samples()]
    known = [int(path.stem) for path in FOLDER.glob("*.zdict")]
    dictionary = train(samples, max(known, default=FIRST_ID - 1) + 1)
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{dictionary.dict_id()}.zdict"
    path.write_bytes(dictionary.as_bytes())
    compressor = zstandard.ZstdCompressor(level=LEVEL, dict_data=dictionary)
    before, after = sum(map(len, samples)), sum(len(compressor.compress(sample)) for sample in samples)
    print(
        f"{path.relative_to(ROOT)}: {len(samples)} samples, {before} -> {after} bytes ({after / before:.1%})"
    )


def train(
    samples: list[bytes | bytearray | memoryview[int]], dictionary_id: int
) -> zstandard.ZstdCompressionDict:
    """Returns the dictionary of these samples."""
    return zstandard.train_dictionary(SIZE, samples, k=_SEGMENT, d=_DMER, dict_id=dictionary_id, level=LEVEL)


def stored_samples() -> Iterator[bytes]:
    """Yields resources and AuditEvents as they are stored."""
    chance = random.Random(0)
    for path in sorted((ROOT / "seed_data").rglob("*.json")):
        content = parse_json(path.read_bytes())
        if content.get("resourceType") != "Bundle":
            continue
        for entry in content["entry"]:
            sample = encode_json(_as_stored(entry["resource"], chance))
            if len(sample) <= _LONGEST:
                yield sample
    for event in _events(chance):
        yield encode_json(event)


def _as_stored(resource: Resource, chance: random.Random) -> Resource:
    meta = {**resource.get("meta", {}), "versionId": "1", "lastUpdated": _instant(chance)}
    return {"resourceType": resource["resourceType"], "id": _uuid(chance), "meta": meta} | {
        key: value for key, value in resource.items() if key not in ("resourceType", "id", "meta")
    }


def _events(chance: random.Random) -> Iterator[Resource]:
    for interaction, resource_type, user in product(_INTERACTIONS, _TYPES, _USERS):
        query = f"{resource_type}?patient={_uuid(chance)}&_count=20" if interaction == "search-type" else ""
        reference = f"{resource_type}/{_uuid(chance)}/_history/1"
        access = Access(interaction, resource_type, _uuid(chance), () if query else (reference,), query)
        fhir_user = user.format(_uuid(chance))
        caller = Caller("client", chance.randbytes(16).hex(), fhir_user, "TREAT", "127.0.0.1", _uuid(chance))
        yield build_event(access, caller, _uuid(chance), _instant(chance), "DMP FHIR server")


def _uuid(chance: random.Random) -> str:
    return str(uuid.UUID(bytes=chance.randbytes(16), version=4))


def _instant(chance: random.Random) -> str:
    return format_instant(_INSTANT + chance.randrange(31_536_000_000))


if __name__ == "__main__":
    main()
