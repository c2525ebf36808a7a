"""Which files the house looks at, and their syntax trees."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
_NOT_OURS = {"build", "dist", "htmlcov", "data", "node_modules", "__pycache__"}

Function = ast.FunctionDef | ast.AsyncFunctionDef


def files(suffix: str, *folders: str) -> list[Path]:
    """Returns our files with a suffix, below these folders or all of the project."""
    starts = [ROOT / folder for folder in folders] or [ROOT]
    found = [path for start in starts for path in start.rglob(f"*{suffix}")]
    return sorted(path for path in found if _is_ours(path.relative_to(ROOT)))


def _is_ours(path: Path) -> bool:
    return not any(part.startswith(".") or part in _NOT_OURS for part in path.parts[:-1])


def name(path: Path) -> str:
    """Returns a path as a message shows it."""
    return path.relative_to(ROOT).as_posix()


@cache
def tree(path: Path) -> ast.Module:
    """Returns the syntax tree of a Python file."""
    return ast.parse(path.read_text("utf-8"))


def functions(path: Path) -> Iterator[Function]:
    """Yields every function and method of a file, nested ones included."""
    for node in ast.walk(tree(path)):
        if isinstance(node, Function):
            yield node
