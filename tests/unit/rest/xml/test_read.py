"""XML that is not FHIR's is refused with its place, whatever it is. https://hl7.org/fhir/R4/xml.html"""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.errors import Invalid, UnsupportedMedia
from fhir_server.rest.xml.read import read_xml

XHTML = "http://www.w3.org/1999/xhtml"


def patient(inner: str, attributes: str = "") -> bytes:
    return f'<Patient xmlns="http://hl7.org/fhir"{attributes}>{inner}</Patient>'.encode()


def narrative(div: str, attributes: str = "") -> bytes:
    return patient(f'<text{attributes}><status value="generated"/>{div}</text>')


TAKEN: dict[str, bytes] = {
    "declaration": b'<?xml version="1.0" encoding="UTF-8"?>\n' + patient('<active value="true"/>'),
    "declaration in lower case": b"<?xml version='1.0' encoding='utf-8' standalone='yes'?>"
    + patient('<active value="true"/>'),
    "byte order mark": b"\xef\xbb\xbf" + patient('<active value="true"/>'),
    "mark and declaration": b'\xef\xbb\xbf<?xml version="1.0"?>' + patient('<active value="true"/>'),
    "comments": b"<!-- <!DOCTYPE x> <?pi?> & -->"
    + patient('<!-- a > b --><active value="true"/><!-- -->')
    + b"\n<!-- -->",
    "spaces": b"\n" + patient('\n\t<active\n value = "true" ></active >\r\n') + b"\n\n",
    "prefix": b'<f:Patient xmlns:f="http://hl7.org/fhir"><f:active value="true"/></f:Patient>',
    "schema location": patient(
        '<active value="true"/>',
        ' xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="a b"',
    ),
    "character reference": patient('<active value="&#116;rue"/>'),
    "space by reference": patient('&#32;<active value="true"/>'),
    "empty CDATA section": patient('<![CDATA[  ]]><active value="true"/>'),
    "namespace said again": patient('<active xmlns="http://hl7.org/fhir" value="true"/>'),
}


@pytest.mark.parametrize("raw", TAKEN.values(), ids=TAKEN)
def test_xml_has_many_spellings(raw: bytes) -> None:
    assert read_xml(raw) == {"resourceType": "Patient", "active": True}


