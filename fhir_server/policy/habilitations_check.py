"""A habilitation matrix from outside: each row against its schema, before anything reads it.

docs/security/habilitations.md
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

import jsonschema

from fhir_server.errors import Invalid
from fhir_server.policy.habilitations import Habilitations, load_habilitations, read_rows


def check_habilitations(text: str, classes: Mapping[str, str]) -> Habilitations:
    """Returns the matrix; raises Invalid with the line of what is wrong."""
    rows, lines = read_rows(text)
    for error in _schema().iter_errors(rows):
        path = list(error.absolute_path)
        place = f"line {lines[path[0]]}" if path else "the table"
        raise Invalid(f"{place}: {error.message[:200]}")
    return load_habilitations(text, classes)


@cache
def _schema() -> Any:
    text = resources.files(__package__).joinpath("habilitations.schema.json").read_text("utf-8")
    return jsonschema.Draft202012Validator(json.loads(text))
