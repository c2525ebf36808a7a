"""The lexer of FHIRPath. http://hl7.org/fhirpath/N1/#lexical-elements"""

from __future__ import annotations

import re
from typing import NamedTuple

from fhir_server.fhirpath.node import FhirPathError

_DATE = r"\d{4}(?:-\d\d(?:-\d\d)?)?"
_TIME = r"\d\d(?::\d\d(?::\d\d(?:\.\d{1,9})?)?)?"
_ZONE = r"(?:Z|[+-]\d\d:\d\d)"

# Every alternative reads its characters once: the lexer is linear in the length of the expression.
_TOKEN = re.compile(
    rf"""
      (?P<space>\s+|/\*(?s:.*?)\*/|//[^\n\r]*)
    | (?P<unclosed>/\*)
    | (?P<time>@T{_TIME})
    | (?P<datetime>@{_DATE}T(?:{_TIME}{_ZONE}?)?)
    | (?P<date>@{_DATE})
    | (?P<number>[0-9]+(?:\.[0-9]+)?)
    | (?P<string>'(?:[^'\\]|\\.)*')
    | (?P<variable>%(?:[A-Za-z_][A-Za-z0-9_]*|`(?:[^`\\]|\\.)*`|'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"))
    | (?P<word>[A-Za-z_][A-Za-z0-9_]*)
    | (?P<delimited>`(?:[^`\\]|\\.)*`)
    | (?P<special>\$(?:this|index|total)\b)
    | (?P<symbol><=|>=|!=|!~|[-+*/&|<>=~.,()\[\]{{}}])
    """,
    re.VERBOSE | re.DOTALL | re.ASCII,
)
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|(.))", re.DOTALL)
_ESCAPED = {"f": "\f", "n": "\n", "r": "\r", "t": "\t", **{c: c for c in "`'\"\\/"}}


class Token(NamedTuple):
    """One lexical element; quotes and escapes of its text are resolved."""

    kind: str
    """time datetime date number string variable word name special symbol end"""
    text: str
    position: int


def tokenize(expression: str) -> list[Token]:
    """Splits an expression into tokens, the last of kind `end`."""
    tokens: list[Token] = []
    position = 0
    while position < len(expression):
        match = _TOKEN.match(expression, position)
        if match is None or match.lastgroup == "unclosed":
            raise syntax_error(expression, position, "unexpected character")
        kind = str(match.lastgroup)
        if kind != "space":
            tokens.append(_token(kind, match.group(), position))
        position = match.end()
    tokens.append(Token("end", "", position))
    return tokens


def syntax_error(expression: str, position: int, reason: str) -> FhirPathError:
    """Builds the error of an expression that is not FHIRPath."""
    found = expression[position : position + 20] or "the end"
    return FhirPathError(f"FHIRPath syntax: {reason} at character {position + 1} ({found!r})")


def _token(kind: str, text: str, position: int) -> Token:
    if kind == "string":
        return Token(kind, _unescape(text[1:-1]), position)
    if kind == "delimited":
        return Token("name", _unescape(text[1:-1]), position)
    if kind == "variable":
        name = text[1:]
        return Token(kind, name if name[0] not in "`'\"" else _unescape(name[1:-1]), position)
    return Token(kind, text, position)


def _unescape(text: str) -> str:
    return _ESCAPE.sub(_character, text) if "\\" in text else text


def _character(match: re.Match[str]) -> str:
    code, letter = match.groups()
    if code is not None:
        return chr(int(code, 16))
    if letter not in _ESCAPED:
        raise FhirPathError(f"FHIRPath syntax: unknown escape sequence \\{letter}")
    return _ESCAPED[letter]
