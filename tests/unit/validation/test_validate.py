"""The door of validation: all issues at once, bounded, whatever is handed in."""

from __future__ import annotations

import importlib
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pytest

from fhir_server.definitions.registry import load_definitions
from fhir_server.errors import Issue
from fhir_server.validation.compile import Rulebook
from fhir_server.validation.fault import LIMIT
from fhir_server.validation.validate import Level, validate_resource

DIV = '<div xmlns="http://www.w3.org/1999/xhtml">{}</div>'


def errors_of(resource: Any, **options: Any) -> list[Issue]:
    return [issue for issue in validate_resource(resource, **options) if issue.severity == "error"]


def _places(resource: Any) -> list[str]:
    return [issue.expression for issue in errors_of(resource)]


def test_all_issues_are_told_at_once() -> None:
    resource = {
        "resourceType": "Observation",
        "subject": {"reference": "Practitioner/1"},
        "valueQuantity": {"value": "1", "comparator": "="},
        "component": [{}, {"code": {"text": ""}}, {"valueString": 5}],
    }
    assert _places(resource) == [
        "Observation.subject.reference",
        "Observation.value.ofType(Quantity).value",
        "Observation.value.ofType(Quantity).comparator",
        "Observation.component[0]",
        "Observation.component[1].code.text",
        "Observation.component[2].value.ofType(string)",
        "Observation.component[2].code",
        "Observation.status",
        "Observation.code",
    ]


@pytest.mark.parametrize(
    "resource",
    [
        {"resourceType": "Patient", "name": [{"family": ""}] * 10_000},
        {"resourceType": "Patient", "name": [{"given": [""] * 10_000}]},
        {"resourceType": "Patient", "name": [{"given": ["a"] * 10_000, "_given": [{}] * 10_000}]},
        {"resourceType": "Patient"} | {f"x{n}": 1 for n in range(10_000)},
        {"resourceType": "Bundle", "type": "batch", "entry": [{"resource": {"resourceType": "X"}}] * 10_000},
    ],
)
def test_issues_are_bounded(resource: dict[str, Any]) -> None:
    assert len(errors_of(resource)) == LIMIT


@pytest.mark.parametrize(
    "value", [None, 5, "Patient", [], [{"resourceType": "Patient"}], {}, {"resourceType": {}}]
)
def test_what_is_no_resource_yields_one_issue(value: Any) -> None:
    (issue,) = errors_of(value)
    assert (issue.severity, issue.code, issue.expression) == ("error", "structure", "")


def test_a_resource_nested_without_end_yields_an_issue() -> None:
    extension: dict[str, Any] = {"url": "http://x", "valueString": "x"}
    for _ in range(20_000):
        extension = {"url": "http://x", "extension": [extension]}
    (issue,) = errors_of({"resourceType": "Patient", "extension": [extension]}, path_prefix="Here")
    assert (issue.code, issue.expression) == ("structure", "Here")


def test_long_values_are_cut_in_messages() -> None:
    resource = {
        "resourceType": "Patient",
        "gender": "x" * 100_000,
        "x" * 100_000: 1,
        "birthDate": "y" * 100_000,
    }
    issues = errors_of(resource)
    assert len(issues) == 3
    assert all(len(issue.diagnostics) < 300 and len(issue.expression) < 100 for issue in issues)


def test_the_value_of_a_date_may_be_any_day_of_the_calendar() -> None:
    for day in ("0001-01-01", "1981", "1981-03", "2000-02-29", "2024-02-29", "9999-12-31", "2024-04-30"):
        assert errors_of({"resourceType": "Patient", "birthDate": day}) == []


@pytest.mark.parametrize(
    "value",
    [
        "2024",
        "2024-02",
        "2024-02-29",
        "2016-12-31T23:59:60Z",
        "2024-01-15T10:00:00.123456789+14:00",
        "2024-01-15T00:00:00-00:00",
    ],
)
def test_date_times_of_any_precision_are_valid(value: str) -> None:
    assert errors_of({"resourceType": "Patient", "deceasedDateTime": value}) == []


