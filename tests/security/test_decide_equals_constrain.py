"""The two faces of the policy cannot drift: what `decide` permits is what the filter of `constrain` finds."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from fhir_server.definitions.registry import load_definitions
from fhir_server.errors import Forbidden
from fhir_server.policy.compartment import compartment_types, shared_types
from fhir_server.policy.context import AccessContext
from fhir_server.policy.decide import constrain, decide
from fhir_server.policy.scopes import Scopes, parse_scopes
from fhir_server.policy.situation import Situation
from fhir_server.storage.stored import Document, build_document, build_history, build_tombstone
from tests.unit.search.stored_filter import matches

TYPES = load_definitions().resource_types
LETTERS = "cruds"
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""The first scope on a type compiles the type's expressions."""
BASE_URL = "https://example.org/fhir"
CATEGORIES = "http://terminology.hl7.org/CodeSystem/observation-category"
UCUM = "http://unitsofmeasure.org"

letters = st.sets(st.sampled_from(LETTERS), min_size=1).map(lambda s: "".join(c for c in LETTERS if c in s))
levels = st.sampled_from(["patient", "user", "system"])
plain_scopes = st.builds(
    "{}/{}.{}".format,
    levels,
    st.sampled_from(["*", "Patient", "Observation", "Practitioner", "Binary", "AuditEvent"]),
    letters,
)
CONDITIONS = [
    "status=final",
    "status=final,amended",
    f"category={CATEGORIES}|laboratory",
    "category=vital-signs",
    f"category={CATEGORIES}|",
    "category=|laboratory",
    "date=ge2020-02",
    "date=lt2020-02-01",
    "value-quantity=gt5",
    f"value-quantity=gt5|{UCUM}|mg",
    f"value-quantity=0.006|{UCUM}|g",
    "subject=Patient/1",
    "subject=2",
    f"subject={BASE_URL}/Patient/2",
    "_tag=urn:tags|a",
    "_id=r1",
    "_lastUpdated=ge2020",
]
granular_scopes = st.builds(
    "{}/Observation.{}?{}".format,
    levels,
    letters,
    st.lists(st.sampled_from(CONDITIONS), min_size=1, max_size=2, unique=True).map("&".join),
)
tagged_scopes = st.builds("{}/*.{}?_tag=urn:tags|a".format, levels, letters)
texts = st.lists(plain_scopes | granular_scopes | granular_scopes | tagged_scopes, min_size=1, max_size=4)
contexts = st.builds(
    lambda text, patient, fhir_user, patients: AccessContext(
        "app",
        "t1",
        parse_scopes(" ".join(text), TYPES, BASE_URL),
        patient=patient,
        fhir_user=fhir_user,
        patients=patients,
    ),
    texts,
    st.sampled_from(["", "1", "2"]),
    st.sampled_from(
        [
            "",
            "Patient/1",
            "RelatedPerson/2",
            f"{BASE_URL}/Practitioner/7",
            "PractitionerRole/7",
            "Device/7",
            "https://example.com/fhir/Patient/1",
        ]
    ),
    st.sampled_from([(), ("2",), ("1", "2")]),
)
CATEGORY_CODES = [(CATEGORIES, "laboratory"), (CATEGORIES, "vital-signs"), ("", "laboratory")]


def _resource(random: Random) -> dict[str, Any]:
    """A resource of some type, in the records of no patient, one or two."""
    pick, maybe = random.choice, lambda: random.random() < 0.5
    resource_type = pick(["Observation", "Observation", "Observation", "Patient", "Practitioner", "Binary"])
    resource: dict[str, Any] = {"resourceType": resource_type, "id": pick(["1", "2", "r1"])}
    if maybe():
        resource["meta"] = {"tag": [{"system": "urn:tags", "code": pick("ab")}]}
    if resource_type == "Observation":
        resource["status"] = pick(["final", "amended", "registered"])
        found = random.sample(CATEGORY_CODES, random.randrange(3))
        resource["category"] = [
            {"coding": [{"code": code} | ({"system": system} if system else {})]} for system, code in found
        ]
        if subject := pick(["", "Patient/1", f"{BASE_URL}/Patient/2", "Group/1"]):
            resource["subject"] = {"reference": subject}
        if random.random() < 0.2:
            resource["performer"] = [{"reference": f"Patient/{pick('12')}"}]
        if maybe():
            resource["effectiveDateTime"] = pick(["2019", "2020-01-31", "2020-02-01", "2021"])
        if maybe():
            unit = {"system": UCUM, "code": pick(["mg", "g"])}
            resource["valueQuantity"] = {"value": pick([5, 6, 7]), **unit}
    return resource


RESOURCES = [_resource(Random(seed)) for seed in range(100)]


# --- the rule said a second time, slowly: by the scopes' text and the resource itself ------------------


def reference_rule(context: AccessContext, letter: str, resource: dict[str, Any]) -> bool:
    return any(_scope_permits(scope, context, letter, resource) for scope in context.scopes.text.split())


def _scope_permits(scope: str, context: AccessContext, letter: str, resource: dict[str, Any]) -> bool:
    head, _, query = scope.partition("?")
    level, _, rest = head.partition("/")
    type_, _, granted = rest.partition(".")
    if type_ not in ("*", resource["resourceType"]) or letter not in granted:
        return False
    if not all(_meets(resource, *pair.split("=")) for pair in query.split("&") if pair):
        return False
    if level == "system":
        return True
    bound = {context.patient} - {""}
    if level == "user":
        kind = context.fhir_user.replace("https://example.org/fhir/", "").split("/")[0]
        if kind not in ("Patient", "RelatedPerson", "Practitioner"):
            return False
        own = {context.fhir_user.split("/")[-1]} if kind == "Patient" else set[str]()
        bound = bound or {*context.patients, *own}
    is_professional = context.fhir_user.removeprefix(f"{BASE_URL}/").startswith("Practitioner/")
    if level == "user" and is_professional and not bound and letter in "rs":
        return resource["resourceType"] in shared_types()
    if not bound:
        return False
    if resource["resourceType"] in compartment_types():
        held_by = _patients(resource)
        return len(held_by) == 1 and held_by <= bound and _is_holder(context, held_by.pop())
    return resource["resourceType"] in shared_types() and letter in "rs"


