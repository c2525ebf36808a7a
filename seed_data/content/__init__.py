"""Catalogues (CSV) and one story per patient (Python tables), by the number of patients.csv."""

from __future__ import annotations

from typing import Any

from seed_data.content import benali, lefevre, moreau

STORIES: dict[int, dict[str, Any]] = {1: moreau.STORY, 2: lefevre.STORY, 3: benali.STORY}
