"""Several types in one order, and results that end early. https://hl7.org/fhir/R4/search.html#all"""

from __future__ import annotations

from typing import Any

import pytest

from tests.examples import body, patient, transaction
from tests.http_client import FhirHttp

DAYS = ["2024-01-01", "2024-03-01", None, "2024-02-01", "2024-05-01"]
NAMES = ["Zoé", "élan", "Bois", None, "Dune"]


def rows() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [{**patient("one"), "id": "one"}]
    for i, day in enumerate(DAYS):
        observation: dict[str, Any] = {
            "resourceType": "Observation",
            "id": f"o{i}",
            "status": "final",
            "code": {"text": "x"},
            "subject": {"reference": "Patient/one"},
        }
        encounter: dict[str, Any] = {
            "resourceType": "Encounter",
            "id": f"e{i}",
            "status": "finished",
            "class": {"code": "AMB"},
            "subject": {"reference": "Patient/one"},
        }
        plan: dict[str, Any] = {
            "resourceType": "CarePlan",
            "id": f"c{i}",
            "status": "active",
            "intent": "plan",
            "subject": {"reference": "Patient/one"},
        }
        if day:
            observation["effectiveDateTime"] = day
            encounter["period"] = {"start": f"{day[:7]}-20"}
            plan["period"] = {"start": day[:7]}
        found += [observation, encounter, plan]
        for type_ in ("Organization", "Location"):
            named = {
                "resourceType": type_,
                "id": f"{type_[0].lower()}{i}n",
                "identifier": [{"value": f"{i}"}],
            }
            found.append(named | ({"name": f"{NAMES[i]}{type_[0]}"} if NAMES[i] else {}))
    return found


@pytest.fixture(scope="module", autouse=True)
def records(fhir: FhirHttp) -> None:
    entries = [
        {"resource": r, "request": {"method": "PUT", "url": f"{r['resourceType']}/{r['id']}"}} for r in rows()
    ]
    answer = fhir.post("", transaction(*entries))
    assert answer.status_code == 200, answer.text


def pages(fhir: FhirHttp, search: str) -> tuple[list[str], list[int | None]]:
    """Returns the ids of all pages in order, and the totals."""
    found: list[str] = []
    totals: list[int | None] = []
    bundle = body(fhir.get(search))
    while True:
        found += [f"{r['resource']['resourceType']}/{r['resource']['id']}" for r in bundle.get("entry", [])]
        totals.append(bundle.get("total"))
        following = [link["url"] for link in bundle["link"] if link["relation"] == "next"]
        if not following:
            return found, totals
        bundle = body(fhir.get(following[0]))


def day_of(key: str) -> str:
    """Returns the day by which a resource is sorted; "" for none."""
    for row in rows():
        if f"{row['resourceType']}/{row['id']}" == key:
            return str(row.get("effectiveDateTime") or row.get("period", {}).get("start", ""))
    raise AssertionError(key)


@pytest.mark.parametrize("types", ["Observation,Encounter", "Observation,Encounter,CarePlan", "CarePlan"])
@pytest.mark.parametrize("sort", ["date", "-date"])
@pytest.mark.parametrize("count", [2, 1000])
def test_several_types_are_sorted_by_what_all_have(fhir: FhirHttp, types: str, sort: str, count: int) -> None:
    found, totals = pages(fhir, f"?_type={types}&patient=one&_sort={sort}&_count={count}")
    assert len(found) == len(set(found)) == 5 * len(types.split(","))
    assert set(totals) == {len(found)}
    days = [day_of(key) for key in found]
    known = [day for day in days if day]
    assert days == known + [""] * len(types.split(","))  # missing last
    ordered = sorted((f"{day}-01"[:10] for day in known), reverse=sort.startswith("-"))
    assert [f"{day}-01"[:10] for day in known] == ordered


@pytest.mark.parametrize(("sort", "reverse"), [("name", False), ("-name", True)])
def test_names_of_several_types_are_sorted_together(fhir: FhirHttp, sort: str, reverse: bool) -> None:
    found, _ = pages(fhir, f"?_type=Organization,Location&_sort={sort}&_count=3")
    letters = [NAMES[int(key[-2])] for key in found]
    assert len(found) == 10
    assert letters[8:] == [None, None]
    known = [str(x)[0].lower().replace("é", "e") for x in letters[:8]]
    assert known == sorted(known, reverse=reverse)
    assert {key.partition("/")[0] for key in found[:4]} == {"Organization", "Location"}


def test_several_keys_sort_several_types(fhir: FhirHttp) -> None:
    found, _ = pages(fhir, "?_type=Organization,Location&_sort=name,_id&_count=4")
    whole, _ = pages(fhir, "?_type=Organization,Location&_sort=name,_id&_count=1000")
    assert found == whole


@pytest.mark.parametrize(
    "search",
    ["?_type=Observation,Patient&_sort=date", "?_type=Observation,Medication&_sort=-code,date"],
)
def test_what_not_all_types_have_sorts_none(fhir: FhirHttp, search: str) -> None:
    assert fhir.get(search).status_code == 400


@pytest.mark.parametrize(
    "path", ["Observation?", "?_type=Observation,Encounter&", "Patient/one/Observation?"]
)
@pytest.mark.parametrize(("most", "count"), [(1, 20), (3, 2), (4, 2), (5, 5), (500, 2)])
def test_a_search_may_end_after_so_many_results(fhir: FhirHttp, path: str, most: int, count: int) -> None:
    whole, (total,) = pages(fhir, f"{path}_sort=_id&_count=1000")
    found, totals = pages(fhir, f"{path}_sort=_id&_count={count}&_maxresults={most}")
    assert found == whole[:most]
    assert set(totals) == {total}  # of what matches, not of what is returned


@pytest.mark.parametrize("value", ["0", "-1", "x", "1.5", "9999999999"])
def test_a_limit_that_is_no_number_is_refused(fhir: FhirHttp, value: str) -> None:
    assert fhir.get(f"Observation?_maxresults={value}").status_code == 400


def test_everything_that_refers_comes_along(fhir: FhirHttp) -> None:
    bundle = body(fhir.get("Patient?_id=one&_revinclude=*&_count=5"))
    included = [r["resource"] for r in bundle["entry"] if r["search"]["mode"] == "include"]
    kinds = {r["resourceType"] for r in included}
    assert kinds == {"Observation", "Encounter", "CarePlan"}
    assert len(included) == 15


def test_a_url_of_six_kilobytes_is_read(fhir: FhirHttp) -> None:
    ids = ",".join(f"nobody-with-a-rather-long-id-{i:04}" for i in range(180))
    url = f"Observation?_id=o1,{ids}"
    assert len(url) > 5_800
    assert [r["resource"]["id"] for r in body(fhir.get(url))["entry"]] == ["o1"]
    form = fhir.request("POST", "Observation/_search?status=final", data={"_id": f"o1,{ids}"})
    assert [r["resource"]["id"] for r in body(form)["entry"]] == ["o1"]


def test_ids_that_several_types_share_are_ties(fhir: FhirHttp) -> None:
    for type_, name in (("Organization", "Zoo"), ("Location", "Aquarium")):
        body(fhir.put(f"{type_}/same", {"resourceType": type_, "id": "same", "name": name}))
    found, _ = pages(fhir, "?_type=Organization,Location&_id=same&_sort=-_id,name&_count=1")
    assert found == ["Location/same", "Organization/same"]
