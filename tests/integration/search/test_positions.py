"""near over HTTP: by an index of positions, with all else that is asked. https://hl7.org/fhir/R4/location.html#positional"""

from __future__ import annotations

import math
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from fhir_server.search.parameters.position import EARTH_KM
from fhir_server.storage.stored import build_document
from tests.http_client import FhirHttp
from tests.minimal import minimal_resource
from tests.running_server import MakeClient, RunningServer

PLACES = {
    "louvre": (48.8606, 2.3376),
    "orsay": (48.8600, 2.3266),
    "lyon": (45.7640, 4.8357),
    "suva": (-18.1416, 179.9),
    "taveuni": (-16.85, -179.9),
    "pole": (90, 0),
}
LOUVRE = "48.8606|2.3376"


def location(id_: str, latitude: float, longitude: float, **more: Any) -> dict[str, Any]:
    position = {"longitude": Decimal(str(longitude)), "latitude": Decimal(str(latitude))}
    return {"resourceType": "Location", "id": id_, "position": position, "status": "active"} | more


@pytest.fixture(scope="module", autouse=True)
def places(fhir: FhirHttp) -> None:
    for id_, (latitude, longitude) in PLACES.items():
        put(fhir, location(id_, latitude, longitude, name=id_))
    put(fhir, {"resourceType": "Location", "id": "nowhere", "name": "nowhere"})
    put(fhir, location("broken", 200, 700, name="broken"))
    put(
        fhir,
        {**minimal_resource("PractitionerRole"), "id": "r", "location": [{"reference": "Location/lyon"}]},
    )


def put(fhir: FhirHttp, resource: dict[str, Any]) -> None:
    answer = fhir.put(f"{resource['resourceType']}/{resource['id']}", resource)
    assert answer.status_code == 201, answer.text


def found(fhir: FhirHttp, search: str) -> list[str]:
    answer = fhir.get(search)
    assert answer.status_code == 200, answer.text
    bundle = answer.json()
    ids = sorted(row["resource"]["id"] for row in bundle.get("entry", []))
    assert bundle["total"] == len(ids)
    return ids


@pytest.mark.parametrize(
    ("search", "ids"),
    [
        (f"near={LOUVRE}", ["louvre", "orsay"]),
        (f"near={LOUVRE}|0.5|km", ["louvre"]),
        (f"near={LOUVRE}|0", ["louvre"]),
        (f"near={LOUVRE}|800|m", ["louvre"]),
        (f"near={LOUVRE}|900|m", ["louvre", "orsay"]),
        (f"near={LOUVRE}|0.5|mi", ["louvre"]),
        (f"near={LOUVRE}|1|[mi_i]", ["louvre", "orsay"]),
        (f"near={LOUVRE}|390", ["louvre", "orsay"]),
        (f"near={LOUVRE}|400", ["louvre", "lyon", "orsay"]),
        (f"near={LOUVRE}||anything", ["louvre", "orsay"]),
        (f"near={LOUVRE}|1e6", ["louvre", "lyon", "orsay", "pole", "suva", "taveuni"]),
        (f"near={LOUVRE}|1|km,45.76|4.83|5|km", ["louvre", "lyon", "orsay"]),
        ("near=-17.5|180|200|km", ["suva", "taveuni"]),
        ("near=-17.5|-180|200|km", ["suva", "taveuni"]),
        ("near=89.9|120|20|km", ["pole"]),
        (f"near={LOUVRE}&name=orsay", ["orsay"]),
        (f"near={LOUVRE}&name:contains=ouv", ["louvre"]),
        (f"near={LOUVRE}&_id=lyon,orsay", ["orsay"]),
        (f"near={LOUVRE}&near=48.86|2.3266|100|m", ["orsay"]),
        (f"near={LOUVRE}&status=active&name:missing=false", ["louvre", "orsay"]),
        (f"near={LOUVRE}&_sort=-name", ["louvre", "orsay"]),
        ("near:missing=true", ["broken", "nowhere"]),
        (f"near={LOUVRE}&near:missing=true", []),
        (f"near={LOUVRE}&near:missing=false", ["louvre", "orsay"]),
    ],
)
def test_what_is_near_is_found_with_all_else_that_is_asked(
    fhir: FhirHttp, search: str, ids: list[str]
) -> None:
    assert found(fhir, f"Location?{search}") == ids


def test_a_chain_leads_to_a_place_that_is_near(fhir: FhirHttp) -> None:
    assert found(fhir, "PractitionerRole?location.near=45.764|4.8357|1|km") == ["r"]
    assert found(fhir, "PractitionerRole?location.near=48.8606|2.3376|1|km") == []
    assert found(fhir, "Location?_has:PractitionerRole:location:_id=r&near=45.7|4.8|20") == ["lyon"]


