"""The words of a resource for _text and _content: those of its narrative, and of all its strings.

https://hl7.org/fhir/R4/search.html#content, docs/decisions/0013-text-search.md
"""

from __future__ import annotations

import html
import re
from functools import cache
from typing import Any

from fhir_server.definitions.registry import load_definitions
from fhir_server.fhir import Resource
from fhir_server.search.entries import IN_CONTENT, IN_NARRATIVE
from fhir_server.search.stems import stems

MAX_STEMS = 512
"""Of one resource."""

_MAX_NARRATIVE = 100_000
_MAX_TEXTS = 5_000

_INLINE = re.compile(
    r"</?(?:a|abbr|b|big|em|i|small|span|strong|sub|sup|tt|u)(?:\s[^<>]*+)?/?>", re.IGNORECASE
)
_TAG = re.compile(r"<[^<>]*+>")

_RESOURCE = "Resource"
_TEXT_TYPES = frozenset({"string", "markdown"})
_NO_TEXT = frozenset({"id", "reference", "version", "unit", "versionId"})
"""Elements of type string that are no words."""

_WITHOUT_TEXT = frozenset(
    {"Age", "ContactPoint", "Count", "Distance", "Duration", "Identifier", "Meta", "Money", "MoneyQuantity",
     "Narrative", "Period", "Quantity", "Range", "Ratio", "Reference", "SampledData", "Signature",
     "SimpleQuantity"}
)  # fmt: skip
"""What has search parameters of its own. The names in references stand in every resource of a record."""


def word_entries(resource: Resource) -> list[str]:
    """Returns the entries of the words of a resource; what the narrative says is not repeated."""
    found = dict.fromkeys(stems(_narrative(resource)))
    entries = [IN_NARRATIVE + stem for stem in found]
    for text in _texts(resource):
        for stem in stems(text):
            if stem not in found:
                found[stem] = None
                entries.append(IN_CONTENT + stem)
        if len(entries) > MAX_STEMS:
            break
    return entries[:MAX_STEMS]


def _narrative(resource: Resource) -> str:
    """Returns the text of the narrative without its markup."""
    text = resource.get("text")
    div = text.get("div") if isinstance(text, dict) else None
    if not isinstance(div, str):
        return ""
    return html.unescape(_TAG.sub(" ", _INLINE.sub("", div[:_MAX_NARRATIVE])))


def _texts(resource: Resource) -> list[str]:
    """Returns the strings of a resource, of what it contains too."""
    texts: list[str] = []
    pending: list[tuple[Any, str]] = [(resource, _RESOURCE)]
    for value, type_ in pending:  # grows meanwhile
        if len(pending) > _MAX_TEXTS:
            break
        if isinstance(value, dict):
            table = _table(value.get("resourceType")) if type_ == _RESOURCE else _elements(type_)
            for key in value:
                if key in table:
                    child = value[key]
                    if isinstance(child, str):
                        texts.append(child)
                    else:
                        pending.append((child, table[key]))
        elif isinstance(value, list):
            texts += [child for child in value if isinstance(child, str)]
            pending += [(child, type_) for child in value if isinstance(child, dict)]
    return texts


@cache
def _elements(structure_name: str) -> dict[str, str]:
    """Returns JSON key → type of the elements that hold text, or something with text in it."""
    structure = load_definitions().structure_or_none(structure_name)
    if structure is None or structure.is_primitive:
        return {}
    return {
        key: type_
        for key, (element, type_) in structure.keys.items()
        if type_ not in _WITHOUT_TEXT and element.name not in _NO_TEXT and _may_hold_text(type_)
    }


def _may_hold_text(type_: str) -> bool:
    structure = load_definitions().structure_or_none(type_)
    return type_ in _TEXT_TYPES or structure is None or not structure.is_primitive


def _table(structure_name: Any) -> dict[str, str]:
    return _elements(structure_name) if isinstance(structure_name, str) else {}
