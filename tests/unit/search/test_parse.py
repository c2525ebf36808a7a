"""What a search URL may say, and what it is told when it may not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_server.definitions.registry import load_definitions
from fhir_server.errors import FhirError, Invalid, Issue, NotSupported, TooCostly
from fhir_server.search.compile import compile_query
from fhir_server.search.escapes import split, unescape
from fhir_server.search.parse import parse_query
from fhir_server.search.query import Chain, Clause, Compartment, Query, normalised_criteria
from tests.unit.search import specification


def parse(
    resource_type: str, *parameters: tuple[str, str], lenient: bool = False
) -> tuple[Query, list[Issue]]:
    declared = load_definitions().search_parameters
    return parse_query(
        resource_type, parameters, declared, lenient=lenient, base_url="https://example.org/fhir"
    )


REFUSED: list[tuple[str, str, str, type[FhirError]]] = [
    ("Patient", "nothing", "1", NotSupported),
    ("Patient", "nothing:exact", "1", NotSupported),
    ("Patient", "name:text", "a", NotSupported),
    ("Patient", "name:", "a", Invalid),
    ("Patient", "name", "a,,b", Invalid),
    ("Patient", "name", "a\x00b", Invalid),
    ("Patient", "name", "a\ud800", Invalid),
    ("Patient", "name", " ´ ", Invalid),
    ("Patient", "name", "日" * 100, Invalid),
    ("Patient", "name", "a" * 20_000, TooCostly),
    ("Patient", "name", ",".join("a" * 501), TooCostly),
    ("Patient", "name:missing", "maybe", Invalid),
    ("Patient", "name:missing", "true,false", Invalid),
    ("Patient", "identifier", "|", Invalid),
    ("Patient", "identifier", "a|b|c", Invalid),
    ("Patient", "birthdate", "soon", Invalid),
    ("Patient", "birthdate", "xx2020", Invalid),
    ("Patient", "birthdate", "ge", Invalid),
    ("Patient", "birthdate", "2020-02-30", Invalid),
    ("Patient", "birthdate:exact", "2020", NotSupported),
    ("Patient", "_id:missing", "true", NotSupported),
    ("Patient", "link:Practitioner", "1", Invalid),
    ("Patient", "link:Nothing", "1", NotSupported),
    ("Patient", "link", "Nothing/1", Invalid),
    ("Patient", "link", "not an id", Invalid),
    ("Patient", "link:Patient", "RelatedPerson/1", Invalid),
    ("RiskAssessment", "probability", "much", Invalid),
    ("RiskAssessment", "probability", "1e999999999", Invalid),
    ("Observation", "value-quantity", "5|mg", Invalid),
    ("Observation", "value-quantity", "5|http://unitsofmeasure.org|", Invalid),
    ("Observation", "value-quantity", "mg", Invalid),
    ("Observation", "code-value-quantity", "8480-6", Invalid),
    ("Observation", "code-value-quantity", "8480-6$", Invalid),
    ("Observation", "code-value-quantity", "a$b$c", Invalid),
    ("Observation", "code-value-quantity:not", "a$5", NotSupported),
    ("Patient", "_count", "-1", Invalid),
    ("Patient", "_count", "many", Invalid),
    ("Patient", "_count", "٣", Invalid),
    ("Patient", "_total", "roughly", Invalid),
    ("Patient", "_summary", "yes", Invalid),
    ("Patient", "_elements", "name,,id", Invalid),
    ("Patient", "_elements", "na$me", Invalid),
    ("Patient", "_sort", "nothing", NotSupported),
    ("Patient", "_sort", "name,", NotSupported),
    ("Patient", "_sort", ",".join(["name"] * 9), Invalid),
    ("Observation", "_sort", "code-value-quantity", NotSupported),
]


@pytest.mark.parametrize(("resource_type", "name", "text", "error"), REFUSED)
def test_what_cannot_be_answered_is_refused_by_name(
    resource_type: str, name: str, text: str, error: type[FhirError]
) -> None:
    with pytest.raises(error) as refusal:
        parse(resource_type, (name, text))
    assert refusal.value.issues[0].expression == f"http.{name}"
    assert refusal.value.status in (400, 403)


@pytest.mark.parametrize("name", ["", "a\x00", "\ud800"])
def test_a_name_that_no_parameter_has_is_refused(name: str) -> None:
    with pytest.raises(Invalid):
        parse("Patient", (name, "1"), lenient=True)


def test_what_is_not_declared_is_not_supported() -> None:
    with pytest.raises(NotSupported, match="is not supported"):
        parse_query("Patient", [("name", "a")], lambda _: {"family"}, lenient=False, base_url="")
    with pytest.raises(NotSupported, match="sorted"):
        parse_query("Patient", [("_sort", "name")], lambda _: {"family"}, lenient=False, base_url="")
    with pytest.raises(Invalid, match="resource type"):
        parse_query("Nothing", [], lambda _: (), lenient=False, base_url="")


def test_too_many_parameters_are_refused() -> None:
    with pytest.raises(TooCostly):
        parse("Patient", *[("name", "a")] * 101)


@pytest.mark.parametrize("lenient", [False, True])
def test_empty_parameters_are_ignored_and_told(lenient: bool) -> None:
    query, warnings = parse("Patient", ("name", ""), ("_sort", ""), ("_id", "1"), lenient=lenient)
    assert query.applied == (("_id", "1"),)
    assert [(w.severity, w.expression) for w in warnings] == [
        ("warning", "http.name"),
        ("warning", "http._sort"),
    ]


@pytest.mark.parametrize("lenient", [False, True])
def test_a_named_query_that_is_not_known_is_refused_always(lenient: bool) -> None:
    with pytest.raises(NotSupported):
        parse("Patient", ("_query", "name"), lenient=lenient)


def test_summaries_of_text_take_no_includes() -> None:
    with pytest.raises(Invalid, match="_summary=text"):
        parse("Patient", ("_summary", "text"), ("_include", "Patient:link"))


@pytest.mark.parametrize(
    ("resource_type", "name", "text", "error"), [r for r in REFUSED if r[3] is NotSupported]
)
def test_lenient_handling_ignores_what_is_not_supported_and_says_so(
    resource_type: str, name: str, text: str, error: type[FhirError]
) -> None:
    query, warnings = parse(resource_type, (name, text), ("_id", "1"), lenient=True)
    assert query.applied == (("_id", "1"),)
    assert [(w.severity, w.expression) for w in warnings] == [("warning", f"http.{name}")]


@pytest.mark.parametrize(
    ("resource_type", "name", "text", "error"), [r for r in REFUSED if r[3] is not NotSupported]
)
def test_lenient_handling_never_ignores_a_value(
    resource_type: str, name: str, text: str, error: type[FhirError]
) -> None:
    with pytest.raises(error):
        parse(resource_type, (name, text), lenient=True)


def test_result_parameters_are_read_and_told() -> None:
    query, _ = parse(
        "Patient",
        ("_count", "5000"), ("_sort", "-birthdate,name"), ("_elements", "id,name.family"),
        ("_summary", "count"), ("_total", "none"),
    )  # fmt: skip
    assert (query.count, query.summary, query.total) == (1000, "count", "none")
    assert query.elements == ("id", "name.family")
    assert [(k.code, k.descending) for k in query.sort] == [("birthdate", True), ("name", False)]
    assert query.text == (
        "Patient?_count=1000&_sort=-birthdate%2Cname&_elements=id%2Cname.family&_summary=count&_total=none"
    )


def test_a_result_parameter_given_twice_is_refused() -> None:
    with pytest.raises(Invalid, match="twice"):
        parse("Patient", ("_count", "1"), ("_count", "2"))


def test_the_self_link_tells_each_clause_as_it_was_asked() -> None:
    query, _ = parse("Patient", ("name", r"a\,b,c"), ("name:exact", "Élodie"))
    assert query.applied == (("name", r"a\,b,c"), ("name:exact", "Élodie"))
    clauses = [c for c in query.clauses if isinstance(c, Clause)]
    assert [v.text for v in clauses[0].values] == ["a,b", "c"]


def test_criteria_are_the_same_text_in_whatever_order() -> None:
    one, _ = parse("Patient", ("name", "a,b"), ("birthdate", "2020"), ("name", "c"))
    other, _ = parse("Patient", ("name", "c"), ("birthdate", "2020"), ("name", "b,a"), ("birthdate", "2020"))
    different, _ = parse("Patient", ("name", "a,b,c"), ("birthdate", "2020"))
    assert normalised_criteria(one) == normalised_criteria(other)
    assert normalised_criteria(one) != normalised_criteria(different)
    assert normalised_criteria(one.narrow(Compartment("1"))) != normalised_criteria(one)


def test_values_never_become_operators() -> None:
    for text in ('{"$gt": ""}', "$where", "$ne", '{"$regex": ".*"}'):
        filter_ = compile_query(parse("Patient", ("name:exact", text.replace("$", r"\$")))[0]).filter
        assert list(filter_) == ["t"]
        assert list(filter_["t"]) == ["$eq"]
        assert isinstance(filter_["t"]["$eq"], str)


def test_every_plan_asks_for_an_entry_that_deleted_resources_lack() -> None:
    for parameters in (
        [],
        [("_id", "1")],
        [("code:not", "a")],
        [("date", "2020")],
        [("code:missing", "false")],
    ):
        assert {"t": {"$eq": "*"}} in _conjuncts(compile_query(parse("Observation", *parameters)[0]).filter)
    narrowed = parse("Observation")[0].narrow(Compartment("7"))
    assert {"$or": [{"p": {"$eq": "7"}}, {"t": {"$eq": "p=7"}}]} in _conjuncts(compile_query(narrowed).filter)


def _conjuncts(filter_: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = filter_.get("$and", [filter_])
    return found


@pytest.mark.parametrize(
    ("name", "text", "token"),
    [
        ("status", "final", "status=final|"),
        ("status", "http://hl7.org/fhir/observation-status|final", "status=final|"),
        ("subject", "Patient/1", "subject=1|Patient"),
        ("subject", "https://example.org/fhir/Patient/1", "subject=1|Patient"),
        ("subject:Patient", "1", "subject=1|Patient"),
        ("subject", "http://a.org/fhir/Patient/1/_history/2", "subject=http://a.org/fhir/Patient/1|url"),
        ("code", "|a", "code=a|"),
        ("code:not", "|a", "code=a|"),
    ],
)
def test_what_is_known_exactly_is_one_token(name: str, text: str, token: str) -> None:
    filter_ = compile_query(parse("Observation", (name, text))[0]).filter
    assert token in str(filter_)
    assert "$elemMatch" not in str(filter_)


def test_an_id_alone_is_looked_for_in_the_few_types_it_may_have() -> None:
    few = compile_query(parse("Patient", ("link", "1"))[0]).filter
    assert few == {"t": {"$in": ["link=1|Patient", "link=1|RelatedPerson"]}}
    many = compile_query(parse("Observation", ("focus", "1"))[0]).filter
    assert many == {"t": {"$elemMatch": {"$gte": "focus=1|", "$lt": "focus=1}"}}}


@given(st.text(r"a,|$\\", max_size=12), st.sampled_from(",|$"))
def test_values_are_split_where_no_escape_stands(text: str, separator: str) -> None:
    parts = split(text, separator)
    assert separator.join(parts) == text
    assert parts == specification.parts(text, separator) or text.endswith("\\")


def test_an_escape_stands_for_the_character_after_it() -> None:
    assert unescape(r"a\,b\|c\$d\\e\f" + "\\") == r"a,b|c$d\e\f" + "\\"
    assert split("a\\", ",") == ["a\\"]
    assert split(r"a\,b,c\\,d", ",") == [r"a\,b", r"c\\", "d"]


NAMES = st.sampled_from(
    ["name", "name:exact", "birthdate", "identifier", "_id", "_lastUpdated", "link", "_sort", "_count",
     "gender:not",
     "link:identifier", "_profile:below", "_tag", "name:contains", "_elements", "deceased"]
)  # fmt: skip


@given(st.lists(st.tuples(NAMES | st.text(max_size=8), st.text(max_size=20)), max_size=4), st.booleans())
@settings(max_examples=300, deadline=None)
def test_any_text_is_answered_by_a_plan_or_a_clear_refusal(parameters: Any, lenient: bool) -> None:
    try:
        query, _ = parse("Patient", *parameters, lenient=lenient)
    except (Invalid, TooCostly):
        return
    assert compile_query(query).pipeline({}, 10)
    assert isinstance(normalised_criteria(query), str)


@pytest.mark.parametrize(
    ("resource_type", "name", "text", "types"),
    [
        ("RiskAssessment", "encounter._has:Condition:encounter:code", "1", ["Encounter"]),
        ("Observation", "has-member.subject:Location", "1", ["Observation", "QuestionnaireResponse"]),
        ("Observation", "has-member.has-member:Observation", "1", ["Observation"]),
    ],
)
def test_a_chain_leaves_out_the_targets_that_can_never_match(
    resource_type: str, name: str, text: str, types: list[str]
) -> None:
    chain = parse(resource_type, (name, text))[0].clauses[0]
    assert isinstance(chain, Chain)
    assert [q.resource_type for q in chain.targets] == types


def test_a_chain_of_which_no_target_can_match_is_refused() -> None:
    with pytest.raises(Invalid, match="never refers"):
        parse("RiskAssessment", ("encounter:EpisodeOfCare._has:Condition:encounter:code", "1"))
