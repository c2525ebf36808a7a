"""Catalogues (CSV) and one story per patient (Python tables), by the number of patients.csv.

The keys of a story are read by the functions of seed_data/sections, whose docstrings say what a row holds.
"""

from __future__ import annotations

from typing import Any

from seed_data.content import adults, aged, benali, casanova, hoarau, lefevre, long_illness, moreau, young

STORIES: dict[int, dict[str, Any]] = {
    1: moreau.STORY,
    2: lefevre.STORY,
    3: benali.STORY,
    4: casanova.STORY,
    5: hoarau.STORY,
    **young.STORIES,
    **adults.STORIES,
    **long_illness.STORIES,
    **aged.STORIES,
}