NAME = '<name><family value="x"/></name>'
# Name → text, part of the diagnostics, line and column, FHIRPath.
REFUSED: dict[str, tuple[bytes, str, str, str]] = {
    "unknown element": (
        patient('\n  <colour value="blue"/>'),
        "no such element",
        "line 2, column 3",
        "Patient.colour",
    ),
    "unknown element inside": (
        patient(f'{NAME}<name>\n<nick value="x"/></name>'),
        "no such element",
        "line 2, column 1",
        "Patient.name[1].nick",
    ),
    "other namespace": (
        patient('<active xmlns="http://x" value="true"/>'),
        "namespace",
        "line 1, column 38",
        "Patient.active",
    ),
    "no namespace": (
        b'<Patient><active value="true"/></Patient>',
        "namespace",
        "line 1, column 1",
        "Patient",
    ),
    "other root": (b'<Colour xmlns="http://hl7.org/fhir"/>', "no resource type", "line 1, column 1", ""),
    "data type as root": (b'<HumanName xmlns="http://hl7.org/fhir"/>', "no resource type", "line 1", ""),
    "abstract root": (b'<DomainResource xmlns="http://hl7.org/fhir"/>', "no resource type", "line 1", ""),
    "XHTML root": (f'<div xmlns="{XHTML}">x</div>'.encode(), "no resource type", "line 1", ""),
    "other div": (narrative("<div>x</div>"), "namespace", "line 1", "Patient.text.div"),
    "repeated element": (
        patient('<active value="true"/><active value="true"/>'),
        "once",
        "line 1, column 60",
        "Patient.active",
    ),
    "two choices": (
        patient('<deceasedBoolean value="true"/><deceasedDateTime value="2020"/>'),
        "once",
        "line 1",
        "Patient.deceased.ofType(dateTime)",
    ),
    "wrong order": (patient(f'<birthDate value="2020"/>{NAME}'), "order", "line 1", "Patient.name[0]"),
    "torn list": (patient(f'{NAME}<gender value="male"/>{NAME}'), "order", "line 1", "Patient.name[1]"),
    "unknown attribute": (
        patient('<active value="true" x="1"/>'),
        "attribute 'x'",
        "line 1",
        "Patient.active",
    ),
    "attribute of a resource": (patient("", ' id="1"'), "no attributes", "line 1", "Patient"),
    "value of an object": (patient('<name value="x"/>'), "attribute 'value'", "line 1", "Patient.name[0]"),
    "url of another": (patient('<name url="x"/>'), "attribute 'url'", "line 1", "Patient.name[0]"),
    "foreign attribute": (
        patient('<active value="true" xml:lang="fr"/>'),
        "attribute 'lang'",
        "line 1",
        "Patient.active",
    ),
    "type of the schema": (
        patient('<active xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="x" value="true"/>'),
        "attribute 'type'",
        "line 1",
        "Patient.active",
    ),
    "text": (patient('<active value="true"/>yes'), "text", "line 1, column 38", "Patient.active"),
    "text inside": (
        patient("<active>true</active>"),
        "neither a value",
        "line 1, column 38",
        "Patient.active",
    ),
    "text in a value": (patient('<active value="true">yes</active>'), "text", "line 1", "Patient.active"),
    "text in an object": (patient(f"{NAME}<name>x</name>"), "text", "line 1", "Patient.name[1]"),
    "CDATA text": (patient("<![CDATA[x]]>"), "text", "line 1, column 1", "Patient"),
    "text before a narrative": (
        narrative(f'x<div xmlns="{XHTML}">y</div>'),
        "text",
        "line 1",
        "Patient.text.status",
    ),
    "text after a narrative": (
        narrative(f'<div xmlns="{XHTML}">y</div>z'),
        "text",
        "line 1",
        "Patient.text.div",
    ),
    "child of a primitive": (
        patient(f'<active value="true">{NAME}</active>'),
        "no such element",
        "line 1",
        "Patient.active.name",
    ),
    "no value": (patient("<active/>"), "neither a value", "line 1", "Patient.active"),
    "boolean": (patient('<active value="TRUE"/>'), "boolean", "line 1", "Patient.active"),
    "boolean as digit": (patient('<active value="1"/>'), "boolean", "line 1", "Patient.active"),
    "number with spaces": (
        patient('<multipleBirthInteger value=" 1"/>'),
        "number",
        "line 1",
        "Patient.multipleBirth.ofType(integer)",
    ),
    "number with plus": (
        patient('<multipleBirthInteger value="+1"/>'),
        "number",
        "line 1",
        "Patient.multipleBirth.ofType(integer)",
    ),
    "number with zero": (
        patient('<multipleBirthInteger value="01"/>'),
        "malformed",
        "line 1",
        "Patient.multipleBirth.ofType(integer)",
    ),
    "number of words": (
        patient('<multipleBirthInteger value="NaN"/>'),
        "number",
        "line 1",
        "Patient.multipleBirth.ofType(integer)",
    ),
    "empty number": (
        patient('<multipleBirthInteger value=""/>'),
        "number",
        "line 1",
        "Patient.multipleBirth.ofType(integer)",
    ),
    "huge number": (
        patient(f'<multipleBirthInteger value="{"9" * 5000}"/>'),
        "digits",
        "line 1",
        "Patient.multipleBirth.ofType(integer)",
    ),
    "huge exponent": (
        patient('<multipleBirthInteger value="1e999999999"/>'),
        "exponent",
        "line 1",
        "Patient.multipleBirth.ofType(integer)",
    ),
    "nothing contained": (patient("<contained/>"), "one resource", "line 1", "Patient.contained[0]"),
    "two contained": (
        patient("<contained><Basic/><Basic/></contained>"),
        "one resource",
        "line 1",
        "Patient.contained[0]",
    ),
    "contained by attribute": (
        patient('<contained id="1"><Basic/></contained>'),
        "attribute 'id'",
        "line 1",
        "Patient.contained[0]",
    ),
    "contained element": (
        patient("<contained><name/></contained>"),
        "no resource type",
        "line 1",
        "Patient.contained[0]",
    ),
    "fault in a contained": (
        patient("<contained><Basic/></contained><contained><Basic><x/></Basic></contained>"),
        "no such element",
        "line 1",
        "Patient.contained[1].x",
    ),
    "prefixed narrative": (
        narrative(f'<h:div xmlns:h="{XHTML}">x</h:div>'),
        "no prefix",
        "line 1",
        "Patient.text.div",
    ),
    "narrative in a prefixed one": (
        narrative(f'<h:div xmlns:h="{XHTML}"><div xmlns="{XHTML}">x</div></h:div>'),
        "no prefix",
        "line 1",
        "Patient.text.div",
    ),
    "two narratives": (
        narrative(f'<div xmlns="{XHTML}">y</div><div xmlns="{XHTML}">z</div>'),
        "once",
        "line 1",
        "Patient.text.div",
    ),
}


