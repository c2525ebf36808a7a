"""Names say what a thing is; words that fit everything say nothing."""

from __future__ import annotations

import ast
import re

from tests.house.sources import ROOT, files, functions, name, tree

EMPTY_WORDS = frozenset(
    {"util", "utils", "helper", "helpers", "manager", "service", "base", "common", "data", "info"}
    | {"impl", "handler", "processor", "misc"}
)
# Words of a standard that happen to be among them.
WORDS_OF_STANDARDS = {
    "default_base_url": "[base] is the service base URL of FHIR",
    "_summary_data": "_summary=data",
}
SOURCES = files(".py", "fhir_server", "seed_data", "benchmarks")
_WORD = re.compile(r"[A-Z]?[a-z]+\d*|[A-Z]+(?![a-z])\d*")


def words(identifier: str) -> set[str]:
    """FhirError_base64 → fhir, error, base64."""
    return {word.lower() for word in _WORD.findall(identifier)}


def is_empty(identifier: str) -> bool:
    return bool(words(identifier) & EMPTY_WORDS) and identifier not in WORDS_OF_STANDARDS


def test_no_file_or_folder_has_an_empty_name() -> None:
    parts = {part for path in SOURCES for part in path.relative_to(ROOT).with_suffix("").parts[1:]}
    assert {part for part in parts if is_empty(part)} == set()


def test_no_function_has_an_empty_name() -> None:
    found = [
        f"{name(p)}:{f.lineno} {f.name}"
        for p in SOURCES
        for f in functions(p)
        if not f.name.startswith("__") and is_empty(f.name)
    ]
    assert found == []


def test_no_class_has_an_empty_name() -> None:
    found = [
        f"{name(p)}:{node.lineno} {node.name}"
        for p in SOURCES
        for node in ast.walk(tree(p))
        if isinstance(node, ast.ClassDef) and is_empty(node.name)
    ]
    assert found == []


def test_words_are_split_as_people_read_them() -> None:
    assert words("FhirErrorBase") == {"fhir", "error", "base"}
    assert words("read_HTTPInfo") == {"read", "http", "info"}
    assert not words("database_base64") & EMPTY_WORDS


def test_every_test_is_named_as_a_sentence() -> None:
    short = [
        f"{name(p)}:{f.lineno} {f.name}"
        for p in files(".py", "tests")
        for f in functions(p)
        if f.name.startswith("test_") and f.name.count("_") < 3
    ]
    assert short == []
