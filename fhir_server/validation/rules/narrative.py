"""The XHTML of narratives: well-formed, and formatting only (txt-1, txt-2).

https://hl7.org/fhir/R4/narrative.html#xhtml
"""

from __future__ import annotations

import re
from html.entities import name2codepoint
from typing import Any
from xml.parsers import expat

from fhir_server.validation.context import Context
from fhir_server.validation.fault import Check, Fault, Position, fault, show, wrong_type

_XHTML = "http://www.w3.org/1999/xhtml"
_ELEMENTS = frozenset(
    str.split(
        "a abbr acronym address area b bdo big blockquote br caption cite code col colgroup dd dfn div dl"
        " dt em h1 h2 h3 h4 h5 h6 hr i img kbd li map ol p pre q samp small span strong sub sup table"
        " tbody td tfoot th thead tr tt ul var"
    )
)
_ATTRIBUTES = frozenset(
    str.split(
        "abbr accesskey align axis char charoff class colspan dir headers id lang rowspan scope span"
        " style tabindex title valign width xml:lang xml:space xmlns"
    )
)
_OWN_ATTRIBUTES = frozenset(
    str.split(
        "a.charset a.coords a.href a.hreflang a.name a.rel a.rev a.shape a.type area.alt area.coords"
        " area.href area.nohref area.shape blockquote.cite img.alt img.border img.height img.ismap"
        " img.longdesc img.src img.usemap map.name ol.start ol.type q.cite table.bgcolor table.border"
        " table.cellpadding table.cellspacing table.frame table.rules table.summary td.bgcolor td.nowrap"
        " th.nowrap tr.bgcolor ul.type"
    )
)
_LINKS = frozenset({"href", "src", "cite", "longdesc", "usemap"})
_ENTITY = re.compile(r"&([A-Za-z][A-Za-z0-9]{1,30});")
_XML_ENTITIES = frozenset({"amp", "lt", "gt", "quot", "apos"})
_ACTIVE = re.compile(r"[\s\x00-\x20]*(?:javascript|vbscript|data[\s]*:[\s]*text)", re.IGNORECASE)


class _Refused(Exception):
    """Content that a narrative may not have."""


def build(position: Position, check: Check) -> Check:
    """Returns the check of Narrative.div."""
    return _check_xhtml if position.type == "xhtml" else check


def _check_xhtml(value: Any, _owner: dict[str, Any], _context: Context) -> list[Fault] | None:
    if type(value) is not str:
        return wrong_type("a string", value)
    reader = _Reader()
    try:
        reader.read(value)
    except expat.ExpatError as error:
        return fault("structure", f"The narrative is not well-formed XHTML: {error}.", id="xhtml:form")
    except _Refused as refused:
        return fault("invariant", f"txt-1: {refused}", id="invariant:txt-1")
    except ValueError:
        return fault("structure", "The narrative is not a Unicode text.", id="xhtml:form")
    if reader.has_content:
        return None
    return fault("invariant", "txt-2: the narrative must not be empty.", id="invariant:txt-2")


class _Reader:
    """Reads one div; raises at the first thing that is not allowed."""

    def __init__(self) -> None:
        self.has_content = False
        self._depth = 0

    def read(self, text: str) -> None:
        # No namespace processing: prefixes are refused as unknown elements.
        parser = expat.ParserCreate("utf-8")
        parser.buffer_text = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._characters
        parser.StartDoctypeDeclHandler = self._refuse_doctype
        parser.ProcessingInstructionHandler = self._refuse_instruction
        if "&" in text:
            text = _ENTITY.sub(_expand, text)
        parser.Parse(text.encode(), True)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if self._depth == 0 and (name != "div" or attributes.get("xmlns") != _XHTML):
            raise _Refused(f'a narrative is one <div xmlns="{_XHTML}">.')
        self._depth += 1
        if name not in _ELEMENTS:
            raise _Refused(f"the element {show(name)} is not allowed in a narrative.")
        if name == "img":
            self.has_content = True
        for attribute, value in attributes.items():
            _check_attribute(name, attribute, value)

    def _end(self, _name: str) -> None:
        self._depth -= 1

    def _characters(self, text: str) -> None:
        if not self.has_content and not text.isspace():
            self.has_content = True

    def _refuse_doctype(self, *_: object) -> None:
        raise _Refused("a narrative has no document type declaration.")

    def _refuse_instruction(self, *_: object) -> None:
        raise _Refused("a narrative has no processing instructions.")


def _check_attribute(element: str, name: str, value: str) -> None:
    if name not in _ATTRIBUTES and f"{element}.{name}" not in _OWN_ATTRIBUTES:
        raise _Refused(f"the attribute {show(name)} is not allowed on <{element}>.")
    if name == "xmlns" and value != _XHTML:
        raise _Refused("elements of other namespaces are not allowed.")
    if name in _LINKS and _ACTIVE.match(value):
        raise _Refused(f"the attribute {show(name)} holds active content.")


def _expand(entity: re.Match[str]) -> str:
    """Replaces an HTML entity, which XML does not know, by its character."""
    name = entity[1]
    if name in _XML_ENTITIES or name not in name2codepoint:
        return entity[0]
    return f"&#{name2codepoint[name]};"
