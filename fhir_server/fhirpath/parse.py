"""Expression → tree, by precedence climbing over the whole grammar. http://hl7.org/fhirpath/N1/#grammar"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from fhir_server.fhirpath import tree
from fhir_server.fhirpath.node import FhirPathError
from fhir_server.fhirpath.quantity import UCUM
from fhir_server.fhirpath.tokens import Token, syntax_error, tokenize

MAX_LENGTH = 20_000
"""Characters; the longest expression of R4 has 2,600."""
MAX_HEIGHT = 100
MAX_NESTING = 50

_LEVELS = (
    ("implies",),
    ("or", "xor"),
    ("and",),
    ("in", "contains"),
    ("=", "~", "!=", "!~"),
    ("<=", "<", ">", ">="),
    ("|",),
    ("is", "as"),
    ("+", "-", "&"),
    ("*", "/", "div", "mod"),
)
_PRECEDENCE = {operator: level for level, operators in enumerate(_LEVELS, 1) for operator in operators}
_TIGHTEST = len(_LEVELS) + 1
_KEYWORDS = frozenset(("and", "or", "xor", "implies", "div", "mod", "true", "false"))
_LITERALS = {"time": "Time", "datetime": "DateTime", "date": "Date", "string": "String"}
_DURATIONS = frozenset(("year", "month", "week", "day", "hour", "minute", "second", "millisecond"))


def parse(expression: str) -> tree.Tree:
    """Parses an expression; FhirPathError says where it is none."""
    if len(expression) > MAX_LENGTH:
        raise FhirPathError(f"FHIRPath expression of {len(expression)} characters, {MAX_LENGTH} are allowed")
    return _Parser(expression).parse()


class _Parser:
    def __init__(self, expression: str) -> None:
        self._expression = expression
        self._tokens = tokenize(expression)
        self._at = 0
        self._nesting = 0

    def parse(self) -> tree.Tree:
        result = self._operation(0)
        if self._token.kind != "end":
            raise self._error("unexpected token")
        return result

    # --- tokens ---

    @property
    def _token(self) -> Token:
        return self._tokens[self._at]

    def _take(self) -> Token:
        token = self._tokens[self._at]
        self._at += 1
        return token

    def _take_symbol(self, text: str) -> bool:
        token = self._token
        if token.kind == "symbol" and token.text == text:
            self._at += 1
            return True
        return False

    def _expect(self, text: str) -> None:
        if not self._take_symbol(text):
            raise self._error(f"expected {text!r}")

    def _error(self, reason: str) -> FhirPathError:
        return syntax_error(self._expression, self._token.position, reason)

    def _height(self, *parts: tree.Tree) -> int:
        height = 1 + max((part.height for part in parts), default=0)
        if height > MAX_HEIGHT:
            raise self._error(f"expression nested deeper than {MAX_HEIGHT} levels")
        return height

    # --- operators ---

    def _operation(self, floor: int) -> tree.Tree:
        self._nesting += 1
        if self._nesting > MAX_NESTING:
            raise self._error(f"expression nested deeper than {MAX_NESTING} levels")
        left = self._operand()
        while (level := self._level()) > floor:
            left = self._join(left, self._take().text, level)
        self._nesting -= 1
        return left

    def _level(self) -> int:
        token = self._token
        return _PRECEDENCE.get(token.text, 0) if token.kind in ("symbol", "word") else 0

    def _join(self, left: tree.Tree, operator: str, level: int) -> tree.Tree:
        if operator in ("is", "as"):
            return tree.TypeOperator(self._height(left), operator, left, self._type_specifier())
        right = self._operation(level)
        if operator != "|":
            return tree.Binary(self._height(left, right), operator, left, right)
        branches = left.branches if isinstance(left, tree.Union) else (left,)
        return tree.Union(self._height(*branches, right), (*branches, right))

    def _type_specifier(self) -> str:
        names = [self._name()]
        while self._take_symbol("."):
            names.append(self._name())
        return ".".join(names)

    def _operand(self) -> tree.Tree:
        token = self._token
        if token.kind == "symbol" and token.text in "+-":
            self._at += 1
            operand = self._operation(_TIGHTEST)
            return tree.Sign(self._height(operand), token.text, operand)
        start = self._term()
        steps: list[tree.Tree] = []
        while True:
            if self._take_symbol("."):
                steps.append(self._invocation())
            elif self._take_symbol("["):
                index = self._operation(0)
                self._expect("]")
                steps.append(tree.Indexer(self._height(index), index))
            else:
                break
        return tree.Path(self._height(start, *steps), start, tuple(steps)) if steps else start

    # --- terms ---

    def _term(self) -> tree.Tree:
        token = self._token
        if token.kind == "symbol":
            return self._bracketed()
        if token.kind == "number":
            return self._number()
        if token.kind in _LITERALS:
            return self._literal(token)
        if token.kind == "variable":
            self._at += 1
            return tree.Variable(1, token.text)
        if token.kind == "word" and token.text in ("true", "false"):
            self._at += 1
            return tree.Literal(1, token.text == "true", "System.Boolean")
        if token.kind == "word" and token.text in _KEYWORDS:
            raise self._error("unexpected keyword")
        return self._invocation()

    def _bracketed(self) -> tree.Tree:
        if self._take_symbol("("):
            inner = self._operation(0)
            self._expect(")")
            # A union in parentheses stays one operand, so that it is not merged with its neighbours.
            return tree.Path(self._height(inner), inner, ()) if isinstance(inner, tree.Union) else inner
        if self._take_symbol("{"):
            self._expect("}")
            return tree.Nothing(1)
        raise self._error("expected a term")

    def _literal(self, token: Token) -> tree.Tree:
        self._at += 1
        text = token.text
        if token.kind != "string":
            text = text.lstrip("@T") if token.kind == "time" else text[1:]
        return tree.Literal(1, text, f"System.{_LITERALS[token.kind]}")

    def _number(self) -> tree.Tree:
        text = self._take().text
        unit = self._unit()
        if unit is not None:
            return tree.Literal(1, _quantity(Decimal(text), unit), "System.Quantity")
        if "." in text:
            return tree.Literal(1, Decimal(text), "System.Decimal")
        number = int(text) if len(text) < 20 else 2**63
        if number > 2**31:
            raise self._error("an integer has 32 bits")
        return tree.Literal(1, number, "System.Integer")

    def _unit(self) -> Token | None:
        token = self._token
        plural = token.text[:-1] if token.text.endswith("s") else token.text
        if token.kind == "string" or (token.kind == "word" and plural in _DURATIONS):
            return self._take()
        return None

    def _invocation(self) -> tree.Tree:
        if self._token.kind == "special":
            return tree.Special(1, self._take().text)
        name = self._name()
        if not self._take_symbol("("):
            return tree.Name(1, name)
        arguments: list[tree.Tree] = []
        if not self._take_symbol(")"):
            arguments.append(self._operation(0))
            while self._take_symbol(","):
                arguments.append(self._operation(0))
            self._expect(")")
        return tree.Call(self._height(*arguments), name, tuple(arguments))

    def _name(self) -> str:
        token = self._token
        # Keywords after a dot are taken as names (text.div), as published expressions use them.
        after_dot = self._at > 0 and self._tokens[self._at - 1].text == "."
        if token.kind == "name" or (token.kind == "word" and (after_dot or token.text not in _KEYWORDS)):
            self._at += 1
            return token.text
        raise self._error("expected a name")


def _quantity(value: Decimal, unit: Token) -> dict[str, Any]:
    if unit.kind == "string":
        return {"value": value, "unit": unit.text, "system": UCUM, "code": unit.text}
    return {"value": value, "unit": unit.text.removesuffix("s")}
