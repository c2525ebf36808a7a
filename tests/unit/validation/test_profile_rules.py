"""What a profile says beyond R4: cardinality, values, types, codes, constraints, references, extensions."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.validation.profiles import R4, URL, Json, element, issues, profile, source, told

PATIENT: Json = {"resourceType": "Patient"}
OF_ORIGIN = {"code": "Extension", "profile": [URL + "origin"]}
OBSERVATION: Json = {"resourceType": "Observation", "status": "final", "code": {"text": "x"}}


def check(type_: str, elements: list[Json], resource: Json, *others: Json) -> list[tuple[str, str]]:
    return told(resource, source(profile("p", type_, *elements), *others), "p")


RULES: list[tuple[str, str, list[Json], Json, Json, tuple[str, str]]] = [
    (
        "min",
        "Patient",
        [element("Patient.birthDate", min=1)],
        {**PATIENT, "birthDate": "1980"},
        PATIENT,
        ("cardinality:min", "Patient.birthDate"),
    ),
    (
        "max of a list",
        "Patient",
        [element("Patient.name", max="1")],
        {**PATIENT, "name": [{"text": "x"}]},
        {**PATIENT, "name": [{"text": "x"}, {"text": "y"}]},
        ("cardinality:max", "Patient.name"),
    ),
    (
        "max 0",
        "Patient",
        [element("Patient.photo", max="0")],
        PATIENT,
        {**PATIENT, "photo": [{"url": "http://x/y"}]},
        ("cardinality:max", "Patient.photo"),
    ),
    (
        "an element of a data type",
        "Patient",
        [element("Patient.name.family", min=1)],
        {**PATIENT, "name": [{"family": "x"}]},
        {**PATIENT, "name": [{"family": "x"}, {"text": "y"}]},
        ("cardinality:min", "Patient.name[1].family"),
    ),
    (
        "an element of a choice",
        "Observation",
        [element("Observation.value[x]", min=1)],
        {**OBSERVATION, "valueString": "x"},
        OBSERVATION,
        ("cardinality:min", "Observation.value"),
    ),
    (
        "fixed primitive",
        "Patient",
        [element("Patient.gender", fixedCode="female")],
        {**PATIENT, "gender": "female"},
        {**PATIENT, "gender": "male"},
        ("profile:fixed", "Patient.gender"),
    ),
    (
        "fixed object",
        "Observation",
        [element("Observation.code", fixedCodeableConcept={"text": "x"})],
        OBSERVATION,
        {**OBSERVATION, "code": {"text": "x", "coding": [{"code": "y"}]}},
        ("profile:fixed", "Observation.code"),
    ),
    (
        "pattern",
        "Observation",
        [element("Observation.code", patternCodeableConcept={"coding": [{"system": "urn:s", "code": "y"}]})],
        {**OBSERVATION, "code": {"text": "z", "coding": [{"code": "o"}, {"system": "urn:s", "code": "y"}]}},
        OBSERVATION,
        ("profile:pattern", "Observation.code"),
    ),
    (
        "minValue",
        "Observation",
        [element("Observation.value[x]", type=[{"code": "integer"}], minValueInteger=3)],
        {**OBSERVATION, "valueInteger": 3},
        {**OBSERVATION, "valueInteger": 2},
        ("value:minValue", "Observation.value.ofType(integer)"),
    ),
    (
        "maxValue of a date",
        "Patient",
        [element("Patient.birthDate", maxValueDate="2020-01-01")],
        {**PATIENT, "birthDate": "2019-12"},
        {**PATIENT, "birthDate": "2020-01-02"},
        ("value:maxValue", "Patient.birthDate"),
    ),
    (
        "maxLength",
        "Patient",
        [element("Patient.name.family", maxLength=3)],
        {**PATIENT, "name": [{"family": "abc"}]},
        {**PATIENT, "name": [{"family": "abcd"}]},
        ("value:max-length", "Patient.name[0].family"),
    ),
    (
        "types of a choice",
        "Observation",
        [element("Observation.value[x]", type=[{"code": "Quantity"}, {"code": "string"}])],
        {**OBSERVATION, "valueString": "x"},
        {**OBSERVATION, "valueBoolean": True},
        ("profile:type", "Observation.value.ofType(boolean)"),
    ),
    (
        "the shortcut of a choice",
        "Observation",
        [element("Observation.valueQuantity", min=1), element("Observation.valueQuantity.code", min=1)],
        {**OBSERVATION, "valueQuantity": {"value": 1, "system": "urn:x", "code": "a"}},
        {**OBSERVATION, "valueQuantity": {"value": 1}},
        ("cardinality:min", "Observation.value.ofType(Quantity).code"),
    ),
    (
        "required binding",
        "Patient",
        [
            element(
                "Patient.maritalStatus", binding={"strength": "required", "valueSet": "http://example.org/vs"}
            )
        ],
        {**PATIENT, "maritalStatus": {"coding": [{"system": "urn:s", "code": "a"}]}},
        {**PATIENT, "maritalStatus": {"coding": [{"system": "urn:s", "code": "b"}]}},
        ("binding:required", "Patient.maritalStatus"),
    ),
    (
        "constraint",
        "Patient",
        [
            element(
                "Patient",
                constraint=[
                    {"key": "x-1", "severity": "error", "human": "Named.", "expression": "name.exists()"}
                ],
            )
        ],
        {**PATIENT, "name": [{"text": "x"}]},
        PATIENT,
        ("invariant:x-1", "Patient"),
    ),
    (
        "constraint of a primitive",
        "Patient",
        [
            element(
                "Patient.name.family",
                constraint=[
                    {"key": "x-2", "severity": "error", "human": "Long.", "expression": "length() > 2"}
                ],
            )
        ],
        {**PATIENT, "name": [{"family": "abc"}]},
        {**PATIENT, "name": [{"family": "a"}]},
        ("invariant:x-2", "Patient.name[0].family"),
    ),
    (
        "memberOf",
        "Patient",
        [
            element(
                "Patient",
                constraint=[
                    {
                        "key": "x-3",
                        "severity": "error",
                        "human": "Known.",
                        "expression": "maritalStatus.all(memberOf('http://example.org/vs'))",
                    }
                ],
            )
        ],
        {**PATIENT, "maritalStatus": {"coding": [{"system": "urn:s", "code": "a"}]}},
        {**PATIENT, "maritalStatus": {"coding": [{"system": "urn:s", "code": "b"}]}},
        ("invariant:x-3", "Patient"),
    ),
    (
        "target type",
        "Observation",
        [
            element(
                "Observation.subject", type=[{"code": "Reference", "targetProfile": [R4 + "Patient"]}]
            )
        ],
        {**OBSERVATION, "subject": {"reference": "Patient/1"}},
        {**OBSERVATION, "subject": {"reference": "Group/1"}},
        ("reference:target", "Observation.subject.reference"),
    ),
    (
        "aggregation",
        "Observation",
        [
            element(
                "Observation.subject",
                type=[
                    {"code": "Reference", "targetProfile": [R4 + "Patient"], "aggregation": ["referenced"]}
                ],
            )
        ],
        {**OBSERVATION, "subject": {"reference": "Patient/1"}},
        {
            **OBSERVATION,
            "subject": {"reference": "#p"},
            "contained": [{**PATIENT, "id": "p"}],
        },
        ("reference:aggregation", "Observation.subject.reference"),
    ),
    (
        "an extension that must be there",
        "Patient",
        [element("Patient.extension:origin", min=1, type=[OF_ORIGIN])],
        {**PATIENT, "extension": [{"url": URL + "origin", "valueCode": "a"}]},
        PATIENT,
        ("slicing:min", "Patient.extension"),
    ),
    (
        "an extension of a primitive",
        "Patient",
        [
            element(
                "Patient.birthDate.extension:origin",
                min=1,
                type=[{"code": "Extension", "profile": [URL + "origin"]}],
            )
        ],
        {
            **PATIENT,
            "birthDate": "1980",
            "_birthDate": {"extension": [{"url": URL + "origin", "valueCode": "a"}]},
        },
        {**PATIENT, "birthDate": "1980"},
        ("slicing:min", "Patient.birthDate.extension"),
    ),
]  # fmt: skip

VALUE_SET = {
    "resourceType": "ValueSet",
    "url": "http://example.org/vs",
    "compose": {"include": [{"system": "urn:s", "concept": [{"code": "a"}]}]},
}
ORIGIN = profile(
    "origin",
    "Extension",
    element("Extension.extension", max="0"),
    element("Extension.url", fixedUri=URL + "origin"),
    element("Extension.value[x]", min=1, type=[{"code": "code"}]),
    context=[
        {"type": "element", "expression": "Patient"},
        {"type": "element", "expression": "Patient.birthDate"},
    ],
)


@pytest.mark.parametrize("rule", RULES, ids=[rule[0] for rule in RULES])
def test_a_rule_of_a_profile_tells_good_from_bad(rule: Any) -> None:
    _, type_, elements, good, bad, expected = rule
    assert check(type_, elements, good, VALUE_SET, ORIGIN) == []
    assert check(type_, elements, bad, VALUE_SET, ORIGIN) == [expected]


def test_a_profile_named_by_the_resource_is_applied() -> None:
    known = source(profile("p", "Patient", element("Patient.birthDate", min=1)))
    named = {**PATIENT, "meta": {"profile": [URL + "p"]}}
    assert told(named, known) == [("cardinality:min", "Patient.birthDate")]


def test_the_profiles_of_entries_and_contained_resources_are_applied() -> None:
    known = source(profile("p", "Patient", element("Patient.birthDate", min=1)))
    named = {**PATIENT, "id": "p", "meta": {"profile": [URL + "p"]}}
    holder = {**OBSERVATION, "subject": {"reference": "#p"}, "contained": [named]}
    url = "urn:uuid:00000000-0000-0000-0000-000000000001"
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"fullUrl": url, "resource": holder}]}
    place = "Bundle.entry[0].resource.contained[0].birthDate"
    assert told(bundle, known) == [("cardinality:min", place)]


def test_an_unknown_profile_is_a_warning_where_named_and_an_error_where_asked_for() -> None:
    named = {**PATIENT, "meta": {"profile": [URL + "nowhere"]}}
    (found,) = (i for i in issues(named, source()) if i.message_id == "profile:unknown")
    assert found.severity == "warning"
    assert told(PATIENT, source(), "nowhere") == [("profile:unknown", "Patient")]


def test_a_profile_of_another_type_is_told() -> None:
    known = source(profile("p", "Observation", element("Observation.subject", min=1)))
    assert told(PATIENT, known, "p") == [("profile:type", "Patient")]


def test_a_target_inside_the_bundle_must_meet_the_profile_asked_of_it() -> None:
    target = profile("target", "Patient", element("Patient.birthDate", min=1))
    asks = profile(
        "p",
        "Observation",
        element("Observation.subject", type=[{"code": "Reference", "targetProfile": [URL + "target"]}]),
    )
    url = "urn:uuid:00000000-0000-0000-0000-00000000000"
    observation = {**OBSERVATION, "meta": {"profile": [URL + "p"]}, "subject": {"reference": url + "1"}}

    def bundle(patient: Json) -> Json:
        entries = [
            {"fullUrl": url + "1", "resource": patient},
            {"fullUrl": url + "2", "resource": observation},
        ]
        return {"resourceType": "Bundle", "type": "collection", "entry": entries}

    assert told(bundle({**PATIENT, "birthDate": "1980"}), source(target, asks)) == []
    place = "Bundle.entry[1].resource.subject.reference"
    assert told(bundle(PATIENT), source(target, asks)) == [("reference:profile", place)]
    assert told(observation, source(target, asks)) == []


def test_profiles_that_refer_to_each_other_come_to_an_end() -> None:
    one = profile(
        "one",
        "Patient",
        element("Patient.link.other", type=[{"code": "Reference", "targetProfile": [URL + "one"]}]),
        element("Patient.birthDate", min=1),
    )
    url = "urn:uuid:00000000-0000-0000-0000-00000000000"

    def patient(other: str, **more: Any) -> Json:
        link = [{"other": {"reference": url + other}, "type": "seealso"}]
        return {**PATIENT, "meta": {"profile": [URL + "one"]}, "link": link, **more}

    entries = [
        {"fullUrl": url + "1", "resource": patient("2", birthDate="1980")},
        {"fullUrl": url + "2", "resource": patient("1", birthDate="1981")},
    ]
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    assert told(bundle, source(one)) == []


# --- extensions by their definition ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("extension", "expected"),
    [
        ({"url": URL + "origin", "valueString": "a"}, ("profile:type", ".value.ofType(string)")),
        (
            {"url": URL + "origin", "extension": [{"url": "x", "valueCode": "a"}]},
            ("cardinality:max", ".extension"),
        ),
        ({"url": "relative", "valueCode": "a"}, ("extension:url", ".url")),
    ],
)
def test_an_extension_must_follow_its_definition(extension: Json, expected: tuple[str, str]) -> None:
    found = told({**PATIENT, "extension": [extension]}, source(ORIGIN))
    assert (expected[0], f"Patient.extension[0]{expected[1]}") in found


def test_an_unknown_extension_is_worth_a_hint() -> None:
    resource = {**PATIENT, "extension": [{"url": "http://example.org/x", "valueCode": "a"}]}
    (found,) = (i for i in issues(resource, source()) if i.message_id == "extension:unknown")
    assert (found.severity, found.expression) == ("information", "Patient.extension[0]")


def test_an_extension_may_stand_where_its_definition_says_only() -> None:
    extension = [{"url": URL + "origin", "valueCode": "a"}]
    known = source(ORIGIN)
    assert told({**PATIENT, "extension": extension}, known) == []
    assert told({**PATIENT, "birthDate": "1980", "_birthDate": {"extension": extension}}, known) == []
    assert told({**PATIENT, "name": [{"text": "x", "extension": extension}]}, known) == [
        ("extension:context", "Patient.name[0].extension[0]")
    ]
    assert told({**OBSERVATION, "extension": extension}, known) == [
        ("extension:context", "Observation.extension[0]")
    ]


def test_an_extension_that_modifies_stands_in_modifier_extension() -> None:
    definition = {**ORIGIN, "differential": {"element": [element("Extension", isModifier=True)]}}
    extension = [{"url": URL + "origin", "valueCode": "a"}]
    assert told({**PATIENT, "modifierExtension": extension}, source(definition)) == []
    assert told({**PATIENT, "extension": extension}, source(definition)) == [
        ("extension:modifier", "Patient.extension[0]")
    ]
    assert told({**PATIENT, "modifierExtension": extension}, source(ORIGIN)) == [
        ("extension:modifier", "Patient.modifierExtension[0]")
    ]


def test_the_extensions_of_r4_are_known_without_network() -> None:
    url = R4 + "patient-birthPlace"
    good = {**PATIENT, "extension": [{"url": url, "valueAddress": {"city": "Lyon"}}]}
    bad = {**PATIENT, "extension": [{"url": url, "valueString": "Lyon"}]}
    assert told(good, source()) == []
    assert told(bad, source()) == [("profile:type", "Patient.extension[0].value.ofType(string)")]
