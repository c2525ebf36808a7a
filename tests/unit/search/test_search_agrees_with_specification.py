"""Index, query and plan together find what the specification says, on generated resources and queries."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from fhir_server.definitions.registry import load_definitions
from fhir_server.search.compile import compile_query
from fhir_server.search.index import extract_index
from fhir_server.search.parse import parse_query
from tests.unit.search import specification
from tests.unit.search.specification import UCUM, UNITS
from tests.unit.search.stored_filter import matches

BASE_URL = "https://example.org/fhir"
LOINC, LOCAL = "http://loinc.org", "urn:oid:1.2.3"
PREFIXES = st.sampled_from(["", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb"])
AT_MOST = settings(max_examples=250, deadline=None)


def is_found(resource: dict[str, Any], name: str, text: str) -> bool:
    """Stores a resource and searches for it, by the server's code."""
    entries = extract_index(resource, 0, BASE_URL)
    document = {
        "_id": resource["id"],
        "lu": 0,
        "t": entries.tokens,
        "r": entries.ranges,
        "sk": entries.sort_key,
    }
    declared = load_definitions().search_parameters
    query, warnings = parse_query(
        resource["resourceType"], [(name, text)], declared, lenient=False, base_url=BASE_URL
    )
    assert warnings == []
    return matches(compile_query(query).filter, document)


def agree(resource: dict[str, Any], name: str, text: str) -> None:
    assert is_found(resource, name, text) == specification.matches(resource, name, text, BASE_URL)


def resource(type_: str, **elements: Any) -> dict[str, Any]:
    return {"resourceType": type_, "id": "1"} | {k: v for k, v in elements.items() if v is not None}


# Few values close to each other, so that bounds meet.
dates = st.sampled_from(
    ["2019", "2020", "2020-01", "2020-02", "2020-12", "2020-01-01", "2020-01-31", "2020-02-29", "2019-12-31",
     "2020-01-01T00:00:00Z", "2020-01-01T00:30:00+01:00", "2019-12-31T23:59:59Z", "2020-02-29T12:00:00.500Z",
     "2020-02-29T12:00:00Z", "2020-02-29T11:59:59.999Z", "2020-01-31T23:00:00-01:00",
     "2021-01-01T00:00:00.001Z"]
)  # fmt: skip
asked_dates = dates | st.sampled_from(["2020-02-29T12:00", "2020-02-29T12:00Z", "2020-01-01T00:00:00"])
periods = st.fixed_dictionaries({}, optional={"start": dates, "end": dates})


@given(dates | periods, PREFIXES, asked_dates)
@AT_MOST
def test_dates_and_periods_are_found_as_their_intervals_say(value: Any, prefix: str, asked: str) -> None:
    name = "effectiveDateTime" if isinstance(value, str) else "effectivePeriod"
    agree(resource("Observation", **{name: value}), "date", prefix + asked)


numbers = st.sampled_from(
    ["0", "1", "-1", "100", "99.5", "99.49", "100.5", "100.49999", "99.995", "100.005", "95", "105",
    "104.9", "0.1",
     "0.05", "0.15", "0.149", "1e2", "0.0001", "12345678.9", "1.00e2", "2", "2.5", "1.5", "-0.05"]
)  # fmt: skip
ORDERED = PREFIXES | st.just("ap")


@given(st.lists(numbers, min_size=1, max_size=2), ORDERED, numbers | numbers.map(lambda n: n + "0"))
@AT_MOST
def test_numbers_are_found_by_their_implicit_precision(values: list[str], prefix: str, asked: str) -> None:
    predictions = [{"probabilityDecimal": Decimal(v)} for v in values]
    agree(resource("RiskAssessment", prediction=predictions), "probability", prefix + asked)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**15), max_value=10**15))