def _is_holder(context: AccessContext, patient: str) -> bool:
    """Nothing was decided about these records: nobody but the holder is let in."""
    person = context.fhir_user.removeprefix(f"{BASE_URL}/")
    return person in ("", f"Patient/{patient}")


def _patients(resource: dict[str, Any]) -> set[str]:
    if resource["resourceType"] == "Patient":
        return {resource["id"]}
    references = [resource.get("subject", {}), *resource.get("performer", [])]
    literals = [r["reference"].removeprefix(BASE_URL + "/") for r in references if r]
    return {literal.removeprefix("Patient/") for literal in literals if literal.startswith("Patient/")}


def _meets(resource: dict[str, Any], name: str, text: str) -> bool:
    if name == "_id":
        return bool(resource["id"] == text)
    if name == "_lastUpdated":
        return True  # all are of 2023
    if name == "_tag":
        return any(f"{t['system']}|{t['code']}" == text for t in resource.get("meta", {}).get("tag", []))
    if name == "status":
        return resource["status"] in text.split(",")
    if name == "category":
        return any(_is_category(coding, text) for c in resource["category"] for coding in c["coding"])
    if name == "subject":
        literal = resource.get("subject", {}).get("reference", "").removeprefix(BASE_URL + "/")
        return bool(literal) and literal.endswith(text.removeprefix(BASE_URL + "/"))
    if name == "date":
        day = resource.get("effectiveDateTime", "")
        return bool(day) and (day >= "2020-02" if text.startswith("ge") else day < "2020-02")
    quantity = resource.get("valueQuantity")
    if quantity is None:
        return False
    milligrams = quantity["value"] * (1000 if quantity["code"] == "g" else 1)
    if text == "gt5":
        return bool(quantity["value"] > 5)
    return milligrams > 5 if text.startswith("gt5") else 5.5 <= milligrams < 6.5


def _is_category(coding: dict[str, str], text: str) -> bool:
    system, bar, code = text.rpartition("|")
    if bar and coding.get("system", "") != system:
        return False
    return not code or coding["code"] == code


# --- the comparison -------------------------------------------------------------------------------------


DOCUMENTS = [build_document(resource, 3, 1_700_000_000_000, "PUT", BASE_URL) for resource in RESOURCES]
PAST = [
    build_history(resource["resourceType"], document, 1_800_000_000_000)
    for resource, document in zip(RESOURCES, DOCUMENTS, strict=True)
]


def filters(context: AccessContext, resource_type: str, letter: str) -> tuple[Document, Document] | None:
    try:
        reach = constrain(Situation(context), resource_type, letter)
    except Forbidden:
        return None
    return reach.filter, reach.past_filter


@given(contexts, st.sampled_from(LETTERS))
@settings(UNHURRIED, max_examples=300)
def test_decide_permits_what_the_filter_finds_and_what_the_rule_says(
    context: AccessContext, letter: str
) -> None:
    found = {name: filters(context, name, letter) for name in {r["resourceType"] for r in RESOURCES}}
    for resource, document, past in zip(RESOURCES, DOCUMENTS, PAST, strict=True):
        decided = decide(Situation(context), resource["resourceType"], letter, document)
        assert decided == reference_rule(context, letter, resource), resource
        both = found[resource["resourceType"]]
        assert decided == (both is not None and matches(both[0], document)), resource
        assert decided == (both is not None and matches(both[1], past)), resource


@given(contexts, st.sampled_from(LETTERS))
@settings(UNHURRIED, max_examples=100)
def test_what_is_deleted_meets_no_parameter_of_a_scope(context: AccessContext, letter: str) -> None:
    without = " ".join(scope for scope in context.scopes.text.split() if "?" not in scope)
    plain = replace(context, scopes=parse_scopes(without, TYPES) if without else Scopes((), ""))
    for resource, document in zip(RESOURCES, DOCUMENTS, strict=True):
        tombstone = build_tombstone(document, 1_800_000_000_000)
        decided = decide(Situation(context), resource["resourceType"], letter, tombstone)
        assert decided == reference_rule(plain, letter, resource), resource


@given(contexts, st.sampled_from(TYPES), st.sampled_from(LETTERS))
@settings(UNHURRIED)
def test_every_type_has_an_answer(context: AccessContext, resource_type: str, letter: str) -> None:
    found = filters(context, resource_type, letter)
    permitted = any(letter in rule.letters and rule.covers(resource_type) for rule in context.scopes.rules)
    assert permitted or found is None
    assert found is None or not matches(found[0], {"_id": "x", "p": "nobody", "iv": 0}) or found[0] == {}


def test_a_type_that_is_neither_shared_nor_in_the_compartment_is_closed_to_a_patient() -> None:
    context = AccessContext("app", "t1", parse_scopes("patient/*.cruds", TYPES), patient="1")
    closed = {t for t in TYPES if not decide(Situation(context), t, "r", {"p": "1", "iv": 0})}
    assert {"Bundle", "Subscription", "Task", "Parameters"} <= closed
    assert not closed & (compartment_types() | shared_types())
