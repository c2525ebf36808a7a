"""Strict JSON with exact decimals: text → plain values → text. https://hl7.org/fhir/R4/json.html, RFC 8259"""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

import msgspec

from fhir_server.errors import Invalid, TooLarge
from fhir_server.fhir import Resource

MAX_DEPTH = 64
MAX_DIGITS = 64
MAX_EXPONENT = 308
"""Beyond the range of a double no FHIR decimal means anything, and integer conversions would explode."""

_LIMIT = 10**MAX_DIGITS
_MARKS = ((b"\xef\xbb\xbf", "UTF-8"), (b"\xff\xfe", "UTF-16 or UTF-32"), (b"\xfe\xff", "UTF-16"))
_COLON_AFTER_QUOTE = re.compile(rb'"[ \t\r\n]*+:')
_HALF_PAIR = re.compile(rb'\\u[dD][89abAB][0-9a-fA-F]{2}"')
_BYTE_OFFSET = re.compile(r" \(byte (\d+)\)$")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")


class SpelledDecimal(Decimal):
    """A decimal that Python would spell otherwise (1e2 as 1E+2): it goes out as it came in."""

    __slots__ = ("spelling",)

    spelling: str

    def __new__(cls, text: str) -> SpelledDecimal:
        made = super().__new__(cls, text)
        made.spelling = text
        return made


class _OutOfBounds(ValueError):
    """A number that JSON allows and this server does not."""


def parse_json(raw: bytes, *, max_depth: int = MAX_DEPTH, max_bytes: int | None = None) -> Any:
    """Returns the value of a JSON text: str, int, Decimal, bool, None, list and dict only; key order kept."""
    if max_bytes is not None and len(raw) > max_bytes:
        raise TooLarge(f"The body has {len(raw)} bytes; at most {max_bytes} are accepted.")
    value = _decode(raw)
    if isinstance(value, dict | list):
        keys = _measure(value, max_depth)
        # Every key is followed by a colon: as many colons after a quote as keys means that no key was lost.
        if len(_COLON_AFTER_QUOTE.findall(raw)) != keys:
            _refuse_duplicate_keys(raw)
    elif type(value) is int:
        _check_integer(value)
    return value


def parse_resource(raw: bytes, *, max_depth: int = MAX_DEPTH, max_bytes: int | None = None) -> Resource:
    """As `parse_json`, for a body that must be one resource: an object that names its resourceType."""
    value = parse_json(raw, max_depth=max_depth, max_bytes=max_bytes)
    if type(value) is not dict:
        raise Invalid("The body must be one JSON object, a FHIR resource.")
    if type(value.get("resourceType")) is not str:
        raise Invalid("The resource does not name its type: the property resourceType is required.")
    return value


def decode_json(raw: bytes) -> Any:
    """As `parse_json`, for a text that this server wrote: what was checked once is not checked again."""
    return _DECODER.decode(raw)


def encode_json(value: Any, *, pretty: bool = False) -> bytes:
    """Returns the JSON text of a value; decimals keep their digits, `msgspec.Raw` is spliced as it is."""
    encoded = _ENCODER.encode(value)
    return msgspec.json.format(encoded, indent=2) if pretty else encoded


def _parse_decimal(text: str) -> Decimal:
    if len(text) > MAX_DIGITS or "e" in text or "E" in text or "0.000000" in text:
        _check_decimal(text)
        return SpelledDecimal(text)
    return Decimal(text)


def _spell(value: Any) -> Any:
    if isinstance(value, SpelledDecimal):
        return msgspec.Raw(value.spelling.encode())
    raise TypeError(f"{type(value).__name__} is no part of a JSON text")


def _check_decimal(text: str) -> None:
    mantissa, _, exponent = text.lower().partition("e")
    if sum(map(str.isdigit, mantissa)) > MAX_DIGITS:
        raise _OutOfBounds(f"A number has more than {MAX_DIGITS} digits.")
    digits = exponent.lstrip("+-0")
    if len(digits) > 3 or int(digits or "0") > MAX_EXPONENT:
        raise _OutOfBounds(f"A number has an exponent beyond ±{MAX_EXPONENT}.")


def _check_integer(value: int) -> None:
    if not -_LIMIT < value < _LIMIT:
        raise Invalid(f"A number has more than {MAX_DIGITS} digits.")


_DECODER = msgspec.json.Decoder(float_hook=_parse_decimal)
_ENCODER = msgspec.json.Encoder(decimal_format="number", enc_hook=_spell)


