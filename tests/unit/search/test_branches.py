"""The filters that indexes answer best find what the plain filter finds."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_server.definitions.registry import load_definitions
from fhir_server.search.branches import implied_patients
from fhir_server.search.chain import resolve
from fhir_server.search.compile import Plan, compile_query
from fhir_server.search.parse import parse_query
from fhir_server.search.query import Among, Clause, Compartment, Query
from fhir_server.storage.stored import build_document, build_tombstone
from tests.unit.search.stored_filter import Document, matches, run

BASE_URL = "https://example.org/fhir"
AT_MOST = settings(max_examples=300, deadline=None)

patients = st.sampled_from(["a", "b"])
dates = st.sampled_from(
    [
        "2019",
        "2020",
        "2020-02",
        "2020-02-29",
        "2020-03-01",
        "2020-02-29T12:00:00Z",
        "2020-03-01T00:30:00+01:00",
    ]
)
periods = st.fixed_dictionaries({}, optional={"start": dates, "end": dates})
values = st.sampled_from([1, 2, 5])


@st.composite
def observations(draw: st.DrawFn, number: int) -> Document:
    resource: dict[str, Any] = {
        "resourceType": "Observation",
        "id": f"o{number}",
        "status": draw(st.sampled_from(["final", "preliminary"])),
        "code": {"coding": [{"system": draw(st.sampled_from(["urn:a", "urn:b"])), "code": "x"}]},
        "subject": {"reference": f"{draw(st.sampled_from(['Patient', 'Group']))}/{draw(patients)}"},
    }
    if draw(st.booleans()):
        resource["performer"] = [{"reference": f"Patient/{draw(patients)}"}]
    if draw(st.booleans()):
        resource["effectivePeriod"] = draw(periods)
    else:
        resource["effectiveDateTime"] = draw(dates)
    quantity = {"value": draw(values), "unit": "mg"}
    if draw(st.booleans()):
        quantity["comparator"] = draw(st.sampled_from(["<", ">", "<=", ">="]))
    resource["valueQuantity"] = quantity
    return build_document(resource, 1, number, "POST", BASE_URL)


records = st.integers(0, 6).flatmap(lambda n: st.tuples(*(observations(i) for i in range(n))))
prefixes = st.sampled_from(["", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"])
parameters = st.one_of(
    st.tuples(st.sampled_from(["patient", "subject", "subject:Patient"]), patients | st.just("a,b")),
    st.tuples(st.just("performer"), patients),
    st.tuples(st.just("_id"), st.sampled_from(["o0", "o1,o2"])),
    st.tuples(st.just("subject"), patients.map("Patient/".__add__)),
    st.tuples(st.just("status"), st.sampled_from(["final", "preliminary", "final,preliminary"])),
    st.tuples(st.just("code"), st.sampled_from(["x", "urn:a|x", "urn:a|x,urn:b|x", "y"])),
    st.tuples(st.just("code:not"), st.just("urn:a|x")),
    st.tuples(st.just("date"), st.tuples(prefixes, dates).map("".join)),
    st.tuples(st.just("date"), st.tuples(prefixes, dates, dates).map("{0[0]}{0[1]},{0[2]}".format)),
    st.tuples(st.just("value-quantity"), st.tuples(prefixes, values.map(str)).map("".join)),
    st.tuples(st.just("value-quantity"), st.tuples(prefixes, values.map("{}||mg".format)).map("".join)),
    st.tuples(st.just("code-value-quantity"), prefixes.map("urn:a|x${}2||mg".format)),
)  # fmt: skip
_FINAL: Document = {"$and": [{"t": {"$eq": "status=final|"}}]}
constraints = st.sampled_from(
    [
        {},
        {"p": {"$eq": "a"}},
        {"p": {"$in": ["a", "b"]}},
        {"p": {"$eq": "a"}} | _FINAL,
        _FINAL,
        {"$or": [{"p": {"$eq": "a"}}, {"p": {"$eq": "b"}} | _FINAL]},
    ]
)


def read(*asked: tuple[str, str], resource_type: str = "Observation") -> Query:
    declared = load_definitions().search_parameters
    query, _ = parse_query(resource_type, asked, declared, lenient=False, base_url=BASE_URL)
    return query


@given(
    records,
    st.lists(parameters, max_size=3),
    st.sampled_from(["", "a"]),
    st.sampled_from(["", "a", "ab"]),
    constraints,
)
@AT_MOST
def test_branches_find_what_the_filter_finds(
    documents: tuple[Document, ...],
    asked: list[tuple[str, str]],
    compartment: str,
    chained: str,
    constraint: Document,
) -> None:
    query = read(*asked)
    if chained:
        tokens = [f"subject={id_}|Patient" for id_ in chained]
        query = query.narrow(Among({"t": {"$in": tokens}}, "subject.name", ("x",)))
    if compartment:
        query = query.narrow(Compartment(compartment))
    plan = compile_query(query)
    plain = Plan("Observation", plan.filter, plan.sort)
    expected = [d["_id"] for d in documents if matches(plan.filter, d) and matches(constraint, d)]
    assert [d["_id"] for d in documents if matches(plan.match(constraint), d)] == expected
    assert [d["_id"] for d in documents if matches(plain.match(constraint), d)] == expected


@given(records, st.lists(parameters, max_size=2), constraints)
@settings(max_examples=100, deadline=None)
def test_pages_of_branches_hold_each_match_once(
    documents: tuple[Document, ...], asked: list[tuple[str, str]], constraint: Document
) -> None:
    plan = compile_query(read(*asked))
    found: list[str] = []
    cursor = None
    while rows := run(plan.pipeline(constraint, 1, cursor), documents):
        found += [row["_id"] for row in rows]
        cursor = plan.cursor(rows, cursor)
    assert sorted(found) == [d["_id"] for d in documents if matches(plan.match(constraint), d)]


@given(records, st.lists(parameters, max_size=2))
@settings(max_examples=100, deadline=None)
def test_a_deleted_resource_meets_nothing(
    documents: tuple[Document, ...], asked: list[tuple[str, str]]
) -> None:
    plan = compile_query(read(*asked))
    deleted = [build_tombstone(d, 2**40) for d in documents]
    assert not any(matches(plan.match({}), d) for d in deleted)


@pytest.mark.parametrize(
    ("resource_type", "asked", "patient"),
    [
        ("Observation", ("patient", "1"), "1"),
        ("Observation", ("patient", "Patient/1"), "1"),
        ("Observation", ("subject", "Patient/1"), "1"),
        ("Observation", ("subject", "1"), ""),  # may be a Group
        ("Observation", ("subject:Group", "1"), ""),
        ("Observation", ("patient", "1,2"), "12"),
        ("Observation", ("subject", "Patient/1,Group/2"), ""),
        ("Observation", ("patient:missing", "true"), ""),
        ("Observation", ("subject", "https://example.com/Patient/1"), ""),
        ("Observation", ("subject:identifier", "1"), ""),
        ("Observation", ("encounter", "1"), ""),
        ("Observation", ("focus", "Patient/1"), ""),  # no part of the compartment
        ("Condition", ("subject", "Patient/1"), "1"),
        ("DeviceUseStatement", ("patient", "1"), ""),  # may be a Group
        ("AllergyIntolerance", ("patient", "1"), "1"),
        ("Patient", ("link", "Patient/1"), ""),  # in its own compartment only
        ("Task", ("patient", "1"), ""),
    ],
)
def test_a_reference_to_a_patient_implies_the_record(
    resource_type: str, asked: tuple[str, str], patient: str
) -> None:
    (clause,) = read(asked, resource_type=resource_type).clauses
    assert implied_patients(clause, resource_type) == tuple(patient)


def leading(plan: Plan, constraint: Document) -> list[Document]:
    """The conditions of the first branch."""
    filter_ = plan.match(constraint)
    return list((filter_["$or"][0] if "$or" in filter_ else filter_)["$and"])


@pytest.mark.parametrize("constraint", [{}, {"p": {"$eq": "a"}}])
def test_in_a_record_the_code_leads_and_the_reference_comes_last(constraint: Document) -> None:
    asked = [("status", "final"), ("patient", "a"), ("category", "urn:c|lab"), ("code", "urn:a|x")]
    conditions = leading(compile_query(read(*asked)), constraint)
    assert {"p": {"$eq": "a"}} in conditions
    tokens = [str(c["t"]) for c in conditions if "t" in c]
    assert [t.split("=")[0][-4:] for t in tokens] == ["code", "gory", "atus", "ient"]


class Systems:
    """Answers which tokens are in use."""

    def __init__(self, *tokens: str) -> None:
        self.in_use, self.asked = list(tokens), list[str]()

    def tokens(self, resource_type: str, prefix: str) -> list[str] | None:
        self.asked.append(prefix)
        return [t for t in self.in_use if t.startswith(prefix)] or None


@pytest.mark.parametrize(
    ("asked", "resolved"),
    [
        ([("code", "x")], Among({"t": {"$in": ["code=x|1", "code=x|2"]}}, "code", ("x",))),
        ([("code", "y")], None),
        ([("code", "urn:a|x")], None),
        ([("code", "x,urn:a|x")], None),
        ([("code:not", "x")], None),
        ([("status", "final")], None),
        ([("identifier", "x")], None),
        ([("_id", "x")], None),
        ([("code", "x"), ("patient", "1")], None),
    ],
)
def test_a_code_in_any_system_becomes_the_tokens_in_use(
    asked: list[tuple[str, str]], resolved: Among | None
) -> None:
    query = read(*asked)
    lookup: Any = Systems("code=x|1", "code=x|2", "code=xy|1", "identifier=x|1")
    first = resolve(query, lookup).clauses[0]
    assert first == (resolved or query.clauses[0])
    assert isinstance(query.clauses[0], Clause)
