"""Pages of a search: each match once, whatever the order and the size of a page; forward, back, and again.

`make test-paging` turns pages of one resource through everything too.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

from tests.examples import body, link, transaction
from tests.http_client import FhirHttp

SIZES = [int(size) for size in os.environ.get("PAGING_SIZES", "7,1000").split(",")]
WHOLE = 1_000
BACK = 20
"""Pages that one can go back, one by one."""

DATES = ["2020-01-01", "2020-01-01", "2021-05-06T07:08:09Z", "2022", None]
NUMBERS = [1, 2.5, 2.5, None]
TEXTS = ["Été", "ete", "hiver", None, "printemps"]
FEW = 40


def observation(i: int) -> dict[str, Any]:
    found: dict[str, Any] = {
        "resourceType": "Observation",
        "id": f"o{i:04}",
        "status": ["final", "amended", "preliminary"][i % 3],
        "code": {"coding": [{"code": "few" if i < FEW else "many"}]},
    }
    date, number, text = DATES[i % 5], NUMBERS[i % 4], TEXTS[i % 5]
    if date:
        found["effectiveDateTime"] = date
    if number and i % 2:
        found["valueQuantity"] = {"value": number, "unit": "mg"}
    elif text:
        found["valueString"] = text
    return found


def risk(i: int) -> dict[str, Any]:
    found: dict[str, Any] = {
        "resourceType": "RiskAssessment",
        "id": f"r{i:04}",
        "status": "final",
        "subject": {"reference": "Group/all"},
        "code": {"coding": [{"code": "few" if i < FEW else "many"}]},
    }
    number = NUMBERS[i % 4]
    return found | ({"prediction": [{"probabilityDecimal": number}]} if number else {})


@pytest.fixture(scope="module")
def full(fhir: FhirHttp) -> FhirHttp:
    """A caller of a server with 1,000 resources of two types, written at two moments."""
    for make in (observation, risk):
        rows = [
            {"request": {"method": "PUT", "url": f"{r['resourceType']}/{r['id']}"}, "resource": r}
            for r in map(make, range(WHOLE))
        ]
        assert fhir.post("", transaction(*rows)).status_code == 200
    return fhir


def ids(page: dict[str, Any]) -> list[str]:
    return [row["resource"]["id"] for row in page.get("entry", [])]


def get(fhir: FhirHttp, url: str) -> dict[str, Any]:
    answer = fhir.get(url)
    assert answer.status_code == 200, answer.text
    page: dict[str, Any] = body(answer)
    return page


def forward(fhir: FhirHttp, url: str) -> Iterator[dict[str, Any]]:
    following: str | None = url
    while following is not None:
        page = get(fhir, following)
        yield page
        following = link(page, "next")


SORTS = [
    "Observation", "Observation?_sort=date", "Observation?_sort=-date", "Observation?_sort=_lastUpdated",
    "Observation?_sort=_id", "Observation?_sort=value-string", "Observation?_sort=-value-quantity",
    "Observation?_sort=status,-date", "RiskAssessment?_sort=probability",
]  # fmt: skip
if len(SIZES) > 2:  # the long run
    SORTS[1:1] = [
        "Observation?_sort=-_lastUpdated",
        "Observation?_sort=-_id",
        "Observation?_sort=-value-string",
    ]


def with_parameters(search: str, *parameters: str) -> str:
    return search + ("&" if "?" in search else "?") + "&".join(parameters)


def check_walk(fhir: FhirHttp, search: str, expected: set[str]) -> None:
    """Follows the pages to the end, back as far as they lead, and to the first one."""
    pages = list(forward(fhir, search))
    found = [i for page in pages for i in ids(page)]
    assert len(found) == len(expected)
    assert set(found) == expected
    assert {page["total"] for page in pages} == {len(expected)}
    page = pages[-1]
    for earlier in reversed(pages[-1 - BACK : -1]):
        page = get(fhir, link(page, "previous") or "")
        assert ids(page) == ids(earlier)
    assert ids(get(fhir, link(pages[-1], "self") or "")) == ids(pages[-1])
    if len(pages) > 1:
        assert ids(get(fhir, link(page, "first") or "")) == ids(pages[0])
    else:
        assert {row["relation"] for row in pages[0]["link"]} == {"self"}
    assert link(pages[0], "previous") is None
    assert link(pages[-1], "next") is None


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("search", SORTS)
def test_pages_bring_each_of_a_thousand_resources_once(full: FhirHttp, search: str, size: int) -> None:
    letter = "r" if search.startswith("Risk") else "o"
    check_walk(full, with_parameters(search, f"_count={size}"), {f"{letter}{i:04}" for i in range(WHOLE)})


@pytest.mark.parametrize("search", SORTS[:-1])
def test_pages_of_one_resource_bring_each_once(full: FhirHttp, search: str) -> None:
    check_walk(full, with_parameters(search, "code=few", "_count=1"), {f"o{i:04}" for i in range(FEW)})


ORDERS: list[tuple[str, Any]] = [
    ("date", lambda r: r.get("effectiveDateTime")),
    ("_id", lambda r: r["id"]),
    ("value-quantity", lambda r: r.get("valueQuantity", {}).get("value")),
    (
        "value-string",
        lambda r: (r.get("valueString") or "").replace("É", "e").replace("é", "e").lower() or None,
    ),
]


@pytest.mark.parametrize(("parameter", "key"), ORDERS)
@pytest.mark.parametrize("descending", [False, True])
def test_the_order_goes_on_from_page_to_page(
    full: FhirHttp, parameter: str, key: Any, descending: bool
) -> None:
    search = f"Observation?_sort={'-' * descending}{parameter}&_count=333"
    keys = [key(row["resource"]) for page in forward(full, search) for row in page["entry"]]
    present = [k for k in keys if k is not None]
    assert keys == [*present, *[None] * (len(keys) - len(present))]  # missing ones last
    assert present == sorted(present, reverse=descending)


def test_several_types_are_paged_together(full: FhirHttp) -> None:
    several = "?_type=Observation,RiskAssessment&_id=" + ",".join(
        f"{x}{i:04}" for x in "or" for i in range(FEW)
    )
    found = [i for page in forward(full, f"{several}&_count=7") for i in ids(page)]
    assert sorted(found) == sorted(f"{letter}{i:04}" for letter in "or" for i in range(FEW))


def test_a_page_that_was_opened_may_be_opened_again_and_by_a_form(full: FhirHttp) -> None:
    first = get(full, "Observation?code=few&_count=7")
    following = link(first, "next") or ""
    assert ids(get(full, following)) == ids(get(full, following))
    form = full.search("Observation", {"code": "few", "_count": "7"}, post=True)
    assert ids(body(form)) == ids(first)
    assert ids(get(full, link(body(form), "next") or "")) == ids(get(full, following))


def test_what_is_deleted_or_changed_meanwhile_moves_no_other(full: FhirHttp) -> None:
    search = "Observation?code=few&_sort=_id&_count=10"
    first = get(full, search)
    for id_ in ("o0002", "o0009", "o0012"):  # behind the reader, at the end of the page, ahead
        assert full.delete(f"Observation/{id_}").status_code == 204
    second = get(full, link(first, "next") or "")
    assert ids(second) == ["o0010", "o0011", *(f"o{i:04}" for i in range(13, 21))]
    for id_ in ("o0002", "o0009", "o0012"):
        assert full.put(f"Observation/{id_}", observation(int(id_[1:]))).status_code == 201
