"""Slices of slices. https://hl7.org/fhir/R4/profiling.html#reslicing"""

from __future__ import annotations

from typing import Any

import pytest

from fhir_server.definitions.snapshot import Snapshots
from tests.unit.validation.profiles import R4, URL, element, issues, profile, slicing, source, told

Json = dict[str, Any]
IDENTIFIER = "Patient.identifier"


def by_type(*elements: Json, rules: str = "open", ordered: bool = False) -> list[Json]:
    """Identifiers sliced by system; those of system urn:a sliced again by use."""
    return [
        element(IDENTIFIER, slicing=slicing("value", "system")),
        element(f"{IDENTIFIER}:a", slicing=slicing("value", "use", rules, ordered=ordered)),
        element(f"{IDENTIFIER}:a.system", fixedUri="urn:a"),
        *elements,
    ]


def again(name: str, use: str, **facts: Any) -> list[Json]:
    return [element(f"{IDENTIFIER}:a/{name}", **facts), element(f"{IDENTIFIER}:a/{name}.use", fixedCode=use)]


def patient(*identifiers: tuple[str, str]) -> Json:
    rows = [{"system": system, "value": "1", **({"use": use} if use else {})} for system, use in identifiers]
    return {"resourceType": "Patient", **({"identifier": rows} if rows else {})}


A_USUAL, A_OLD, A_TEMP, A_NONE, B_USUAL = (
    ("urn:a", "usual"),
    ("urn:a", "old"),
    ("urn:a", "temp"),
    ("urn:a", ""),
    ("urn:b", "usual"),
)


def found(elements: list[Json], *identifiers: tuple[str, str]) -> list[tuple[str, str]]:
    return told(patient(*identifiers), source(profile("again", "Patient", *elements)), "again")


COUNTED = by_type(*again("usual", "usual", min=1, max="1"), *again("old", "old", max="1"))


@pytest.mark.parametrize(
    ("identifiers", "expected"),
    [
        ([A_USUAL], []),
        ([A_USUAL, A_OLD, A_TEMP, B_USUAL], []),
        ([], [("slicing:min", "Patient.identifier")]),
        ([B_USUAL], [("slicing:min", "Patient.identifier")]),
        ([A_OLD], [("slicing:min", "Patient.identifier")]),
        ([A_USUAL, A_USUAL], [("slicing:max", "Patient.identifier")]),
        ([A_USUAL, B_USUAL, B_USUAL], []),
        ([A_USUAL, A_OLD, A_OLD], [("slicing:max", "Patient.identifier")]),
    ],
)
def test_the_slices_of_a_slice_are_counted_among_its_items(identifiers: Any, expected: Any) -> None:
    assert found(COUNTED, *identifiers) == expected


def test_a_slice_that_is_closed_takes_only_what_its_slices_take() -> None:
    closed = by_type(*again("usual", "usual"), rules="closed")
    assert found(closed, A_USUAL, B_USUAL) == []
    assert found(closed, B_USUAL, A_OLD) == [("slicing:closed", "Patient.identifier[1]")]


def test_the_slices_of_a_slice_may_be_ordered() -> None:
    ordered = by_type(*again("usual", "usual"), *again("old", "old"), ordered=True)
    assert found(ordered, A_USUAL, B_USUAL, A_OLD) == []
    assert found(ordered, A_OLD, B_USUAL, A_USUAL) == [("slicing:order", "Patient.identifier[2]")]


def test_what_both_slices_say_holds() -> None:
    elements = by_type(
        element(f"{IDENTIFIER}:a.value", maxLength=3),
        *again("usual", "usual"),
        element(f"{IDENTIFIER}:a/usual.period", min=1),
    )
    known = source(profile("again", "Patient", *elements))
    resource = patient(A_USUAL, A_OLD, B_USUAL)
    for row in resource["identifier"]:
        row["value"] = "12345"
    assert sorted(told(resource, known, "again")) == [
        ("cardinality:min", "Patient.identifier[0].period"),
        ("value:max-length", "Patient.identifier[0].value"),
        ("value:max-length", "Patient.identifier[1].value"),
    ]


def test_slices_may_be_three_deep() -> None:
    elements = by_type(
        *again("usual", "usual"),
        element(f"{IDENTIFIER}:a/usual", slicing=slicing("value", "value", "closed")),
        element(f"{IDENTIFIER}:a/usual/one", max="1"),
        element(f"{IDENTIFIER}:a/usual/one.value", fixedString="1"),
    )
    known = source(profile("again", "Patient", *elements))
    assert told(patient(A_USUAL, A_OLD), known, "again") == []
    assert told(patient(A_USUAL, A_USUAL), known, "again") == [("slicing:max", "Patient.identifier")]
    other = patient(A_OLD, A_USUAL)
    other["identifier"][1]["value"] = "2"
    assert told(other, known, "again") == [("slicing:closed", "Patient.identifier[1]")]


