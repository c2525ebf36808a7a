"""Encounter, CareTeam and Appointment: who saw, sees and will see the patient."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from seed_data import directory
from seed_data.codes import catalogue, coding, concept
from seed_data.record import Record, french_date, moment

Row = dict[str, str]
Story = dict[str, Any]

CLASSES = {
    "AMB": "Consultation",
    "IMP": "Hospitalisation",
    "EMER": "Urgences",
    "HH": "Visite à domicile",
    "VR": "Téléconsultation",
}


def encounters(record: Record, _row: Row, story: Story) -> None:
    """(key, class, start, end, practitioner, reason)."""
    for key, kind, start, end, who, reason in story.get("encounters", []):
        place = directory.workplace(who)
        record.add(
            "Encounter",
            f"venue-{key}",
            f"{CLASSES[kind]} du {french_date(start)} : {reason}",
            identifier=[{"system": "urn:ietf:rfc:3986", "value": f"urn:dmp-fhir:{record.prefix}:{key}"}],
            status="finished",
            **{"class": coding("ACT", kind, CLASSES[kind])},
            subject=record.reference("Patient", ""),
            participant=[{"individual": directory.practitioner(who)}],
            period={"start": moment(start), "end": moment(end)},
            reasonCode=[{"text": reason}],
            serviceProvider=directory.organization(place["key"]),
        )


def care_team(record: Record, row: Row, story: Story) -> None:
    members = []
    for key in [story["gp"], *story.get("team", [])]:
        code = catalogue("practitioners")[key]["profession"]
        members.append({"role": [concept("G15", code)], "member": directory.practitioner(key)})
    for key, *_rest in story.get("relatives", []):
        relative = record.reference("RelatedPerson", f"proche-{key}")
        members.append({"role": [{"text": "Proche"}], "member": relative})
    record.add(
        "CareTeam",
        "equipe",
        f"Équipe de soins de {row['given']} {row['usual'] or row['family']}",
        status="active",
        name=f"Équipe de soins de {row['given']} {row['usual'] or row['family']}",
        subject=record.reference("Patient", ""),
        participant=members,
    )


def appointments(record: Record, row: Row, story: Story) -> None:
    """(date, time, minutes, practitioner, reason)."""
    for date, time, minutes, who, reason in story.get("appointments", []):
        start = datetime.fromisoformat(moment(date, time))
        participants = [record.reference("Patient", ""), directory.practitioner(who)]
        record.add(
            "Appointment",
            f"rendez-vous-{date}",
            f"Rendez-vous du {french_date(date)} à {time} : {reason}",
            status="booked",
            description=reason,
            start=start.isoformat(),
            end=(start + timedelta(minutes=minutes)).isoformat(),
            minutesDuration=minutes,
            participant=[{"actor": actor, "status": "accepted"} for actor in participants],
        )