def test_pages_of_what_is_near_hold_each_place_once(fhir: FhirHttp) -> None:
    ids: list[str] = []
    bundle = fhir.get(f"Location?near={LOUVRE}|400&_count=1").json()
    while True:
        assert bundle["total"] == 3
        ids += [row["resource"]["id"] for row in bundle["entry"]]
        following = [link["url"] for link in bundle["link"] if link["relation"] == "next"]
        if not following:
            break
        bundle = fhir.get(following[0]).json()
    assert sorted(ids) == ["louvre", "lyon", "orsay"]


def test_a_place_that_moved_or_is_gone_is_not_near(fhir: FhirHttp, server: RunningServer) -> None:
    put(fhir, location("mobile", 10, 10))
    assert found(fhir, "Location?near=10|10") == ["mobile"]
    assert fhir.put("Location/mobile", location("mobile", 20, 20)).status_code == 200
    assert found(fhir, "Location?near=10|10") == []
    assert found(fhir, "Location?near=20|20") == ["mobile"]
    fhir.delete("Location/mobile")
    assert found(fhir, "Location?near=20|20") == []
    document = server.inside.mongo.database["Location"].find_one({"_id": "mobile"})
    assert document is not None
    assert "g" not in document


def test_who_is_bound_to_a_patient_finds_places_as_others_do(fhir: FhirHttp, make_client: MakeClient) -> None:
    client = make_client("patient/*.rs", patient="one")
    assert found(client, f"Location?near={LOUVRE}") == ["louvre", "orsay"]
    assert make_client("system/Patient.rs").get(f"Location?near={LOUVRE}").status_code == 403


def test_the_index_of_positions_leads(server: RunningServer) -> None:
    random = Random(7)
    collection = server.inside.mongo.prepared("Location")
    for number in range(3000):
        latitude, longitude = math.degrees(math.asin(random.uniform(-1, 1))), random.uniform(-180, 180)
        resource = location(f"many{number}", latitude, longitude)
        document = build_document(resource, 1, number, "PUT", "")
        collection.insert_one(document)
    account = server.inside.explain("Location?near=48.8606|2.3376|300|km&_total=none", 20)
    assert account["index"] == "position"
    assert 0 < account["documents"] <= account["keys"] < 100
    collection.delete_many({"_id": {"$regex": "^many"}})


def test_the_circle_agrees_with_the_formula_of_great_circles(fhir: FhirHttp, server: RunningServer) -> None:
    random = Random(3)
    points = {f"s{n}": (random.uniform(-90, 90), random.uniform(-180, 180)) for n in range(300)}
    for id_, (latitude, longitude) in points.items():
        document = build_document(location(id_, latitude, longitude), 1, 0, "PUT", "")
        server.inside.mongo.prepared("Location").insert_one(document)
    for _ in range(40):
        here = round(random.uniform(-90, 90), 4), round(random.uniform(-180, 180), 4)
        km = random.choice((50, 1000, 4000, 9000, 16000, 20000))
        ids = found(fhir, f"Location?near={here[0]}|{here[1]}|{km}|km&_count=1000")
        expected = [id_ for id_, point in points.items() if great_circle(here, point) <= km]
        assert [id_ for id_ in ids if id_ in points] == sorted(expected)


def great_circle(one: tuple[float, float], other: tuple[float, float]) -> float:
    (a, b), (c, d) = (tuple(map(math.radians, point)) for point in (one, other))
    haversine = math.sin((c - a) / 2) ** 2 + math.cos(a) * math.cos(c) * math.sin((d - b) / 2) ** 2
    return 2 * EARTH_KM * math.asin(min(1, math.sqrt(haversine)))


@pytest.mark.parametrize(
    "value",
    ["48", "48|", "91|0", "0|181", "a|b", "1|2|-3", "1|2|x|km", "1|2|3|kg", "1|2|3|km|5", "1|2|3|parsecs",
     "nan|nan", "1e5|2", "1|2,", "1|2|3|" + "k" * 500, "1\\|2|3"],
)  # fmt: skip
def test_what_is_no_place_is_refused(fhir: FhirHttp, value: str) -> None:
    answer = fhir.get("Location", {"near": value})
    assert answer.status_code == 400, answer.text
    assert answer.json()["issue"][0]["expression"] == ["http.near"]


@pytest.mark.parametrize("search", ["near:exact=1|2", "near:=1|2", "_sort=near", "_filter=near eq 1"])
def test_what_a_position_cannot_do_is_refused(fhir: FhirHttp, search: str) -> None:
    assert fhir.get(f"Location?{search}").status_code == 400