@pytest.mark.parametrize(
    "literal",
    [
        "Patient/p1",
        "Patient/p1/_history/3",
        "Patient/p1#contact",
        "https://example.org/fhir/Patient/p1",
        "https://example.org/fhir/Patient/p1/_history/3",
        "http://example.org/unknown/thing",
        "http://example.org/Foo/1",
        "urn:uuid:61ebe359-bfdc-4613-8bf2-c5e300945f0a",
        "urn:oid:1.2.3",
        "Patient?identifier=http://x|1",
    ],
)
def test_references_of_every_allowed_shape_are_valid(literal: str) -> None:
    resource = {"resourceType": "Basic", "code": {"text": "x"}, "subject": {"reference": literal}}
    patient = {"resourceType": "Account", "status": "active", "subject": [{"reference": literal}]}
    assert errors_of(resource) == []
    assert errors_of(patient) == []


@pytest.mark.parametrize(
    "literal",
    [
        *("p1", "Pacient/p1", "Patient/", "Patient/a_b", f"Patient/{'a' * 65}", "/Patient/1", "patient/1"),
        *("Patient/1/2", "../Patient/1"),
    ],
)
def test_a_reference_that_leads_nowhere_is_worth_a_warning(literal: str) -> None:
    resource = {"resourceType": "Account", "status": "active", "subject": [{"reference": literal}]}
    (issue,) = validate_resource(resource, level=Level.STRUCTURE)
    assert (issue.severity, issue.code, issue.expression) == (
        "warning",
        "value",
        "Account.subject[0].reference",
    )


def test_a_reference_from_a_contained_resource_finds_its_container_and_its_siblings() -> None:
    resource = {
        "resourceType": "Patient",
        "contained": [
            {"resourceType": "Observation", "id": "o", "status": "final", "code": {"text": "x"},
             "subject": {"reference": "#"}, "performer": [{"reference": "#org"}]},
            {"resourceType": "Organization", "id": "org", "name": "x"},
        ],
    }  # fmt: skip
    assert errors_of(resource) == []


def test_contained_resources_of_a_bundle_are_those_of_their_entry() -> None:
    organization = {"resourceType": "Organization", "id": "org", "name": "x"}
    patient = {"resourceType": "Patient", "managingOrganization": {"reference": "#org"}}
    entries = [
        {
            "fullUrl": "urn:uuid:00000000-0000-0000-0000-000000000001",
            "resource": patient | {"contained": [organization]},
        },
        {"fullUrl": "urn:uuid:00000000-0000-0000-0000-000000000002", "resource": patient},
    ]
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": entries}
    assert _places(bundle) == ["Bundle.entry[1].resource.managingOrganization.reference"]


@pytest.mark.parametrize(
    "value",
    [
        0,
        -5,
        10**40,
        Decimal("0.00"),
        Decimal("1E-100"),
        Decimal("-1.50"),
        Decimal("123456789012345678901234567890.1"),
    ],
)
def test_decimals_of_any_size_are_valid(value: Any) -> None:
    quantity = {"value": value}
    assert errors_of(
        {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "valueQuantity": quantity}
    ) == []  # fmt: skip


@pytest.mark.parametrize("value", [1.5, Decimal("NaN"), Decimal("Infinity")])
def test_a_number_that_no_json_text_gives_is_not_a_decimal(value: Any) -> None:
    resource = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "x"},
        "valueQuantity": {"value": value},
    }
    assert _places(resource) == ["Observation.value.ofType(Quantity).value"]


@pytest.mark.parametrize("text", ["a\nb\tc\rd", "é", "\u00a0x", "😀", " x ", "x" * 1024 * 1024])
def test_strings_of_any_characters_are_valid(text: str) -> None:
    assert errors_of({"resourceType": "Patient", "name": [{"family": text}]}) == []


@pytest.mark.parametrize("text", [" ", "\t", " \r\n "])
def test_a_string_of_white_space_is_worth_a_warning(text: str) -> None:
    (issue,) = validate_resource(
        {"resourceType": "Patient", "name": [{"family": text}]}, level=Level.STRUCTURE
    )
    assert (issue.severity, issue.code, issue.expression) == ("warning", "value", "Patient.name[0].family")
    assert issue.message_id == "string:blank"


