"""The class that a type of document entails."""

from __future__ import annotations

from typing import Any

import pytest

from fhir_server.terminology.document_class import document_class, document_class_table

LOINC = "http://loinc.org"
NOS = "https://mos.esante.gouv.fr/NOS/"
A05 = f"{NOS}TRE_A05-TypeDocComplementaire/FHIR/TRE-A05-TypeDocComplementaire"
A03 = f"{NOS}TRE_A03-ClasseDocument/FHIR/TRE-A03-ClasseDocument"


def type_of(*codings: tuple[str, str]) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code} for system, code in codings]}


@pytest.mark.parametrize(
    ("system", "code", "class_", "display"),
    [
        (LOINC, "11490-0", "10", "Compte rendu"),
        (LOINC, "18761-7", "11", "Synthèse"),
        (LOINC, "60591-5", "11", "Synthèse"),
        (A05, "SYNTH", "11", "Synthèse"),
        (LOINC, "18748-4", "31", "Imagerie médicale"),
        (LOINC, "57833-6", "42", "Prescription"),
        (A05, "REMB", "60", "Données de remboursement"),
        (A05, "DOCPAT01", "11", "Synthèse"),
    ],
)
def test_a_type_entails_its_class(system: str, code: str, class_: str, display: str) -> None:
    found = document_class(type_of(("urn:local", "x"), (system, code)))
    assert found is not None
    assert (found["system"], found["code"]) == (A03, class_)
    assert found["display"].startswith(display)


def test_every_class_is_entailed_by_a_type() -> None:
    assert len(document_class_table()) == 102
    classes = {"10", "11", "31", "42", "43", "44", "45", "52", "60", "90", "95"}
    assert {coding["code"] for coding in document_class_table().values()} == classes


def test_types_that_entail_different_classes_entail_none() -> None:
    assert document_class(type_of((LOINC, "11490-0"), (A05, "SYNTH"))) is None
    assert document_class(type_of((A05, "SYNTH"), (LOINC, "60591-5"))) is not None


@pytest.mark.parametrize(
    "type_",
    [None, [], {}, "11490-0", {"coding": "x"}, {"coding": [None, 3, {"system": [], "code": {}}]},
     type_of((A05, "EXPORT_DUI")), type_of((A05, "11490-0")), {"coding": [{"code": "11490-0"}]}],
)  # fmt: skip
def test_what_is_no_type_with_a_class_entails_none(type_: Any) -> None:
    assert document_class(type_) is None


def test_the_table_cannot_be_changed_by_who_asks() -> None:
    found = document_class(type_of((LOINC, "11490-0")))
    assert found is not None
    found["code"] = "99"
    assert document_class(type_of((LOINC, "11490-0"))) != found
