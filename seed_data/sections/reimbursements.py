"""ExplanationOfBenefit and the document « Données de remboursement » of the health insurance.

Amounts in euros: what was paid, the basis, and what was reimbursed of the basis at the given rate.
"""

from __future__ import annotations

from typing import Any

from seed_data import directory
from seed_data.codes import concept, hl7
from seed_data.record import Record, french_date, moment
from seed_data.sections.documents import document

Row = dict[str, str]
Story = dict[str, Any]


def _money(value: float) -> dict[str, Any]:
    return {"value": int(value) if value == int(value) else value, "currency": "EUR"}


def _adjudications(paid: float, basis: float, benefit: float) -> list[dict[str, Any]]:
    amounts = (("submitted", paid), ("eligible", basis), ("benefit", benefit))
    return [{"category": hl7("adjudication", code), "amount": _money(value)} for code, value in amounts]


def _provider(who: str) -> dict[str, str]:
    return directory.organization("pharmacie") if who == "pharmacien" else directory.practitioner(who)


def reimbursements(record: Record, _row: Row, story: Story) -> None:
    """(date, kind of claim, what, provider, paid, basis, rate in percent)."""
    rows = story.get("reimbursed", [])
    lines = []
    for number, (date, kind, what, who, paid, basis, rate) in enumerate(rows, 1):
        benefit = round(basis * rate / 100, 2)
        lines.append(f"- {french_date(date)} : {what}, payé {paid} €, remboursé {benefit} € ({rate} %)")
        adjudications = _adjudications(paid, basis, benefit)
        record.add(
            "ExplanationOfBenefit",
            f"remboursement-{date}-{number:02d}",
            f"{what} le {french_date(date)} : {benefit} € remboursés",
            status="active",
            type=hl7("claim-type", kind),
            use="claim",
            patient=record.reference("Patient", ""),
            created=moment(date, "20:00"),
            insurer=directory.organization("cnam"),
            provider=_provider(who),
            outcome="complete",
            insurance=[{"focal": True, "coverage": record.reference("Coverage", "assurance")}],
            item=[
                {
                    "sequence": 1,
                    "productOrService": {"text": what},
                    "servicedDate": date,
                    "adjudication": adjudications,
                }
            ],
            total=[{"category": a["category"], "amount": a["amount"]} for a in adjudications],
            payment={"type": concept("", "", text="Virement"), "date": date, "amount": _money(benefit)},
        )
    if rows:
        dates = sorted(row[0] for row in rows)
        heading = {"key": "remboursements", "type": "REMB", "title": "Données de remboursement"}
        period = {"date": dates[-1], "period": (dates[0], dates[-1])}
        document(record, heading | period | {"author": "cnam", "lines": lines, "pdf": True})