def test_a_slice_takes_what_its_own_slices_do_not_where_it_has_a_default() -> None:
    elements = by_type(
        *again("usual", "usual"),
        element(f"{IDENTIFIER}:a/@default"),
        element(f"{IDENTIFIER}:a/@default.period", min=1),
    )
    assert found(elements, A_USUAL, B_USUAL) == []
    assert found(elements, A_USUAL, A_OLD) == [("cardinality:min", "Patient.identifier[1].period")]


def test_a_derived_profile_slices_the_slice_of_its_parent() -> None:
    parent = profile("parent", "Patient", *by_type()[:1], element(f"{IDENTIFIER}:a", max="2"), by_type()[2])
    child = profile(
        "child",
        "Patient",
        element(f"{IDENTIFIER}:a", slicing=slicing("value", "use")),
        *again("usual", "usual", min=1),
        parent=URL + "parent",
    )
    known = source(parent, child)
    assert told(patient(A_OLD), known, "parent") == []
    assert told(patient(A_OLD), known, "child") == [("slicing:min", "Patient.identifier")]
    assert told(patient(A_USUAL, A_OLD), known, "child") == []
    assert told(patient(A_USUAL, A_OLD, A_OLD), known, "child") == [("slicing:max", "Patient.identifier")]


def test_a_snapshot_and_its_differential_slice_alike() -> None:
    made = profile("again", "Patient", *COUNTED)
    known = source(made)
    snapshots = Snapshots(lambda canonical: known.find("StructureDefinition", canonical))
    rows = list(snapshots.tree(URL + "again").flat())
    assert [r["sliceName"] for r in rows if r["path"] == IDENTIFIER and "sliceName" in r] == [
        "a",
        "a/usual",
        "a/old",
    ]
    whole = {**made, "url": URL + "whole", "snapshot": {"element": rows}}
    for identifiers in ((A_USUAL,), (A_OLD,), (A_USUAL, A_USUAL), (B_USUAL,)):
        resource = patient(*identifiers)
        both = source(made, whole)
        assert told(resource, both, "whole") == told(resource, both, "again")


def test_a_slice_whose_own_slicing_has_no_discriminator_takes_that_of_the_element() -> None:
    elements = [
        element(
            IDENTIFIER,
            slicing={
                **slicing("value", "system"),
                "discriminator": [{"type": "value", "path": "system"}, {"type": "exists", "path": "period"}],
            },
        ),
        element(f"{IDENTIFIER}:a", min=0),
        element(f"{IDENTIFIER}:a.system", fixedUri="urn:a"),
        element(f"{IDENTIFIER}:a.period", max="0"),
        element(f"{IDENTIFIER}:a/b", max="1"),
    ]
    known = source(profile("again", "Patient", *elements))
    assert told(patient(A_USUAL), known, "again") == []
    # a/b says nothing but what a says: all items of a are of it.
    assert told(patient(A_USUAL, A_OLD), known, "again") == [("slicing:max", "Patient.identifier")]


@pytest.mark.parametrize("name", ["z/b", "a/z/b"])
def test_a_slice_of_a_slice_that_is_not_there_is_told(name: str) -> None:
    elements = by_type(
        *again("usual", "usual"),
        element(f"{IDENTIFIER}:{name}"),
        element(f"{IDENTIFIER}:{name}.use", fixedCode="old"),
    )
    known = source(profile("again", "Patient", *elements))
    told_of = [i for i in issues(patient(A_USUAL), known, "again") if i.message_id == "profile:part"]
    assert len(told_of) == 1
    assert name in told_of[0].diagnostics


def test_extensions_are_sliced_again() -> None:
    elements = [
        element("Patient.extension", slicing=slicing("value", "url")),
        element("Patient.extension:note", type=[{"code": "Extension"}], slicing=slicing("value", "value")),
        element("Patient.extension:note.url", fixedUri="urn:note"),
        element("Patient.extension:note/short", max="1"),
        element("Patient.extension:note/short.value[x]", type=[{"code": "string"}], fixedString="s"),
    ]
    known = source(profile("again", "Patient", *elements))
    short, long = ({"url": "urn:note", "valueString": text} for text in ("s", "long"))
    resource = {"resourceType": "Patient", "extension": [short, long, long]}
    assert told(resource, known, "again") == []
    resource["extension"] = [short, long, short]
    assert told(resource, known, "again") == [("slicing:max", "Patient.extension")]


def test_a_choice_is_sliced_again() -> None:
    elements = [
        element(
            "Observation.value[x]",
            slicing={"discriminator": [{"type": "type", "path": "$this"}], "rules": "open"},
        ),
        element(
            "Observation.value[x]:valueQuantity",
            type=[{"code": "Quantity"}],
            slicing=slicing("value", "unit", "closed"),
        ),
        element("Observation.value[x]:valueQuantity/kg"),
        element("Observation.value[x]:valueQuantity/kg.unit", fixedString="kg"),
    ]
    known = source(profile("again", "Observation", *elements, parent=R4 + "Observation"))
    base = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}
    assert told({**base, "valueQuantity": {"value": 1, "unit": "kg"}}, known, "again") == []
    assert told({**base, "valueString": "x"}, known, "again") == []
    assert [m for m, _ in told({**base, "valueQuantity": {"value": 1, "unit": "g"}}, known, "again")] == [
        "slicing:closed"
    ]
