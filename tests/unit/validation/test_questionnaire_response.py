"""A QuestionnaireResponse by its Questionnaire. https://hl7.org/fhir/R4/questionnaireresponse.html"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from fhir_server.fhir.json import parse_json
from fhir_server.validation.validate import validate_resource
from tests.unit.validation.profiles import source

Json = dict[str, Any]
URL = "http://example.org/fhir/Questionnaire/health"
COLOURS = "http://example.org/fhir/colours"
VALUE_SET = {
    "resourceType": "ValueSet",
    "url": "http://example.org/fhir/ValueSet/colours",
    "status": "active",
    "compose": {"include": [{"system": COLOURS, "concept": [{"code": "red"}, {"code": "blue"}]}]},
}
QUESTIONNAIRE: Json = {
    "resourceType": "Questionnaire",
    "url": URL,
    "status": "active",
    "contained": [{**VALUE_SET, "id": "colours"}],
    "item": [
        {"linkId": "hello", "type": "display", "text": "Bonjour"},
        {"linkId": "name", "type": "string", "required": True, "maxLength": 5},
        {
            "linkId": "smokes",
            "type": "boolean",
            "item": [{"linkId": "since", "type": "date", "required": True}],
        },
        {
            "linkId": "amount",
            "type": "decimal",
            "required": True,
            "enableWhen": [{"question": "smokes", "operator": "=", "answerBoolean": True}],
        },
        {
            "linkId": "doses",
            "type": "group",
            "repeats": True,
            "item": [
                {"linkId": "drug", "type": "text", "required": True},
                {"linkId": "times", "type": "integer", "repeats": True},
            ],
        },
        {"linkId": "colour", "type": "choice", "answerValueSet": VALUE_SET["url"]},
        {"linkId": "own", "type": "open-choice", "answerValueSet": "#colours"},
        {"linkId": "level", "type": "choice", "answerOption": [{"valueInteger": 1}, {"valueInteger": 2}]},
        {
            "linkId": "grade",
            "type": "open-choice",
            "answerOption": [{"valueCoding": {"system": "urn:g", "code": "a"}}],
        },
        {"linkId": "site", "type": "url"},
    ],
}
KNOWN = source(QUESTIONNAIRE, VALUE_SET)


def item(link_id: str, *answers: Json, items: list[Json] | None = None) -> Json:
    return {
        "linkId": link_id,
        **({"answer": list(answers)} if answers else {}),
        **({"item": items} if items is not None else {}),
    }


NAME = item("name", {"valueString": "Anne"})
SMOKES = item("smokes", {"valueBoolean": True, "item": [item("since", {"valueDate": "2001"})]})
NEVER = item("smokes", {"valueBoolean": False, "item": [item("since", {"valueDate": "2001"})]})
AMOUNT = item("amount", {"valueDecimal": Decimal("2.5")})
DOSE = item(
    "doses",
    items=[item("drug", {"valueString": "x"}), item("times", {"valueInteger": 1}, {"valueInteger": 2})],
)


def response(*items: Json, status: str = "completed", **more: Any) -> Json:
    return {
        "resourceType": "QuestionnaireResponse",
        "questionnaire": URL,
        "status": status,
        "item": list(items),
        **more,
    }


def parsed(resource: Json) -> Json:
    """Returns a resource as it would be parsed: no object stands in two places."""
    return dict(parse_json(msgspec.json.encode(resource)))


def told(resource: Json) -> list[tuple[str, str]]:
    issues = validate_resource(parsed(resource), conformance=KNOWN)
    prefix = "QuestionnaireResponse."
    return [
        (i.message_id, i.expression.removeprefix(prefix))
        for i in issues
        if i.message_id.startswith("response")
    ]


@pytest.mark.parametrize(
    "resource",
    [
        response(NAME),
        response(item("hello"), NAME, SMOKES, AMOUNT, DOSE, DOSE),
        response(
            NAME, item("smokes", {"valueBoolean": False, "item": [item("since", {"valueDate": "2001-02"})]})
        ),
        response(NAME, item("colour", {"valueCoding": {"system": COLOURS, "code": "red"}})),
        response(NAME, item("own", {"valueString": "green"})),
        response(NAME, item("own", {"valueCoding": {"system": COLOURS, "code": "blue"}})),
        response(NAME, item("level", {"valueInteger": 2})),
        response(NAME, item("grade", {"valueCoding": {"system": "urn:g", "code": "a", "display": "A"}})),
        response(NAME, item("site", {"valueUri": "http://a.b"})),
        response(status="in-progress"),
        response(NAME, item("amount")),
        response(NAME, item("times", items=[]), status="completed", questionnaire="http://other|1"),
    ],
)
def test_answers_that_go_with_the_questions_are_valid(resource: Json) -> None:
    assert [t for t in told(resource) if t[0] != "response:unknown"] == []


@pytest.mark.parametrize(
    ("resource", "expected"),
    [
        (response(), ("response:required", "item")),
        (response(status="amended"), ("response:required", "item")),
        (response(item("name")), ("response:required", "item[0]")),
        (response(NAME, item("nonsense")), ("response:link-id", "item[1].linkId")),
        (response(NAME, item("drug", {"valueString": "x"})), ("response:link-id", "item[1].linkId")),
        (response(NAME, item("hello")), ("response:order", "item[1]")),
        (response(NAME, NAME), ("response:repeats", "item[1]")),
        (
            response(item("name", {"valueString": "a"}, {"valueString": "b"})),
            ("response:repeats", "item[0].answer"),
        ),
        (
            response(item("name", {"valueInteger": 1})),
            ("response:type", "item[0].answer[0].value.ofType(integer)"),
        ),
        (
            response(item("name", {"valueString": "abcdef"})),
            ("response:max-length", "item[0].answer[0].value.ofType(string)"),
        ),
        (response(NAME, SMOKES), ("response:required", "item")),
        (response(NAME, AMOUNT), ("response:enabled", "item[1]")),
        (
            response(NAME, NEVER, AMOUNT),
            ("response:enabled", "item[2]"),
        ),
        (
            response(NAME, item("smokes", {"valueBoolean": False})),
            ("response:required", "item[1].answer[0].item"),
        ),
        (
            response(NAME, item("smokes", items=[item("since", {"valueDate": "2001"})])),
            ("response:item", "item[1].item"),
        ),
        (response(item("hello", {"valueString": "x"}), NAME), ("response:answer", "item[0]")),
        (response(NAME, {**DOSE, "answer": [{"valueString": "x"}]}), ("response:answer", "item[1]")),
        (response(NAME, item("doses", items=[])), ("response:required", "item[1].item")),
        (
            response(NAME, item("doses", items=[*reversed(DOSE["item"])])),
            ("response:order", "item[1].item[1]"),
        ),
        (
            response(NAME, item("colour", {"valueCoding": {"system": COLOURS, "code": "green"}})),
            ("response:option", "item[1].answer[0].value.ofType(Coding)"),
        ),
        (
            response(NAME, item("colour", {"valueString": "red"})),
            ("response:type", "item[1].answer[0].value.ofType(string)"),
        ),
        (
            response(NAME, item("own", {"valueCoding": {"system": COLOURS, "code": "green"}})),
            ("response:option", "item[1].answer[0].value.ofType(Coding)"),
        ),
        (
            response(NAME, item("level", {"valueInteger": 3})),
            ("response:option", "item[1].answer[0].value.ofType(integer)"),
        ),
        (
            response(NAME, item("grade", {"valueCoding": {"system": "urn:g", "code": "b"}})),
            ("response:option", "item[1].answer[0].value.ofType(Coding)"),
        ),
    ],
)
def test_answers_that_do_not_are_told(resource: Json, expected: tuple[str, str]) -> None:
    assert told(resource) == [expected]


@pytest.mark.parametrize(
    ("conditions", "behavior", "answer", "enabled"),
    [
        ([("exists", {"answerBoolean": True})], None, {"valueInteger": 5}, True),
        ([("exists", {"answerBoolean": True})], None, None, False),
        ([("exists", {"answerBoolean": False})], None, None, True),
        ([("=", {"answerInteger": 5})], None, {"valueInteger": 5}, True),
        ([("=", {"answerInteger": 5})], None, {"valueInteger": 6}, False),
        ([("=", {"answerInteger": 5})], None, None, False),
        ([("!=", {"answerInteger": 5})], None, {"valueInteger": 6}, True),
        ([("!=", {"answerInteger": 5})], None, {"valueInteger": 5}, False),
        ([("!=", {"answerInteger": 5})], None, None, None),
        ([(">", {"answerInteger": 5})], None, {"valueInteger": 6}, True),
        ([(">", {"answerInteger": 5})], None, {"valueInteger": 5}, False),
        ([(">=", {"answerDecimal": Decimal(5)})], None, {"valueDecimal": Decimal("5.0")}, True),
        ([("<", {"answerDate": "2020"})], None, {"valueDate": "2019-05-06"}, True),
        ([("<=", {"answerDate": "2020"})], None, {"valueDate": "2020-05-06"}, None),
        (
            [("<", {"answerQuantity": {"value": 5, "unit": "mg"}})],
            None,
            {"valueQuantity": {"value": 4, "unit": "mg"}},
            True,
        ),
        (
            [("<", {"answerQuantity": {"value": 5, "unit": "mg"}})],
            None,
            {"valueQuantity": {"value": 4, "unit": "cm"}},
            None,
        ),
        (
            [("=", {"answerCoding": {"system": "s:a", "code": "a"}})],
            None,
            {"valueCoding": {"system": "s:a", "code": "a", "display": "A"}},
            True,
        ),
        (
            [("=", {"answerCoding": {"system": "s:a", "code": "a"}})],
            None,
            {"valueCoding": {"code": "a"}},
            None,
        ),
        ([("<", {"answerCoding": {"code": "a"}})], None, {"valueCoding": {"code": "a"}}, None),
        ([(">", {"answerInteger": 1}), ("<", {"answerInteger": 9})], "all", {"valueInteger": 5}, True),
        ([(">", {"answerInteger": 1}), ("<", {"answerInteger": 3})], "all", {"valueInteger": 5}, False),
        ([(">", {"answerInteger": 1}), ("<", {"answerInteger": 3})], "any", {"valueInteger": 5}, True),
        ([(">", {"answerInteger": 7}), ("<", {"answerInteger": 3})], "any", {"valueInteger": 5}, False),
        ([(">", {"answerInteger": 1}), ("<", {"answerInteger": 3})], None, {"valueInteger": 5}, None),
    ],
)
def test_conditions_say_whether_a_question_is_asked(
    conditions: list[tuple[str, Json]], behavior: str | None, answer: Json | None, enabled: bool | None
) -> None:
    type_ = next(iter(answer or {"valueInteger": 0})).removeprefix("value")
    asked = {
        "linkId": "b",
        "type": "string",
        "required": True,
        "enableWhen": [{"question": "a", "operator": o, **expected} for o, expected in conditions],
        **({"enableBehavior": behavior} if behavior else {}),
    }
    kind = "choice" if type_ == "Coding" else type_[:1].lower() + type_[1:]
    questionnaire = {**QUESTIONNAIRE, "id": "q", "item": [{"linkId": "a", "type": kind}, asked]}
    before = [item("a", answer)] if answer else []

    def errors(*items: Json) -> list[str]:
        resource = response(*items, questionnaire="#q", contained=[questionnaire])
        return [name for name, _ in told(resource)]

    assert errors(*before, item("b", {"valueString": "x"})) == (
        ["response:enabled"] if enabled is False else []
    )
    assert errors(*before) == (["response:required"] if enabled is True else [])


def test_a_condition_asks_the_nearest_item() -> None:
    asked = {
        "linkId": "b",
        "type": "string",
        "enableWhen": [{"question": "a", "operator": "=", "answerBoolean": True}],
    }
    group = {
        "linkId": "g",
        "type": "group",
        "repeats": True,
        "item": [{"linkId": "a", "type": "boolean"}, asked],
    }
    questionnaire = {**QUESTIONNAIRE, "id": "q", "item": [group]}
    b = item("b", {"valueString": "x"})
    no, yes = (item("g", items=[item("a", {"valueBoolean": value}), b]) for value in (False, True))
    found = told(response(no, yes, no, questionnaire="#q", contained=[questionnaire]))
    assert found == [("response:enabled", "item[0].item[1]"), ("response:enabled", "item[2].item[1]")]


def test_a_questionnaire_that_is_not_known_is_a_warning() -> None:
    for canonical in ("http://example.org/none", "#none", f"{URL}|7"):
        (issue,) = (
            i
            for i in validate_resource(response(NAME, questionnaire=canonical), conformance=KNOWN)
            if i.message_id == "response:unknown"
        )
        assert (issue.severity, issue.code) == ("warning", "not-found")


@pytest.mark.parametrize(
    "items",
    [
        None,
        "x",
        {},
        [None],
        [{"linkId": 5}],
        [{"linkId": "name"}],
        [{"linkId": "name", "type": 7, "item": "x"}],
    ],
)
def test_a_questionnaire_of_any_shape_does_no_harm(items: Any) -> None:
    known = source({**QUESTIONNAIRE, "item": items})
    for answers in (
        items,
        [NAME],
        [{**NAME, "answer": "x"}],
        [{"linkId": {}, "answer": [{"valueString": 7}]}],
    ):
        validate_resource({**response(), "item": answers}, conformance=known)


def test_many_items_and_conditions_cost_no_more_than_their_number() -> None:
    count = 3_000
    condition = [{"question": "0", "operator": "exists", "answerBoolean": True}]
    questions = [
        {"linkId": str(i), "type": "boolean", "enableWhen": condition if i else []} for i in range(count)
    ]
    known = source({**QUESTIONNAIRE, "item": questions})
    resource = response(*(item(str(i), {"valueBoolean": True}) for i in range(count)))
    assert not [i for i in validate_resource(resource, conformance=known) if i.severity == "error"]
