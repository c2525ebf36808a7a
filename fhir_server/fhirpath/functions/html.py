"""htmlChecks(): the rules of narrative XHTML. https://hl7.org/fhir/R4/narrative.html#xhtml"""

from __future__ import annotations

from xml.parsers import expat

from fhir_server.fhirpath.functions.signature import Table, plain
from fhir_server.fhirpath.node import EMPTY, Collection, State, boolean

_NAMESPACE = "http://www.w3.org/1999/xhtml"


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ELEMENTS = _words(
    """div p br hr h1 h2 h3 h4 h5 h6 a span b em i strong small big tt dfn q var abbr acronym cite blockquote
    address bdo ins del sub sup ul ol li dl dt dd pre table caption colgroup col thead tr tfoot tbody th td
    code samp kbd img map area"""
)
_ATTRIBUTES = _words(
    """title style class id lang xml:lang dir accesskey tabindex span width align valign char charoff abbr
    axis headers scope rowspan colspan type start value compact cite datetime border cellpadding cellspacing
    frame rules summary name xml:space nowrap"""
)
_ATTRIBUTES_OF = {
    "a": _words("href name rel rev charset hreflang type shape coords target"),
    "img": _words("src alt longdesc height width usemap ismap"),
    "area": _words("shape coords href alt nohref"),
    "bdo": _words("dir"),
}


class _Checks:
    """Reads a narrative once."""

    def __init__(self) -> None:
        self.valid = True
        self.has_content = False
        self._depth = 0

    def start(self, name: str, attributes: dict[str, str]) -> None:
        namespace, _, local = name.rpartition(" ")
        self._depth += 1
        if namespace != _NAMESPACE or local not in _ELEMENTS or (self._depth == 1 and local != "div"):
            self.valid = False
        allowed = _ATTRIBUTES_OF.get(local, frozenset())
        for attribute in attributes:
            plain_name = attribute.replace("http://www.w3.org/XML/1998/namespace ", "xml:")
            if plain_name not in _ATTRIBUTES and plain_name not in allowed:
                self.valid = False
        self.has_content = self.has_content or local == "img"

    def text(self, text: str) -> None:
        self.has_content = self.has_content or not text.isspace()

    def refuse(self, *_: object) -> None:
        self.valid = False


def follows_html_rules(text: str) -> bool:
    """Says whether a narrative is well-formed, of the allowed elements and attributes, and not blank."""
    checks = _Checks()
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = checks.start
    parser.EndElementHandler = lambda name: None
    parser.CharacterDataHandler = checks.text
    parser.StartDoctypeDeclHandler = checks.refuse
    parser.ProcessingInstructionHandler = checks.refuse
    # An entity that a document type would declare is never expanded: it is refused as undeclared.
    parser.EntityDeclHandler = checks.refuse
    try:
        parser.Parse(text.encode("utf-8"), True)
    except (expat.ExpatError, UnicodeEncodeError):
        return False
    return checks.valid and checks.has_content


def _html_checks(state: State, items: Collection) -> Collection:
    if not items:
        return EMPTY
    for node in items:
        if isinstance(node.value, str):
            state.spend_text(len(node.value))
    return boolean(all(isinstance(node.value, str) and follows_html_rules(node.value) for node in items))


HTML: Table = {"htmlChecks": plain(_html_checks)}
