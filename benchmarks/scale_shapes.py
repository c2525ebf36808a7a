"""The shapes of searches that must stay cheap on a full database. https://hl7.org/fhir/R4/search.html"""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.scale_records import CATEGORY, LOINC, RARE, SNOMED, UCUM

SYSTEM, BOUND = "system", "patient"


@dataclass(frozen=True, slots=True)
class Shape:
    """A kind of search, asked as a client asks it."""

    name: str
    search: str
    """Path and query below the base; {p} is a patient, {d} a practitioner."""
    token: str = SYSTEM
    """Whose token asks: the system's, or one bound to the patient."""
    page: int = 1
    is_record: bool = False
    """Stays within one patient's record, so its cost must not depend on the size of the database."""
    is_long: bool = False
    """Asks for one of the long records."""
    condition: str = ""
    """Search parameters of the caller's scope on Observation."""


def _record(name: str, search: str, token: str = SYSTEM, page: int = 1) -> Shape:
    return Shape(name, search, token, page, is_record=True)


def _long(name: str, search: str, token: str = SYSTEM, page: int = 1) -> Shape:
    return Shape(f"long record, {name}", search, token, page, is_record=True, is_long=True)


def _granular(name: str, search: str, token: str = SYSTEM) -> Shape:
    condition = f"category={CATEGORY}|laboratory"
    return Shape(f"granular scope, {name}", search, token, is_record=token == BOUND, condition=condition)


_CODE = f"code={LOINC}|29463-7"
_GLUCOSE = f"code={LOINC}|2339-0"

SHAPES = (
    _record("patient", "Observation?patient={p}"),
    _record("patient, own token", "Observation?patient={p}", BOUND),
    _record("own token, no criteria", "Observation", BOUND),
    _record("patient + code", f"Observation?patient={{p}}&{_CODE}"),
    _record("patient + code + date-sorted page", f"Observation?patient={{p}}&{_CODE}&_sort=-date&_count=50"),
    _record("the same, own token", f"Observation?patient={{p}}&{_CODE}&_sort=-date&_count=50", BOUND),
    _record("patient + code without system", "Observation?patient={p}&code=29463-7"),
    _record(
        "patient + category + date range",
        f"Observation?patient={{p}}&category={CATEGORY}|vital-signs&date=ge2015&date=lt2016",
    ),
    _record("patient + several codes", f"Observation?patient={{p}}&{_CODE},{LOINC}|8302-2,{LOINC}|718-7"),
    _record("patient + status + code", f"Observation?patient={{p}}&status=final&{_CODE}"),
    _record("patient + value range", f"Observation?patient={{p}}&value-quantity=gt50|{UCUM}|kg"),
    _record("patient, sorted by code", "Observation?patient={p}&_sort=code"),
    _record("patient, sorted by date, oldest first", "Observation?patient={p}&_sort=date&_count=20"),
    _record("patient, documents of a type", f"DocumentReference?patient={{p}}&type={LOINC}|11488-4", BOUND),
    _record("patient, active conditions", "Condition?patient={p}&clinical-status=active"),
    _record("subject:Patient + code", f"Observation?subject:Patient={{p}}&{_CODE}"),
    _record("compartment", "Patient/{p}/Observation?_count=20"),
    _record("compartment + code", f"Patient/{{p}}/Observation?{_CODE}"),
    _record("patient, encounters + revinclude", "Encounter?patient={p}&_revinclude=Observation:encounter"),
    _record("patient + include", f"Observation?patient={{p}}&{_CODE}&_include=Observation:encounter"),
    _record("patient, total", "Observation?patient={p}&_summary=count", BOUND),
    _record("patient, third page", "Observation?patient={p}&_count=10", page=3),
    _record("chain by patient", f"Observation?encounter.patient={{p}}&{_CODE}"),
    _long(
        "code, date-sorted page", f"Observation?patient={{p}}&{_GLUCOSE}&_sort=-date&_count=50&_total=none"
    ),
    _long("the same, own token", f"Observation?patient={{p}}&{_GLUCOSE}&_count=50&_total=none", BOUND),
    _long("fifth page", f"Observation?patient={{p}}&{_GLUCOSE}&_count=50&_total=none", page=5),
    _long("code + date range", f"Observation?patient={{p}}&{_GLUCOSE}&date=ge2012&date=lt2013"),
    _long("code, total", f"Observation?{_GLUCOSE}&_summary=count", BOUND),
    Shape("code", f"Observation?{_CODE}&_total=none"),
    Shape("code without system", "Observation?code=29463-7&_total=none"),
    Shape("code, tenth page", f"Observation?{_CODE}&_count=50&_total=none", page=10),
    Shape("code + date range", f"Observation?{_CODE}&date=ge2012-03&date=lt2012-04&_total=none"),
    Shape("code + since a date", f"Observation?{_CODE}&date=ge2023-06-01&_total=none"),
    Shape("rare code + status", f"Observation?code={LOINC}|{RARE}&status=final&_total=none"),
    Shape("several codes", f"Observation?{_CODE},{LOINC}|8302-2,{LOINC}|718-7&_total=none"),
    Shape("status + code", f"Observation?status=preliminary&{_GLUCOSE}&_total=none"),
    Shape("code, total", f"Observation?{_CODE}&_summary=count"),
    Shape("value range", f"Observation?value-quantity=gt199.8|{UCUM}|kg&_total=none"),
    Shape(
        "code and value together",
        f"Observation?code-value-quantity={LOINC}|29463-7$gt199.5|{UCUM}|kg&_total=none",
    ),
    Shape(
        "concept value together",
        f"Observation?code-value-concept={LOINC}|5778-6${SNOMED}|260385009&_total=none",
    ),
    Shape("birth date", "Patient?birthdate=2012-06-01&_total=none"),
    Shape("name", "Patient?name=babade&_total=none"),
    Shape("identifier", "Patient?identifier=urn:oid:1.2.250.1.213.1.4.10|{p}"),
    Shape("performer", "Observation?performer=Practitioner/{d}&_total=none"),
    Shape("encounter", "Observation?encounter=Encounter/{e}"),
    Shape("chain to names", f"Observation?patient.name=babade&{_CODE}&_total=none"),
    Shape("has", f"Patient?_has:Observation:patient:code={LOINC}|{RARE}&_total=none"),
    Shape("changes since", "Observation?_lastUpdated=gt2023-12-20&_sort=_lastUpdated&_count=100&_total=none"),
    _granular("own token, no criteria", "Observation", BOUND),
    _granular("own token, code", f"Observation?{_CODE}", BOUND),
    _granular("no criteria", "Observation?_total=none"),
    _granular("code", f"Observation?{_CODE}&_total=none"),
    _granular("month", "Observation?date=2012-03&_total=none"),
    _granular("patient + code", f"Observation?patient={{p}}&{_CODE}"),
    _granular("chain to names", f"Observation?patient.name=babade&{_CODE}&_total=none"),
    _granular("has", f"Patient?_has:Observation:patient:code={LOINC}|{RARE}&_total=none"),
    Shape("encounters of a class in a month", "Encounter?class=EMER&date=2012-03&_total=none"),
)