@pytest.mark.parametrize(
    ("code", "severity"),
    [
        *(
            ("mm[Hg]", None),
            ("mL/min/{1.73_m2}", None),
            ("{score}", None),
            ("Cel/{day}", None),
            ("tex", None),
        ),
        *(("(score)", "warning"), ("mg/(dose)", "warning"), ("/(dose)", "warning")),
        *(
            ("zorkmid", "error"),
            ("µg", "error"),
            ("(mg", "error"),
            ("(dose)zorkmid", "error"),
            ("/", "error"),
        ),
    ],
)
def test_a_code_that_is_no_unit_of_ucum_is_refused_but_for_words_in_parentheses(
    code: str, severity: str | None
) -> None:
    value = {"value": 1, "system": "http://unitsofmeasure.org", "code": code}
    resource = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"text": "x"},
        "valueQuantity": value,
    }
    told = [i.severity for i in validate_resource(resource) if i.message_id == "quantity:unit"]
    assert told == ([] if severity is None else [severity])


def test_a_string_of_more_than_one_megabyte_is_refused() -> None:
    assert _places({"resourceType": "Patient", "name": [{"family": "x" * 1024 * 1024 + "x"}]}) == [
        "Patient.name[0].family"
    ]


def test_base64_text_may_be_folded() -> None:
    assert (
        errors_of(
            {"resourceType": "Patient", "photo": [{"contentType": "image/png", "data": "AAAA\r\n BBBB\n"}]}
        )
        == []
    )


def test_a_required_primitive_may_be_absent_with_a_reason() -> None:
    reason = {
        "extension": [
            {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}
        ]
    }
    resource = {"resourceType": "Observation", "_status": reason, "code": {"text": "x"}}
    assert errors_of(resource) == []


def test_the_value_of_an_extension_may_be_absent_with_a_reason() -> None:
    reason = {"extension": [{"url": "http://x", "valueCode": "unknown"}]}
    assert (
        errors_of({"resourceType": "Patient", "extension": [{"url": "http://y", "_valueDate": reason}]}) == []
    )


@pytest.mark.parametrize("path", ["name", "contact", "extension", "contained", "text", "meta"])
def test_a_rule_survives_any_json_value(path: str) -> None:
    for value in (None, True, 0, Decimal("1.5"), "x", [], {}, [None], [[]], [{}], [{"x": [{}]}], {"x": {}}):
        assert errors_of({"resourceType": "Patient", path: value})


@pytest.mark.parametrize(
    "html",
    [
        "text",
        "<p>a<br/>b</p><hr/><!-- comment -->",
        "&nbsp;&eacute;&lt;&amp;&#233;&#xe9;",
        '<table border="1"><thead><tr><th colspan="2" scope="col">a</th></tr></thead>'
        '<tbody><tr><td rowspan="1">b</td></tr></tbody></table>',
        '<a href="Patient/1" name="x">x</a> <a href="https://example.org/">x</a> <a href="#n">x</a>',
        '<img src="data:image/png;base64,AAAA" alt="x" width="3"/>',
        '<span style="color: red" class="x" id="y" title="z" lang="fr" xml:lang="fr" dir="ltr">x</span>',
        "<ul><li>a</li></ul><ol><li>b</li></ol><dl><dt>c</dt><dd>d</dd></dl>",
        "<![CDATA[a < b]]>",
    ],
)
def test_narratives_with_formatting_are_valid(html: str) -> None:
    assert (
        errors_of({"resourceType": "Patient", "text": {"status": "additional", "div": DIV.format(html)}})
        == []
    )


def test_a_narrative_of_an_image_only_is_valid() -> None:
    assert (
        errors_of(
            {
                "resourceType": "Patient",
                "text": {"status": "generated", "div": DIV.format('<img src="x.png"/>')},
            }
        )
        == []
    )


