"""A resource as MongoDB keeps it: its JSON bytes, compressed, beside its index entries.

| field | meaning |
|---|---|
| _id   | logical id |
| v     | version, from 1 |
| lu    | lastUpdated, ms since 1970 |
| m     | the HTTP method that made this version |
| p     | the patient whose compartment holds it; absent when none or several |
| vis   | visibility labels as a bit set; iv, au, dk, ds, st, ep: storage/record_fields.py |
| sk    | sort key: primary date, then a hash of the id |
| t, r  | index entries (search/index.py); t is empty when deleted; rows of the history have no words |
| c     | index entries of what it contains (search/contained.py) |
| g     | position of a Location, GeoJSON |
| d     | true when deleted |
| z     | JSON bytes, zstd; absent when deleted |
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import zstandard

from fhir_server.fhir import Resource
from fhir_server.fhir.json import encode_json
from fhir_server.search.contained import CONTAINED
from fhir_server.search.entries import IN_CONTENT, IN_NARRATIVE
from fhir_server.search.index import IndexEntries, extract_index
from fhir_server.search.parameters.position import POSITION

Document = dict[str, Any]

_LEVEL = 3
_RECORD = ("p", "vis", "iv", "au", "dk", "ds", "st", "ep")
_WORDS = frozenset({IN_CONTENT, IN_NARRATIVE})
_local = threading.local()


@dataclass(slots=True)
class Stored:
    """One version of a resource as read from the database. Not frozen: that would cost a page 20 µs."""

    resource_type: str
    id: str
    version: int
    last_updated: int
    """ms since 1970"""
    method: str
    raw: bytes
    """JSON as it was stored; empty when deleted."""
    deleted: bool
    patient: str
    labels: int = 0
    """Visibility labels, as bits."""
    hidden_until: int = 0
    """Until when it is hidden from the patient, ms."""
    container: str = ""
    """Type/id of the resource that contains it; "" for what stands by itself."""

    @property
    def reference(self) -> str:
        return f"{self.container}#{self.id}" if self.container else f"{self.resource_type}/{self.id}"


def build_document(
    resource: Resource, version: int, last_updated: int, method: str, base_url: str
) -> Document:
    """Returns the document of a resource whose id and meta are final."""
    index = build_index(resource, last_updated, base_url)
    head = _head(resource["id"], version, last_updated, method)
    return {**head, "z": compress(encode_json(resource)), **index}


def join_document(resource_id: str, raw: bytes, created: int, index: IndexEntries) -> Document:
    """Returns the document of a new resource whose JSON and index entries are known."""
    return {**_head(resource_id, 1, created, "POST"), "z": compress(raw), **index_fields(index)}


def _head(resource_id: str, version: int, last_updated: int, method: str) -> Document:
    return {"_id": resource_id, "v": version, "lu": last_updated, "m": method, "vis": 0, "iv": 0}


def build_index(resource: Resource, last_updated: int, base_url: str) -> Document:
    """Returns the fields of a document by which its resource is found."""
    return index_fields(extract_index(resource, last_updated, base_url))


OPTIONAL_FIELDS = ("p", POSITION, CONTAINED)
"""Of those by which a resource is found: absent where there is nothing to say."""


RECORD_BY_REFERENCE = frozenset({"Binary", "Provenance"})
"""Types whose `p` is that of what refers to them, or of what they refer to (policy/settle.py)."""


PAST_FIELDS = ("p", "t", "r")
"""Of those, the ones that an old version keeps: a policy asks for no more."""


def index_fields(index: IndexEntries) -> Document:
    """Returns index entries as fields of a document."""
    fields: Document = {"sk": index.sort_key, "t": index.tokens, "r": index.ranges}
    # A resource in the records of several patients belongs to none: a policy that binds to one
    # patient then never sees it (HAPI #2222); it stays searchable by its reference tokens.
    if len(index.patients) == 1:
        fields["p"] = index.patients[0]
    if index.position is not None:
        fields[POSITION] = index.position
    if index.contained:
        fields[CONTAINED] = list(index.contained)
    return fields


def build_tombstone(document: Document, last_updated: int) -> Document:
    """Returns what remains of a deleted resource: whose it was, and when; it matches no search."""
    tombstone: Document = {k: document[k] for k in ("_id", "sk", *_RECORD) if k in document}
    tombstone |= {"v": document["v"] + 1, "lu": last_updated, "m": "DELETE", "d": True, "t": [], "r": []}
    return tombstone


def build_history(resource_type: str, document: Document, until: int) -> Document:
    """Returns the history row of a version that another one replaced at `until` (ms)."""
    row: Document = {k: document[k] for k in ("v", "lu", "m", "d", "r", "z", *_RECORD) if k in document}
    row |= {
        "t": past_tokens(document.get("t", [])),
        "_id": f"{resource_type}/{document['_id']}/{document['v']}",
        "rt": resource_type,
        "id": document["_id"],
        "until": until,
    }
    return row


def past_tokens(tokens: Iterable[str]) -> list[str]:
    """Returns the tokens by which a policy knows an old version; nobody searches old versions for words."""
    return [t for t in tokens if t[:1] not in _WORDS and not t.partition("=")[0].endswith(":text")]


def read_document(resource_type: str, document: Document) -> Stored:
    """Returns the version that a document of a resource collection or of the history holds."""
    deleted = bool(document.get("d"))
    return Stored(
        resource_type,
        document["id"] if "rt" in document else document["_id"],
        document["v"],
        int(document["lu"]),
        document["m"],
        b"" if deleted else decompress(document["z"]),
        deleted,
        document.get("p", ""),
        document.get("vis", 0),
        document.get("iv", 0),
    )


def compress(raw: bytes) -> bytes:
    """Compresses JSON bytes with the newest dictionary."""
    compressor = getattr(_local, "compressor", None)
    if compressor is None:
        # zstd contexts are not thread-safe, so each thread keeps its own; the dictionary is shared.
        compressor = _local.compressor = zstandard.ZstdCompressor(
            level=_LEVEL, dict_data=_dictionaries()[max(_dictionaries())], write_checksum=False
        )
    return bytes(compressor.compress(raw))


def decompress(frame: bytes) -> bytes:
    """Restores the JSON bytes of `compress`, of this release or an earlier one."""
    try:
        decompressors = _local.decompressors
    except AttributeError:
        decompressors = _local.decompressors = _Decompressors()
    return bytes(decompressors[_dictionary_id(frame)].decompress(frame))


class _Decompressors(dict[int, zstandard.ZstdDecompressor]):
    """Those of one thread, by dictionary, made when they are first needed."""

    def __missing__(self, dictionary_id: int) -> zstandard.ZstdDecompressor:
        found = self[dictionary_id] = zstandard.ZstdDecompressor(dict_data=_dictionaries()[dictionary_id])
        return found


def _dictionary_id(frame: bytes) -> int:
    """RFC 8878 §3.1.1: where the frame is one segment, an id of two bytes follows the descriptor."""
    if frame[4] & 0b10_0011 == 0b10_0010:
        return frame[5] | frame[6] << 8
    return int(zstandard.get_frame_parameters(frame).dict_id)


@cache
def _dictionaries() -> dict[int, zstandard.ZstdCompressionDict]:
    """Every dictionary that data was ever written with, by the id in its frames (`make dictionary`)."""
    loaded = {}
    for file in resources.files(__package__).joinpath("dictionaries").iterdir():
        dictionary = zstandard.ZstdCompressionDict(file.read_bytes())
        dictionary.precompute_compress(level=_LEVEL)
        loaded[dictionary.dict_id()] = dictionary
    return loaded