@pytest.mark.parametrize(("raw", "words", "place", "expression"), REFUSED.values(), ids=REFUSED)
def test_what_json_has_no_word_for_is_refused_with_its_place(
    raw: bytes, words: str, place: str, expression: str
) -> None:
    with pytest.raises(Invalid) as caught:
        read_xml(raw)
    (issue,) = caught.value.issues
    assert words in issue.diagnostics
    assert f"{place}:" in issue.diagnostics or f"{place}," in issue.diagnostics
    assert issue.expression == expression


BOMB = (
    "<!DOCTYPE x ["
    + '<!ENTITY a0 "ha">'
    + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))
    + "]>"
)
HOSTILE: dict[str, bytes] = {
    "entity bomb": BOMB.encode() + patient('<language value="&a11;"/>'),
    "quadratic bomb": f'<!DOCTYPE x [<!ENTITY a "{"a" * 50_000}">]>'.encode()
    + patient(f'<language value="{"&a;" * 5000}"/>'),
    "external entity": b'<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]>'
    + patient('<language value="x"/>&e;'),
    "external document type": b'<!DOCTYPE Patient SYSTEM "http://127.0.0.1:1/x.dtd">' + patient(""),
    "parameter entity": b'<!DOCTYPE x [<!ENTITY % p SYSTEM "http://127.0.0.1:1/x.dtd"> %p;]>' + patient(""),
    "default attribute": b'<!DOCTYPE Patient [<!ATTLIST active value CDATA "true">]>' + patient("<active/>"),
    "empty document type": b"<!DOCTYPE Patient>" + patient(""),
    "document type in a narrative": narrative(f'<!DOCTYPE x><div xmlns="{XHTML}">x</div>'),
    "instruction": b'<?xml-stylesheet href="http://x"?>' + patient(""),
    "instruction inside": patient("<?php x?>"),
    "instruction in a narrative": narrative(f'<div xmlns="{XHTML}"><?x?>y</div>'),
    "instruction after": patient("") + b"<?x?>",
    "declaration inside": patient('<?xml version="1.0"?>'),
    "undeclared entity": patient('<language value="&nbsp;"/>'),
    "undeclared entity in a narrative": narrative(f'<div xmlns="{XHTML}">&nbsp;</div>'),
    "duplicate attribute": patient('<active value="true" value="false"/>'),
    "duplicate by prefix": patient('<active xmlns:a="u" xmlns:b="u" a:x="1" b:x="2" value="true"/>'),
    "unbound prefix": patient('<a:active value="true"/>'),
    "control character": patient('<language value="&#1;"/>'),
    "NUL": patient('<language value="a\x00"/>'),
    "NUL by reference": patient('<language value="&#0;"/>'),
    "surrogate by reference": patient('<language value="&#xD800;"/>'),
    "raw surrogate": b'<Patient xmlns="http://hl7.org/fhir"><language value="\xed\xa0\x80"/></Patient>',
    "latin-1": b'<Patient xmlns="http://hl7.org/fhir"><language value="\xe9"/></Patient>',
    "overlong": b'<Patient xmlns="http://hl7.org/fhir"><language value="\xc0\xaf"/></Patient>',
    "XML 1.1": b'<?xml version="1.1"?>' + patient('<language value="&#1;"/>'),
    "depth bomb": patient("<extension>" * 100_000),
    "closed depth bomb": patient('<extension url="u">' * 50_000 + "</extension>" * 50_000),
    "depth 65": patient(
        '<extension url="u">' * 32 + '<valueCoding><extension url="u"/></valueCoding>' + "</extension>" * 32
    ),
    "deep contained": patient("<contained><Patient>" * 40 + "</Patient></contained>" * 40),
    "deep unknown": b"<a>" * 200_000 + b"</a>" * 200_000,
    "two roots": patient("") + patient(""),
    "text after": patient("") + b"x",
    "open": patient("")[:-3],
    "empty": b"",
    "blank": b" \n ",
    "JSON": b'{"resourceType":"Patient"}',
    "HTML": b"<html><body>x</body></html>",
    "binary": bytes(range(1, 256)),
    "included": patient(
        '<xi:include xmlns:xi="http://www.w3.org/2001/XInclude" href="file:///etc/passwd" parse="text"/>'
    ),
}


