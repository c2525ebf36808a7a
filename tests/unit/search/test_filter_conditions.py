"""What a _filter finds: each operator for each type of parameter, as its table says."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_server.definitions.registry import load_definitions
from fhir_server.errors import Invalid, NotSupported, TooCostly
from fhir_server.search.chain import resolve
from fhir_server.search.compile import compile_query
from fhir_server.search.cost import describe_scan
from fhir_server.search.index import extract_index
from fhir_server.search.parse import parse_query
from fhir_server.search.query import Chain, Query, normalised_criteria
from tests.unit.search.stored_filter import Document, matches

BASE_URL = "https://example.org/fhir"


def query(resource_type: str, text: str, *, lenient: bool = False) -> Query:
    declared = load_definitions().search_parameters
    parameters = [("_filter", text)]
    return parse_query(resource_type, parameters, declared, lenient=lenient, base_url=BASE_URL)[0]


def document(resource: dict[str, Any]) -> Document:
    entries = extract_index(resource, 1_577_836_800_000, BASE_URL)
    return {
        "_id": resource["id"], "lu": 1_577_836_800_000, "t": entries.tokens, "r": entries.ranges,
        "sk": entries.sort_key,
    }  # fmt: skip


class Stored:
    """Answers the steps of chains over some resources in memory."""

    def __init__(self, resources: Sequence[dict[str, Any]]) -> None:
        self.documents = [(r["resourceType"], document(r)) for r in resources]

    def ids(self, query: Query, *, required: bool) -> list[str]:
        plan = compile_query(resolve(query, self))
        type_ = query.resource_type
        return [d["_id"] for t, d in self.documents if t == type_ and matches(plan.filter, d)]

    def referenced(self, query: Query, stored: Sequence[str], resource_type: str) -> list[str]:
        raise AssertionError(query)

    def containing(self, resource_type: str, chain: Chain) -> list[str]:
        return []

    def tokens(self, resource_type: str, start: str) -> list[str]:
        return sorted(
            {x for t, d in self.documents if t == resource_type for x in d["t"] if x.startswith(start)}
        )

    def members(self, list_id: str, resource_type: str) -> list[str]:
        raise AssertionError(list_id)


def found(resources: Sequence[dict[str, Any]], text: str, resource_type: str = "") -> list[str]:
    return Stored(resources).ids(query(resource_type or resources[0]["resourceType"], text), required=True)


PATIENTS: list[dict[str, Any]] = [
    {
        "resourceType": "Patient", "id": "peter", "gender": "male", "birthDate": "1970-10-14", "active": True,
        "name": [{"family": "Carpenter", "given": ["Peter", "Jean-Marie"]}],
        "identifier": [{"system": "urn:a", "value": "1"}],
    },
    {
        "resourceType": "Patient", "id": "petra", "gender": "female", "birthDate": "1980-01",
        "name": [{"family": "Étienne", "given": ["Petra"]}],
        "identifier": [{"system": "urn:b", "value": "1"}, {"system": "urn:b", "value": "2"}],
    },
    {"resourceType": "Patient", "id": "none", "generalPractitioner": [{"reference": "Practitioner/d"}]},
]  # fmt: skip

ON_PATIENTS = [
    ('given eq "peter"', "peter"),
    ('given eq "pet"', ""),
    ("family eq etienne", "petra"),
    ("family ne carpenter", "petra"),
    ("given ne petra", "peter"),
    ('name co "pet"', "peter petra"),
    ("name co enter", "peter"),
    ("given sw pet", "peter petra"),
    ("given sw et", ""),
    ("given ew ra", "petra"),
    ("given ew RA", "petra"),
    ("family ew nne", "petra"),
    ("family gt c", "petra"),
    ("family ge c", "peter petra"),
    ("family lt e", "peter"),
    ("family le e", "peter petra"),
    ("family le a", ""),
    ('given eq "pet,er"', ""),
    ("gender eq male", "peter"),
    ("gender ne male", "petra"),
    ("identifier eq 1", "peter petra"),
    ("identifier eq urn:a|1", "peter"),
    ("identifier ne urn:a|1", "petra"),
    ("identifier ne 1", "petra"),
    ("identifier ne 2", "peter petra"),
    ("active eq true", "peter"),
    ("active pr true", "peter"),
    ("active pr false", "petra none"),
    ("name pr FALSE", "none"),
    ("birthdate eq 1980", "petra"),
    ("birthdate eq 1980-01-02", ""),
    ("birthdate ne 1980", "peter"),
    ("birthdate ge 1970-10-14", "peter petra"),
    ("birthdate gt 1970-10-14", "petra"),
    ("birthdate lt 1980-01-15", "peter petra"),
    ("birthdate le 1970-10-13", ""),
    ("birthdate sa 1970", "petra"),
    ("birthdate eb 1980-01-01", "peter"),
    ("birthdate co 1980-01-02", "petra"),
    ("birthdate co 1980", ""),
    ("birthdate po 1980-01-02", "petra"),
    ("birthdate po 1970", "peter"),
    ("_lastUpdated po 2020", "peter petra none"),
    ("_lastUpdated ge 2021", ""),
    ("_id eq petra", "petra"),
    ("_id ne petra", "peter none"),
    ("general-practitioner re Practitioner/d", "none"),
    (f"general-practitioner re {BASE_URL}/Practitioner/d", "none"),
    ("general-practitioner pr true", "none"),
    ("not (gender eq male)", "petra none"),
    ("gender eq male or gender eq female and birthdate ge 1980", "petra"),
    ("gender eq male or (gender eq female and birthdate ge 1980)", "peter petra"),
    ("not (gender eq male or gender eq female)", "none"),
]


@pytest.mark.parametrize(("text", "ids"), ON_PATIENTS)
def test_a_filter_finds_the_patients_its_operators_ask_for(text: str, ids: str) -> None:
    assert found(PATIENTS, text) == ids.split()


def observation(id_: str, **elements: Any) -> dict[str, Any]:
    return {"resourceType": "Observation", "id": id_, **elements}


def milligrams(value: str, unit: str = "mg") -> dict[str, Any]:
    return {"value": Decimal(value), "system": "http://unitsofmeasure.org", "code": unit, "unit": unit}


OBSERVATIONS: list[dict[str, Any]] = [
    *PATIENTS,
    observation(
        "potassium", subject={"reference": "Patient/peter"}, valueQuantity=milligrams("5.4"),
        code={"coding": [{"system": "http://loinc.org", "code": "2823-3"}]},
        effectivePeriod={"start": "2013-01-21", "end": "2013-02-10"},
    ),
    observation(
        "sodium", subject={"reference": "Patient/petra"}, valueQuantity=milligrams("0.006", "g"),
        code={"coding": [{"system": "http://loinc.org", "code": "2951-2"}]},
        effectiveDateTime="2013-03-14", hasMember=[{"reference": "Observation/potassium"}],
    ),
    observation("text", subject={"reference": "Patient/none"}, code={"text": "headache"}),
    observation("nobody", code={"coding": [{"system": "http://snomed.info/sct", "code": "1"}]}),
]  # fmt: skip

ON_OBSERVATIONS = [
    ("code eq http://loinc.org|2823-3", "potassium"),
    ("code eq loinc|2823-3", "potassium"),
    ("code eq snomed|1", "nobody"),
    ("code ne loinc|2823-3", "sodium text nobody"),
    ("code ne 1", "potassium sodium text"),
    ("value-quantity gt 5.4|ucum|mg", "sodium"),
    ("value-quantity ge 5.4||mg", "potassium"),
    ("value-quantity eq 6|http://unitsofmeasure.org|mg", "sodium"),
    ("value-quantity ne 6|ucum|mg", "potassium"),
    ("value-quantity ap 5.5|ucum|mg", "potassium sodium"),
    ("value-quantity pr false", "text nobody"),
    ("code-value-quantity eq loinc|2823-3$gt5|ucum|mg", "potassium"),
    ("date co 2013-02-01", "potassium"),
    ("date po 2013-02", "potassium"),
    ("date sa 2013-02-10", "sodium"),
    ('subject.name co "pet"', "potassium sodium"),
    ("subject:Patient.name co pet and code eq loinc|2951-2", "sodium"),
    ("subject.name pr true", "potassium sodium"),
    ("subject.name pr false", "text nobody"),
    ("subject[gender eq male].name sw pet", "potassium"),
    ("subject:Patient[gender eq male or birthdate ge 1980].name sw pet", "potassium sodium"),
    ("subject[gender eq male].birthdate ge 1980", ""),
    ("not (subject:Patient.name sw peter)", "sodium text nobody"),
    ("has-member[code eq loinc|2823-3].subject:Patient.gender eq male", "sodium"),
    ("has-member:Observation.subject:Patient.gender eq female", ""),
    ("subject re Patient/peter", "potassium"),
]


@pytest.mark.parametrize(("text", "ids"), ON_OBSERVATIONS)
def test_a_filter_follows_references(text: str, ids: str) -> None:
    assert found(OBSERVATIONS, text, "Observation") == ids.split()


def test_a_number_is_compared_by_prefixes() -> None:
    risk = {
        "resourceType": "RiskAssessment",
        "id": "r",
        "prediction": [{"probabilityDecimal": Decimal("0.8")}],
    }
    asked = {
        "gt 0.7": 1,
        "gt 0.8": 0,
        "ge 0.8": 1,
        "lt 0.81": 1,
        "le 0.79": 0,
        "eq 0.80": 1,
        "ne 0.8": 0,
        "ap 0.85": 1,
    }
    assert {text: len(found([risk], f"probability {text}")) for text in asked} == asked
    with pytest.raises(NotSupported):
        query("RiskAssessment", "probability co 0.8")


def test_a_uri_is_the_same_or_not() -> None:
    sets: list[dict[str, Any]] = [
        {"resourceType": "ValueSet", "id": "a", "url": "http://acme.org/a"},
        {"resourceType": "ValueSet", "id": "b", "url": "http://acme.org/b"},
        {"resourceType": "ValueSet", "id": "c"},
    ]
    assert found(sets, "url eq http://acme.org/a") == ["a"]
    assert found(sets, "url ne http://acme.org/a") == ["b"]


def test_parts_of_one_element_are_asked_together() -> None:
    documents: list[dict[str, Any]] = [
        {
            "resourceType": "DocumentReference", "id": id_,
            "relatesTo": [{"code": c, "target": {"reference": f"DocumentReference/{t}"}} for c, t in rows],
        }
        for id_, rows in {"a": [("replaces", "1"), ("appends", "2")], "b": [("appends", "1")]}.items()
    ]  # fmt: skip
    assert found(documents, "relatesTo[code eq replaces].target re DocumentReference/1") == ["a"]
    assert found(documents, "relatesTo[code eq replaces].target re DocumentReference/2") == []
    assert found(documents, "relatesTo[target re DocumentReference/1].code eq appends") == ["b"]
    group = {
        "resourceType": "Group", "id": "g",
        "characteristic": [
            {
                "code": {"coding": [{"code": "gender"}]},
                "valueCodeableConcept": {"coding": [{"code": "mixed"}]},
            },
            {"code": {"coding": [{"code": "owner"}]}, "valueBoolean": True},
        ],
    }  # fmt: skip
    assert found([group], "characteristic[code eq gender].value eq mixed") == ["g"]
    assert found([group], "characteristic[code eq owner].value eq mixed") == []


REFUSED = [
    ("Patient", "nothing eq 1", NotSupported, "'nothing'"),
    ("Patient", "gender gt male", Invalid, "gt does not apply"),
    ("Patient", "gender co male", Invalid, "character 1"),
    ("Patient", "birthdate eq 1980 or birthdate eq soon", Invalid, "character 22"),
    ("Patient", "birthdate sw 19", Invalid, "sw does not apply"),
    ("Patient", "general-practitioner eq Practitioner/1", Invalid, "eq does not apply"),
    ("Patient", "name po 2010", Invalid, "po does not apply"),
    ("Patient", "name pr maybe", Invalid, "true or false"),
    ("Patient", 'name eq ""', Invalid, "empty"),
    ("Patient", r'name eq "\u0000"', Invalid, "characters"),
    ("Patient", r'name eq "\ud800"', Invalid, "characters"),
    ("Patient", "identifier ne urn:a|", NotSupported, "one code"),
    ("Patient", "gender.x eq 1", Invalid, "no reference"),
    ("Patient", "name:exact eq x", Invalid, "expected one of"),
    ("Patient", "link:Patient eq Patient/1", Invalid, "before a ."),
    ("Patient", "link:Medication.code eq 1", Invalid, "never refers"),
    ("Patient", "link:Nothing.code eq 1", NotSupported, "modifier"),
    ("Patient", "link[nothing eq 1].name eq x", NotSupported, "nothing"),
    ("Patient", "link[birthdate eq soon].name eq x", Invalid, "character 6"),
    ("Observation", "related[type eq has-component].target pr true", NotSupported, "related"),
    ("DocumentReference", "relatesTo.target re DocumentReference/1", NotSupported, "only as in"),
    (
        "DocumentReference",
        "relatesTo[code eq x or code eq y].target re Patient/1",
        NotSupported,
        "only as in",
    ),
    ("DocumentReference", "relatesTo[code eq x].target pr true", NotSupported, "only as in"),
    ("DocumentReference", "relatesTo[code eq x].code eq y", NotSupported, "only as in"),
    ("Observation", ".".join(["has-member:Observation"] * 9) + ".code eq 1", TooCostly, "references"),
    ("Observation", " or ".join(["subject.identifier eq 1"] * 40), TooCostly, "types of the targets"),
]


@pytest.mark.parametrize(("resource_type", "text", "error", "says"), REFUSED)
def test_what_cannot_be_asked_is_refused_with_its_place(
    resource_type: str, text: str, error: type[Invalid], says: str
) -> None:
    with pytest.raises((Invalid, TooCostly)) as caught:
        query(resource_type, text)
    assert type(caught.value) is error
    assert says in caught.value.diagnostics
    assert caught.value.issues[0].expression == "http._filter"


def test_lenient_handling_ignores_what_is_not_supported_but_no_mistake() -> None:
    assert query("Patient", "nothing eq 1", lenient=True).applied == ()
    with pytest.raises(Invalid):
        query("Patient", "gender eq", lenient=True)


def test_a_filter_that_is_not_declared_is_not_supported() -> None:
    with pytest.raises(NotSupported):
        parse_query("Patient", [("_filter", "a eq 1")], lambda type_: (), lenient=False, base_url="")


@pytest.mark.parametrize(
    ("text", "bound"),
    [
        ("gender eq male", True),
        ("gender eq male or name ew x", False),
        ("gender eq male and name ew x", True),
        ("gender ne male", False),
        ("not (gender eq male)", False),
        ("name co x", False),
        ("name gt x", True),
        ("name pr true", False),
    ],
)
def test_a_filter_without_a_bound_would_look_at_everything(text: str, bound: bool) -> None:
    assert (describe_scan(query("Patient", text)) == "") == bound


def test_the_criteria_of_a_conditional_interaction_may_be_a_filter() -> None:
    assert normalised_criteria(query("Patient", "_id eq 1")) == "Patient?_filter=_id+eq+1"


names = st.sampled_from(
    ["gender eq male", "gender eq female", "active eq true", "given sw pet", "birthdate lt 1975"]
)


@st.composite
def logic(draw: st.DrawFn, depth: int = 3) -> tuple[str, frozenset[str]]:
    """A filter and what it finds, said by sets."""
    everyone = frozenset(p["id"] for p in PATIENTS)
    if depth == 0:
        name = draw(names)
        return name, frozenset(found(PATIENTS, name))
    kind, (text, ids) = draw(st.sampled_from(["and", "or", "not"])), draw(logic(depth - 1))
    if kind == "not":
        return f"not ({text})", everyone - ids
    other, further = draw(logic(depth - 1))
    return f"({text}) {kind} ({other})", ids & further if kind == "and" else ids | further


@given(logic())
@settings(max_examples=60, deadline=None)
def test_logic_is_that_of_sets(case: tuple[str, frozenset[str]]) -> None:
    text, ids = case
    assert set(found(PATIENTS, text)) == ids
