"""The modifiers :text and :of-type of token parameters. https://hl7.org/fhir/R4/search.html#token

A text is one entry of its words, `code:text=systolic blood pressure`, and one of each further word of
three letters or more: it is found by its beginning and by that of a longer word; several words side by side.
"""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import islice
from typing import Any, NamedTuple

from fhir_server.errors import NotSupported
from fhir_server.search.entries import Filter, escape, hash_system, prefix_range
from fhir_server.search.escapes import split, unescape
from fhir_server.search.parameters.parameter_type import Asked
from fhir_server.search.words import words

_MAX_CHARACTERS = 240
_MAX_WORDS = 32
"""Of one text that is indexed; what comes later is not found."""

_MIN_LETTERS = 3
"""Shorter words cost a fifth of these entries and lead everywhere: of, de, in."""

WITHOUT_TEXTS = frozenset({"AuditEvent"})
"""Types of which texts are not indexed: one is written on every access."""


class TextValue(NamedTuple):
    """The words that were asked, joined by spaces."""

    words: str


class TypedIdentifier(NamedTuple):
    """[system]|[code]|[value] of an Identifier and its type."""

    system: str
    code: str
    value: str


def text_entries(*texts: Any) -> list[str]:
    """Returns the entries of the texts of one value."""
    return [entry for text in texts if isinstance(text, str) for entry in _entries(text[:_MAX_CHARACTERS])]


@lru_cache(maxsize=8192)
def _entries(text: str) -> tuple[str, ...]:
    found = words(text)[:_MAX_WORDS]
    if not found:
        return ()
    # Folding may lengthen a text: ligatures.
    whole = " ".join(found)[:_MAX_CHARACTERS]
    inner = dict.fromkeys(word[:_MAX_CHARACTERS] for word in found[1:] if len(word) >= _MIN_LETTERS)
    return (f":text={whole}", *(f":text={word}" for word in inner))


def parse_text(text: str, asked: Asked) -> TextValue:
    """Reads the text; it must have a word."""
    _check_type(asked)
    if asked.elements.systemless:
        raise asked.refuse(f"{asked.parameter.code} has no text; leave the modifier out")
    found = " ".join(words(unescape(text)))
    if not found:
        raise asked.refuse("there is no word in this value")
    if len(found) > _MAX_CHARACTERS:
        raise asked.refuse(f"at most {_MAX_CHARACTERS} characters can be looked for")
    return TextValue(found)


def _check_type(asked: Asked) -> None:
    if asked.resource_type in WITHOUT_TEXTS:
        raise NotSupported(f"{asked.name}: {asked.resource_type} is not searched by it", f"http.{asked.name}")


def match_text(code: str, value: TextValue) -> Filter:
    """Returns where a text, or a word of it, begins so."""
    starts: Filter = {"t": {"$elemMatch": prefix_range(f"{code}:text={value.words}")}}
    *complete, last = value.words.split(" ")
    leading = max(complete, key=len, default="")
    if len(leading) >= _MIN_LETTERS:
        condition: Filter = {"$eq": f"{code}:text={leading}"}
    elif complete and len(last) >= _MIN_LETTERS:
        condition = {"$elemMatch": prefix_range(f"{code}:text={last}")}
    else:
        return starts
    # The index leads by one of the words; the pattern then asks for all of them behind each other.
    pattern = f"^{re.escape(code)}:text=.* {re.escape(value.words)}"
    return {"$or": [starts, {"$and": [{"t": condition}, {"t": {"$regex": pattern}}]}]}


def type_entries(identifier: dict[str, Any]) -> list[str]:
    """Returns the entries of an Identifier by its type."""
    type_, value = identifier.get("type"), identifier.get("value")
    if not isinstance(type_, dict):
        return []
    entries = text_entries(type_.get("text"))
    codings = type_.get("coding")
    if isinstance(codings, list) and isinstance(value, str) and value:
        entries += [
            _type_entry(TypedIdentifier(c.get("system", ""), c["code"], value))
            for c in islice(codings, _MAX_WORDS)
            if isinstance(c, dict) and isinstance(c.get("code"), str)
        ]
    return entries


def _type_entry(value: TypedIdentifier) -> str:
    system = value.system if isinstance(value.system, str) else ""
    return f":of-type={escape(value.code)}|{hash_system(system)}|{escape(value.value)}"


def parse_typed(text: str, asked: Asked) -> TypedIdentifier:
    """Reads [system]|[code]|[value]; all three must be there."""
    _check_type(asked)
    parts = [unescape(part) for part in split(text, "|")]
    if asked.elements.systemless:
        raise asked.refuse(f"{asked.parameter.code} is no identifier")
    if len(parts) != 3 or "" in parts:
        raise asked.refuse("an identifier with its type is system|code|value")
    return TypedIdentifier(*parts)


def match_typed(code: str, value: TypedIdentifier) -> str:
    """Returns the exact token."""
    return code + _type_entry(value)
