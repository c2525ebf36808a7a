"""Ceilings by test, not by advice."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.house.sources import Function, files, functions, name, tree

FILE_LINES = 400
TEST_FILE_LINES = 500
FUNCTION_LINES = 50
PARAMETERS = 6

SOURCES = files(".py", "fhir_server", "seed_data", "benchmarks")
TESTS = files(".py", "tests")


def lines(path: Path) -> int:
    return len(path.read_text("utf-8").splitlines())


def parameters(function: Function) -> int:
    arguments = function.args
    named = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    return sum(argument.arg not in ("self", "cls") for argument in named)


@pytest.mark.parametrize(("paths", "most"), [(SOURCES, FILE_LINES), (TESTS, TEST_FILE_LINES)])
def test_no_file_is_too_long(paths: list[Path], most: int) -> None:
    assert {name(p): lines(p) for p in paths if lines(p) > most} == {}


def test_no_function_is_too_long() -> None:
    long = {
        f"{name(path)}:{function.lineno} {function.name}": size
        for path in SOURCES
        for function in functions(path)
        if (size := (function.end_lineno or 0) - function.lineno + 1) > FUNCTION_LINES
    }
    assert long == {}


def test_no_function_takes_too_many_parameters() -> None:
    greedy = {
        f"{name(path)}:{function.lineno} {function.name}": parameters(function)
        for path in SOURCES
        for function in functions(path)
        if parameters(function) > PARAMETERS
    }
    assert greedy == {}


def test_every_file_begins_with_a_docstring() -> None:
    silent = [name(p) for p in SOURCES if tree(p).body and not ast.get_docstring(tree(p))]
    assert silent == []
