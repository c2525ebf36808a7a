"""JSON → XML → JSON is the same resource, whatever it is. https://hl7.org/fhir/R4/xml.html"""

from __future__ import annotations

import re
from decimal import Decimal
from html.entities import name2codepoint
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_server.definitions.registry import load_definitions
from fhir_server.fhir.json import encode_json, parse_json
from fhir_server.rest.xml.indent import indent_xml
from fhir_server.rest.xml.read import read_xml
from fhir_server.rest.xml.write import write_xml
from tests.generated import RESOURCE_TYPES, any_resources
from tests.minimal import minimal_resource

DIV = '<div xmlns="http://www.w3.org/1999/xhtml">'
_ENTITY = re.compile(r"&([A-Za-z]+);")
_XML_ENTITIES = ("amp", "lt", "gt", "quot", "apos")


def numbered(text: str) -> str:
    """Spells HTML entities of a narrative as numbers: XML has no names for them."""
    return _ENTITY.sub(lambda m: m[0] if m[1] in _XML_ENTITIES else f"&#{name2codepoint[m[1]]};", text)


def normal(value: Any) -> Any:
    """Spells what has several spellings in JSON, and one in XML, in one way."""
    if isinstance(value, list):
        return [normal(one) for one in value]
    if not isinstance(value, dict):
        return value
    found = {key: normal(one) for key, one in value.items()}
    if isinstance(found.get("div"), str):
        found["div"] = numbered(found["div"])
    return found


def spellings(value: Any) -> Any:
    """Replaces decimals by their spelling: 1.0 is not 1.00."""
    if isinstance(value, dict):
        return {key: spellings(one) for key, one in value.items()}
    if isinstance(value, list):
        return [spellings(one) for one in value]
    if isinstance(value, Decimal):
        return ("decimal", encode_json(value))
    return value if isinstance(value, str) else (type(value).__name__, value)


def through_xml(resource: dict[str, Any]) -> dict[str, Any]:
    text = write_xml(encode_json(resource))
    assert read_xml(indent_xml(text)) == read_xml(text)
    return read_xml(text)


@settings(max_examples=600, deadline=None)
@given(any_resources())
def test_a_resource_of_any_type_comes_back(resource: dict[str, Any]) -> None:
    before = parse_json(encode_json(resource))
    assert spellings(through_xml(before)) == spellings(normal(before))


@pytest.mark.parametrize("resource_type", RESOURCE_TYPES)
def test_the_minimal_resource_of_each_type_comes_back(resource_type: str) -> None:
    resource = minimal_resource(resource_type)
    assert through_xml(resource) == resource


@settings(max_examples=100, deadline=None)
@given(any_resources(), any_resources(), any_resources())
def test_resources_in_resources_come_back(
    first: dict[str, Any], second: dict[str, Any], third: dict[str, Any]
) -> None:
    inner = {
        "resourceType": "Bundle",
        "type": "collection",
        "entry": [{"resource": first}, {"resource": second}],
    }
    parameters = {
        "resourceType": "Parameters",
        "parameter": [{"name": "a", "part": [{"name": "b", "resource": inner}]}],
    }
    holder = {"resourceType": "Basic", "contained": [third, parameters], "code": {"text": "x"}}
    before = parse_json(encode_json(holder))
    assert spellings(through_xml(before)) == spellings(normal(before))


@settings(max_examples=200, deadline=None)
@given(any_resources(), st.randoms(use_true_random=False))
def test_the_order_of_keys_does_not_matter(resource: dict[str, Any], random: Any) -> None:
    def shuffled(value: Any) -> Any:
        if isinstance(value, list):
            return [shuffled(one) for one in value]
        if not isinstance(value, dict):
            return value
        keys = sorted(value)
        random.shuffle(keys)
        return {key: shuffled(value[key]) for key in keys}

    assert write_xml(encode_json(shuffled(resource))) == write_xml(encode_json(resource))


@settings(max_examples=100, deadline=None)
@given(any_resources())
def test_elements_stand_in_the_order_of_the_definition(resource: dict[str, Any]) -> None:
    root = ElementTree.fromstring(write_xml(encode_json(resource)))  # noqa: S314
    structure = load_definitions().structure(resource["resourceType"])
    ranks = {
        key: at
        for at, name in enumerate(structure.elements)
        for key, (e, _) in structure.keys.items()
        if e.name == name
    }
    found = [ranks[child.tag.rpartition("}")[2]] for child in root]
    assert found == sorted(found)


