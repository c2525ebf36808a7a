"""Well-formed XML in UTF-8 without document type, entities and processing instructions → elements.

https://hl7.org/fhir/R4/xml.html, https://www.w3.org/TR/xml/

Why the parser of the standard library is safe here: without a document type declaration there is no entity,
and that is refused before the text is parsed. docs/decisions/0029-xml-at-the-edge.md
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import count, pairwise
from xml.etree.ElementTree import Element, ParseError, XMLParser
from xml.parsers import expat

from fhir_server.errors import Invalid, UnsupportedMedia
from fhir_server.rest.xml.shapes import XHTML

_UTF_8_MARK = b"\xef\xbb\xbf"
_OTHER_MARKS = (b"\xff\xfe", b"\xfe\xff", b"\x00")
_DECLARATION = re.compile(rb"<\?xml[ \t\r\n][^>]{0,200}?\?>")
_ENCODING = re.compile(rb"[ \t\r\n]encoding[ \t\r\n]*=[ \t\r\n]*[\"']([^\"']*)[\"']")
_TEXT = re.compile(rb">[ \t\r\n]*+[^ \t\r\n<]")
_NARRATIVE = re.compile(
    rb"<!--.*?-->|<!\[CDATA\[.*?\]\]>"
    rb"|<(?:[^\s<>/:\"'=!?]++:)?div(?=[\s/>])[^>\"']*+(?:(?:\"[^\"]*+\"|'[^']*+')[^>\"']*+)*+>"
    rb"|</(?:[^\s<>/:]++:)?div\s*+>",
    re.DOTALL,
)
"""In well-formed XML "<" begins markup, unless in a comment or a CDATA section."""


def parse_xml(raw: bytes) -> tuple[bytes, Element]:
    """Returns the text without byte order mark, and its root; raises Invalid when it is no XML of FHIR."""
    raw = raw.removeprefix(_UTF_8_MARK)
    declaration = _DECLARATION.match(raw)
    _check_encoding(raw, declaration[0] if declaration else b"")
    if b"<!DOCTYPE" in raw or raw.find(b"<?", declaration.end() if declaration else 0) >= 0:
        _refuse_declarations(raw)
    # The encoding is said, so that no declaration can choose another one.
    parser = XMLParser(encoding="utf-8")  # noqa: S314
    try:
        parser.feed(raw)
        root: Element = parser.close()
    except ParseError as error:
        raise _malformed(raw, str(error), error.position) from None
    return raw, root


def _check_encoding(raw: bytes, declaration: bytes) -> None:
    if raw.startswith(_OTHER_MARKS) or b"\x00" in raw[:4]:
        raise UnsupportedMedia("FHIR XML is encoded in UTF-8", "http.Content-Type")
    encoding = _ENCODING.search(declaration)
    if encoding is not None and encoding[1].lower() != b"utf-8":
        name = encoding[1][:40].decode("ascii", "replace")
        raise UnsupportedMedia(
            f"FHIR XML is encoded in UTF-8, this text declares {name!r}", "http.Content-Type"
        )


def _refuse_declarations(raw: bytes) -> None:
    """Tells declarations from what only looks like them, in a comment or a CDATA section."""
    parser = expat.ParserCreate("utf-8")

    def refuse(what: str) -> Invalid:
        place = f"line {parser.CurrentLineNumber}, column {parser.CurrentColumnNumber + 1}"
        return Invalid(f"FHIR XML has no {what}; this text has one at {place}.")

    def doctype(*_: object) -> None:
        raise refuse("document type declaration")

    def instruction(*_: object) -> None:
        raise refuse("processing instruction")

    parser.StartDoctypeDeclHandler = doctype
    parser.ProcessingInstructionHandler = instruction
    try:
        parser.Parse(raw, True)
    except expat.ExpatError as error:
        raise _malformed(raw, str(error), (error.lineno, error.offset)) from None


def _malformed(raw: bytes, message: str, position: tuple[int, int]) -> Invalid:
    if not raw.strip():
        return Invalid("The body is empty; an XML text was expected.")
    reason = message.rpartition(": line ")[0]
    try:
        raw.decode("utf-8")
    except UnicodeDecodeError:
        reason = f"{reason}; the text is not UTF-8"
    return Invalid(f"The XML text is malformed: {reason}, at line {position[0]}, column {position[1] + 1}.")


def find_narratives(raw: bytes) -> list[tuple[int, int]]:
    """Returns where the outermost <div> of a well-formed text begin and end."""
    spans: list[tuple[int, int]] = []
    depth = begins = 0
    for found in _NARRATIVE.finditer(raw) if b"div" in raw else ():
        tag = found[0]
        if tag.startswith(b"<!"):
            continue
        if tag.startswith(b"</"):
            depth -= 1
        else:
            begins = begins if depth else found.start()
            depth += not tag.endswith(b"/>")
        if depth == 0:
            spans.append((begins, found.end()))
    return spans


def without_narratives(raw: bytes, spans: list[tuple[int, int]]) -> bytes:
    """Returns the text without the given parts."""
    if not spans:
        return raw
    kept = [raw[: spans[0][0]]]
    kept += [raw[end:begins] for (_, end), (begins, _) in pairwise(spans)]
    return b"".join([*kept, raw[spans[-1][1] :]])


def find_text(rest: bytes, root: Element) -> Element | None:
    """Returns an element that has text, or text after it, outside of narratives; None when there is none.

    `rest` is without narratives: most have nothing that could be text, and their elements are not asked.
    """
    gaps = rest.count(b">") - rest.count(b"><")
    begins_on_next_line = b"?>\n<" in rest[:100]
    if b"<![CDATA[" not in rest and (gaps == 1 + begins_on_next_line or not _TEXT.search(rest.rstrip())):
        return None
    stack = [root]
    while stack:
        element = stack.pop()
        is_narrative = element.tag.startswith(f"{{{XHTML}}}")
        if not is_narrative and element.text is not None and not element.text.isspace():
            return element
        if element.tail is not None and not element.tail.isspace():
            return element
        if not is_narrative:
            stack.extend(reversed(element))
    return None


def places_of(raw: bytes, root: Element, wanted: Iterable[Element]) -> dict[int, tuple[int, int]]:
    """Returns line and column of elements by their id(); reads the text again, for trees know no places."""
    sought = {id(element) for element in wanted}
    numbers = {number: id(element) for number, element in enumerate(root.iter()) if id(element) in sought}
    parser = expat.ParserCreate("utf-8")
    places: dict[int, tuple[int, int]] = {}
    counter = count()

    def start(*_: object) -> None:
        number = next(counter)
        if number in numbers:
            places[numbers[number]] = (parser.CurrentLineNumber, parser.CurrentColumnNumber + 1)

    parser.StartElementHandler = start
    parser.Parse(raw, True)
    return places
