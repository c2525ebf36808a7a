"""Snapshots: a differential over its parents, and what makes a StructureDefinition unusable."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_server.definitions.element_tree import ProfileError, parse_snapshot, segments_of
from fhir_server.definitions.snapshot import generate_snapshot
from fhir_server.definitions.sources import load_r4_source
from tests.unit.validation.profiles import R4, URL, Json, element, profile, slicing, source


def snapshot(definition: Json, *others: Json) -> dict[str, Json]:
    known = source(definition, *others)
    elements = generate_snapshot(definition, lambda c: known.find("StructureDefinition", c))
    found = {e["id"]: e for e in elements}
    assert len(found) == len(elements)
    return found


def test_a_snapshot_has_the_elements_of_the_parent_and_what_the_differential_changes() -> None:
    found = snapshot(profile("p", "Patient", element("Patient.birthDate", min=1)))
    assert found["Patient.birthDate"]["min"] == 1
    assert found["Patient.birthDate"]["type"] == [{"code": "date"}]
    assert found["Patient.contact.name"]["type"] == [{"code": "HumanName"}]
    assert list(found)[:2] == ["Patient", "Patient.id"]


def test_only_the_data_types_that_the_differential_enters_are_spread_out() -> None:
    found = snapshot(profile("p", "Patient", element("Patient.name.family", min=1)))
    assert found["Patient.name.family"]["min"] == 1
    assert found["Patient.name.given"]["max"] == "*"
    assert "Patient.telecom.system" not in found


def test_a_slice_is_as_its_element_but_not_required() -> None:
    found = snapshot(
        profile(
            "p",
            "Observation",
            element("Observation.category", min=1, slicing=slicing("value", "text")),
            element("Observation.category:a"),
            element("Observation.category:a.text", min=1),
        )
    )
    assert found["Observation.category"]["min"] == 1
    assert found["Observation.category:a"]["min"] == 0
    assert found["Observation.category:a"]["sliceName"] == "a"
    assert "slicing" not in found["Observation.category:a"]
    assert found["Observation.category:a.text"]["min"] == 1


def test_the_shortcut_of_a_choice_is_a_slice_and_leaves_no_other_type() -> None:
    found = snapshot(profile("p", "Observation", element("Observation.valueQuantity.code", min=1)))
    assert found["Observation.value[x]"]["type"] == [{"code": "Quantity"}]
    assert found["Observation.value[x]"]["slicing"]["rules"] == "closed"
    assert found["Observation.value[x]:valueQuantity.code"]["min"] == 1
    assert "choices" not in found["Observation.value[x]"]


def test_extensions_are_sliced_by_their_url() -> None:
    found = snapshot(profile("p", "Patient", element("Patient.extension:x", min=1)))
    assert found["Patient.extension"]["slicing"]["discriminator"] == [{"type": "value", "path": "url"}]


def test_what_repeats_another_element_is_spread_out_where_the_differential_enters_it() -> None:
    found = snapshot(
        profile(
            "p",
            "Observation",
            element("Observation.component.referenceRange.text", min=1),
        )
    )
    assert found["Observation.component.referenceRange.text"]["min"] == 1
    assert "contentReference" not in found["Observation.component.referenceRange"]
    assert found["Observation.referenceRange.text"]["min"] == 0


def test_a_profile_on_a_profile_has_what_both_say() -> None:
    first = profile("a", "Patient", element("Patient.birthDate", min=1))
    second = profile("b", "Patient", element("Patient.gender", min=1), parent=URL + "a")
    found = snapshot(second, first)
    assert (found["Patient.birthDate"]["min"], found["Patient.gender"]["min"]) == (1, 1)


def test_constraints_are_added_to_those_of_the_parent() -> None:
    rule = {"key": "x-1", "severity": "error", "human": "x", "expression": "true"}
    found = snapshot(profile("p", "Patient", element("Patient.contact", constraint=[rule])))
    assert [c["key"] for c in found["Patient.contact"]["constraint"]] == ["pat-1", "x-1"]


def test_the_profiles_of_r4_are_generated_as_they_were_published() -> None:
    r4 = load_r4_source()
    definition = r4.find("StructureDefinition", R4 + "bp")
    assert definition is not None
    found = {e["id"]: e for e in generate_snapshot(definition, lambda c: r4.find("StructureDefinition", c))}
    assert found["Observation.category:VSCat.coding.code"]["fixedCode"] == "vital-signs"
    assert (found["Observation.component:SystolicBP"]["min"], found["Observation.component"]["min"]) == (1, 2)
    assert found["Observation.component:DiastolicBP.code.coding:DBPCode.code"]["fixedCode"] == "8462-4"
    assert found["Observation.subject"]["type"] == [{"code": "Reference", "targetProfile": [R4 + "Patient"]}]
    assert {"vs-1", "vs-2"} <= {c["key"] for e in found.values() for c in e.get("constraint", [])}


def test_every_profile_and_extension_of_r4_has_a_snapshot() -> None:
    r4 = load_r4_source()
    count = 0
    for url in r4.profiles:
        definition = r4.find("StructureDefinition", url)
        assert definition is not None
        assert generate_snapshot(definition, lambda c: r4.find("StructureDefinition", c))
        count += 1
    assert count > 400


BAD: list[tuple[str, list[Json], str]] = [
    ("builds on itself", [profile("p", "Patient", parent=URL + "p")], "builds on itself"),
    (
        "builds on itself through another",
        [profile("p", "Patient", parent=URL + "q"), profile("q", "Patient", parent=URL + "p")],
        "builds on itself",
    ),
    ("has an unknown parent", [profile("p", "Patient", parent=URL + "nowhere")], "not known"),
    ("names no element of the type", [profile("p", "Patient", element("Patient.nothing"))], "'nothing'"),
    ("names an element below a primitive", [profile("p", "Patient", element("Patient.active.x"))], "'x'"),
    (
        "is a chain without end",
        [profile(f"p{n}" if n else "p", "Patient", parent=f"{URL}p{n + 1}") for n in range(40)],
        "more than",
    ),
    ("has a very deep path", [profile("p", "Patient", element("Patient" + ".extension" * 200))], "more than"),
    ("has an element without path", [profile("p", "Patient", {"id": "Patient.name"})], "no path"),
    ("has no list of elements", [{**profile("p", "Patient"), "differential": {"element": {}}}], "no list"),
]  # fmt: skip


@pytest.mark.parametrize("case", BAD, ids=[case[0] for case in BAD])
def test_a_definition_that_cannot_be_used_is_refused_with_its_reason(case: tuple[str, Any, str]) -> None:
    _, definitions, reason = case
    with pytest.raises(ProfileError, match=reason):
        snapshot(*definitions)


def test_a_snapshot_that_is_no_tree_is_refused() -> None:
    with pytest.raises(ProfileError, match="no parent"):
        parse_snapshot([{"path": "Patient"}, {"path": "Patient.name.family", "id": "Patient.name.family"}])
    with pytest.raises(ProfileError, match="no element"):
        parse_snapshot([{"path": "Patient"}, {"path": "Patient.name", "id": "Patient.name:a"}])
    with pytest.raises(ProfileError, match="no elements"):
        parse_snapshot([])


def test_the_steps_to_an_element_are_read_from_its_id_or_else_its_path() -> None:
    by_id = segments_of({"id": "Patient.name:a.family", "path": "Patient.name.family"})
    assert [(s.name, s.slice) for s in by_id] == [("Patient", ""), ("name", "a"), ("family", "")]
    by_path = segments_of({"path": "Patient.name", "sliceName": "a"})
    assert [(s.name, s.slice) for s in by_path] == [("Patient", ""), ("name", "a")]
