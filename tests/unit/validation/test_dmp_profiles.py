"""The profiles of profiles/: examples that meet them, resources that break them, the seed data by kind."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import jsonpatch
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.errors import Unprocessable
from fhir_server.policy.consent_templates import read_template
from fhir_server.validation.validate import validate_resource

ROOT = Path(__file__).resolve().parents[3]
PROFILES = ROOT / "profiles"
BASE = "https://dmp-fhir.example.org/fhir"
URL = f"{BASE}/StructureDefinition/"
POLICY = f"{BASE}/Policy/dmp-"
EXAMPLES = sorted((PROFILES / "examples").glob("*/*.json"))
VIOLATIONS: dict[str, list[dict[str, Any]]] = json.loads(
    (ROOT / "tests" / "cases" / "profile_violations.json").read_text("utf-8")
)
CASES = [
    pytest.param(profile, case, id=f"{profile}: {case['why']}")
    for profile, cases in VIOLATIONS.items()
    for case in cases
]


def read(path: Path) -> Any:
    return json.loads(path.read_text("utf-8"), parse_float=Decimal)


@cache
def definitions() -> dict[str, dict[str, Any]]:
    return {path.stem[20:]: read(path) for path in PROFILES.glob("StructureDefinition-*.json")}


def concrete() -> set[str]:
    return {name for name, definition in definitions().items() if not definition["abstract"]}


def errors(resource: dict[str, Any], *profiles: str) -> list[list[str]]:
    issues = validate_resource(resource, profiles=[URL + name for name in profiles])
    return [[str(i.message_id), i.expression] for i in issues if i.severity == "error"]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_an_example_meets_its_profile_and_those_that_it_builds_on(path: Path) -> None:
    example = read(path)
    name = path.parent.name
    assert example["meta"]["profile"] == [URL + name]
    assert path.stem == example["id"]
    parents = [d["baseDefinition"].removeprefix(URL) for d in definitions().values() if d["id"] == name]
    issues = validate_resource(example, profiles=[URL + p for p in parents if p in definitions()])
    assert [i for i in issues if i.severity == "error"] == []
    # Nothing of a profile is left unchecked.
    assert [i for i in issues if str(i.message_id).startswith("profile:")] == []


def test_every_profile_has_an_example_and_at_least_three_violations() -> None:
    assert {path.parent.name for path in EXAMPLES} == concrete()
    assert {name for name, cases in VIOLATIONS.items() if len(cases) >= 3} == concrete()


@pytest.mark.parametrize(("profile", "case"), CASES)
def test_what_breaks_a_profile_is_refused_for_the_stated_reason(profile: str, case: dict[str, Any]) -> None:
    example = read(next(path for path in EXAMPLES if path.parent.name == profile))
    broken = jsonpatch.apply_patch(example, case["patch"])
    assert errors(broken) == case["errors"]


@pytest.mark.parametrize(("profile", "case"), CASES)
def test_it_is_the_profile_that_refuses_it(profile: str, case: dict[str, Any]) -> None:
    example = read(next(path for path in EXAMPLES if path.parent.name == profile))
    broken = jsonpatch.apply_patch(example, case["patch"])
    del broken["meta"]
    by_r4 = errors(broken)
    assert len(by_r4) < len(case["errors"])
    assert all(found in case["errors"] for found in by_r4)


def test_the_mapping_names_every_profile_and_every_value_set_that_it_names_exists() -> None:
    text = (ROOT / "docs" / "dmp-mapping.md").read_text("utf-8")
    named = set(re.findall(r"`(dmp-[a-z-]+)`", text))
    assert named >= set(definitions())
    artefacts = {path.stem.partition("-")[2] for path in PROFILES.glob("*.json")}
    assert named <= artefacts
    for name in re.findall(r"`((?:tests|fhir_server|profiles)/[\w/.-]+\.\w+)`", text):
        assert (ROOT / name).is_file(), name


# the key of an INS, stated a second time


def key_of(first: str) -> int:
    """The Corsican rule by subtraction: A is 0 less a million, B is 0 less two."""
    discount = {"A": 1_000_000, "B": 2_000_000}.get(first[6], 0)
    return 97 - (int(first[:6] + first[6].translate({65: 48, 66: 48}) + first[7:]) - discount) % 97


NUMBERS = st.tuples(
    st.from_regex(r"[1-478][0-9]{4}", fullmatch=True),
    st.sampled_from(["2A", "2B", "01", "75", "97", "99"]),
    st.from_regex(r"[0-9]{6}", fullmatch=True),
).map("".join)


@given(NUMBERS, st.integers(1, 97))
def test_an_ins_is_accepted_with_its_key_and_with_no_other(first: str, key: int) -> None:
    patient = read(next(path for path in EXAMPLES if path.parent.name == "dmp-patient"))
    patient["identifier"] = [{**patient["identifier"][0], "value": f"{first}{key:02d}"}]
    wrong = [["invariant:dmp-ins-2", "Patient.identifier[0]"]]
    assert errors(patient) == ([] if key == key_of(first) else wrong)
    patient["identifier"][0]["value"] = f"{first}{key_of(first):02d}"
    assert errors(patient) == []


@pytest.mark.parametrize(
    "value",
    [
        "279035121518989\n",
        "",
        "27903512151898",
        "2790351215189899",
        "2790351 2151898",
        "27903512151898x",
        "x" * 3000,
    ],
)
def test_what_is_no_number_at_all_is_refused_without_failing(value: str) -> None:
    patient = read(next(path for path in EXAMPLES if path.parent.name == "dmp-patient"))
    patient["identifier"][0]["value"] = value
    assert errors(patient) != []


@pytest.mark.parametrize("profile", ["dmp-practitioner", "dmp-organization", "dmp-imaging-study"])
@pytest.mark.parametrize("more", ["\n", " ", "\u2028", "\u0665"])
def test_a_number_with_anything_behind_it_is_refused(profile: str, more: str) -> None:
    example = read(next(path for path in EXAMPLES if path.parent.name == profile))
    for index in range(len(example["identifier"])):
        broken = json.loads(json.dumps(example, default=float))
        broken["identifier"][index]["value"] += more
        assert [place for _, place in errors(broken)] == [f"{example['resourceType']}.identifier[{index}]"]


# decisions: the table of the policy, and the profiles


def test_the_profiles_of_decisions_say_what_the_table_of_templates_says() -> None:
    text = resources.files("fhir_server.policy").joinpath("consent_templates.csv").read_text("utf-8")
    rows = {r["template"]: r for r in csv.DictReader(x for x in text.splitlines() if not x.startswith("#"))}
    assert {f"dmp-consent-{template}" for template in rows} == {
        name for name in definitions() if name.startswith("dmp-consent-")
    }
    for template, row in rows.items():
        elements = {e["id"]: e for e in definitions()[f"dmp-consent-{template}"]["differential"]["element"]}
        assert elements["Consent.policy.uri"]["fixedUri"] == POLICY + template
        types = row["types"].split()
        fixed = elements.get("Consent.provision.type", {}).get("fixedCode")
        assert fixed == (types[0] if len(types) == 1 else None)
        actors = elements["Consent.provision.actor"]
        assert (actors["min"], actors["max"]) == (min(1, int(row["most"])), row["most"])
        targets = elements.get("Consent.provision.actor.reference", {"type": [{"targetProfile": []}]})
        found = [url.rpartition("/")[2] for url in targets["type"][0]["targetProfile"]]
        assert found == row["actors"].split()
        period = elements.get("Consent.provision.period", {"max": "1"})["max"]
        assert period == ("1" if row["period"] == "yes" else "0")


STATED = [path for path in EXAMPLES if path.parent.name.startswith("dmp-consent-")]
OF_THE_TEMPLATE = ("the opposite", "no actor", "two actors", "a period", "no state", "a state that is none")


@pytest.mark.parametrize("path", STATED, ids=lambda path: path.parent.name)
def test_the_policy_reads_the_decision_of_an_example_and_refuses_what_the_profile_refuses(path: Path) -> None:
    decision = read_template(read(path), BASE)
    assert decision is not None
    assert f"dmp-consent-{decision.template}" == path.parent.name
    for case in VIOLATIONS[path.parent.name]:
        if case["why"] in OF_THE_TEMPLATE:
            with pytest.raises(Unprocessable):
                read_template(jsonpatch.apply_patch(read(path), case["patch"]), BASE)


# the demonstration data

TYPES = [definition["type"] for definition in definitions().values()]
BY_TYPE = {d["type"]: name for name, d in definitions().items() if TYPES.count(d["type"]) == 1}


def profile_of(resource: dict[str, Any]) -> str:
    kind = resource["resourceType"]
    codes = {c.get("code") for c in walk_codings(resource.get("code"), resource.get("type"))}
    categories = {c.get("code") for c in walk_codings(resource.get("category"))}
    by_code = {
        ("DocumentReference", "REMB"): "dmp-reimbursement-document",
        ("DocumentReference", "EXPPAT_3"): "dmp-advance-directives-document",
        ("Composition", "60591-5"): "dmp-synthesis-ips",
        ("Observation", "organ-donation-informed"): "dmp-organ-donation",
        ("Observation", "laboratory"): "dmp-laboratory-result",
        ("DiagnosticReport", "LAB"): "dmp-laboratory-report",
        ("DiagnosticReport", "RAD"): "dmp-imaging-report",
        ("Consent", "acd"): "dmp-advance-directives-consent",
    }
    for code in codes | categories:
        if (kind, str(code)) in by_code:
            return by_code[kind, str(code)]
    if kind == "Consent":
        return f"dmp-consent-{resource['policy'][0]['uri'].removeprefix(POLICY)}"
    return "dmp-document-reference" if kind == "DocumentReference" else BY_TYPE.get(kind, "")


def walk_codings(*concepts: Any) -> Iterator[dict[str, Any]]:
    for concept in concepts:
        for one in concept if isinstance(concept, list) else [concept]:
            yield from one.get("coding", []) if isinstance(one, dict) else []


@pytest.mark.parametrize("path", sorted((ROOT / "seed_data").glob("**/*.json")), ids=lambda path: path.stem)
def test_what_the_seed_data_hold_meets_the_profile_of_its_kind(path: Path) -> None:
    bundle = read(path)
    for entry in bundle.get("entry", ()):
        resource = entry["resource"]
        profile = profile_of(resource)
        assert errors(resource, *([profile] if profile else [])) == [], (profile, resource["id"])


def test_most_kinds_of_the_seed_data_have_a_profile() -> None:
    used = {
        profile_of(entry["resource"])
        for path in (ROOT / "seed_data").glob("**/*.json")
        for entry in read(path).get("entry", ())
    }
    assert len(used - {""}) >= 33
    assert used - {""} <= concrete()