@pytest.mark.parametrize("raw", HOSTILE.values(), ids=HOSTILE)
def test_hostile_text_is_refused(raw: bytes) -> None:
    with pytest.raises(Invalid) as caught:
        read_xml(raw)
    assert 0 < len(caught.value.diagnostics) < 400


@pytest.mark.parametrize(
    "raw",
    [
        b'<?xml version="1.0" encoding="ISO-8859-1"?>' + patient(""),
        b'<?xml version="1.0" encoding="utf-7"?>' + patient(""),
        b'<?xml version="1.0" encoding="\xff"?>' + patient(""),
        patient("").decode().encode("utf-16"),
        patient("").decode().encode("utf-16-le"),
        patient("").decode().encode("utf-16-be"),
        patient("").decode().encode("utf-32"),
    ],
)
def test_another_encoding_is_another_media_type(raw: bytes) -> None:
    with pytest.raises(UnsupportedMedia):
        read_xml(raw)


def test_the_last_level_may_hold_values_but_no_list() -> None:
    inner = '<valueQuantity><code value="x"/></valueQuantity>'
    deep = patient(f'<extension url="u">{inner}</extension>')
    assert read_xml(deep, 4)["extension"][0]["valueQuantity"] == {"code": "x"}
    with pytest.raises(Invalid, match="levels"):
        read_xml(deep, 3)
    with pytest.raises(Invalid, match="levels"):
        read_xml(patient('<name><given value="x"/></name>'), 3)
    assert read_xml(patient('<name><given value="x"/></name>'), 4)["name"] == [{"given": ["x"]}]


def test_a_huge_attribute_and_many_elements_are_read_in_linear_steps() -> None:
    assert len(read_xml(patient(f'<language value="{"a&lt;" * 500_000}"/>'))["language"]) == 1_000_000
    assert len(read_xml(patient(NAME * 20_000))["name"]) == 20_000


FRAGMENTS = st.sampled_from(
    [
        "<Patient>",
        "</Patient>",
        "<name>",
        "</name>",
        '<active value="true"/>',
        "<![CDATA[",
        "]]>",
        "<!--",
        "-->",
        "<?x",
        "?>",
        "&",
        ";",
        "a0",
        '"',
        "'",
        ">",
        "<",
        "/",
        "=",
        "<!DOCTYPE",
        f'<div xmlns="{XHTML}">',
        "</div>",
        "<text>",
        "</text>",
        "<h:div",
        '<status value="x"/>',
        "\n",
        "\x00",
        "é",
    ]
)


@given(st.lists(FRAGMENTS, max_size=12).map("".join), st.booleans())
def test_any_text_is_read_or_refused(text: str, inside: bool) -> None:
    raw = patient(text) if inside else text.encode()
    try:
        found = read_xml(raw)
    except (Invalid, UnsupportedMedia):
        return
    assert found["resourceType"] == "Patient"
