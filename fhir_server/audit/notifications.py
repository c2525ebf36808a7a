"""What an access gives notice of, and to whom, as notifications.csv says.

R1111-48: holder and médecin traitant hear of an emergency access; docs/security/audit.md
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources

from fhir_server.audit.event import Access, Caller
from fhir_server.fhir.labels import INVISIBLE_PATIENT
from fhir_server.fhir.logical_id import new_id
from fhir_server.storage.stored import Document

Treating = Callable[[str, int], Sequence[str]]
"""Patient and moment (ms) → references of the médecins traitants."""

_READS = frozenset(
    {
        "read",
        "vread",
        "history-instance",
        "history-type",
        "history-system",
        "search-type",
        "search-system",
    }
)
_CHANGES = {"create": "create", "update": "update", "patch": "update", "delete": "delete"}
_DECIDING = frozenset({"CareTeam", "Consent", "RelatedPerson"})
"""Types that say who may access a record."""
_EMERGENCIES = frozenset({"BTG", "ETREAT"})


@dataclass(frozen=True, slots=True)
class Notice:
    """A row of the table."""

    event: str
    code: str
    recipients: tuple[str, ...]


@cache
def notices() -> dict[str, Notice]:
    """Returns the table by event."""
    text = resources.files(__package__).joinpath("notifications.csv").read_text("utf-8")
    rows = csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))
    return {row["event"]: Notice(row["event"], row["code"], tuple(row["recipients"].split())) for row in rows}


def notify(accesses: Sequence[Access], caller: Caller, now: int, treating: Treating) -> list[Document]:
    """Returns the rows of the outbox that these accesses give rise to.

    What is told once has an id that says so: it is stored once, however many ask at the same time.
    """
    rows: dict[str, Document] = {}
    for access in accesses:
        if not access.patient or access.denied:
            continue
        for event in _events(access, caller):
            notice = notices()[event]
            for recipient in _recipients(notice, access, now, treating):
                row = _row(notice, access, caller, recipient)
                rows[row["_id"]] = row | {"created": now, "delivered": False}
    return list(rows.values())


def tell_deadline(
    event: str, patient: str, about: str, occasion: str, treating: Sequence[str]
) -> list[Document]:
    """Returns the rows of the outbox of what time did to a record; each is stored once.

    `occasion` distinguishes what may happen to one resource more than once.
    """
    notice = notices()[event]
    rows = []
    for recipient in notice.recipients:
        for one in treating if recipient == "treating" else (f"Patient/{patient}",):
            key = "/".join(part for part in (notice.code, about, occasion, one) if part)
            row = {"_id": key, "once": True, "patient": patient, "code": notice.code}
            rows.append(row | {"recipient": one, "about": about})
    return rows


def professional(caller: Caller) -> str:
    """Returns Practitioner/x where a professional acts, "" otherwise."""
    kind, _, person = caller.fhir_user.rpartition("/")
    is_professional = kind.rpartition("/")[2] == "Practitioner"
    return f"{kind.rpartition('/')[2]}/{person}" if is_professional and person else ""


def _events(access: Access, caller: Caller) -> Iterator[str]:
    is_change = access.interaction in _CHANGES
    is_by_other = bool(caller.fhir_user) and caller.fhir_user != f"Patient/{access.patient}"
    if is_change and is_by_other and access.resource_type in _DECIDING:
        yield "access-change"
    if not professional(caller):
        return
    if is_change and access.resource_type == "DocumentReference":
        yield f"document-{_CHANGES[access.interaction]}"
    # Who looks for the holder of a record has not opened it yet.
    if access.interaction in _READS and access.resource_type != "Patient":
        yield "emergency" if caller.purpose in _EMERGENCIES else "first-access"


def _recipients(notice: Notice, access: Access, now: int, treating: Treating) -> Iterator[str]:
    is_hidden = bool(access.labels & INVISIBLE_PATIENT) and access.hidden_until > now
    for recipient in notice.recipients:
        if recipient == "treating":
            yield from treating(access.patient, now)
        # A document that the holder does not see yet is not announced either. R1111-53
        elif not (is_hidden and notice.event.startswith("document-")):
            yield f"Patient/{access.patient}"


def _row(notice: Notice, access: Access, caller: Caller, recipient: str) -> Document:
    who = professional(caller)
    row: Document = {"patient": access.patient, "code": notice.code, "recipient": recipient}
    if who:
        row["by"] = who
    if notice.event == "first-access":
        key = f"{notice.code}/{access.patient}/{who}/{recipient}"
        return row | {"_id": key, "once": True, "about": f"Patient/{access.patient}"}
    if notice.event == "emergency":
        # One opening of a record in an emergency is one token: its many requests are in the trail.
        key = f"{notice.code}/{access.patient}/{who}/{recipient}/{caller.token_id}"
        return row | {"_id": key, "once": True, "about": f"Patient/{access.patient}"}
    about = access.references[0].partition("/_history/")[0] if access.references else ""
    return row | {"_id": new_id(), "about": about}
