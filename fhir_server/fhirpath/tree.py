"""The nodes of a parsed expression. http://hl7.org/fhirpath/N1/#expressions"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Tree:
    """Any part of an expression."""

    height: int
    """Levels below and including this one; bounded, so that walking a tree cannot exhaust the stack."""


@dataclass(frozen=True, slots=True)
class Literal(Tree):
    value: Any
    type: str


@dataclass(frozen=True, slots=True)
class Nothing(Tree):
    """`{}`"""


@dataclass(frozen=True, slots=True)
class Name(Tree):
    """A child element, or the type of the root at the start of a path."""

    name: str


@dataclass(frozen=True, slots=True)
class Variable(Tree):
    """`%name`"""

    name: str


@dataclass(frozen=True, slots=True)
class Special(Tree):
    """`$this`, `$index`, `$total`"""

    name: str


@dataclass(frozen=True, slots=True)
class Call(Tree):
    """A function on the items before it."""

    name: str
    arguments: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Indexer(Tree):
    """`[index]`"""

    index: Tree


@dataclass(frozen=True, slots=True)
class Path(Tree):
    """A start and the steps taken from it: a.b(c)[d]"""

    start: Tree
    steps: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class Sign(Tree):
    """Unary + and -"""

    operator: str
    operand: Tree


@dataclass(frozen=True, slots=True)
class Binary(Tree):
    operator: str
    left: Tree
    right: Tree


@dataclass(frozen=True, slots=True)
class Union(Tree):
    """`a | b | c`"""

    branches: tuple[Tree, ...]


@dataclass(frozen=True, slots=True)
class TypeOperator(Tree):
    """`operand is Type`, `operand as Type`"""

    operator: str
    operand: Tree
    type: str
