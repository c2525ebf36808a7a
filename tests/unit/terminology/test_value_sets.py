"""Which codes are in a value set."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_server.errors import NotSupported, TooCostly
from fhir_server.terminology.value_sets import expand

CS, VS = "http://example.org/cs", "http://example.org/vs"
ARTEFACTS: dict[tuple[str, str], dict[str, Any]] = {
    ("CodeSystem", CS): {
        "url": CS,
        "content": "complete",
        "concept": [
            {"code": "a", "concept": [{"code": "b", "concept": [{"code": "c"}]}, {"code": "d"}]},
            {"code": "e", "property": [{"code": "kind", "valueCode": "x"}, {"code": "n", "valueInteger": 5}]},
            {
                "code": "f",
                "property": [
                    {"code": "kind", "valueString": "y"},
                    {"code": "status", "valueCode": "retired"},
                ],
            },
        ],
    },
    ("CodeSystem", f"{CS}|2"): {"url": CS, "content": "complete", "concept": [{"code": "z"}]},
    ("CodeSystem", "http://fragment"): {
        "content": "fragment",
        "concept": [{"code": "p", "concept": [{"code": "q"}]}],
    },
    ("ValueSet", VS): {
        "compose": {"include": [{"system": CS, "concept": [{"code": "a"}, {"code": "b"}, {}]}]}
    },
    ("ValueSet", "http://circle"): {"compose": {"include": [{"valueSet": ["http://circle"]}]}},
}


def codes(value_set: dict[str, Any]) -> str:
    """The codes of a value set in order, as one text."""
    found = expand(value_set, lambda type_, canonical: ARTEFACTS.get((type_, canonical)))
    return "".join(sorted(code for _, code in found))


def composed(*include: Any, **more: Any) -> dict[str, Any]:
    return {"resourceType": "ValueSet", "compose": {"include": list(include), **more}}


def filtered(operator: Any, value: Any, property_: Any = "concept") -> dict[str, Any]:
    return {"system": CS, "filter": [{"property": property_, "op": operator, "value": value}]}


@pytest.mark.parametrize(
    ("include", "expected"),
    [
        ({"system": CS}, "abcdef"),
        ({"system": CS, "version": "2"}, "z"),
        ({"system": "http://unknown", "concept": [{"code": "u"}]}, "u"),
        (filtered("is-a", "a"), "abcd"),
        (filtered("is-a", "b"), "bc"),
        (filtered("is-a", "nothing"), ""),
        (filtered("descendent-of", "a"), "bcd"),
        (filtered("is-not-a", "a"), "ef"),
        (filtered("generalizes", "c"), "abc"),
        (filtered("=", "a"), "a"),
        (filtered("=", "x", "kind"), "e"),
        (filtered("=", "5", "n"), "e"),
        (filtered("in", "x, y", "kind"), "ef"),
        (filtered("in", "a,nothing"), "a"),
        (filtered("not-in", "x", "kind"), "abcdf"),
        ({"valueSet": [VS]}, "ab"),
        ({"valueSet": [VS], **filtered("descendent-of", "a")}, "b"),
        ({"valueSet": [VS, VS], "system": CS, "concept": [{"code": "b"}, {"code": "c"}]}, "b"),
        (
            {"system": "http://fragment", "filter": [{"property": "concept", "op": "is-a", "value": "p"}]},
            "pq",
        ),
    ],
)
def test_what_an_include_brings(include: dict[str, Any], expected: str) -> None:
    assert codes(composed(include)) == expected


def test_several_filters_hold_together_and_several_includes_add_up() -> None:
    both = {"system": CS, "filter": [*filtered("is-a", "a")["filter"], *filtered("is-not-a", "b")["filter"]]}
    assert codes(composed(both)) == "ad"
    assert codes(composed(filtered("=", "a"), filtered("=", "e"))) == "ae"


def test_what_is_excluded_is_left_out() -> None:
    assert (
        codes(
            composed(
                {"system": CS}, exclude=[filtered("is-a", "a"), {"system": CS, "concept": [{"code": "e"}]}]
            )
        )
        == "f"
    )


def test_inactive_codes_are_left_out_on_request() -> None:
    assert codes(composed({"system": CS}, inactive=False)) == "abcde"
    assert codes(composed({"system": CS, "concept": [{"code": "e"}, {"code": "f"}]}, inactive=False)) == "e"
    assert codes(composed({"system": CS}, inactive=True)) == "abcdef"


def test_an_expansion_serves_where_there_is_no_definition() -> None:
    rows = [
        {"system": CS, "code": "a", "contains": [{"system": CS, "code": "b"}]},
        {"abstract": True, "code": "x"},
    ]
    assert codes({"expansion": {"contains": rows, "total": 3}}) == "ab"
    with pytest.raises(NotSupported):
        codes({"expansion": {"contains": rows, "total": 4}})
    with pytest.raises(NotSupported):
        codes({})


@pytest.mark.parametrize(
    "include",
    [
        {},
        {"system": "http://unknown"},
        {"system": "http://fragment"},
        {"valueSet": ["http://unknown"]},
        {"valueSet": ["http://circle"]},
        filtered("regex", "a.*"),
        filtered("exists", "true"),
        filtered("is-a", "a", "kind"),
        filtered("=", 5),
        filtered(["="], "a"),
        filtered("=", "a", None),
    ],
)
def test_what_cannot_be_said_exactly_is_refused(include: dict[str, Any]) -> None:
    with pytest.raises(NotSupported):
        codes(composed(include))


def test_a_value_set_of_too_many_codes_is_refused() -> None:
    listed = [{"code": str(i)} for i in range(10_001)]
    with pytest.raises(TooCostly):
        codes(composed({"system": CS, "concept": listed}))


def test_value_sets_that_share_others_are_read_once() -> None:
    asked: list[str] = []

    def find(type_: str, canonical: str) -> dict[str, Any]:
        asked.append(canonical)
        number = int(canonical.rpartition("/")[2])
        if number == 12:
            return composed({"system": CS, "concept": [{"code": "a"}]})
        row = {"valueSet": [f"http://chain/{number + 1}"]}
        return composed(row, row)

    assert expand(find("ValueSet", "http://chain/0"), find) == {(CS, "a")}
    assert len(asked) == 13