def _decode(raw: bytes) -> Any:
    try:
        return _DECODER.decode(raw)
    except UnicodeDecodeError:
        raise _encoding_error(raw) from None
    except RecursionError:
        raise Invalid("The JSON text is nested too deeply.") from None
    except msgspec.DecodeError as error:
        raise _syntax_error(raw, error) from None


def _measure(value: Any, max_depth: int) -> int:
    """Returns the number of keys in a tree; refuses a tree that is too deep or holds an immense integer."""
    keys = 0
    depth = 0
    level = [value]
    while level:
        depth += 1
        if depth > max_depth:
            raise Invalid(f"The JSON text is nested more than {max_depth} levels deep.")
        below: list[Any] = []
        for node in level:
            if type(node) is dict:
                keys += len(node)
                node = node.values()
            for item in node:
                kind = type(item)
                if kind is dict or kind is list:
                    below.append(item)
                elif kind is int:
                    _check_integer(item)
        level = below
    return keys


class _Repeating(dict[str, Any]):
    """An object whose text repeats a key."""

    key = ""


def _refuse_duplicate_keys(raw: bytes) -> None:
    """Parses once more, slower, to tell a repeated key from a colon inside a string, and to name it."""
    repeating: list[_Repeating] = []

    def build(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) == len(pairs):
            return found
        seen: set[str] = set()
        marked = _Repeating(found)
        for key, _ in pairs:
            if key in seen:
                marked.key = key
                break
            seen.add(key)
        repeating.append(marked)
        return marked

    try:
        tree = json.loads(raw, object_pairs_hook=build, parse_int=str, parse_float=str)
    except RecursionError:
        raise Invalid("The JSON text is nested too deeply.") from None
    if repeating:
        # The last value wins in the tree: an object inside a lost value has no place left to name.
        path, key = _find_repeating(tree) or ("", repeating[0].key)
        raise Invalid(f"The property {key[:64]!r} appears more than once in one object.", path)


def _find_repeating(tree: Any) -> tuple[str, str] | None:
    stack = [(tree, _type_name(tree))]
    while stack:
        node, path = stack.pop()
        if isinstance(node, _Repeating):
            return (_join(path, node.key) if _NAME.fullmatch(node.key) else path), node.key
        if isinstance(node, dict):
            stack += [(v, _join(path, k)) for k, v in reversed(node.items()) if isinstance(v, dict | list)]
        elif isinstance(node, list):
            stack += [(v, f"{path}[{i}]") for i, v in enumerate(node)][::-1]
    return None


def _join(path: str, key: str) -> str:
    return f"{path}.{key}" if path else key


def _type_name(tree: Any) -> str:
    name = tree.get("resourceType") if isinstance(tree, dict) else None
    return name if isinstance(name, str) and _NAME.fullmatch(name) else ""


def _encoding_error(raw: bytes) -> Invalid:
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError as error:
        return Invalid(f"The body is not UTF-8: wrong byte at {_place(raw, error.start)}.")
    return Invalid("The body is not UTF-8.")


def _syntax_error(raw: bytes, error: msgspec.DecodeError) -> Invalid:
    if not raw.strip():
        return Invalid("The body is empty; a JSON text was expected.")
    for mark, name in _MARKS:
        if raw.startswith(mark):
            return Invalid(f"The body begins with a byte order mark ({name}); send UTF-8 without one.")
    message = str(error)
    if isinstance(error.__cause__, _OutOfBounds):
        return Invalid(str(error.__cause__))
    if message == "Input data was truncated":
        if _HALF_PAIR.search(raw):
            return Invalid("A string holds half of a surrogate pair; it is not a Unicode text.")
        return Invalid(f"The JSON text ends too early, at {_place(raw, len(raw))}.")
    offset = _BYTE_OFFSET.search(message)
    if offset is None:
        return Invalid(f"A number has more than {MAX_DIGITS} digits." if "range" in message else message)
    reason = message[: offset.start()].removeprefix("JSON is malformed: ")
    return Invalid(f"The JSON text is malformed: {reason}, at {_place(raw, int(offset[1]))}.")


def _place(raw: bytes, offset: int) -> str:
    """Returns line and column, as an editor counts them."""
    start = raw.rfind(b"\n", 0, offset) + 1
    line = raw.count(b"\n", 0, offset) + 1
    return f"line {line}, column {len(raw[start:offset].decode('utf-8', 'replace')) + 1}"
