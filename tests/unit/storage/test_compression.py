"""Resources are compressed with a dictionary, and every frame ever written stays readable."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import zstandard

from fhir_server.fhir.json import encode_json
from fhir_server.storage import stored
from fhir_server.storage.stored import compress, decompress

SHIPPED = Path(stored.__file__).parent / "dictionaries"
OBSERVATION = encode_json(
    {
        "resourceType": "Observation",
        "id": "1",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}]},
        "subject": {"reference": "Patient/1"},
    }
)


@pytest.mark.parametrize("raw", [b"", b"{}", OBSERVATION, OBSERVATION * 1000])
def test_what_was_compressed_comes_back(raw: bytes) -> None:
    assert decompress(compress(raw)) == raw


def test_the_dictionary_pays_for_small_resources() -> None:
    assert len(compress(OBSERVATION)) < 0.6 * len(OBSERVATION)


def test_a_file_is_named_by_its_id() -> None:
    for path in SHIPPED.iterdir():
        dictionary = zstandard.ZstdCompressionDict(path.read_bytes())
        assert path.name == f"{dictionary.dict_id()}.zdict"
        assert path.stat().st_size <= 32_768


def test_frames_of_an_older_dictionary_stay_readable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    older = compress(OBSERVATION)
    folder = tmp_path / "dictionaries"
    shutil.copytree(SHIPPED, folder)
    samples = [OBSERVATION.replace(b"29463-7", str(n).encode()) for n in range(500)]
    newer = zstandard.train_dictionary(2048, samples, k=200, d=8, dict_id=40_000)
    (folder / "40000.zdict").write_bytes(newer.as_bytes())
    monkeypatch.setattr(stored.resources, "files", lambda _: tmp_path)
    monkeypatch.setattr(stored, "_local", type(stored._local)())
    stored._dictionaries.cache_clear()
    try:
        written = compress(OBSERVATION)
        assert zstandard.get_frame_parameters(written).dict_id == 40_000
        assert decompress(written) == decompress(older) == OBSERVATION
    finally:
        stored._dictionaries.cache_clear()
