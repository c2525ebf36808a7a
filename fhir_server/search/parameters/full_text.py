"""_text and _content: words in a narrative or anywhere in a resource. https://hl7.org/fhir/R4/search.html#content

    expression = all { "OR" all }
    all        = part { ["AND"] part }
    part       = ["-" / "NOT"] ( "(" expression ")" / word / '"' words '"' )

AND may be in small letters, as on the page; OR may not: "or" is a French word. The index keeps neither order
nor neighbours of words: a phrase asks for all of its words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from fhir_server.errors import Invalid, TooCostly
from fhir_server.fhirpath.node import Node
from fhir_server.search.entries import IN_CONTENT, IN_NARRATIVE
from fhir_server.search.escapes import unescape
from fhir_server.search.parameters.parameter_type import Asked, Match, ParameterType
from fhir_server.search.stems import stems

MARKS = {"_text": (IN_NARRATIVE,), "_content": (IN_NARRATIVE, IN_CONTENT)}
"""Parameter → where it looks."""

MAX_WORDS = 32
_MAX_DEPTH = 8
_SYMBOL = re.compile(
    r'\s*+(?:(?P<phrase>"[^"]*+")|(?P<symbol>[()])|(?P<not>-(?=[("\w]))|(?P<word>[^\s"()]++)|(?P<open>"))'
)


class Word(NamedTuple):
    """One stem that must be there."""

    stem: str


class Joined(NamedTuple):
    """and, or, not."""

    operator: str
    parts: tuple[Expression, ...]


Expression = Word | Joined


def read_value(name: str, text: str) -> Expression:
    """Reads one alternative of a parameter; it asks for a word."""
    return _Reader(name, unescape(text)).read()


class _Reader:
    """Reads one value from left to right."""

    __slots__ = ("name", "position", "symbols", "words")

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.position = 0
        self.words = 0
        self.symbols = list(_symbols(text))

    def refuse(self, reason: str) -> Invalid:
        return Invalid(f"{self.name}: {reason}", f"http.{self.name}")

    def read(self) -> Expression:
        expression = self.alternatives(0)
        if self.position < len(self.symbols):
            raise self.refuse("a ) has no (")
        if expression is None:
            raise self.refuse("there is no word to look for in this value")
        if not _is_bound(expression):
            raise self.refuse("say a word that must be there, beside those that must not")
        return expression

    def alternatives(self, depth: int) -> Expression | None:
        if depth > _MAX_DEPTH:
            raise self.refuse(f"at most {_MAX_DEPTH} parentheses inside each other")
        found = [self.conjunction(depth)]
        while self.take("OR"):
            found.append(self.conjunction(depth))
        # What asks for words too common to look for holds always, and so does its alternative.
        parts = [part for part in found if part is not None]
        return _join("or", parts) if len(parts) == len(found) else None

    def conjunction(self, depth: int) -> Expression | None:
        parts: list[Expression] = []
        while self.position < len(self.symbols) and self.symbols[self.position][1] not in ("OR", ")"):
            if not (self.take("AND") or self.take("and")):
                part = self.part(depth)
                parts += [] if part is None else [part]
        return _join("and", parts)

    def part(self, depth: int) -> Expression | None:
        negated = self.take("-") or self.take("NOT")
        if self.position >= len(self.symbols):
            raise self.refuse("a word is missing at the end")
        kind, text = self.symbols[self.position]
        if kind == "open":
            raise self.refuse('a " has no end')
        self.position += 1
        if text == "(":
            inside = self.alternatives(depth + 1)
            if not self.take(")"):
                raise self.refuse("a ( has no )")
        elif text == ")":
            raise self.refuse("a word is missing before )")
        else:
            inside = self.of_words(text)
        return Joined("not", (inside,)) if negated and inside is not None else inside

    def of_words(self, text: str) -> Expression | None:
        found = stems(text)
        self.words += len(found)
        if self.words > MAX_WORDS:
            raise TooCostly(f"{self.name}: at most {MAX_WORDS} words", f"http.{self.name}")
        # Long words are rare ones: the index looks for the first.
        return _join("and", [Word(stem) for stem in sorted(found, key=len, reverse=True)])

    def take(self, symbol: str) -> bool:
        found = self.position < len(self.symbols) and self.symbols[self.position][1] == symbol
        self.position += found
        return found


def _symbols(text: str) -> Iterator[tuple[str, str]]:
    for match in _SYMBOL.finditer(text):
        yield str(match.lastgroup), match[0].strip()


def _join(operator: str, parts: list[Expression]) -> Expression | None:
    return parts[0] if len(parts) == 1 else Joined(operator, tuple(parts)) if parts else None


def _is_bound(expression: Expression) -> bool:
    """True where a word leads to what matches."""
    if isinstance(expression, Word):
        return True
    join = {"and": any, "or": all}.get(expression.operator)
    return join is not None and join(_is_bound(part) for part in expression.parts)


# --- matching -------------------------------------------------------------------------------------


def match(code: str, modifier: str, value: Expression) -> Match:
    """Returns the filter of an expression."""
    marks = MARKS[code]
    if isinstance(value, Word):
        tokens = [mark + value.stem for mark in marks]
        return {"t": {"$in": tokens} if len(tokens) > 1 else {"$eq": tokens[0]}}
    words = [part.stem for part in value.parts if isinstance(part, Word)]
    if value.operator == "or" and len(words) == len(value.parts):
        return {"t": {"$in": [mark + word for word in words for mark in marks]}}
    # What is looked for comes before what is not: the index leads by the first.
    parts = sorted(value.parts, key=lambda part: not _is_bound(part))
    return {_OPERATORS[value.operator]: [match(code, modifier, part) for part in parts]}


_OPERATORS = {"and": "$and", "or": "$or", "not": "$nor"}


def _positive_stems(expressions: Iterable[Expression]) -> set[str]:
    """Returns the stems that make a resource more relevant."""
    found: set[str] = set()
    pending = list(expressions)
    while pending:
        expression = pending.pop()
        if isinstance(expression, Word):
            found.add(expression.stem)
        elif expression.operator != "not":
            pending += expression.parts
    return found


def score_tokens(code: str, expressions: Iterable[Expression]) -> list[str]:
    """Returns the tokens of the words that make a resource more relevant; it has one of each word at most."""
    return sorted(mark + stem for mark in MARKS[code] for stem in _positive_stems(expressions))


def _extract(node: Node, base_url: str) -> list[str]:
    return []  # words are of the whole resource: search/content.py


def _parse(text: str, asked: Asked) -> Expression:
    return read_value(asked.name, text)


FULL_TEXT = ParameterType("t", frozenset(), _extract, _parse, match)
