"""A regular expression → a program for a machine without backtracking.

Syntax: what Perl, Python and JavaScript share (http://hl7.org/fhirpath/N1/#matchesregex-string-boolean); what
cannot be matched in linear time (back references, look-around) is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from fhir_server.fhirpath.node import FhirPathError

CHARACTER, SPLIT, JUMP, SAVE, ASSERT, MATCH = range(6)
_MAX_PROGRAM = 4_000
_MAX_NESTING = 30
_MAX_REPEAT = 1_000

_TOKEN = re.compile(
    r"""
      (?P<assertion>[\^$]|\\[bBAZ])
    | (?P<open>\((?:\?(?::|P?<(?P<name>[A-Za-z_]\w*)>))?)(?!\?)
    | (?P<close>\))
    | (?P<alternative>\|)
    | (?P<repeat>(?:[*+?]|\{(?P<least>\d{1,4})(?P<comma>,(?P<most>\d{1,4})?)?\})(?P<lazy>\??))
    | (?P<atom>\[\^?\]?(?:\\.|[^\]\\])*\]|\\(?:x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|[^1-9xu])|[^\\()\[])
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)


class Instruction(NamedTuple):
    """One step of the machine; jumps are relative to it."""

    operation: int
    test: Callable[[str], object] | re.Pattern[str] | None = None
    """CHARACTER: on the character; ASSERT: a pattern that matches at the position."""
    first: int = 0
    """SPLIT, JUMP: where to go (first); SAVE: the slot."""
    second: int = 0


Code = list[Instruction]


@dataclass(frozen=True, slots=True)
class Program:
    """A compiled pattern."""

    pattern: str
    code: tuple[Instruction, ...]
    groups: int
    names: dict[str, int]
    degree: int
    """Repeats of variable length, -1 where one is inside another: what backtracking would cost."""


def compile_program(pattern: str) -> Program:
    """Compiles a pattern; FhirPathError where it is none, or cannot be matched in linear time."""
    return _PatternParser(pattern).program()


class _PatternParser:
    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0
        self._nesting = 0
        self._groups = 0
        self._names: dict[str, int] = {}
        self._degree = 0
        self._nested = False

    def program(self) -> Program:
        code, _ = self._alternatives()
        if self._at < len(self._pattern):
            raise self._error("unbalanced )")
        code = [Instruction(SAVE, first=0), *code, Instruction(SAVE, first=1), Instruction(MATCH)]
        degree = -1 if self._nested else self._degree
        return Program(self._pattern, tuple(code), self._groups, self._names, degree)

    def _error(self, reason: str) -> FhirPathError:
        return FhirPathError(f"Regular expression: {reason} at character {self._at + 1} of {self._pattern!r}")

    def _next(self) -> re.Match[str] | None:
        if self._at >= len(self._pattern):
            return None
        match = _TOKEN.match(self._pattern, self._at)
        if match is None:
            raise self._error("not supported or incomplete")
        return match

    def _alternatives(self) -> tuple[Code, bool]:
        """Returns the code up to a closing parenthesis, and whether its length varies by a repeat."""
        self._nesting += 1
        if self._nesting > _MAX_NESTING:
            raise self._error("nested too deep")
        branches: list[Code] = []
        code, varies = self._sequence()
        while (token := self._next()) is not None and token.lastgroup == "alternative":
            self._at = token.end()
            branches.append(code)
            code, more = self._sequence()
            varies = varies or more
        for branch in reversed(branches):
            length = len(branch)
            code = [
                Instruction(SPLIT, first=1, second=length + 2),
                *branch,
                Instruction(JUMP, first=len(code) + 1),
                *code,
            ]
        self._nesting -= 1
        return code, varies

    def _sequence(self) -> tuple[Code, bool]:
        code: Code = []
        varies = False
        while (token := self._next()) is not None and token.lastgroup not in ("alternative", "close"):
            if token["repeat"] is not None:
                raise self._error("nothing to repeat")
            part, part_varies = self._part(token)
            part, repeated = self._repeated(part, part_varies)
            varies = varies or part_varies or repeated
            code.extend(part)
            if len(code) > _MAX_PROGRAM:
                raise self._error("too long when repeated")
        return code, varies

    def _part(self, token: re.Match[str]) -> tuple[Code, bool]:
        self._at = token.end()
        text = token.group()
        if token["open"] is not None:
            return self._group(token)
        try:
            if token["assertion"] is not None:
                return [Instruction(ASSERT, re.compile(text))], False
            return [Instruction(CHARACTER, re.compile(text, re.DOTALL).fullmatch)], False
        except re.error as error:
            raise self._error(str(error)) from None

    def _group(self, token: re.Match[str]) -> tuple[Code, bool]:
        if token["open"] == "(?:":
            code, varies = self._alternatives()
        else:
            self._groups += 1
            number = self._groups
            if token["name"]:
                self._names[token["name"]] = number
            code, varies = self._alternatives()
            code = [
                Instruction(SAVE, first=2 * number),
                *code,
                Instruction(SAVE, first=2 * number + 1),
            ]
        closing = self._next()
        if closing is None:
            raise self._error("missing )")
        self._at = closing.end()
        return code, varies

    def _repeated(self, code: Code, varies: bool) -> tuple[Code, bool]:
        token = self._next()
        if token is None or token["repeat"] is None:
            return code, False
        self._at = token.end()
        least, most = _bounds(token)
        if max(least, most or 0) > _MAX_REPEAT or (most is not None and most < least):
            raise self._error("bad repeat")
        if (least + (1 if most is None else most - least)) * len(code) > _MAX_PROGRAM:
            raise self._error("too long when repeated")
        if least != most:
            self._degree += 1
            # "?" repeats nothing: only a true repeat around another makes backtracking explode.
            self._nested = self._nested or (varies and most != 1)
        return _repeat(code, least, most, lazy=bool(token["lazy"])), least != most


def _bounds(token: re.Match[str]) -> tuple[int, int | None]:
    symbol = token["repeat"][0]
    if symbol != "{":
        return (1 if symbol == "+" else 0), (1 if symbol == "?" else None)
    least = int(token["least"])
    if token["comma"] is None:
        return least, least
    return least, int(token["most"]) if token["most"] else None


def _repeat(code: Code, least: int, most: int | None, *, lazy: bool) -> Code:
    def split(inside: int, outside: int) -> Instruction:
        return (
            Instruction(SPLIT, first=outside, second=inside)
            if lazy
            else Instruction(SPLIT, None, inside, outside)
        )

    length = len(code)
    repeated = code * least
    if most is None:
        return [*repeated, split(1, length + 2), *code, Instruction(JUMP, first=-(length + 1))]
    remaining = most - least
    for left in range(remaining, 0, -1):
        repeated = [*repeated, split(1, left * (length + 1)), *code]
    return repeated
