"""Whatever JSON stands in the place of a value: issues, never an exception."""

from __future__ import annotations

import json
import random
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from fhir_server.validation.validate import validate_resource

SEED = Path(__file__).resolve().parents[3] / "seed_data" / "patients"
VALUES: list[Any] = [
    None,
    True,
    0,
    -1,
    "",
    "x",
    "#",
    "#x",
    "urn:x",
    [],
    {},
    [None],
    [[]],
    [{}],
    [{"x": {}}],
    {"x": [1]},
]
FILES = sorted(SEED.glob("*.json"))[:4]


def places(value: Any, found: list[tuple[Any, Any]]) -> list[tuple[Any, Any]]:
    """Returns every (holder, key) below a value."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in pairs:
        found.append((value, key))
        places(item, found)
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.stem))
def test_any_value_in_any_place_yields_issues_only(path: Path) -> None:
    chance = random.Random(path.stem)
    entries = json.loads(path.read_bytes())["entry"]
    for _ in range(120):
        entry = deepcopy(chance.choice(entries))
        for holder, key in chance.sample(places(entry, []), 2):
            holder[key] = chance.choice(VALUES)
        bundle = {
            "resourceType": "Bundle",
            "type": chance.choice(["transaction", "document", [], {}]),
            "entry": [entry],
        }
        for resource in (entry.get("resource"), bundle):
            for issue in validate_resource(resource):
                assert issue.severity in ("error", "warning", "information")
