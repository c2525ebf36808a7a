"""`python -m fhir_server.definitions.publication`: writes the files of `profiles/` from its tables."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from fhir_server.definitions.publication.profiles import profiles
from fhir_server.definitions.publication.terminology import terminology
from fhir_server.fhir import Resource
from fhir_server.settings import find_artefacts


def published(folder: Path) -> Iterator[tuple[str, str]]:
    """Yields file name and content of every artefact that is made of tables."""
    for artefact in _artefacts(folder / "tables"):
        name = f"{artefact['resourceType']}-{artefact['id']}.json"
        yield name, json.dumps(artefact, ensure_ascii=False, indent=2) + "\n"


def _artefacts(tables: Path) -> Iterator[Resource]:
    yield from terminology(tables)
    yield from profiles(tables)


def main() -> None:
    """Writes all of them."""
    folder = find_artefacts() / "profiles"
    for name, text in published(folder):
        (folder / name).write_text(text, "utf-8")


if __name__ == "__main__":
    main()
