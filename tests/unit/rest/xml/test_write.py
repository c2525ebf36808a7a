"""What XML cannot carry is refused, and nothing breaks out of its place. https://hl7.org/fhir/R4/xml.html"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_server.fhir.json import encode_json
from fhir_server.rest.xml.indent import indent_xml
from fhir_server.rest.xml.read import read_xml
from fhir_server.rest.xml.write import Unwritable, write_xml
from tests.generated import any_resources

DIV = '<div xmlns="http://www.w3.org/1999/xhtml">'


def write(**more: Any) -> bytes:
    return write_xml(encode_json({"resourceType": "Patient", **more}))


UNWRITABLE: dict[str, dict[str, Any]] = {
    "unknown element": {"colour": "blue"},
    "unknown element inside": {"name": [{"nick": "x"}]},
    "unknown sibling": {"_colour": {"id": "x"}},
    "sibling of an object": {"_name": [{"id": "x"}]},
    "object for text": {"gender": {"a": 1}},
    "number for text": {"gender": 1},
    "text for number": {"multipleBirthInteger": "1"},
    "text for boolean": {"active": "true"},
    "number for boolean": {"active": 1},
    "boolean for number": {"multipleBirthInteger": True},
    "null": {"gender": None},
    "null in a list": {"name": [{"given": [None]}]},
    "one for list": {"name": {"family": "x"}},
    "list for one": {"gender": ["male"]},
    "text for object": {"name": ["x"]},
    "id that is none": {"name": [{"id": 1}]},
    "url that is none": {"extension": [{"url": 1}]},
    "sibling that is none": {"gender": "male", "_gender": "x"},
    "siblings that are none": {"name": [{"given": ["x"], "_given": {"id": "1"}}]},
    "nothing in a list": {"name": [{"_given": [{"id": "1"}, None]}]},
    "nothing at all": {"_gender": {}},
    "control character": {"gender": "\x01"},
    "NUL": {"gender": "\x00"},
    "NULs": {"gender": "a\x00b", "language": "x&"},
    "no character": {"gender": "\uffff"},
    "unknown resource": {"contained": [{"resourceType": "Colour"}]},
    "no resource": {"contained": [{"code": {"text": "x"}}]},
    "text for a resource": {"contained": ["x"]},
    "type of a resource": {"contained": [{"resourceType": 1}]},
    "number for a narrative": {"text": {"div": 1}},
    "markup that breaks out": {"text": {"div": f"{DIV}</div></text><gender value='x'/><text>{DIV}</div>"}},
    "narrative that is open": {"text": {"div": f"{DIV}<p></div>"}},
    "narrative of another namespace": {"text": {"div": "<div>x</div>"}},
    "narrative of another element": {"text": {"div": '<p xmlns="http://www.w3.org/1999/xhtml">x</p>'}},
    "narrative with a prefix": {"text": {"div": f"{DIV}<a:b/></div>"}},
    "narrative with an instruction": {"text": {"div": f"{DIV}<?x?></div>"}},
    "narrative with a document type": {"text": {"div": f"<!DOCTYPE div>{DIV}x</div>"}},
    "narrative with an unknown entity": {"text": {"div": f"{DIV}&x;</div>"}},
    "narrative with a comment that hides": {"text": {"div": f"{DIV}</div><!-- "}},
    "namespace in a value": {"text": {"div": "<div title=' xmlns=\"http://www.w3.org/1999/xhtml\"'>x</div>"}},
    "text for a narrative": {"text": {"div": "x"}},
}


@pytest.mark.parametrize("more", UNWRITABLE.values(), ids=UNWRITABLE)
def test_what_xml_cannot_carry_is_refused(more: dict[str, Any]) -> None:
    with pytest.raises(Unwritable):
        write(**more)


@pytest.mark.parametrize("before", ['<?xml version="1.0"?>', "<!-- x -->", "\n "])
def test_a_narrative_leaves_behind_what_comes_before_it(before: str) -> None:
    text = write(text={"status": "generated", "div": f"{before}{DIV}x</div>\n"})
    assert read_xml(text)["text"]["div"] == f"{DIV}x</div>"


def test_values_are_escaped_once() -> None:
    assert b'<gender value="&amp;lt;&#10;&#9;&quot;&lt;&gt;"/>' in write(gender='&lt;\n\t"<>')


def test_an_indented_text_has_one_element_on_each_line() -> None:
    text = write(
        id="1", text={"status": "generated", "div": f"{DIV}<p>\n a</p></div>"}, name=[{"family": ">"}]
    )
    assert indent_xml(text).decode() == (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<Patient xmlns="http://hl7.org/fhir">\n'
        '  <id value="1"/>\n'
        "  <text>\n"
        '    <status value="generated"/>\n'
        f"    {DIV}<p>\n a</p></div>\n"
        "  </text>\n"
        "  <name>\n"
        '    <family value="&gt;"/>\n'
        "  </name>\n"
        "</Patient>\n"
    )


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just("x"),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "url", "_id", "extension", "div", "resourceType", "x"]), inner, max_size=3
        )
    ),
    max_leaves=6,
)


def places(value: Any) -> list[tuple[Any, Any]]:
    """Returns (holder, key) of every place of a tree."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [place for key, one in pairs for place in ((value, key), *places(one))]


@settings(max_examples=400, deadline=None)
@given(any_resources(), ANYTHING, st.data())
def test_whatever_is_stored_is_written_so_that_it_can_be_read_or_refused(
    resource: dict[str, Any], strange: Any, data: st.DataObject
) -> None:
    holder, key = data.draw(st.sampled_from(places(resource)))
    holder[data.draw(st.sampled_from([key, f"_{key}"])) if isinstance(holder, dict) else key] = strange
    with suppress(Unwritable):
        assert read_xml(write_xml(encode_json(resource)))["resourceType"] == resource["resourceType"]
