"""Practitioners, their roles and organizations, from content/organizations.csv and practitioners.csv.

Identifiers: RPPS and IDNPS (8 + RPPS), FINESS and IDNST (1 + FINESS). All numbers start by 999: fictitious.
"""

from __future__ import annotations

from seed_data.codes import catalogue, coding, concept
from seed_data.record import Record

Row = dict[str, str]


def organization(key: str) -> dict[str, str]:
    return {"reference": f"Organization/dmp-{key}", "display": catalogue("organizations")[key]["name"]}


def title(row: Row) -> str:
    return " ".join(part for part in (row["prefix"], row["given"], row["family"]) if part)


def practitioner(key: str) -> dict[str, str]:
    return {"reference": f"Practitioner/dmp-{key}", "display": title(catalogue("practitioners")[key])}


def role(key: str) -> dict[str, str]:
    return {"reference": f"PractitionerRole/dmp-{key}", "display": title(catalogue("practitioners")[key])}


def workplace(key: str) -> Row:
    """The organization where a practitioner works."""
    return catalogue("organizations")[catalogue("practitioners")[key]["organization"]]


def _identifier(kind: str, system: str, value: str) -> dict[str, object]:
    return {"use": "official", "type": {"coding": [coding("FR203", kind)]}, "system": system, "value": value}


def _organization(record: Record, row: Row) -> None:
    record.add(
        "Organization",
        row["key"],
        f"{row['name']}, {row['city']} (structure fictive)",
        identifier=[
            _identifier("FINEG", "https://finess.esante.gouv.fr", row["finess"]),
            _identifier("IDNST", "urn:oid:1.2.250.1.71.4.2.2", f"1{row['finess']}"),
        ],
        active=True,
        type=[concept("R02", row["sector"])],
        name=row["name"],
        telecom=[{"system": "phone", "value": row["phone"], "use": "work"}],
        address=[
            {"use": "work", "line": [row["line"]], "city": row["city"], "postalCode": row["postal_code"]}
        ],
    )


def _practitioner(record: Record, row: Row) -> None:
    qualifications = [{"code": concept("G15", row["profession"])}]
    if row["speciality"]:
        qualifications.append({"code": concept("R38", row["speciality"])})
    name = {"use": "official", "family": row["family"], "given": [row["given"]]}
    record.add(
        "Practitioner",
        row["key"],
        f"{title(row)} (professionnel fictif)",
        identifier=[
            _identifier("RPPS", "https://rpps.esante.gouv.fr", row["rpps"]),
            _identifier("IDNPS", "urn:oid:1.2.250.1.71.4.2.1", f"8{row['rpps']}"),
        ],
        active=True,
        name=[name | ({"prefix": [row["prefix"]]} if row["prefix"] else {})],
        telecom=[{"system": "phone", "value": row["phone"], "use": "work"}],
        gender=row["gender"],
        qualification=qualifications,
    )


def _role(record: Record, row: Row) -> None:
    record.add(
        "PractitionerRole",
        row["key"],
        f"{title(row)}, {catalogue('organizations')[row['organization']]['name']}",
        active=True,
        practitioner=record.reference("Practitioner", row["key"]),
        organization=record.reference("Organization", row["organization"]),
        code=[concept("G15", row["profession"])],
        specialty=[concept("R38", row["speciality"])] if row["speciality"] else [],
    )


def build() -> Record:
    record = Record("dmp")
    for row in catalogue("organizations").values():
        _organization(record, row)
    for row in catalogue("practitioners").values():
        _practitioner(record, row)
        _role(record, row)
    return record
