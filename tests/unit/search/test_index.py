"""What the document of a resource holds beside its bytes."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings

from fhir_server.definitions.registry import load_definitions
from fhir_server.errors import Invalid, Unprocessable
from fhir_server.search.entries import IRREGULAR, LONG, after, escape, escape_prefix, hash_system
from fhir_server.search.extraction import type_table
from fhir_server.search.fold import fold
from fhir_server.search.index import extract_index
from fhir_server.search.primary_date import DATES, sort_key
from tests.generated import RESOURCE_TYPES, any_resources

BASE_URL = "https://example.org/fhir"
LOINC, UCUM = "http://loinc.org", "http://unitsofmeasure.org"


def tokens(resource: dict[str, Any], code: str) -> list[str]:
    """The tokens of one parameter, without its name."""
    found = extract_index(resource, 0, BASE_URL).tokens
    return [t[len(code) :] for t in found if t.startswith(code) and t[len(code)] in "=^~:"]


def ranges(resource: dict[str, Any], code: str) -> list[tuple[Any, ...]]:
    """The ranges of one parameter, without what is there a second time."""
    return [r for r in all_ranges(resource, code) if not r[0].endswith((LONG, IRREGULAR))]


def all_ranges(resource: dict[str, Any], code: str) -> list[tuple[Any, ...]]:
    found = extract_index(resource, 0).ranges
    return [tuple(r.values()) for r in found if r["k"].partition("=")[0] == code]


def test_an_observation_becomes_tokens_ranges_and_a_sort_key() -> None:
    observation = {
        "resourceType": "Observation",
        "id": "o1",
        "status": "final",
        "code": {"coding": [{"system": LOINC, "code": "8480-6"}, {"code": "bp"}], "text": "Blood pressure"},
        "subject": {"reference": f"{BASE_URL}/Patient/17"},
        "effectiveDateTime": "2024-05-01",
        "valueQuantity": {"value": Decimal("120"), "unit": "mmHg", "system": UCUM, "code": "mm[Hg]"},
    }
    index = extract_index(observation, 5, BASE_URL)
    loinc, ucum = hash_system(LOINC), hash_system(UCUM)
    assert index.patients == ("17",)
    assert index.tokens == [
        "*", "status=final|", f"code=8480-6|{loinc}", "code=bp|", "code:text=blood pressure",
        "code:text=pressure", "subject=17|Patient", "patient=17|Patient", "&blood", "&pressur",
    ]  # fmt: skip
    start = 1_714_521_600_000
    pascal = 120 * 133_322.0
    assert sorted(tuple(r.values()) for r in index.ranges) == sorted(
        [
            ("date", start, start + 86_400_000),
            (f"value-quantity=g.m-1.s-2|{ucum}", pascal, pascal),
            ("value-quantity=~mm[Hg]", 120.0, 120.0),
            ("value-quantity=~mmHg", 120.0, 120.0),
            *(
                (f"code-value-quantity={code}${unit}", value, value)
                for code in (f"8480-6|{loinc}", "bp|")
                for unit, value in (
                    (f"g.m-1.s-2|{ucum}", pascal), ("~mm[Hg]", 120.0), ("~mmHg", 120.0)
                )
            ),
        ]
    )  # fmt: skip
    assert index.sort_key == sort_key(start, "o1")
    assert index.sort_key >> 20 == start


def test_strings_are_stored_folded_and_as_written() -> None:
    patient = {"resourceType": "Patient", "id": "1", "name": [{"family": "Le  Bœuf-Çelik", "given": ["Zoé"]}]}
    assert tokens(patient, "family") == ["=le boeuf-celik", "^Le  Bœuf-Çelik"]
    assert tokens(patient, "name") == [
        "=le boeuf-celik", "=boeuf-celik~", "=celik~", "^Le  Bœuf-Çelik", "=zoe", "^Zoé"
    ]  # fmt: skip
    assert tokens(patient, "phonetic") == []


def test_quantities_that_differ_in_their_system_are_all_stored() -> None:
    of_ucum = {"value": Decimal("0.001"), "unit": "mg", "system": UCUM, "code": "mg"}
    components = [
        {"code": {"text": "x"}, "valueQuantity": q}
        for q in ({"value": Decimal("0.0010"), "unit": "mg"}, of_ucum)
    ]
    observation = {"resourceType": "Observation", "id": "1", "component": components}
    keys = {r["k"] for r in extract_index(observation, 0).ranges}
    assert {"component-value-quantity=~mg", f"component-value-quantity=g|{hash_system(UCUM)}"} <= keys


@pytest.mark.parametrize(
    ("subject", "found"),
    [
        ({"reference": "Patient/1"}, ["=1|Patient"]),
        ({"reference": "Patient/1/_history/3"}, ["=1|Patient"]),
        ({"reference": "http://a.org/fhir/Patient/1"}, ["=http://a.org/fhir/Patient/1|url"]),
        ({"reference": "http://a.org/fhir/Patient/1/_history/2"}, ["=http://a.org/fhir/Patient/1|url"]),
        ({"reference": "urn:uuid:1"}, ["=urn:uuid:1|url"]),
        ({"reference": "#contained"}, [":contained=contained"]),
        ({"reference": "#"}, ["~"]),
        ({"reference": "no reference"}, ["=no reference|url"]),
        ({"display": "somebody"}, ["~"]),
        ({"identifier": {"value": "9", "system": LOINC}}, [f":identifier=9|{hash_system(LOINC)}"]),
        ({"identifier": {"system": LOINC}}, ["~"]),
        ({"reference": 5, "identifier": 6}, ["~"]),
    ],
)
def test_references_are_stored_by_what_they_point_to(subject: dict[str, Any], found: list[str]) -> None:
    assert tokens({"resourceType": "Observation", "id": "1", "subject": subject}, "subject") == found


def test_canonicals_are_found_with_and_without_their_version() -> None:
    plan = {"resourceType": "CarePlan", "id": "1", "instantiatesCanonical": ["http://a.org/x|2"]}
    assert tokens(plan, "instantiates-canonical") == ["=http://a.org/x%7C2|url", "=http://a.org/x|url"]
    profile = {"resourceType": "Patient", "id": "1", "meta": {"profile": ["http://a.org/p|1.0"]}}
    assert tokens(profile, "_profile") == ["=http://a.org/p%7C1.0|", "=http://a.org/p|"]


def test_a_resource_inside_a_bundle_is_a_reference_target() -> None:
    bundle = {
        "resourceType": "Bundle",
        "id": "1",
        "type": "document",
        "entry": [{"resource": {"resourceType": "Composition", "id": "c1"}}],
    }
    assert tokens(bundle, "composition") == ["=c1|Composition"]


@pytest.mark.parametrize(
    ("quantity", "entries"),
    [
        ({"value": 5, "comparator": "<"}, [("value-quantity=~", -1.7976931348623157e308, 4.999999999999999)]),
        ({"value": 5, "comparator": ">="}, [("value-quantity=~", 5.0, 1.7976931348623157e308)]),
        ({"value": 5, "comparator": ">"}, [("value-quantity=~", 5.000000000000001, 1.7976931348623157e308)]),
        ({"value": Decimal("1e308"), "code": "km", "system": UCUM}, None),
        ({"value": True}, []),
        ({"unit": "mg"}, []),
    ],
)
def test_quantities_with_a_comparator_are_open_intervals(
    quantity: dict[str, Any], entries: list[Any] | None
) -> None:
    found = ranges({"resourceType": "Observation", "id": "1", "valueQuantity": quantity}, "value-quantity")
    if entries is None:
        assert found[0][1:] == (1.7976931348623157e308, 1.7976931348623157e308)
    else:
        assert found == entries


def test_ranges_money_and_samples_are_quantities_too() -> None:
    low, high = {"value": 1, "code": "g", "system": UCUM}, {"value": 2, "code": "g", "system": UCUM}
    condition = {"resourceType": "Condition", "id": "1", "onsetRange": {"low": low, "high": high}}
    assert ranges(condition, "onset-age")[0][1:] == (1.0, 2.0)
    condition["onsetRange"] = {"high": high}
    assert ranges(condition, "onset-age")[0][1:] == (-1.7976931348623157e308, 2.0)
    condition["onsetRange"] = {}
    assert ranges(condition, "onset-age") == []
    item = {"resourceType": "ChargeItem", "id": "1", "priceOverride": {"value": 3, "currency": "EUR"}}
    assert ("price-override=~EUR", 3.0, 3.0) in ranges(item, "price-override")
    sampled = {"origin": {"value": 10, "unit": "mV"}, "factor": 2, "data": "1 -3 E 2.5 U x", "dimensions": 1}
    observation = {"resourceType": "Observation", "id": "1", "valueSampledData": sampled}
    assert ranges(observation, "value-quantity") == [("value-quantity=~mV", 4.0, 15.0)]
    sampled["data"] = "E U"
    assert ranges(observation, "value-quantity") == []
    sampled["origin"] = "none"
    assert ranges(observation, "value-quantity") == []


def test_a_probability_may_be_a_range() -> None:
    risk = {
        "resourceType": "RiskAssessment",
        "id": "1",
        "prediction": [{"probabilityRange": {"low": {"value": 5}}}],
    }
    assert ranges(risk, "probability") == [("probability", 5.0, 1.7976931348623157e308)]
    risk["prediction"] = [{"probabilityRange": {"low": {}}}]
    assert ranges(risk, "probability") == []


@pytest.mark.parametrize(
    ("timing", "interval"),
    [
        ({"event": ["2024-01-02", "2024-01-05"]}, (1_704_153_600_000, 1_704_499_200_000)),
        ({"repeat": {"boundsPeriod": {"start": "2024-01-02"}}}, (1_704_153_600_000, 2**53)),
        ({"repeat": {"frequency": 2}}, None),
        ({"event": ["nonsense", 5]}, None),
    ],
)
def test_of_a_timing_only_the_outer_limits_count(timing: dict[str, Any], interval: Any) -> None:
    request = {"resourceType": "ServiceRequest", "id": "1", "occurrenceTiming": timing}
    assert ranges(request, "occurrence") == ([("occurrence", *interval)] if interval else [])
    assert tokens(request, "occurrence") == ([] if interval else ["~"])


def test_coordinates_of_a_sequence_keep_their_two_ends_together() -> None:
    sequence = {
        "resourceType": "MolecularSequence",
        "id": "1",
        "referenceSeq": {"chromosome": {"coding": [{"code": "1"}]}, "windowStart": 10, "windowEnd": 20},
        "variant": [{"start": 5, "end": 6}],
    }
    index = extract_index(sequence, 0)
    window = {"k": "chromosome-window-coordinate=1|$$", "lo": 10.0, "hi": 10.0, "lo2": 20.0, "hi2": 20.0}
    variant = {"k": "chromosome-variant-coordinate=1|$$", "lo": 5.0, "hi": 5.0, "lo2": 6.0, "hi2": 6.0}
    assert window in index.ranges
    assert variant in index.ranges


def test_the_relation_of_documents_is_a_token_whatever_its_definition_says() -> None:
    document = {
        "resourceType": "DocumentReference",
        "id": "1",
        "relatesTo": [{"code": "replaces", "target": {"reference": "DocumentReference/2"}}],
    }
    assert tokens(document, "relationship") == ["=replaces|$2|DocumentReference"]


def test_union_parameters_have_no_entries_of_their_own() -> None:
    stored = type_table("Observation").stored
    assert set(stored["combo-code"]) == {"code", "component-code"}
    assert set(stored["combo-code-value-quantity"]) == {
        "code-value-quantity",
        "component-code-value-quantity",
    }
    assert type_table("Patient").stored["phonetic"] == ("name",)


def test_more_combinations_than_an_index_can_bear_are_refused() -> None:
    codings = [{"code": str(i)} for i in range(100)]
    concept = {"coding": codings}
    observation = {"resourceType": "Observation", "id": "1", "code": concept, "valueCodeableConcept": concept}
    with pytest.raises(Unprocessable):
        extract_index(observation, 0)


# --- compartments and order ----------------------------------------------------------------------


def test_a_patient_is_in_its_own_compartment_only() -> None:
    patient = {"resourceType": "Patient", "id": "1", "link": [{"other": {"reference": "Patient/2"}}]}
    assert extract_index(patient, 0).patients == ("1",)


def test_compartments_come_from_local_references_to_patients() -> None:
    observation: dict[str, Any] = {"resourceType": "Observation", "id": "1", "performer": []}
    for reference in ("Patient/a", "Practitioner/b", "http://other.org/fhir/Patient/c", "Patient/d", "#e"):
        observation["performer"].append({"reference": reference})
    observation["focus"] = [{"reference": "Patient/f"}]
    index = extract_index(observation, 0, BASE_URL)
    assert index.patients == ("a", "d")
    assert [t for t in index.tokens if t.startswith("p=")] == ["p=a", "p=d"]
    observation["performer"] = [{"reference": "Patient/a"}]
    index = extract_index(observation, 0, BASE_URL)
    assert index.patients == ("a",)
    assert not [t for t in index.tokens if t.startswith("p=")]


def test_a_type_without_compartment_has_no_patients() -> None:
    organization = {"resourceType": "Organization", "id": "1", "partOf": {"reference": "Patient/1"}}
    assert extract_index(organization, 0).patients == ()


def test_sort_keys_follow_dates_and_put_what_has_none_first_in_ascending_order() -> None:
    keys = [sort_key(m, "1") for m in (None, -(2**60), -1, 0, 1, 2**60)]
    assert keys == sorted(set(keys))
    assert all(-(2**63) <= k < 2**63 for k in keys)
    assert sort_key(5, "1") != sort_key(5, "2")


def test_a_type_without_date_is_sorted_by_last_change() -> None:
    assert extract_index({"resourceType": "Organization", "id": "1"}, 7).sort_key == sort_key(7, "1")
    assert extract_index({"resourceType": "Observation", "id": "1"}, 7).sort_key == sort_key(None, "1")


def test_every_primary_date_is_a_date_parameter_of_its_type() -> None:
    for resource_type, code in DATES.items():
        assert load_definitions().search_parameters(resource_type)[code].type == "date"
        assert type_table(resource_type).primary_date == code


# --- spelling ------------------------------------------------------------------------------------


def test_no_value_forges_the_entry_of_another() -> None:
    assert escape("a|b$c%d~e^f\x00\x1f\x7f\ud800") == "a%7Cb%24c%25d%7Ee%5Ef%00%1F%7F%D800"
    assert escape("a=b é") == "a=b é"


def test_long_values_are_cut_and_stay_apart() -> None:
    first, second = escape("é" * 300 + "a"), escape("é" * 300 + "b")
    assert first != second
    assert len(first.encode()) <= 512
    assert first.startswith(escape_prefix("é" * 300))
    assert escape("x" * 512) == "x" * 512


def test_the_end_of_a_range_of_beginnings_is_a_string() -> None:
    assert after("code=a|") == "code=a}"
    assert after("a\ud7ff") == "a\ue000"
    assert after("a\U0010ffff") == "b"


def test_the_hash_of_a_system_is_eight_characters_and_none_for_none() -> None:
    assert hash_system("") == ""
    assert hash_system(LOINC) == "pCYECpou"


@pytest.mark.parametrize(
    ("text", "folded"),
    [("  Élodie   DUPONT ", "elodie dupont"), ("Straße", "strasse"), ("ŒUVRE", "oeuvre"), ("ﬁn", "fin"),
     ("Ærø", "aero"), ("ŁÓDŹ", "lodz"), ("İstanbul", "istanbul"), ("ϓ", "υ"), ("日本", "日本"), ("´", "")],
)  # fmt: skip
def test_folding_forgets_case_accents_and_ligatures(text: str, folded: str) -> None:
    assert fold(text) == folded


# --- every type ----------------------------------------------------------------------------------


@pytest.mark.parametrize("resource_type", RESOURCE_TYPES)
def test_all_parameters_of_a_type_can_be_extracted_or_are_fields(resource_type: str) -> None:
    parameters = load_definitions().search_parameters(resource_type)
    unknown = {c for c, p in parameters.items() if p.expression} - set(type_table(resource_type).stored)
    assert unknown <= {"_id", "_lastUpdated", "near"}


@given(any_resources())
@settings(max_examples=100, deadline=None)
def test_any_valid_resource_has_an_index(resource: dict[str, Any]) -> None:
    index = extract_index(resource, 0, BASE_URL)
    assert index.tokens[0] == "*"
    assert len(set(index.tokens)) == len(index.tokens)
    assert all(r["lo"] <= r["hi"] for r in index.ranges)


@pytest.mark.parametrize("resource_type", [None, "", "Nothing", 5, ["Patient"]])
def test_what_is_no_resource_type_is_refused(resource_type: Any) -> None:
    with pytest.raises(Invalid):
        extract_index({"resourceType": resource_type, "id": "1"}, 0)


def test_intervals_that_are_no_points_are_there_twice() -> None:
    quantity = {"value": 5, "comparator": ">=", "unit": "mg"}
    found = all_ranges(
        {"resourceType": "Observation", "id": "1", "valueQuantity": quantity}, "value-quantity"
    )
    assert [key for key, *_ in found] == ["value-quantity=~mg", "value-quantity=~mg~+"]
    assert found[0][1:] == found[1][1:]
    reversed_ = {"low": {"value": 2, "unit": "a"}, "high": {"value": 1, "unit": "a"}}
    condition = {"resourceType": "Condition", "id": "1", "onsetRange": reversed_}
    assert [key for key, *_ in all_ranges(condition, "onset-age")] == ["onset-age=~a", "onset-age=~a~-"]


@pytest.mark.parametrize(
    ("period", "marks"),
    [
        ({"start": "2020-01-01", "end": "2020-01-01"}, []),
        ({"start": "2020-01-01", "end": "2020-01-02"}, ["~+"]),
        ({"start": "2020-01-01"}, ["~+"]),
        ({"start": "2020-01-02", "end": "2019-01-01"}, ["~-"]),
    ],
)
def test_a_primary_date_says_when_its_start_is_not_all(period: dict[str, str], marks: list[str]) -> None:
    encounter = {"resourceType": "Encounter", "id": "1", "period": period}
    assert tokens(encounter, "date") == marks
    found = [r["k"].removeprefix("date") for r in extract_index(encounter, 0).ranges]
    assert [k for k in found if not k.startswith("=")] == ["", *marks]
