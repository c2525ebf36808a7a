"""The demonstration data: valid, coherent, complete for patients 1 to 5, and what the build gives."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from fhir_server.validation.validate import validate_resource

ROOT = Path(__file__).resolve().parents[2]
SEED, PROFILES = ROOT / "seed_data", ROOT / "profiles"
MANIFEST = json.loads((SEED / "manifest.json").read_text(encoding="utf-8"))
FILES: list[str] = MANIFEST["files"]
PATIENT_FILES = [name for name in FILES if name.startswith("patients/")]
HELPER = "Patient/dmp-0019"  # the aidant of another record, in another file
COMPLETE = PATIENT_FILES[:5]
NOS = "https://mos.esante.gouv.fr/NOS/"
BASE = "https://dmp-fhir.example.org/fhir"


@cache
def bundle(name: str) -> dict[str, Any]:
    text = (SEED / name).read_text(encoding="utf-8")
    return dict(json.loads(text, parse_float=Decimal))


def resources(name: str) -> list[dict[str, Any]]:
    return [entry["resource"] for entry in bundle(name)["entry"]]


@cache
def everything() -> tuple[dict[str, Any], ...]:
    return tuple(resource for name in FILES for resource in resources(name))


def of_type(name: str, resource_type: str) -> list[dict[str, Any]]:
    return [r for r in resources(name) if r["resourceType"] == resource_type]


@cache
def artefacts() -> dict[str, dict[str, Any]]:
    read = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(PROFILES.glob("*.json"))]
    return {f"{artefact['resourceType']}-{artefact['id']}": artefact for artefact in read}


def value_set(name: str) -> set[tuple[str, str]]:
    includes = artefacts()[f"ValueSet-{name}"]["compose"]["include"]
    found = set()
    for include in includes:
        concepts = include.get("concept") or _concepts_of(include["system"])
        found |= {(include["system"], concept["code"]) for concept in concepts}
    return found


def _concepts_of(system: str) -> list[dict[str, Any]]:
    return next(a["concept"] for a in artefacts().values() if a.get("url") == system)


def walk(node: Any) -> Iterator[dict[str, Any]]:
    if isinstance(node, dict):
        yield node
        for child in node.values():
            yield from walk(child)
    elif isinstance(node, list):
        for child in node:
            yield from walk(child)


def codes(concept: dict[str, Any]) -> set[tuple[str, str]]:
    return {(coding["system"], coding["code"]) for coding in concept["coding"]}


def documents() -> list[dict[str, Any]]:
    return [r for r in everything() if r["resourceType"] == "DocumentReference"]


# manifest


def test_the_manifest_follows_its_schema() -> None:
    schema = json.loads((SEED / "manifest.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.Draft202012Validator(schema).validate(MANIFEST)


@pytest.mark.parametrize(
    "change",
    [
        {"accounts": [{"login": "x1", "name": "X", "role": "administrator", "password": "secret"}]},
        {"accounts": [{"login": "x1", "name": "X", "role": "patient"}]},
        {"clients": [MANIFEST["clients"][0] | {"redirect_uris": ["https://elsewhere.example/cb"]}]},
        {"files": ["../outside.json"]},
    ],
)
def test_the_schema_refuses_passwords_foreign_addresses_and_paths(change: dict[str, Any]) -> None:
    schema = json.loads((SEED / "manifest.schema.json").read_text(encoding="utf-8"))
    assert not jsonschema.Draft202012Validator(schema).is_valid(MANIFEST | change)


def test_the_manifest_lists_all_files_the_directory_first() -> None:
    on_disk = {path.relative_to(SEED).as_posix() for path in (SEED / "patients").glob("*.json")}
    assert FILES[0] == "directory.json"
    assert set(PATIENT_FILES) == on_disk
    assert len(PATIENT_FILES) == 20


def test_accounts_are_of_people_who_exist() -> None:
    known = {f"{r['resourceType']}/{r['id']}": r for r in everything()}
    accounts = MANIFEST["accounts"]
    for account in accounts:
        named = [account.get("fhirUser", "Patient/dmp-0001"), *account.get("patients", [])]
        named += [activity["organization"] for activity in account.get("activities", [])]
        assert set(named) <= set(known), account["login"]
        if "rpps" in account:
            numbers = [identifier["value"] for identifier in known[account["fhirUser"]]["identifier"]]
            assert account["rpps"] in numbers
    roles = Counter(account["role"] for account in accounts)
    assert roles["patient"] >= 3
    assert roles["professional"] >= 2
    assert roles["representative"] >= 1
    assert roles["administrator"] == 1
    assert any(len(account.get("activities", [])) > 1 for account in accounts)
    assert any(len(account.get("patients", [])) > 1 for account in accounts)


# bundles


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_a_transaction_of_puts_to_the_ids_it_holds(name: str) -> None:
    assert bundle(name)["type"] == "transaction"
    for entry in bundle(name)["entry"]:
        resource = entry["resource"]
        assert entry["request"] == {"method": "PUT", "url": f"{resource['resourceType']}/{resource['id']}"}
        assert entry["fullUrl"].startswith("urn:uuid:")
        assert re.fullmatch(r"[A-Za-z0-9.-]{1,64}", resource["id"])


def test_ids_and_full_urls_are_unique() -> None:
    ids = Counter(f"{r['resourceType']}/{r['id']}" for r in everything())
    urls = Counter(entry["fullUrl"] for name in FILES for entry in bundle(name)["entry"])
    assert not [key for key, count in (ids + urls).items() if count > 1]


@pytest.mark.parametrize("name", FILES)
def test_every_reference_resolves_in_the_bundle_or_the_directory(name: str) -> None:
    types = {entry["fullUrl"]: entry["resource"]["resourceType"] for entry in bundle(name)["entry"]}
    listed = resources(name) + resources("directory.json")
    types |= {f"{r['resourceType']}/{r['id']}": r["resourceType"] for r in listed}
    for node in walk(resources(name)):
        if isinstance(node.get("reference"), str) and node["reference"] != HELPER:
            assert node["reference"] in types
    for document in of_type(name, "DocumentReference"):
        url = document["content"][0]["attachment"].get("url")
        assert url is None or types[url] == "Binary"


def test_every_clinical_resource_is_about_the_patient_of_its_file() -> None:
    for name in PATIENT_FILES:
        url = bundle(name)["entry"][0]["fullUrl"]
        for resource in resources(name):
            about = [resource.get(key) for key in ("subject", "patient", "beneficiary")]
            assert all(reference["reference"] == url for reference in about if reference)


def test_fhir_resources_reads_all() -> None:
    for resource in (*everything(), *artefacts().values()):
        kind = resource["resourceType"]
        model = getattr(import_module(f"fhir.resources.R4B.{kind.lower()}"), kind)
        model.model_validate(json.loads(json.dumps(resource, default=float)))


@pytest.mark.parametrize("name", FILES)
def test_the_validator_finds_no_error(name: str) -> None:
    issues = [issue for resource in resources(name) for issue in validate_resource(resource)]
    assert [issue for issue in issues if issue.severity == "error"] == []


def test_all_files_together_stay_small() -> None:
    assert sum((SEED / name).stat().st_size for name in FILES) < 3_000_000


# identity


def oracle_key(first_13: str) -> int:
    """The Corsican rule stated the other way: A is 0 less 1,000,000, B is 0 less 2,000,000."""
    discount = {"A": 1_000_000, "B": 2_000_000}
    number = int(re.sub("[AB]", "0", first_13)) - sum(discount.get(c, 0) for c in first_13)
    return 97 - number % 97


@pytest.mark.parametrize("name", PATIENT_FILES)
def test_the_ins_agrees_with_its_key_sex_birth_date_and_birth_place(name: str) -> None:
    [patient] = of_type(name, "Patient")
    [identifier] = patient["identifier"]
    assert identifier["system"] == "urn:oid:1.2.250.1.213.1.4.10"
    ins = identifier["value"]
    assert re.fullmatch(r"[12]\d{4}(\d\d|2A|2B)\d{8}", ins)
    assert oracle_key(ins[:13]) == int(ins[13:])
    assert ins[0] == {"male": "1", "female": "2"}[patient["gender"]]
    assert (ins[1:3], ins[3:5]) == (patient["birthDate"][2:4], patient["birthDate"][5:7])
    place = next(e["valueAddress"] for e in patient["extension"] if "valueAddress" in e)
    assert ins[5:10] == place["extension"][0]["valueCoding"]["code"]


@pytest.mark.parametrize(
    "number", ["279035121518989", "207058575627097", "277076322082910", "153078987658513"]
)
def test_the_key_is_that_of_the_published_test_numbers(number: str) -> None:
    from seed_data.ins import key

    assert key(number[:13]) == number[13:]
    assert oracle_key(number[:13]) == int(number[13:])


def test_corsica_overseas_and_birth_abroad_are_there() -> None:
    places = {r["identifier"][0]["value"][5:7] for r in everything() if r["resourceType"] == "Patient"}
    assert {"2A", "2B", "97", "99"} <= places


def test_official_names_and_identity_status_are_given() -> None:
    for name in PATIENT_FILES:
        [patient] = of_type(name, "Patient")
        official = patient["name"][0]
        assert official["use"] == "official"
        assert official["extension"][0]["valueString"].startswith(official["given"][0])
        status = patient["extension"][0]["extension"][0]["valueCoding"]["code"]
        assert status in {"QUAL", "VALI"}


def test_telephones_and_addresses_are_those_of_fiction() -> None:
    for node in walk(list(everything())):
        if node.get("system") == "phone":
            assert re.fullmatch(r"(01 99 00|02 61 91|06 39 98) \d\d \d\d", node["value"])
        if node.get("system") == "email":
            assert node["value"].endswith(".example")


def test_professionals_have_fictitious_numbers_derived_from_one_another() -> None:
    for resource in resources("directory.json"):
        found = {i["system"]: i["value"] for i in resource.get("identifier", [])}
        if resource["resourceType"] == "Practitioner":
            rpps = found["https://rpps.esante.gouv.fr"]
            assert re.fullmatch(r"999\d{8}", rpps)
            assert found["urn:oid:1.2.250.1.71.4.2.1"] == f"8{rpps}"
        if resource["resourceType"] == "Organization":
            finess = found["https://finess.esante.gouv.fr"]
            assert re.fullmatch(r"999\d{6}", finess)
            assert found["urn:oid:1.2.250.1.71.4.2.2"] == f"1{finess}"


# time


DATE_KEYS = re.compile(r"(Date|DateTime|On|Over|start|end|date|started|issued|created|creation|time)$")


def moments(resource: dict[str, Any]) -> Iterator[str]:
    for node in walk(resource):
        for key, value in node.items():
            if DATE_KEYS.search(key) and isinstance(value, str) and re.match(r"\d{4}(-\d\d)?", value):
                yield value[:10]


@pytest.mark.parametrize("name", PATIENT_FILES)
def test_nothing_happens_before_birth_nor_after_the_day_the_stories_stop(name: str) -> None:
    [patient] = of_type(name, "Patient")
    for resource in resources(name):
        if resource["resourceType"] == "Consent":  # its period may end later
            resource = {"dateTime": resource["dateTime"], "resourceType": "Consent"}
        for moment in moments(resource):
            assert moment >= patient["birthDate"][: len(moment)]
            if resource["resourceType"] == "Appointment":
                assert moment > MANIFEST["as_of"]
            else:
                assert moment <= MANIFEST["as_of"]


def test_periods_end_after_they_start() -> None:
    for node in walk(list(everything())):
        if "start" in node and "end" in node:
            assert node["start"] <= node["end"]
        if "onsetDateTime" in node and "abatementDateTime" in node:
            assert node["onsetDateTime"] <= node["abatementDateTime"]


def test_what_is_over_has_an_end_and_what_is_not_has_none() -> None:
    for resource in everything():
        if resource["resourceType"] == "Condition":
            over = resource["clinicalStatus"]["coding"][0]["code"] in {"resolved", "remission"}
            assert over or "abatementDateTime" not in resource
        if resource["resourceType"] == "MedicationStatement":
            assert (resource["status"] == "completed") == ("end" in resource["effectivePeriod"])


# documents


def test_the_type_of_a_document_is_in_the_value_set_and_entails_its_class() -> None:
    group = artefacts()["ConceptMap-dmp-document-type-to-class"]["group"]
    entailed = {
        (g["source"], element["code"]): {(g["target"], target["code"]) for target in element["target"]}
        for g in group
        for element in g["element"]
    }
    assert set(entailed) == value_set("dmp-document-type")
    for document in documents():
        [kind] = codes(document["type"])
        assert kind in value_set("dmp-document-type")
        assert codes(document["category"][0]) == entailed[kind]
        assert entailed[kind] <= value_set("dmp-document-class")


def test_the_other_codes_of_documents_are_in_their_value_sets() -> None:
    for document in documents():
        context = document["context"]
        assert codes(context["practiceSetting"]) <= value_set("dmp-practice-setting")
        assert codes(context["facilityType"]) <= value_set("dmp-facility-type")
        coding = document["content"][0]["format"]
        assert (coding["system"], coding["code"]) in value_set("dmp-format")


def test_labels_are_n_and_visibility_codes_never_both_masked_and_invisible_to_the_patient() -> None:
    used = set()
    for document in documents():
        labels = [code for label in document["securityLabel"] for _system, code in codes(label)]
        assert all(codes(label) <= value_set("dmp-confidentiality") for label in document["securityLabel"])
        assert labels[0] == "N"
        assert not {"MASQUE_PS", "INVISIBLE_PATIENT"} <= set(labels)
        used |= set(labels)
    assert used == {"N", "MASQUE_PS", "INVISIBLE_PATIENT", "INVISIBLE_REPRESENTANTS_LEGAUX"}


def test_only_minors_have_documents_hidden_from_their_representatives() -> None:
    for name in PATIENT_FILES:
        hidden = "INVISIBLE_REPRESENTANTS_LEGAUX" in json.dumps(bundle(name), default=str)
        [patient] = of_type(name, "Patient")
        assert not hidden or patient["birthDate"] > "2008-10-31"


def content(name: str, attachment: dict[str, Any]) -> bytes:
    if "data" in attachment:
        return base64.b64decode(attachment["data"], validate=True)
    binary = next(r for r in of_type(name, "Binary") if attachment["url"] == f"Binary/{r['id']}")
    return base64.b64decode(binary["data"], validate=True)


@pytest.mark.parametrize("name", PATIENT_FILES)
def test_size_hash_and_format_are_those_of_the_content(name: str) -> None:
    starts = {"application/pdf": b"%PDF-1.4", "text/plain": b""}
    for document in of_type(name, "DocumentReference"):
        attachment = document["content"][0]["attachment"]
        body = content(name, attachment)
        assert attachment["size"] == len(body)
        assert (
            attachment["hash"]
            == base64.b64encode(hashlib.sha1(body, usedforsecurity=False).digest()).decode()
        )
        assert body.startswith(starts[attachment["contentType"]])


def test_the_pdf_files_have_a_right_cross_reference_table() -> None:
    from seed_data import pdf

    body = pdf.write("Titre (à échapper) \\", ["Été, œuvre, 12 €"])
    start = int(re.search(rb"startxref\n(\d+)\n%%EOF\n$", body)[1])  # type: ignore[index]
    assert body[start:].startswith(b"xref\n0 7\n")
    offsets = re.findall(rb"(\d{10}) 00000 n ", body[start:])
    for number, offset in enumerate(offsets, 1):
        assert body[int(offset) :].startswith(b"%d 0 obj\n" % number)
    [length] = re.findall(rb"/Length (\d+)", body)
    stream = body.split(b"\nstream\n")[1].split(b"\nendstream")[0]
    assert len(stream) == int(length)
    assert b"(Titre \\(\xe0 \xe9chapper\\) \\\\) Tj" in stream
    assert b"12 \x80" in stream


def test_a_replaced_document_is_superseded() -> None:
    old = {
        entry["fullUrl"]
        for name in FILES
        for entry in bundle(name)["entry"]
        if entry["resource"].get("status") == "superseded"
    }
    replaced = set()
    for document in documents():
        replaced |= {
            r["target"]["reference"] for r in document.get("relatesTo", []) if r["code"] == "replaces"
        }
    assert replaced == old
    assert replaced


# laboratory


def test_results_have_a_ucum_unit_a_range_and_the_interpretation_it_gives() -> None:
    results = [
        r for r in everything() if r["id"].find("-biologie-") > 0 and r["resourceType"] == "Observation"
    ]
    assert results
    for result in results:
        value, [limits] = result["valueQuantity"], result["referenceRange"]
        assert value["system"] == "http://unitsofmeasure.org"
        low = limits.get("low", {}).get("value", Decimal(-1))
        high = limits.get("high", {}).get("value", Decimal(10**6))
        expected = "L" if value["value"] < low else "H" if value["value"] > high else "N"
        assert result["interpretation"][0]["coding"][0]["code"] == expected


# coverage of the sections


SECTIONS = set(
    re.findall(
        r"\w+",
        """Patient RelatedPerson Coverage CareTeam Encounter Condition Procedure FamilyMemberHistory
        AllergyIntolerance MedicationStatement MedicationRequest MedicationDispense Immunization
        Observation DiagnosticReport ImagingStudy DocumentReference Binary ExplanationOfBenefit Consent
        Composition Appointment""",
    )
)
DOCUMENT_TYPES = {
    "11490-0",
    "57833-6",
    "11502-2",
    "18748-4",
    "60591-5",
    "11369-6",
    "REMB",
    "EXPPAT_1",
    "EXPPAT_3",
}


@pytest.mark.parametrize("name", COMPLETE)
def test_the_first_five_patients_have_every_section(name: str) -> None:
    assert {r["resourceType"] for r in resources(name)} >= SECTIONS
    found = {d["type"]["coding"][0]["code"] for d in of_type(name, "DocumentReference")}
    assert found >= DOCUMENT_TYPES
    assert any(code.startswith("DOCPAT") for code in found)
    labels = json.dumps(of_type(name, "DocumentReference"), default=str)
    assert "MASQUE_PS" in labels


@pytest.mark.parametrize("name", COMPLETE)
def test_the_first_five_patients_have_vital_signs_over_years_and_a_trusted_person(name: str) -> None:
    measures = of_type(name, "Observation")
    for code in ("29463-7", "8302-2", "85354-9"):
        years = {m["effectiveDateTime"][:4] for m in measures if m["code"]["coding"][0]["code"] == code}
        assert len(years) >= 2, code
    assert "TRUSTED_CONTACT" in json.dumps(of_type(name, "RelatedPerson"))
    assert any(m["code"]["coding"][0]["code"] == "organ-donation-informed" for m in measures)
    purposes = [
        c["provision"].get("purpose", [{}])[0].get("code")
        for c in of_type(name, "Consent")
        if "provision" in c
    ]
    assert {"ETREAT", "BTG", "MASKED"} <= set(purposes)


# codes


def test_every_national_code_of_the_seed_data_is_in_a_profile() -> None:
    defined = {
        (artefact["url"], concept["code"])
        for artefact in artefacts().values()
        if artefact["resourceType"] == "CodeSystem"
        for concept in artefact["concept"]
    }
    for node in walk(list(everything())):
        system = str(node.get("system", ""))
        if "code" in node and system.startswith((NOS, BASE)) and "R13-Commune" not in system:
            assert (system, node["code"]) in defined


# build


def test_the_build_gives_the_committed_files_to_the_byte(tmp_path: Path) -> None:
    from seed_data.build import write

    write(tmp_path)
    for name in [*FILES, "manifest.json"]:
        assert (tmp_path / name).read_bytes() == (SEED / name).read_bytes(), name
