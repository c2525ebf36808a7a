"""The <div> of a narrative as a part of an XML text: as it is, once it is known to be well-formed by itself.

https://hl7.org/fhir/R4/narrative.html#xhtml
"""

from __future__ import annotations

import re
from html.entities import name2codepoint
from xml.parsers import expat

from fhir_server.rest.xml.shapes import XHTML

_ENTITY = re.compile(r"&([A-Za-z][A-Za-z0-9]{1,30});")
_XML_ENTITIES = frozenset({"amp", "lt", "gt", "quot", "apos"})


def narrative_markup(div: str) -> str | None:
    """Returns a narrative as markup, HTML entities spelled as numbers; None when it would break the text."""
    if "<!DOCTYPE" in div:
        return None
    text = _ENTITY.sub(_number, div) if "&" in div else div
    text = text[max(text.find("<div"), 0) :].strip()  # an XML declaration and comments may come before it
    return text if text.startswith("<div") and "<?" not in text and _is_xhtml(text) else None


def _is_xhtml(text: str) -> bool:
    """Tells whether a text is one element of XHTML, named div, that needs nothing from around it."""
    parser = expat.ParserCreate("utf-8", " ")
    names: list[str] = []

    def start(name: str, _: object) -> None:
        names.append(name)
        parser.StartElementHandler = None  # only the first is asked for

    parser.StartElementHandler = start
    try:
        parser.Parse(text.encode(), True)
    except (expat.ExpatError, UnicodeEncodeError):
        return False
    return names == [f"{XHTML} div"]


def _number(entity: re.Match[str]) -> str:
    """XML without a document type knows five entities; a narrative may use those of HTML."""
    name = entity[1]
    if name in _XML_ENTITIES or name not in name2codepoint:
        return entity[0]
    return f"&#{name2codepoint[name]};"