@pytest.mark.parametrize(
    "html", ["<b>" * 50_000, "&nbsp;" * 50_000 + "&", "<p title='" + "x" * 500_000, "\ud800"]
)
def test_a_hostile_narrative_is_refused_at_little_cost(html: str) -> None:
    (issue,) = errors_of(
        {"resourceType": "Patient", "text": {"status": "generated", "div": DIV.format(html)}}
    )
    assert issue.expression == "Patient.text.div"


HOSTILE = [
    "a" * 300_000 + "!",
    "a " * 150_000 + " ",
    " " * 300_000 + "a",
    "/" * 300_000,
    "A" * 300_000 + "=",
    "1" * 300_000,
    "http://" + "A/" * 150_000,
    "urn:oid:1" + ".0" * 150_000 + "x",
]


@pytest.mark.parametrize("text", HOSTILE, ids=[text[:12] for text in HOSTILE])
def test_hostile_texts_are_judged_in_linear_time(text: str) -> None:
    types = [
        t
        for t in (
            "Code",
            "Uri",
            "Id",
            "Base64Binary",
            "Date",
            "DateTime",
            "Instant",
            "Oid",
            "Uuid",
            "Time",
            "String",
        )
    ]
    extensions = [{"url": "http://x", f"value{type_}": text} for type_ in types]
    extensions.append({"url": "http://x", "valueReference": {"reference": text}})  # type: ignore[dict-item]
    assert errors_of({"resourceType": "Patient", "extension": extensions})


def test_a_rulebook_built_by_many_threads_at_once_is_whole() -> None:
    for _ in range(3):
        rulebook = Rulebook(load_definitions(), Level.STRUCTURE)
        with ThreadPoolExecutor(8) as pool:
            found = list(
                pool.map(rulebook.check, [{"resourceType": "Patient", "name": [{"family": "x"}]}] * 50)
            )
        assert not any(found)


AGE = {"value": 3, "system": "http://unitsofmeasure.org", "code": "a"}

SECOND_OPINION: list[dict[str, Any]] = [
    {"resourceType": "Patient", "surname": "x"},
    {"resourceType": "Patient", "name": {"family": "x"}},
    {"resourceType": "Patient", "name": [{"given": "x"}]},
    {"resourceType": "Patient", "birthDate": "1981-02-30"},
    {"resourceType": "Patient", "deceasedBoolean": True, "deceasedDateTime": "2020"},
    {"resourceType": "Patient", "active": "maybe"},
    {"resourceType": "Patient", "multipleBirthInteger": Decimal("1.5")},
    {"resourceType": "Patient", "id": "a_b"},
    {"resourceType": "Patient", "communication": [{"preferred": True}]},
    {"resourceType": "Patient", "contact": [{"name": {"middle": "x"}}]},
    {"resourceType": "Observation", "status": "final"},
    {"resourceType": "Observation", "code": {"text": "x"}},
    {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "effectiveDateTime": "2024-13"},
    {"resourceType": "Condition", "code": {"text": "x"}},
    {"resourceType": "Encounter", "status": "finished"},
    {"resourceType": "Practitioner", "gender": ["male"]},
    {"resourceType": "Organization", "contact": {"name": {"text": "x"}}},
    {"resourceType": "DocumentReference", "status": "current"},
    {"resourceType": "Patient", "name": [{"family": "x", "given": ["y"], "period": {"start": "2020"}}]},
    {"resourceType": "Observation", "status": "final", "code": {"text": "x"}, "valueQuantity": {"value": 1}},
    {"resourceType": "Condition", "subject": {"reference": "Patient/1"}, "onsetAge": AGE},
    {"resourceType": "Organization", "name": "x", "telecom": [{"system": "phone", "value": "1"}]},
]


@pytest.mark.parametrize("resource", SECOND_OPINION)
def test_fhir_resources_agrees_where_it_knows_the_rule(resource: dict[str, Any]) -> None:
    type_ = resource["resourceType"]
    model = getattr(importlib.import_module(f"fhir.resources.R4B.{type_.lower()}"), type_)
    try:
        model.model_validate(resource)
    except ValueError:
        accepts = False
    else:
        accepts = True
    assert (errors_of(resource) == []) is accepts