@AT_MOST
def test_a_number_of_whatever_length_is_found_by_itself(value: Decimal) -> None:
    risk = resource("RiskAssessment", prediction=[{"probabilityDecimal": value}])
    assert is_found(risk, "probability", f"{value:f}")
    assert not is_found(risk, "probability", f"gt{value:f}")
    assert is_found(risk, "probability", f"ge{value:f}")


units = st.sampled_from([*UNITS])
coded = st.builds(lambda c: {"system": UCUM, "code": c, "unit": c}, units)
quantities = st.builds(
    lambda number, unit: {"value": Decimal(number), **unit},
    numbers,
    coded
    | st.sampled_from([{}, {"unit": "mg"}, {"unit": "gram", "code": "g", "system": UCUM},
                       {"system": LOCAL, "code": "mg", "unit": "milli|gram$"}]),
) | st.just({"unit": "mg"})  # fmt: skip
asked_units = st.one_of(
    st.just(""),
    units.map(lambda u: f"|{UCUM}|{u}"),
    st.sampled_from(["||mg", "||g", "||gram", f"|{LOCAL}|mg", r"||milli\|gram\$"]),
)


@given(quantities, ORDERED, numbers, asked_units)
@AT_MOST
def test_quantities_are_found_in_any_commensurable_unit(
    value: dict[str, Any], prefix: str, number: str, unit: str
) -> None:
    agree(resource("Observation", valueQuantity=value), "value-quantity", prefix + number + unit)


SYMBOLS = "a|$,%~^=\\é"
codes = st.text(SYMBOLS, min_size=1, max_size=3)
systems = st.sampled_from([None, LOINC, LOCAL])


def escaped(text: str) -> str:
    return "".join(f"\\{c}" if c in "\\,|$" else c for c in text)


codings = st.builds(lambda s, c: {"code": c} | ({"system": s} if s else {}), systems, codes)
concepts = st.builds(lambda c: {"coding": c, "text": "text"}, st.lists(codings, max_size=2))
tokens = st.one_of(
    codes.map(escaped),
    st.builds(lambda s, c: f"{s or ''}|{escaped(c)}", systems, codes),
    st.sampled_from([f"{LOINC}|", f"{LOCAL}|"]),
)
queries = st.lists(tokens, min_size=1, max_size=2).map(",".join)


@given(concepts, queries, st.sampled_from(["code", "code:not"]))
@AT_MOST
def test_tokens_are_found_by_system_and_code(value: dict[str, Any], asked: str, name: str) -> None:
    agree(resource("Observation", code=value), name, asked)


identifiers = st.builds(lambda s, c: {"value": c} | ({"system": s} if s else {}), systems, codes)


@given(st.lists(identifiers), queries)
@AT_MOST
def test_identifiers_are_found_by_system_and_value(values: list[Any], asked: str) -> None:
    agree(resource("Patient", identifier=values or None), "identifier", asked)


@given(
    st.sampled_from(["gender", "active", "telecom"]),
    st.sampled_from(["male", "true", "false", "0102", "|male", "http://other|male", "male,female"]),
    st.sampled_from(["", ":not", ":missing"]),
    st.booleans(),
)
@AT_MOST
def test_codes_booleans_and_contacts_have_no_system(
    code: str, asked: str, modifier: str, empty: bool
) -> None:
    full = {"gender": "male", "active": True, "telecom": [{"system": "phone", "value": "0102"}]}
    asked = "true" if modifier == ":missing" else asked
    agree(resource("Patient", **({} if empty else full)), code + modifier, asked)


words = st.text("aeéÈoœŒßc- '", min_size=1, max_size=6)
names = st.fixed_dictionaries(
    {}, optional={"family": words, "given": st.lists(words, max_size=2), "text": words}
)
askable = st.text("aeEéoœßc%=^~|", min_size=1, max_size=3).map(escaped)
STRING_MODIFIERS = st.sampled_from(["", ":exact", ":contains"])


