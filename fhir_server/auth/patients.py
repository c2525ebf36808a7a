"""Finds the records from which a person may choose one, with her own rights: through the guard, and audited.

https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html#standalone-apps
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from fhir_server.audit.activity import NO_ACTIVITY, Activity
from fhir_server.auth.emergency import REGULATION
from fhir_server.definitions.registry import load_definitions
from fhir_server.errors import FhirError
from fhir_server.fhir.json import encode_json, parse_json
from fhir_server.interactions.messages import FhirRequest, FhirResponse
from fhir_server.policy.context import AccessContext
from fhir_server.policy.scopes import parse_scopes

CLIENT_ID = "login-pages"
MOST = 20
_INS_SYSTEMS = tuple(f"urn:oid:1.2.250.1.213.1.4.{number}" for number in (8, 9, 10, 11))
_MOST_PARTS = 8
_SEPARATORS = re.compile(r"[\\,$|]")
_FRENCH_DATE = re.compile(r"(\d\d)/(\d\d)/(\d{4})", re.ASCII)
_DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_NUMBER = re.compile(r"[0-9][0-9AB]{9,14}")

Interact = Callable[[AccessContext, FhirRequest], FhirResponse]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A record that may be chosen, as a person recognises it."""

    id: str
    name: str
    birth_date: str
    gender: str
    ins: str


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found."""

    candidates: tuple[Candidate, ...]
    is_cut: bool = False


class Chooser:
    """Reads Patients for one person who is logged in."""

    def __init__(
        self,
        interact: Interact,
        fhir_user: str,
        session_id: str,
        address: str,
        activity: Activity = NO_ACTIVITY,
        purpose: str = "",
    ) -> None:
        """`purpose`: code of v3-ActReason, of an emergency."""
        self._interact = interact
        self._fhir_user = fhir_user
        self._session_id = session_id
        self._address = address
        self._activity = activity
        self._purpose = purpose

    def own(self, patient_ids: Sequence[str]) -> tuple[Candidate, ...]:
        """Returns the records that the person opens as holder or representative."""
        found = (self._read(patient_id) for patient_id in patient_ids)
        return tuple(candidate for candidate in found if candidate is not None)

    def _read(self, patient_id: str) -> Candidate | None:
        context = self.context("patient/Patient.r", patient_id)
        answer = self.ask(context, FhirRequest("GET", ("Patient", patient_id)))
        return read_candidate(answer) if answer is not None else None

    def find(self, text: str) -> Found:
        """Returns the records whose holder has an INS."""
        parameters = search_parameters(text)
        if not parameters and self._purpose == REGULATION:
            parameters = traits(text)
        if not parameters:
            return Found(())
        query = (*parameters, ("_count", str(MOST + 1)), ("_sort", "family"))
        answer = self.ask(self.context("user/Patient.rs"), FhirRequest("GET", ("Patient",), query))
        entries = answer.get("entry", []) if answer is not None else []
        candidates = tuple(read_candidate(entry["resource"]) for entry in entries)
        return Found(candidates[:MOST], len(candidates) > MOST)

    def may_choose(self, patient_id: str) -> Candidate | None:
        """Returns a record that the person may open, None when there is none such."""
        answer = self.ask(self.context("user/Patient.rs"), FhirRequest("GET", ("Patient", patient_id)))
        return read_candidate(answer) if answer is not None else None

    def stands(self, patient_id: str) -> bool:
        """Tells whether the person may open a record with her purpose: the rules of the record answer."""
        context = self.context("user/Patient.r user/DocumentReference.r", patient_id)
        answer = self.ask(context, FhirRequest("GET", ("Patient", patient_id, "$dmp-access")))
        rows = answer.get("parameter", []) if answer is not None else []
        return any(row.get("valueCode") == "valid" for row in rows)

    def context(self, scope: str, patient: str = "") -> AccessContext:
        """Returns the rights of the person for one scope, in one record if one is named."""
        return AccessContext(
            client_id=CLIENT_ID,
            token_id=self._session_id[:32],
            scopes=parse_scopes(scope, load_definitions().resource_types),
            patient=patient,
            fhir_user=self._fhir_user,
            activity=self._activity,
            purpose=self._purpose or "TREAT",
            address=self._address,
        )

    def ask(self, context: AccessContext, request: FhirRequest) -> dict[str, Any] | None:
        """Returns what the guard answers; None when it refuses or finds nothing."""
        try:
            answer = self._interact(context, request)
        except FhirError as error:
            if error.status >= 500:
                raise
            return None
        if answer.status != 200 or answer.body is None:
            return None
        raw = answer.body if isinstance(answer.body, bytes) else encode_json(answer.body)
        document: dict[str, Any] = parse_json(raw)
        return document


def search_parameters(text: str) -> tuple[tuple[str, str], ...]:
    """Returns the search by an INS, as it was typed; nothing for anything else.

    A record is opened by the number of its holder: nobody browses people.
    """
    number = "".join(text.split()[:_MOST_PARTS]).upper()
    if not _NUMBER.fullmatch(number):
        return ()
    value = number[:13] if len(number) == 15 else number
    return (("identifier", ",".join(f"{system}|{value}" for system in _INS_SYSTEMS)),)


def traits(text: str) -> tuple[tuple[str, str], ...]:
    """Returns the search by names and birth date, as in Martin Anne 03/02/1980, for who has no INS.

    Both are needed: nobody browses people.
    """
    words = text.split()[:_MOST_PARTS]
    dates = [date for date in map(_date, words) if date]
    names = [word for word in words if len(word) > 1 and not any(letter.isdigit() for letter in word)]
    if len(dates) != 1 or not names:
        return ()
    return (("birthdate", dates[0]), *(("name", _SEPARATORS.sub(r"\\\g<0>", name)) for name in names))


def _date(word: str) -> str:
    french = _FRENCH_DATE.fullmatch(word)
    if french:
        return f"{french[3]}-{french[2]}-{french[1]}"
    return word if _DATE.fullmatch(word) else ""


def read_candidate(patient: Mapping[str, Any]) -> Candidate:
    """Reads of a Patient what tells it from another."""
    names = patient.get("name") or [{}]
    official = next((name for name in names if name.get("use") == "official"), names[0])
    given = " ".join(official.get("given", [])[:1])
    family = str(official.get("family", ""))
    text = " ".join(part for part in (given, family.upper()) if part) or str(official.get("text", ""))
    systems = [i for i in patient.get("identifier", []) if i.get("system") in _INS_SYSTEMS]
    return Candidate(
        id=str(patient["id"]),
        name=text or f"Patient/{patient['id']}",
        birth_date=str(patient.get("birthDate", "")),
        gender=str(patient.get("gender", "")),
        ins=str(systems[0].get("value", "")) if systems else "",
    )
