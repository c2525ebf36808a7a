"""Line and column of an expression are those of its value in the text, however the text is written."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_server.fhir.position import Position, locate
from tests.generated import resources

TEXT = """{
  "resourceType": "Patient",
  "name": [
    {"given": ["Alix", "Zoé"]},
    {"family": "é\\"{[", "given": [null, "b"], "_given": [{"extension": [{"url": "x"}]}, null]}
  ],
  "_birthDate": {"extension": [{"url": "y"}]},
  "birthDate": "1990",
  "deceasedBoolean": true
}
"""


@pytest.mark.parametrize(
    ("expression", "line", "value"),
    [
        ("Patient", 1, "{"),
        ("Patient.name[0]", 4, '{"given": ["Alix"'),
        ("Patient.name[0].given[1]", 4, '"Zoé"'),
        ("Patient.name[1].family", 5, '"é'),
        ("Patient.name[1].given[0].extension[0].url", 5, '"x"'),
        ("Patient.birthDate", 8, '"1990"'),
        ("Patient.birthDate.extension[0].url", 7, '"y"'),
        ("Patient.deceased.ofType(boolean)", 9, "true"),
        ("Patient.name[1].period.start", 5, '{"family"'),
        ("Patient.nothing[3].at.all", 1, "{"),
        ("Patient.name.where(use='x').given", 3, "["),
        ("http.profile", 1, "{"),
        ("", 1, "{"),
    ],
)
def test_an_expression_is_found_where_its_value_begins(expression: str, line: int, value: str) -> None:
    found = locate(TEXT.encode(), [expression])[expression]
    assert found.line == line
    assert TEXT.splitlines()[line - 1][found.column - 1 :].startswith(value)


def test_a_resource_inside_another_is_found_from_where_it_begins() -> None:
    text = b'{"resourceType":"Parameters","parameter":[{"name":"x"},{"resource":{"name":[\n {}]}}]}'
    found = locate(text, ["Patient.name[0]"], ("parameter", 1, "resource"))
    assert found == {"Patient.name[0]": Position(2, 2)}


def test_the_columns_of_a_text_that_is_not_ascii_are_counted_in_characters() -> None:
    text = '{"a":"éé😀", "b": 5}'.encode()
    assert locate(text, ["X.b"])["X.b"] == Position(1, 18)


@pytest.mark.parametrize(
    "text", [b"", b"{", b'{"a"', b'{"a":', b'{"a":[1,', b"[", b"x", b'{"a": 1 2}', b"\xff"]
)
def test_a_text_that_is_no_json_gives_the_place_where_it_could_still_be_read(text: bytes) -> None:
    found = locate(text, ["X.a[0].b", "X.a"])
    assert set(found) == {"X.a[0].b", "X.a"}


def _expressions(value: Any, path: str) -> list[tuple[str, Any]]:
    """Every element of a plain tree whose keys need no types."""
    found = [(path, value)]
    if isinstance(value, dict):
        for key, child in value.items():
            if key.isidentifier() and not key.startswith("_"):
                found += _expressions(child, f"{path}.{key}")
    elif isinstance(value, list):
        for index, child in enumerate(value):
            found += _expressions(child, f"{path}[{index}]")
    return found


@settings(max_examples=60, deadline=None)
@given(resources("Patient"), st.sampled_from([None, 0, 1, 4]), st.booleans())
def test_at_every_position_stands_the_value_of_the_expression(
    resource: dict[str, Any], indent: int | None, ascii_: bool
) -> None:
    text = json.dumps(resource, indent=indent, ensure_ascii=ascii_, default=float)
    wanted = dict(_expressions(json.loads(text), "Patient"))
    lines = text.split("\n")
    decoder = json.JSONDecoder()
    for expression, position in locate(text.encode(), wanted).items():
        rest = "\n".join([lines[position.line - 1][position.column - 1 :], *lines[position.line :]])
        assert decoder.raw_decode(rest)[0] == wanted[expression], expression


def test_the_time_grows_no_faster_than_the_text() -> None:
    def seconds(size: int) -> float:
        items = [{"name": [{"given": ["x" * 20, "\\" * 20]}]} for _ in range(size)]
        text = json.dumps({"entry": items}).encode()
        wanted = [f"Bundle.entry[{index}].name[0].given[1]" for index in range(0, size, 2)]
        began = time.process_time()
        assert len(locate(text, wanted)) == len(wanted)
        return time.process_time() - began

    small = min(seconds(500) for _ in range(3))
    assert min(seconds(5000) for _ in range(2)) < 30 * small
