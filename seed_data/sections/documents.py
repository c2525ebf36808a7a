"""DocumentReference and Binary with the metadata of the DMP (PDSm, XDS DocumentEntry).

https://interop.esante.gouv.fr/ig/fhir/pdsm — class deduced from the type, label N always there, SHA-1 hash.
"""

from __future__ import annotations

import hashlib
from base64 import b64encode
from typing import Any

from seed_data import directory, pdf
from seed_data.codes import SYSTEMS, classes, coding, concept, displays
from seed_data.record import Record, french_date, full_url, moment

Document = dict[str, Any]
VISIBILITY = frozenset({"MASQUE_PS", "INVISIBLE_PATIENT", "INVISIBLE_REPRESENTANTS_LEGAUX"})
FORMATS = {
    "application/pdf": "urn:ihe:iti:xds-sd:pdf:2008",
    "text/plain": "urn:ihe:iti:xds-sd:text:2008",
}


def type_system(code: str) -> str:
    return "LOINC" if code[:1].isdigit() else "A05"


def _labels(codes: list[str]) -> list[dict[str, Any]]:
    labels = [{"coding": [coding("CONF", "N")]}]
    return labels + [{"coding": [coding("A07", code)]} for code in codes]


def _content(record: Record, doc: Document) -> tuple[str, bytes]:
    """Media type and bytes of the document."""
    patient = record.reference("Patient", "")["display"]
    lines = [
        f"Patient : {patient}",
        f"Date : {french_date(doc['date'])}",
        f"Auteur : {_author_name(record, doc)}",
    ]
    lines += ["", *doc["lines"], "", "Document fictif, sans valeur médicale."]
    if doc.get("pdf"):
        return "application/pdf", pdf.write(doc["title"], lines)
    return "text/plain", "\n".join([doc["title"], "", *lines, ""]).encode()


def _author_name(record: Record, doc: Document) -> str:
    return _author(record, doc)["display"]


def _author(record: Record, doc: Document) -> dict[str, str]:
    if doc["author"] == "patient":
        return record.reference("Patient", "")
    if doc["author"] == "cnam":
        return directory.organization("cnam")
    return directory.role(doc["author"])


def _places(doc: Document) -> tuple[dict[str, Any], dict[str, Any], dict[str, str]]:
    """Practice setting, facility type, custodian."""
    if doc["author"] == "patient":
        expression = concept("A00", "EXP_PATIENT")
        return expression, expression, directory.organization("cnam")
    if doc["author"] == "cnam":
        return concept("A01", "AMO"), concept("R02", "SA24"), directory.organization("cnam")
    place = directory.workplace(doc["author"])
    return (
        concept("A01", place["setting"]),
        concept("R02", place["sector"]),
        directory.organization(place["key"]),
    )


def _attachment(record: Record, doc: Document) -> tuple[dict[str, Any], dict[str, str]]:
    """The attachment (inline, or by a Binary when the document says so) and its format."""
    media_type, content = _content(record, doc)
    attachment: dict[str, Any] = {"contentType": media_type, "language": "fr-FR"}
    payload = b64encode(content).decode()
    if doc.get("binary"):
        security = {"reference": full_url("DocumentReference", f"{record.prefix}-{_name(doc)}")}
        record.add(
            "Binary",
            f"contenu-{doc['key']}",
            "",
            contentType=media_type,
            securityContext=security,
            data=payload,
        )
        attachment["url"] = f"Binary/{record.prefix}-contenu-{doc['key']}"
    else:
        attachment["data"] = payload
    # SHA-1 is what Attachment.hash is; it protects nothing here.
    digest = b64encode(hashlib.sha1(content, usedforsecurity=False).digest()).decode()
    attachment |= {
        "size": len(content),
        "hash": digest,
        "title": doc["title"],
        "creation": moment(doc["date"]),
    }
    return attachment, coding("A11", FORMATS[media_type])


def _name(doc: Document) -> str:
    return f"document-{doc['key']}"


def _replaced(record: Record, doc: Document) -> list[dict[str, Any]]:
    if "replaces" not in doc:
        return []
    return [
        {"code": "replaces", "target": record.reference("DocumentReference", f"document-{doc['replaces']}")}
    ]


def document(record: Record, doc: Document) -> dict[str, str]:
    """Keys: key, type, title, date, author, lines; optional: labels, pdf, binary, related, encounter, period,
    replaces, status, archived.
    """
    attachment, form = _attachment(record, doc)
    setting, facility, custodian = _places(doc)
    system = type_system(doc["type"])
    name = f"{record.prefix}-{_name(doc)}"
    start, end = doc.get("period", (doc["date"], doc["date"]))
    context = {
        "period": {"start": moment(start, "08:00"), "end": moment(end, "18:00")},
        "facilityType": facility,
        "practiceSetting": setting,
        "sourcePatientInfo": record.reference("Patient", ""),
    }
    if "encounter" in doc:
        context["encounter"] = [record.reference("Encounter", f"venue-{doc['encounter']}")]
    if doc.get("related"):
        context["related"] = doc["related"]
    return record.add(
        "DocumentReference",
        _name(doc),
        f"{doc['title']} du {french_date(doc['date'])}",
        masterIdentifier={"system": "urn:ietf:rfc:3986", "value": full_url("uniqueId", name)},
        identifier=[{"system": "urn:ietf:rfc:3986", "value": full_url("logicalId", name)}],
        status=doc.get("status", "current"),
        docStatus="final",
        type=concept(system, doc["type"], displays()[SYSTEMS[system], doc["type"]]),
        category=[concept("A03", classes()[doc["type"]])],
        subject=record.reference("Patient", ""),
        date=moment(doc["date"], "18:30"),
        author=[_author(record, doc)],
        authenticator=None if doc["author"] == "patient" else _author(record, doc),
        custodian=custodian,
        relatesTo=_replaced(record, doc),
        description=doc["title"],
        securityLabel=_labels(doc.get("labels", [])),
        content=[{"attachment": attachment, "format": form}],
        context=context,
    )


def documents(record: Record, _row: dict[str, str], story: dict[str, Any]) -> None:
    for doc in story.get("documents", []):
        document(record, doc)
