"""The habilitation matrix that holds now: the newest that was loaded, else the one of this release."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from fhir_server.policy.habilitations import Habilitations, load_habilitations, shipped_text
from fhir_server.storage.habilitations import LoadedHabilitations

SECONDS = 2.0
"""How late a worker may notice a new matrix."""


class CurrentHabilitations:
    """Asked on each request of a professional; looks for a new matrix every few seconds."""

    def __init__(self, loaded: LoadedHabilitations, profiles: Path) -> None:
        self._loaded = loaded
        self._profiles = profiles
        self._version = -1
        self._until = 0.0
        self._matrix: Habilitations | None = None

    @cached_property
    def classes(self) -> dict[str, str]:
        """Type code of a document → its class."""
        return document_classes(self._profiles)

    def readable(self, profession: str) -> frozenset[str]:
        """Returns the kinds of content that a profession may read today; none for an unknown one."""
        return self.matrix.readable(profession, datetime.now(UTC).date())

    @property
    def matrix(self) -> Habilitations:
        """The matrix that holds now."""
        now = time.monotonic()
        if self._matrix is None or now >= self._until:
            version = self._loaded.newest_version()
            if self._matrix is None or version != self._version:
                text = self._loaded.text(version) if version else shipped_text()
                self._matrix = load_habilitations(text, self.classes)
                self._version = version
            self._until = now + SECONDS
        return self._matrix


def document_classes(profiles: Path) -> dict[str, str]:
    """Returns type code → class, as the ConceptMap of profiles/ says."""
    concept_map = json.loads((profiles / "ConceptMap-dmp-document-type-to-class.json").read_bytes())
    rows = [row for group in concept_map["group"] for row in group["element"]]
    return {row["code"]: row["target"][0]["code"] for row in rows}
