"""The language of _filter: text → tree; what the names mean is said elsewhere. https://hl7.org/fhir/R4/search_filter.html

    filter     = comparison / filter ("and" / "or") filter / ["not"] "(" filter ")"
    comparison = path operator value
    path       = name [":" Type] ["[" filter "]"] ["." path]
    value      = JSON string / characters that are no space, "]" or ")"

"and" and "or" bind alike, from left to right. A type after a name, as in chained parameters, is our addition.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from fhir_server.errors import Invalid, TooCostly

OPERATORS = frozenset(
    {"eq", "ne", "co", "sw", "ew", "gt", "lt", "ge", "le", "ap", "sa", "eb", "pr", "po", "ss", "sb", "in",
     "ni", "re"}
)  # fmt: skip
MAX_COMPARISONS = 50
MAX_DEPTH = 16
"""Parentheses and brackets inside each other."""

_SPACE = re.compile(r"\s*+")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*+(?::[A-Z][A-Za-z]*+)?")
_WORD = re.compile(r"[A-Za-z]++")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*+"', re.DOTALL)
_TOKEN = re.compile(r"[^\s\])]++")
_END = re.compile(r"[\s\])]|\Z")
_NOT = re.compile(r"not\s*+\(", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Step:
    """One name of a path."""

    name: str
    """A search parameter, perhaps with the type of its target: subject:Patient."""
    filter: Expression | None = None
    """What must hold of its target too: subject[active eq true]."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One comparison."""

    path: tuple[Step, ...]
    operator: str
    value: str
    position: int
    """Where it begins in the text; the first character is 1."""


@dataclass(frozen=True, slots=True)
class Logical:
    """Expressions joined by "and" or "or", or one of which the contrary is asked ("not")."""

    operator: str
    parts: tuple[Expression, ...]


Expression = Comparison | Logical


def parse_filter(text: str) -> Expression:
    """Returns the tree of a filter; raises Invalid with the place that cannot be read."""
    parser = _Parser(text)
    expression = parser.logical(0)
    parser.space()
    if parser.position < len(text):
        raise parser.refuse("expected and, or, or the end")
    return expression


class _Parser:
    """Reads from left to right; `position` is the next character."""

    __slots__ = ("comparisons", "position", "text")

    def __init__(self, text: str) -> None:
        self.text = text
        self.position = 0
        self.comparisons = 0

    def refuse(self, reason: str) -> Invalid:
        found = self.text[self.position : self.position + 16]
        place = f"character {self.position + 1}, before {found!r}" if found else "the end"
        return Invalid(f"_filter: {reason} at {place}", "http._filter")

    def space(self) -> None:
        self.take(_SPACE)

    def take(self, pattern: re.Pattern[str]) -> str | None:
        """Returns what a pattern finds here, and goes on behind it."""
        match = pattern.match(self.text, self.position)
        if match is None:
            return None
        self.position = match.end()
        return match[0]

    def take_symbol(self, symbol: str) -> bool:
        found = self.text.startswith(symbol, self.position)
        self.position += len(symbol) * found
        return found

    def logical(self, depth: int) -> Expression:
        if depth > MAX_DEPTH:
            raise TooCostly(f"_filter: at most {MAX_DEPTH} parentheses inside each other", "http._filter")
        expression = self.term(depth)
        while (operator := self._junction()) is not None:
            right = self.term(depth)
            if isinstance(expression, Logical) and expression.operator == operator:
                expression = Logical(operator, (*expression.parts, right))
            else:
                expression = Logical(operator, (expression, right))
        return expression

    def _junction(self) -> str | None:
        start = self.position
        self.space()
        word = (self.take(_WORD) or "").lower()
        if word in ("and", "or"):
            return word
        self.position = start
        return None

    def term(self, depth: int) -> Expression:
        self.space()
        negated = self.take(_NOT) is not None
        if not negated and not self.take_symbol("("):
            return self.comparison(depth)
        inside = self.logical(depth + 1)
        self.close(")")
        return Logical("not", (inside,)) if negated else inside

    def close(self, symbol: str) -> None:
        self.space()
        if not self.take_symbol(symbol):
            raise self.refuse(f"expected {symbol}")

    def comparison(self, depth: int) -> Comparison:
        start = self.position
        self.comparisons += 1
        if self.comparisons > MAX_COMPARISONS:
            raise TooCostly(f"_filter: at most {MAX_COMPARISONS} comparisons", "http._filter")
        path = self.path(depth)
        operator = self._operator()
        return Comparison(path, operator, self._value(), start + 1)

    def path(self, depth: int) -> tuple[Step, ...]:
        steps: list[Step] = []
        while True:
            name = self.take(_NAME)
            if name is None:
                raise self.refuse("expected the name of a search parameter")
            inside = None
            if self.take_symbol("["):
                inside = self.logical(depth + 1)
                self.close("]")
            steps.append(Step(name, inside))
            if not self.take_symbol("."):
                break
        if steps[-1].filter is not None:
            raise self.refuse("expected . and a name after ]")
        return tuple(steps)

    def _operator(self) -> str:
        start = self.position
        self.space()
        operator = (self.take(_WORD) or "").lower()
        if self.position - start > len(operator) > 0 and operator in OPERATORS and self._is_ended():
            return operator
        self.position = start
        raise self.refuse(f"expected one of {' '.join(sorted(OPERATORS))}")

    def _value(self) -> str:
        self.space()
        if not self.text.startswith('"', self.position):
            token = self.take(_TOKEN)
            if token is None:
                raise self.refuse("expected a value")
            return token
        start = self.position
        written = self.take(_STRING)
        if written is None:
            raise self.refuse("the string has no end,")
        try:
            value: str = json.loads(written, strict=False)
        except ValueError:
            self.position = start
            raise self.refuse("this is no JSON string,") from None
        if not self._is_ended():
            raise self.refuse("expected a space")
        return value

    def _is_ended(self) -> bool:
        return _END.match(self.text, self.position) is not None