@given(st.lists(names, max_size=2), askable, st.sampled_from(["name", "family"]), STRING_MODIFIERS)
@AT_MOST
def test_names_are_found_by_what_begins_their_parts(
    value: list[Any], asked: str, code: str, modifier: str
) -> None:
    if modifier == ":contains" and code == "name":
        modifier = ""
    agree(resource("Patient", name=value or None), code + modifier, asked)


@given(st.text("aé=|%^~$ \\", min_size=1, max_size=4), askable, STRING_MODIFIERS)
@AT_MOST
def test_strings_of_strange_letters_forge_no_entry(value: str, asked: str, modifier: str) -> None:
    agree(resource("Observation", valueString=value), "value-string" + modifier, asked)


references = st.sampled_from(
    ["Patient/1", "Patient/2", "Group/1", f"{BASE_URL}/Patient/1", "http://other.org/fhir/Patient/1",
     "urn:uuid:0c6d8f00-0000-4000-8000-000000000001"]
)  # fmt: skip
subjects = st.builds(
    lambda r, i: {k: v for k, v in (("reference", r), ("identifier", i)) if v} or {"display": "d"},
    st.none() | references,
    st.none() | identifiers,
)


@given(subjects, references | st.sampled_from(["1", "2", "3"]), st.sampled_from(["", ":Patient", ":Group"]))
@AT_MOST
def test_references_are_found_by_id_type_and_url(value: dict[str, Any], asked: str, modifier: str) -> None:
    if modifier and modifier[1:] not in asked:
        asked = "1"
    agree(resource("Observation", subject=value), "subject" + modifier, asked)


@given(subjects, tokens)
@AT_MOST
def test_references_are_found_by_identifier(value: dict[str, Any], asked: str) -> None:
    agree(resource("Observation", subject=value), "subject:identifier", asked)


@given(
    st.sampled_from(
        ["code", "subject", "value-string", "value-quantity", "date", "combo-code", "combo-value-quantity"]
    ),
    st.booleans(),
    concepts,
    subjects,
    quantities.filter(lambda q: "value" in q) | st.none(),
    st.sampled_from(["", "true", "false"]),
)  # fmt: skip
@AT_MOST
def test_missing_tells_whether_there_is_a_value(
    name: str, empty: bool, code: Any, subject: Any, quantity: Any, asked: str
) -> None:
    elements = {} if empty else {"code": code, "subject": subject, "valueQuantity": quantity}
    agree(resource("Observation", **elements), f"{name}:missing", asked or "true")


@given(
    concepts, quantities, st.lists(st.tuples(concepts, quantities), max_size=2), tokens, ORDERED, numbers,
    asked_units,
    st.sampled_from(["code-value-quantity", "component-code-value-quantity", "combo-code-value-quantity"]),
)  # fmt: skip
@AT_MOST
def test_composites_are_found_in_one_element(
    code: Any, value: Any, components: Any, token: str, prefix: str, number: str, unit: str, name: str
) -> None:
    if token.endswith("|") and not token.endswith("\\|"):
        token = "a"
    observation = resource(
        "Observation",
        code=code,
        valueQuantity=value,
        component=[{"code": c, "valueQuantity": q} for c, q in components] or None,
    )
    agree(observation, name, f"{token}${prefix}{number}{unit}")
    agree(observation, "combo-code", token)
    agree(observation, "combo-value-quantity", f"{prefix}{number}{unit}")


uris = st.sampled_from(
    [
        "http://a.org/x",
        "http://a.org/x/1",
        "http://a.org/xy",
        "http://a.org",
        "urn:oid:1.2",
        "HTTP://a.org/x",
        "a|b",
    ]
)


@given(uris, uris, st.sampled_from(["", ":below"]))
@AT_MOST
def test_uris_are_found_whole_or_below(value: str, asked: str, modifier: str) -> None:
    agree(resource("ValueSet", url=value), "url" + modifier, escaped(asked))
