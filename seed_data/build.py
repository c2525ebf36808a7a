"""Write the JSON files of seed_data from its content: `python -m seed_data.build [FOLDER]`.

The same content gives the same bytes. https://hl7.org/fhir/R4/http.html#transaction
"""

from __future__ import annotations

import json
import sys
import unicodedata
from pathlib import Path

if not __package__:  # run as a file: python seed_data/build.py
    sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from seed_data import directory
from seed_data.codes import catalogue
from seed_data.content import STORIES, manifest
from seed_data.record import Record, dump
from seed_data.sections import SECTIONS

HERE = Path(__file__).resolve().parent


def slug(text: str) -> str:
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return "-".join(plain.lower().replace("'", " ").split())


def patient_bundle(number: int) -> Record:
    row = catalogue("patients")[str(number)]
    record = Record(f"dmp-{number:04d}")
    for section in SECTIONS:
        section(record, row, STORIES[number])
    return record


def files() -> dict[str, str]:
    """Path in this folder → text."""
    texts = {"directory.json": dump(directory.build().bundle())}
    for number in sorted(STORIES):
        row = catalogue("patients")[str(number)]
        path = f"patients/{number:02d}-{slug(row['family'])}-{slug(row['given'])}.json"
        texts[path] = dump(patient_bundle(number).bundle())
    order = list(texts)
    texts["manifest.json"] = json.dumps(manifest.manifest(order), ensure_ascii=False, indent=2) + "\n"
    return texts


def write(folder: Path) -> None:
    for path, text in files().items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8", newline="\n")


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
