"""matches() and replaceMatches() whose cost no pattern can make explode.

A pattern that backtracking matches within a million steps is given to `re`; every other one to a machine
that follows all ways at once, whose steps are taken from the budget of the evaluation. Patterns and texts
are bounded in length by `Limits.pattern` and `Limits.matched`.
"""

from __future__ import annotations

import re
from functools import lru_cache

from fhir_server.fhirpath.node import FhirPathError, FhirPathTooCostly, State
from fhir_server.fhirpath.pattern import (
    ASSERT,
    CHARACTER,
    JUMP,
    MATCH,
    SAVE,
    Instruction,
    Program,
    compile_program,
)

_BACKTRACKING = 1_000_000
_GROUP = re.compile(r"\$(?:(\d{1,2})|\{(\w{1,100})\})|\\(.)", re.DOTALL | re.ASCII)

Slots = tuple[int, ...]
"""Start and end of the match and of each group; -1 where it took no part."""


def compile_pattern(pattern: str, longest: int) -> Program:
    """Compiles a regular expression; refuses one that is too long, malformed or has look-around."""
    if len(pattern) > longest:
        raise FhirPathTooCostly(f"A regular expression of {len(pattern)} characters, {longest} are allowed")
    return _compiled(pattern)


@lru_cache(maxsize=128)
def _compiled(pattern: str) -> Program:
    return compile_program(pattern)


@lru_cache(maxsize=128)
def _backtracking(pattern: str) -> re.Pattern[str] | None:
    try:
        return re.compile(re.sub(r"\(\?<(?=[A-Za-z_])", "(?P<", pattern), re.DOTALL)
    except (re.error, OverflowError, RecursionError):
        return None


def search(program: Program, text: str, state: State) -> bool:
    """Says whether the pattern matches somewhere in the text."""
    return find(program, text, 0, state) is not None


def find(program: Program, text: str, start: int, state: State) -> Slots | None:
    """Returns the first match at or after a position."""
    if len(text) > state.environment.limits.matched:
        raise FhirPathTooCostly(f"A regular expression on {len(text)} characters is not allowed")
    if program.degree >= 0 and (len(text) + 1) ** (program.degree + 1) <= _BACKTRACKING:
        fast = _backtracking(program.pattern)
        if fast is not None:
            state.spend(1 + (len(text) >> 4))
            match = fast.search(text, start)
            return None if match is None else tuple(i for span in match.regs for i in span)
    return _Machine(program, text, state).run(start)


class _Machine:
    """Pike's machine: a list of threads in order of preference, all at the same character."""

    def __init__(self, program: Program, text: str, state: State) -> None:
        self._code = program.code
        self._empty: Slots = (-1,) * (2 * program.groups + 2)
        self._text = text
        self._state = state

    def run(self, start: int) -> Slots | None:
        threads: dict[int, Slots] = {}
        found: Slots | None = None
        for position in range(start, len(self._text) + 1):
            if found is None:
                self._follow(0, position, self._empty, threads)
            self._state.spend(1 + len(threads))
            threads, matched = self._advance(threads, position)
            found = matched or found
            if found is not None and not threads:
                break
        return found

    def _advance(self, threads: dict[int, Slots], position: int) -> tuple[dict[int, Slots], Slots | None]:
        """Moves all threads over one character; a match ends the threads less preferred than it."""
        moved: dict[int, Slots] = {}
        character = self._text[position : position + 1]
        for at, slots in threads.items():
            instruction = self._code[at]
            if instruction.operation == MATCH:
                return moved, slots
            if character and callable(instruction.test) and instruction.test(character):
                self._follow(at + 1, position + 1, slots, moved)
        return moved, None

    def _follow(self, start: int, position: int, slots: Slots, threads: dict[int, Slots]) -> None:
        """Adds a thread, through all instructions that consume nothing."""
        stack = [(start, slots)]
        visited: set[int] = set()
        while stack:
            at, slots = stack.pop()
            if at in visited or at in threads:
                continue
            visited.add(at)
            instruction = self._code[at]
            if instruction.operation in (CHARACTER, MATCH):
                threads[at] = slots
            else:
                stack.extend(self._onward(instruction, at, position, slots))
        self._state.spend(len(visited) >> 2)

    def _onward(
        self, instruction: Instruction, at: int, position: int, slots: Slots
    ) -> list[tuple[int, Slots]]:
        operation, test, first, second = instruction
        if operation == SAVE:
            return [(at + 1, (*slots[:first], position, *slots[first + 1 :]))]
        if operation == JUMP:
            return [(at + first, slots)]
        if operation == ASSERT:
            holds = isinstance(test, re.Pattern) and test.match(self._text, position)
            return [(at + 1, slots)] if holds else []
        return [(at + second, slots), (at + first, slots)]


def substitute(program: Program, text: str, template: str, state: State) -> str:
    """Replaces all matches; $1 and ${name} in the template stand for groups."""
    parts: list[str] = []
    at = done = 0
    while at <= len(text):
        slots = find(program, text, at, state)
        if slots is None:
            break
        parts.append(text[done : slots[0]])
        parts.append(_fill(program, text, slots, template))
        done = slots[1]
        at = done if slots[1] > slots[0] else done + 1
        state.spend_text(sum(map(len, parts[-2:])))
    parts.append(text[done:])
    return "".join(parts)


def _fill(program: Program, text: str, slots: Slots, template: str) -> str:
    def group(match: re.Match[str]) -> str:
        number, name, escaped = match.groups()
        if escaped is not None:
            return str(escaped)
        index = int(number) if number is not None else program.names.get(name, -1)
        if not 0 <= index <= program.groups:
            raise FhirPathError(f"replaceMatches(): the pattern has no group {match.group()}")
        start, end = slots[2 * index : 2 * index + 2]
        return text[start:end] if start >= 0 else ""

    return _GROUP.sub(group, template)