TEXTS = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]) | st.sampled_from("\t\n\r&<>\"'"),
    min_size=1,
)


@given(TEXTS.filter(lambda text: not {"￾", "￿"} & set(text)))
def test_any_text_comes_back(text: str) -> None:
    resource = {
        "resourceType": "Basic",
        "id": "1",
        "code": {"id": text, "text": text, "extension": [{"url": text, "valueString": text}]},
    }
    assert through_xml(resource) == resource


@pytest.mark.parametrize(
    "number",
    [
        "0",
        "-1",
        "0.0",
        "1.00",
        "1e2",
        "1E2",
        "1.0e-7",
        "0.00000001",
        "-0.50",
        "100000000000000000000",
        "123456789012345678901234567890.10",
    ],
)
def test_a_decimal_keeps_its_spelling(number: str) -> None:
    raw = b'{"resourceType":"Observation","valueQuantity":{"value":' + number.encode() + b"}}"
    text = write_xml(raw)
    assert f'<value value="{number}"/>'.encode() in text
    assert encode_json(read_xml(text)) == raw


@pytest.mark.parametrize(
    "names",
    [
        {
            "given": ["a", None, "b"],
            "_given": [None, {"id": "1"}, {"extension": [{"url": "u", "valueCode": "x"}]}],
        },
        {"given": ["a", "b"], "_given": [{"id": "1"}, None]},
        {"_given": [{"id": "1"}]},
        {"_family": {"extension": [{"url": "u", "_valueString": {"id": "x"}}]}},
        {"family": "x", "_family": {"id": "1", "extension": [{"url": "u", "valueDecimal": Decimal("1.0")}]}},
        {"_use": {"id": "u"}, "given": ["a"], "id": "n"},
    ],
)
def test_what_stands_beside_a_primitive_comes_back(names: dict[str, Any]) -> None:
    resource = {"resourceType": "Patient", "name": [names], "_birthDate": {"id": "b"}}
    assert through_xml(resource) == resource


def test_booleans_and_numbers_with_siblings_come_back() -> None:
    resource = {
        "resourceType": "Patient",
        "active": False,
        "_active": {"id": "a"},
        "multipleBirthInteger": 0,
        "_multipleBirthInteger": {"id": "b"},
    }
    assert through_xml(resource) == resource


def test_lists_of_siblings_get_the_length_of_their_values() -> None:
    short = {"resourceType": "Patient", "name": [{"given": ["a", "b"], "_given": [{"id": "1"}]}]}
    assert through_xml(short)["name"] == [{"given": ["a", "b"], "_given": [{"id": "1"}, None]}]
    empty = {"resourceType": "Patient", "name": [{"given": [None], "_given": [{"id": "1"}]}]}
    assert through_xml(empty)["name"] == [{"_given": [{"id": "1"}]}]


@pytest.mark.parametrize(
    "inner",
    [
        "text",
        "<p>a &lt; b &amp;&#160;c</p>",
        "<br/><br></br><!-- a > b, </div> and <div> --><b title=\"a > b\" class='x'>é</b>",
        "<div><div>in</div> <div/></div> tail",
        "<![CDATA[</div><div>]]>x",
        '<table>\n  <tr><td xml:lang="fr">1</td></tr>\r\n</table>\t',
        "&quot;&apos;",
    ],
)
def test_a_narrative_comes_back_letter_for_letter(inner: str) -> None:
    text = {"status": "generated", "div": f"{DIV}{inner}</div>"}
    resource = {
        "resourceType": "Patient",
        "text": text,
        "contained": [
            {"resourceType": "Basic", "text": {**text, "div": f"{DIV}other</div>"}, "code": {"text": "<div>"}}
        ],
    }
    assert through_xml(resource) == resource


def test_html_entities_become_numbers() -> None:
    resource = {
        "resourceType": "Basic",
        "text": {"status": "generated", "div": f"{DIV}&nbsp;&eacute;&amp;</div>"},
    }
    assert through_xml(resource)["text"]["div"] == f"{DIV}&#160;&#233;&amp;</div>"
