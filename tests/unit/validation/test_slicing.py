"""Slices by every kind of discriminator, their number and order, reslicing, and what cannot be told apart."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.validation.profiles import R4, URL, Json, element, issues, profile, slicing, source, told

PATIENT: Json = {"resourceType": "Patient"}
OBSERVATION: Json = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}
DEEP = "code.coding.code"
A: Json = {"system": "urn:a:b", "value": "1"}
B: Json = {"system": "urn:b:c", "value": "2"}
C: Json = {"system": "urn:c:d", "value": "3"}


def of_system(name: str, system: str, **facts: Any) -> list[Json]:
    step = f"Patient.identifier:{name}"
    return [element(step, **facts), element(f"{step}.system", min=1, fixedUri=system)]


def identifiers(rules: str = "open", *, ordered: bool = False) -> Json:
    return profile(
        "p",
        "Patient",
        element("Patient.identifier", slicing=slicing("value", "system", rules, ordered=ordered)),
        *of_system("a", "urn:a:b", min=1, max="1"),
        *of_system("b", "urn:b:c", min=0, max="2"),
    )


@pytest.mark.parametrize(
    ("rules", "given", "expected"),
    [
        ("open", [A], []),
        ("open", [C, A, B, B], []),
        ("open", [B], [("slicing:min", "Patient.identifier")]),
        ("open", [A, A], [("slicing:max", "Patient.identifier")]),
        ("open", [A, B, B, B], [("slicing:max", "Patient.identifier")]),
        ("closed", [A, B], []),
        ("closed", [A, C], [("slicing:closed", "Patient.identifier[1]")]),
        ("openAtEnd", [A, B, C], []),
        ("openAtEnd", [A, C, B], [("slicing:order", "Patient.identifier[2]")]),
    ],
)
def test_items_are_counted_by_slice(rules: str, given: list[Json], expected: list[tuple[str, str]]) -> None:
    assert told({**PATIENT, "identifier": given}, source(identifiers(rules)), "p") == expected


def test_ordered_slices_come_in_their_order() -> None:
    known = source(identifiers(ordered=True))
    assert told({**PATIENT, "identifier": [A, B]}, known, "p") == []
    assert told({**PATIENT, "identifier": [B, A]}, known, "p") == [("slicing:order", "Patient.identifier[1]")]


def test_what_a_slice_says_holds_for_its_items_only() -> None:
    known = source(
        profile(
            "p",
            "Patient",
            element("Patient.identifier", slicing=slicing("value", "system")),
            *of_system("a", "urn:a:b"),
            element("Patient.identifier:a.value", min=1, maxLength=2),
        )
    )
    assert told({**PATIENT, "identifier": [A, {**B, "value": "long"}]}, known, "p") == []
    assert told({**PATIENT, "identifier": [B, {**A, "value": "long"}]}, known, "p") == [
        ("value:max-length", "Patient.identifier[1].value")
    ]


def component(name: str, code: str) -> list[Json]:
    step = f"Observation.component:{name}"
    return [
        element(step, min=1, max="1"),
        element(f"{step}.code", patternCodeableConcept={"coding": [{"system": "urn:s", "code": code}]}),
    ]


def part(code: str, **more: Any) -> Json:
    return {"code": {"coding": [{"system": "urn:s", "code": code}]}, **more}


DISCRIMINATED: list[tuple[str, str, list[Json], Json, Json]] = [
    (
        "pattern",
        "Observation",
        [element("Observation.component", slicing=slicing("pattern", "code")), *component("one", "1")],
        {**OBSERVATION, "component": [part("2"), part("1")]},
        {**OBSERVATION, "component": [part("2")]},
    ),
    (
        "value, inside a pattern",
        "Observation",
        [element("Observation.component", slicing=slicing("value", DEEP)), *component("one", "1")],
        {**OBSERVATION, "component": [part("1")]},
        {**OBSERVATION, "component": [part("2")]},
    ),
    (
        "exists",
        "Patient",
        [
            element("Patient.name", slicing=slicing("exists", "family")),
            element("Patient.name:full", min=1),
            element("Patient.name:full.family", min=1),
            element("Patient.name:loose"),
            element("Patient.name:loose.family", max="0"),
        ],
        {**PATIENT, "name": [{"text": "x"}, {"family": "y"}]},
        {**PATIENT, "name": [{"text": "x"}]},
    ),
    (
        "type of a choice",
        "Observation",
        [
            element("Observation.value[x]", slicing=slicing("type", "$this")),
            element("Observation.value[x]:valueQuantity", min=1, type=[{"code": "Quantity"}]),
        ],
        {**OBSERVATION, "valueQuantity": {"value": 1}},
        {**OBSERVATION, "valueString": "x"},
    ),
    (
        "type of a target",
        "Observation",
        [
            element("Observation.performer", slicing=slicing("type", "resolve()")),
            element(
                "Observation.performer:patient",
                min=1,
                type=[{"code": "Reference", "targetProfile": [R4 + "Patient"]}],
            ),
        ],
        {**OBSERVATION, "performer": [{"reference": "Organization/1"}, {"reference": "Patient/1"}]},
        {**OBSERVATION, "performer": [{"reference": "Organization/1"}]},
    ),
    (
        "profile of a target",
        "Observation",
        [
            element("Observation.performer", slicing=slicing("profile", "resolve()")),
            element(
                "Observation.performer:named",
                min=1,
                type=[{"code": "Reference", "targetProfile": [URL + "named"]}],
            ),
        ],
        {**OBSERVATION, "contained": [{**PATIENT, "id": "p", "name": [{"text": "x"}]}],
         "performer": [{"reference": "#p"}]},
        {**OBSERVATION, "contained": [{**PATIENT, "id": "p"}], "performer": [{"reference": "#p"}]},
    ),
    (
        "a required value set",
        "Patient",
        [
            element("Patient.telecom", slicing=slicing("value", "system")),
            element("Patient.telecom:mail", min=1),
            element(
                "Patient.telecom:mail.system",
                min=1,
                binding={"strength": "required", "valueSet": "http://example.org/mail"},
            ),
        ],
        {**PATIENT, "telecom": [{"system": "email", "value": "x"}]},
        {**PATIENT, "telecom": [{"system": "phone", "value": "x"}]},
    ),
    (
        "an extension",
        "Patient",
        [
            element("Patient.name", slicing=slicing("value", f"extension('{URL}kind').value")),
            element("Patient.name:birth", min=1),
            element(
                "Patient.name:birth.extension:kind",
                min=1,
                type=[{"code": "Extension", "profile": [URL + "kind"]}],
            ),
            element("Patient.name:birth.extension:kind.value[x]", min=1, fixedCode="birth"),
        ],
        {**PATIENT, "name": [{"extension": [{"url": URL + "kind", "valueCode": "birth"}], "family": "x"}]},
        {**PATIENT, "name": [{"extension": [{"url": URL + "kind", "valueCode": "other"}], "family": "x"}]},
    ),
]  # fmt: skip

OTHERS = [
    profile("named", "Patient", element("Patient.name", min=1)),
    profile(
        "kind",
        "Extension",
        element("Extension.url", fixedUri=URL + "kind"),
        element("Extension.value[x]", min=1, type=[{"code": "code"}]),
        context=[{"type": "element", "expression": "HumanName"}],
    ),
    {
        "resourceType": "ValueSet",
        "url": "http://example.org/mail",
        "compose": {
            "include": [
                {"system": "http://hl7.org/fhir/contact-point-system", "concept": [{"code": "email"}]}
            ]
        },
    },
]


@pytest.mark.parametrize("case", DISCRIMINATED, ids=[case[0] for case in DISCRIMINATED])
def test_a_discriminator_tells_the_items_of_a_slice(case: tuple[str, str, list[Json], Json, Json]) -> None:
    _, type_, elements, good, bad = case
    known = source(profile("p", type_, *elements), *OTHERS)
    assert told(good, known, "p") == []
    assert [id_ for id_, _ in told(bad, known, "p")] == ["slicing:min"]


def test_two_discriminators_must_both_agree() -> None:
    both = {
        "discriminator": [{"type": "value", "path": "system"}, {"type": "value", "path": "use"}],
        "rules": "open",
    }
    known = source(
        profile(
            "p",
            "Patient",
            element("Patient.identifier", slicing=both),
            *of_system("a", "urn:a:b", min=1),
            element("Patient.identifier:a.use", min=1, fixedCode="official"),
        )
    )
    assert told({**PATIENT, "identifier": [{**A, "use": "official"}]}, known, "p") == []
    assert told({**PATIENT, "identifier": [A]}, known, "p") == [("slicing:min", "Patient.identifier")]


def test_a_slice_may_have_slices() -> None:
    known = source(
        profile(
            "p",
            "Patient",
            element("Patient.identifier", slicing=slicing("value", "system")),
            *of_system("a", "urn:a:b", min=1),
            {**element("Patient.identifier:a"), "slicing": slicing("value", "use", "closed")},
            element("Patient.identifier:a/one", min=1, max="1"),
            element("Patient.identifier:a/one.use", min=1, fixedCode="official"),
        )
    )
    assert told({**PATIENT, "identifier": [{**A, "use": "official"}, B]}, known, "p") == []
    found = told({**PATIENT, "identifier": [{**A, "use": "usual"}, B]}, known, "p")
    assert sorted(id_ for id_, _ in found) == ["slicing:closed", "slicing:min"]


def test_a_slice_that_nothing_tells_apart_is_no_reason_to_refuse() -> None:
    known = source(
        profile(
            "p",
            "Patient",
            element("Patient.identifier", slicing=slicing("value", "system", "closed")),
            element("Patient.identifier:a", min=1),
        )
    )
    found = issues({**PATIENT, "identifier": [B]}, known, "p")
    assert [(i.severity, i.message_id) for i in found if "slice" in i.diagnostics] == [
        ("warning", "profile:part")
    ]
    assert [i for i in found if i.severity == "error"] == []


def test_the_profile_of_a_profile_keeps_its_slices() -> None:
    narrower = profile("q", "Patient", element("Patient.identifier:b", min=1), parent=URL + "p")
    known = source(identifiers(), narrower)
    assert told({**PATIENT, "identifier": [A, B]}, known, "q") == []
    assert told({**PATIENT, "identifier": [A]}, known, "q") == [("slicing:min", "Patient.identifier")]


def test_blood_pressure_must_have_both_of_its_components() -> None:
    def of(code: str) -> Json:
        quantity = {"value": 120, "unit": "mmHg", "system": "http://unitsofmeasure.org", "code": "mm[Hg]"}
        return {"code": {"coding": [{"system": "http://loinc.org", "code": code}]}, "valueQuantity": quantity}

    category = {"system": "http://terminology.hl7.org/CodeSystem/observation-category", "code": "vital-signs"}
    pressure = {
        "resourceType": "Observation",
        "meta": {"profile": [R4 + "bp"]},
        "status": "final",
        "category": [{"coding": [category]}],
        "code": {"coding": [{"system": "http://loinc.org", "code": "85354-9"}]},
        "subject": {"reference": "Patient/1"},
        "effectiveDateTime": "2024-01-01",
        "component": [of("8480-6"), of("8462-4")],
    }
    assert told(pressure, source()) == []
    assert told({**pressure, "component": [of("8480-6")]}, source()) == [
        ("cardinality:min", "Observation.component"),
        ("slicing:min", "Observation.component"),
    ]


def defaulted(rules: str, *parts: Json) -> Json:
    return profile(
        "p",
        "Patient",
        element("Patient.identifier", slicing=slicing("value", "system", rules)),
        element("Patient.identifier:@default", max="1"),
        element("Patient.identifier:@default.value", maxLength=2),
        *of_system("a", "urn:a:b"),
        *parts,
    )


@pytest.mark.parametrize("rules", ["open", "closed"])
@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([A, A, B], []),
        ([{**A, "value": "long"}], []),
        ([A, {**B, "value": "long"}], [("value:max-length", "Patient.identifier[1].value")]),
        ([B, A, C], [("slicing:max", "Patient.identifier")]),
    ],
)
def test_the_default_slice_takes_what_no_other_takes(
    rules: str, given: list[Json], expected: list[tuple[str, str]]
) -> None:
    assert told({**PATIENT, "identifier": given}, source(defaulted(rules)), "p") == expected


def test_beside_a_slice_that_cannot_be_told_apart_the_default_slice_takes_nothing() -> None:
    known = source(defaulted("closed", element("Patient.identifier:vague")))
    assert told({**PATIENT, "identifier": [B, {**C, "value": "long"}]}, known, "p") == []
    assert told({**PATIENT, "identifier": [A]}, known, "p") == []
