"""Strict JSON: what is refused, with which words, and that nothing accepted is changed."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_server.errors import FhirError, Invalid, TooLarge
from fhir_server.fhir.json import MAX_DEPTH, encode_json, parse_json, parse_resource

MANY = settings(max_examples=300, deadline=None, database=None)

REFUSED: list[tuple[str, bytes, str]] = [
    ("an empty body", b"", "is empty"),
    ("white space only", b" \r\n\t", "is empty"),
    ("a text that ends too early", b'{"a": [1', "ends too early, at line 1, column 9"),
    ("a trailing comma", b'{"a": 1,}', "trailing comma in object, at line 1, column 9"),
    ("a comment", b'{\n  "a": 1 // x\n}', "at line 2, column 10"),
    ("single quotes", b"{'a': 1}", "malformed"),
    ("text after the value", b'{"a": 1} x', "trailing characters"),
    ("NaN", b'{"a": NaN}', "malformed"),
    ("Infinity", b'{"a": Infinity}', "malformed"),
    ("-Infinity", b'{"a": -Infinity}', "malformed"),
    ("a leading zero", b'{"a": 01}', "invalid number"),
    ("a plus sign", b'{"a": +1}', "malformed"),
    ("a hexadecimal number", b'{"a": 0x10}', "malformed"),
    ("a point without digits", b'{"a": 1.}', "malformed"),
    ("a lone high surrogate", b'{"a": "\\ud83d"}', "half of a surrogate pair"),
    ("a lone low surrogate", b'{"a": "\\ude00x"}', "surrogate"),
    ("a raw line feed in a string", b'{"a": "x\ny"}', "malformed"),
    ("an unknown escape", b'{"a": "\\x41"}', "invalid escape"),
    ("a byte order mark", b"\xef\xbb\xbf{}", "byte order mark (UTF-8)"),
    ("UTF-16", '{"a": 1}'.encode("utf-16"), "byte order mark (UTF-16 or UTF-32)"),
    ("big-endian UTF-16", b"\xfe\xff\x00{\x00}", "byte order mark (UTF-16)"),
    ("Latin-1", '{"a": "é",\n "b": 1}'.encode("latin-1"), "not UTF-8: wrong byte at line 1, column 8"),
    ("an encoded surrogate", b'{"a": "\xed\xa0\x80"}', "not UTF-8"),
    ("an overlong encoding", b'{"a": "\xc0\xaf"}', "not UTF-8"),
    ("an integer of 65 digits", b"[" + b"1" * 65 + b"]", "64 digits"),
    ("an integer of 65 digits at the top", b"-" + b"1" * 65, "64 digits"),
    ("an integer of 100,000 digits", b'{"a": ' + b"1" * 100_000 + b"}", "64 digits"),
    ("a decimal of 65 digits", b'{"a": 1.' + b"0" * 65 + b"}", "64 digits"),
    ("a decimal of 65 digits with exponent", b'{"a": 1.' + b"0" * 65 + b"e1}", "64 digits"),
    ("an immense exponent", b'{"a": 1e309}', "exponent"),
    ("an immense negative exponent", b'{"a": 1E-309}', "exponent"),
    ("an exponent of 20 digits", b'{"a": 1e' + b"9" * 20 + b"}", "exponent"),
    ("arrays that are too deep", b"[" * 65 + b"]" * 65, "64 levels"),
    ("objects that are too deep", b'{"a":' * 65 + b"1" + b"}" * 65, "64 levels"),
    ("arrays deeper than the stack", b"[" * 100_000 + b"]" * 100_000, "too deeply"),
    ("objects deeper than the stack", b'{"a":' * 100_000, "too deeply"),
]


@pytest.mark.parametrize(("raw", "words"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_what_is_not_strict_json_is_refused_with_its_reason(raw: bytes, words: str) -> None:
    with pytest.raises(Invalid) as caught:
        parse_json(raw)
    assert words in caught.value.diagnostics


DUPLICATES: list[tuple[bytes, str]] = [
    (b'{"a": 1, "a": 1}', "a"),
    (b'{"resourceType": "Patient", "name": [{}, {"given": ["x"], "given": ["y"]}]}', "Patient.name[1].given"),
    (
        b'{"resourceType": "Patient", "contact": [{"name": {"text": "\\":", "text" : 1}}]}',
        "Patient.contact[0].name.text",
    ),
    (b'{"resourceType": "Patient", "id": "a", "\\u0069d": "b"}', "Patient.id"),
    (b'{"resourceType": "Patient", "a b": 1, "a b": 2}', "Patient"),
    (b'{"resourceType": "Patient", "resourceType": "Basic"}', "Basic.resourceType"),
    (b'{"resourceType": 5, "x": {"y": 1, "y": 2}}', "x.y"),
    (b'[[{"a": 1,\n"a"\t:\r\n2}]]', "[0][0].a"),
    (b'{"a": 1, "b": {"x": {"c": 1, "c": 2}}, "b": 0}', "b"),
]


@pytest.mark.parametrize(("raw", "expression"), DUPLICATES)
def test_a_repeated_property_is_refused_with_its_path(raw: bytes, expression: str) -> None:
    with pytest.raises(Invalid, match="more than once") as caught:
        parse_json(raw)
    assert caught.value.issues[0].expression == expression


def test_a_repeated_property_in_a_value_that_got_lost_is_refused_too() -> None:
    raw = b'{"p": {"a": {"c": 1, "c": 2}, "a": 3}}'
    with pytest.raises(Invalid, match="more than once"):
        parse_json(raw)


def test_a_repeated_property_that_hides_a_deep_value_is_refused() -> None:
    with pytest.raises(Invalid):
        parse_json(b'{"a": ' + b"[" * 900 + b"]" * 900 + b', "a": 1}')


@pytest.mark.parametrize(
    "text",
    [
        '{"a": "\\":"}',
        '{"a": ":", "b": "\\" :"}',
        '{":": "\\\\"}',
        '{"\\"a\\":": {"\\"a\\":": 1}}',
        '["\\":"]',
    ],
)
def test_colons_and_quotes_inside_strings_are_no_duplicates(text: str) -> None:
    assert parse_json(text.encode()) == json.loads(text)


def test_depth_is_counted_in_objects_and_arrays() -> None:
    assert parse_json(b"[" * MAX_DEPTH + b"1" + b"]" * MAX_DEPTH)
    assert parse_json(b"[[1]]", max_depth=2) == [[1]]
    with pytest.raises(Invalid, match="more than 2 levels"):
        parse_json(b"[[[]]]", max_depth=2)


def test_a_body_that_is_too_large_is_refused_before_it_is_read() -> None:
    with pytest.raises(TooLarge, match="at most 3"):
        parse_json(b"{not json", max_bytes=3)
    assert parse_json(b"[]", max_bytes=2) == []


@pytest.mark.parametrize(
    "text", ["1.00", "0.10", "-0.0", "105.00", "3.14159265358979323846264338327950288", "1e-3"]
)
def test_decimals_keep_their_digits(text: str) -> None:
    value = parse_json(text.encode())
    assert isinstance(value, Decimal)
    assert value.as_tuple() == Decimal(text).as_tuple()
    assert parse_json(encode_json(value)).as_tuple() == value.as_tuple()


def test_decimals_are_written_as_they_came() -> None:
    raw = b'{"value":1.00,"high":105.00,"low":-0.50}'
    assert encode_json(parse_json(raw)) == raw


def test_scalars_at_the_top_are_json_too() -> None:
    assert [parse_json(raw) for raw in (b"1", b"true", b"null", b'"x"')] == [1, True, None, "x"]


def test_the_order_of_properties_survives() -> None:
    raw = b'{"z":1,"a":2,"resourceType":"Basic","m":{"y":1,"b":2}}'
    assert encode_json(parse_json(raw)) == raw


def test_raw_parts_are_spliced_as_they_are() -> None:
    stored = b'{"resourceType": "Basic",  "x": 1.00}'
    assert (
        encode_json({"entry": [{"resource": msgspec.Raw(stored)}]})
        == b'{"entry":[{"resource":' + stored + b"}]}"
    )


def test_pretty_text_is_indented_and_keeps_decimals() -> None:
    assert (
        encode_json({"a": [Decimal("1.00")], "b": {}}, pretty=True)
        == b'{\n  "a": [\n    1.00\n  ],\n  "b": {}\n}'
    )


def test_accents_are_written_in_utf_8() -> None:
    assert encode_json({"a": "é😀"}) == '{"a":"é😀"}'.encode()


def test_a_resource_is_an_object_that_names_its_type() -> None:
    assert parse_resource(b'{"resourceType": "Basic"}') == {"resourceType": "Basic"}
    for raw, words in [
        (b"[]", "one JSON object"),
        (b'"x"', "one JSON object"),
        (b"{}", "resourceType is required"),
        (b'{"resourceType": null}', "resourceType is required"),
        (b'{"resourceType": ["Patient"]}', "resourceType is required"),
    ]:
        with pytest.raises(Invalid, match=words):
            parse_resource(raw)


JSON = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(10**40), 10**40),
        st.decimals(allow_nan=False, allow_infinity=False, places=3, min_value=-(10**9), max_value=10**9),
        st.text(st.characters(exclude_categories=["Cs"])),
        st.sampled_from(['"', '":', "\\", '\\":', " : "]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), inner, max_size=4),
    ),
    max_leaves=20,
)


@MANY
@given(JSON, st.booleans())
def test_every_value_survives_a_round_trip(value: Any, pretty: bool) -> None:
    assert parse_json(encode_json(value, pretty=pretty)) == value


def _plain(value: Any) -> Any:
    """Decimals as the standard library, told to use them, reads them."""
    return json.loads(value, parse_float=Decimal)


@MANY
@given(JSON, st.booleans(), st.sampled_from([(",", ":"), (" , ", " : "), ("\n,\t", "\r\n:")]))
def test_texts_of_the_standard_library_are_read_as_it_reads_them(
    value: Any, ascii_only: bool, separators: tuple[str, str]
) -> None:
    text = json.dumps(value, default=float, ensure_ascii=ascii_only, separators=separators)
    assert parse_json(text.encode()) == _plain(text)


def _refuse_constant(name: str) -> Any:
    raise ValueError(name)


def _strict_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(dict(pairs)) != len(pairs):
        raise ValueError("duplicate")
    return dict(pairs)


@MANY
@given(
    st.text(st.sampled_from('{}[]":,\\ \n0123e.-+atrufslnd'), max_size=30).map(str.encode)
    | st.binary(max_size=12)
    | st.lists(st.sampled_from([b"{", b"}", b"[", b"]", b'"a"', b":", b",", b"1", b'"a":1', b" "])).map(
        b"".join
    )
)
def test_the_standard_library_agrees_on_what_is_json(raw: bytes) -> None:
    try:
        expected = json.loads(
            raw.decode("utf-8"),
            parse_float=Decimal,
            parse_constant=_refuse_constant,
            object_pairs_hook=_strict_pairs,
        )
    except ValueError:
        with pytest.raises(FhirError):
            parse_json(raw)
        return
    if re.search(rb"e[+-]?0*[1-9][0-9]{2}", raw) is None:
        assert parse_json(raw) == expected


@pytest.mark.parametrize("inner", ['\\"' * 200_000, " " * 400_000, '\\":' * 100_000, "\\\\" * 200_000])
def test_long_strings_made_to_confuse_the_scan_are_read(inner: str) -> None:
    raw = f'{{"{inner}": ["{inner}", "{inner}"]}}'.encode()
    assert parse_json(raw) == json.loads(raw)
