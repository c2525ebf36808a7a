"""The <div> of a narrative as a part of an XML text: as it is, once it is known to be well-formed by itself.

https://hl7.org/fhir/R4/narrative.html#xhtml
"""

from __future__ import annotations

import re
from html.entities import name2codepoint
from xml.parsers import expat

from fhir_server.rest.xml.shapes import XHTML

_DIV = re.compile(rf"""<div(?:\s[^<>]*?)?\sxmlns=["']{re.escape(XHTML)}["'][^<]*>""")
_ENTITY = re.compile(r"&([A-Za-z][A-Za-z0-9]{1,30});")
_XML_ENTITIES = frozenset({"amp", "lt", "gt", "quot", "apos"})


def narrative_markup(div: str) -> str | None:
    """Returns a narrative as markup, HTML entities spelled as numbers; None when it would break the text."""
    text = _ENTITY.sub(_number, div) if "&" in div else div
    text = text.strip()
    if not _DIV.match(text):
        text = _element_alone(text)
    if "<!DOCTYPE" in text or "<?" in text or not _DIV.match(text):
        return None
    parser = expat.ParserCreate("utf-8", " ")
    try:
        parser.Parse(text.encode(), True)
    except (expat.ExpatError, UnicodeEncodeError):
        return None
    return text


def _element_alone(text: str) -> str:
    """Leaves out an XML declaration and comments before the element."""
    begins = text.find("<div")
    return text[begins:] if begins > 0 else text


def _number(entity: re.Match[str]) -> str:
    """XML without a document type knows five entities; a narrative may use those of HTML."""
    name = entity[1]
    if name in _XML_ENTITIES or name not in name2codepoint:
        return entity[0]
    return f"&#{name2codepoint[name]};"
