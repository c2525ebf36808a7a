"""About 600 valid resources of 25 types, the same for the same seed, with references of every form.

https://hl7.org/fhir/R4/resourcelist.html. Ids collide across types; references are relative, absolute, of
other servers, versioned, logical, or lead to what was deleted.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from tests.oracle import pools
from tests.unit.search.specification import day_interval

Resource = dict[str, Any]

COUNTS = {
    "Patient": 24,
    "Practitioner": 10,
    "PractitionerRole": 12,
    "Organization": 10,
    "Location": 10,
    "Encounter": 40,
    "Observation": 150,
    "Condition": 45,
    "AllergyIntolerance": 20,
    "MedicationRequest": 30,
    "MedicationStatement": 16,
    "Medication": 12,
    "Immunization": 20,
    "Procedure": 25,
    "DiagnosticReport": 25,
    "DocumentReference": 30,
    "CarePlan": 16,
    "CareTeam": 12,
    "Coverage": 14,
    "Questionnaire": 8,
    "QuestionnaireResponse": 18,
    "List": 14,
    "Group": 8,
    "RiskAssessment": 16,
    "ValueSet": 15,
}
"""Resources of each type; a tenth more are written and deleted."""


CONTAINABLE = ("Practitioner", "Organization", "Medication", "Observation", "Location")
"""Types that are contained in others now and then."""


class Maker:
    """Draws resources; each method is one type or data type."""

    def __init__(self, seed: int, base_url: str) -> None:
        self.random = Random(seed)
        self.base_url = base_url
        self.contain: Callable[[str], str] | None = None
        """Puts a resource of a type into the one that is being made and returns its id."""

    def maybe(self, chance: float) -> bool:
        return self.random.random() < chance

    def pick(self, values: Any) -> Any:
        return self.random.choice(values)

    def some(self, make: Callable[[], Any], least: int = 0, most: int = 2) -> list[Any]:
        return [make() for _ in range(self.random.randint(least, most))]

    # --- data types ------------------------------------------------------------------------------

    def coding(self) -> Resource:
        system = self.pick(pools.SYSTEMS)
        display = {"display": self.pick(pools.DISPLAYS)} if self.maybe(0.3) else {}
        return ({"system": system} if system else {}) | {"code": self.pick(pools.CODES)} | display

    def concept(self) -> Resource:
        codings = self.some(self.coding, 1, 2) if self.maybe(0.93) else []
        text = {"text": self.pick(pools.DISPLAYS)} if not codings or self.maybe(0.3) else {}
        return ({"coding": codings} if codings else {}) | text

    def identifier(self) -> Resource:
        system = {"system": self.pick(pools.IDENTIFIER_SYSTEMS)} if self.maybe(0.85) else {}
        coding = {"system": pools.LOCAL, "code": self.pick(("MR", "SS"))}
        type_ = {"type": {"coding": [coding], "text": self.pick(pools.DISPLAYS)}} if self.maybe(0.3) else {}
        return type_ | system | {"value": self.pick(pools.IDENTIFIERS)}

    def moment(self) -> str:
        return str(self.pick(pools.MOMENTS))

    def date_time(self) -> str:
        return str(self.pick(pools.DAYS + pools.MOMENTS))

    def day(self) -> str:
        return str(self.pick(pools.DAYS))

    def period(self) -> Resource:
        start, end = sorted((self.date_time(), self.date_time()), key=day_interval)
        whole = {"start": start, "end": end}
        if len(start) != len(end) and start[:4] == end[:4]:
            # per-1 has no answer where the precision differs, and no answer breaks it.
            whole = {"start": end, "end": end}
        return self.pick(({"start": start}, {"end": end}, whole, whole))

    def quantity(self) -> Resource:
        value = {"value": self.pick(pools.NUMBERS)} if self.maybe(0.95) else {}
        system, code = self.pick(pools.UNITS)
        unit = self.pick(
            ({"system": system, "code": code},) * 6
            + ({"system": system, "code": code, "unit": "mg"}, {"unit": "mg"}, {"unit": "pill"}, {})
        )
        return value | unit or {"unit": "mg"}

    def human_name(self) -> Resource:
        family = {"family": self.pick(pools.FAMILIES)} if self.maybe(0.9) else {}
        given = {"given": self.some(lambda: self.pick(pools.GIVENS), 1, 2)} if self.maybe(0.8) else {}
        text = {"text": f"{self.pick(pools.GIVENS)} {self.pick(pools.FAMILIES)}"} if self.maybe(0.2) else {}
        prefix = {"prefix": [self.pick(("Dr", "Mme", "M."))]} if self.maybe(0.2) else {}
        return family | given | text | prefix or {"use": "official"}

    def address(self) -> Resource:
        line = (
            {"line": [f"{self.random.randint(1, 3)} rue de {self.pick(pools.CITIES)}"]}
            if self.maybe(0.5)
            else {}
        )
        use = {"use": self.pick(("home", "work"))} if self.maybe(0.5) else {}
        return (
            use
            | line
            | {"city": self.pick(pools.CITIES), "postalCode": self.pick(("42000", "4200", "75001"))}
        )

    def telecom(self) -> Resource:
        return self.pick(
            (
                {"system": "phone", "value": "+33612345678"},
                {"system": "phone", "value": "+33612345679"},
                {"system": "email", "value": "anne@example.org"},
                {"system": "email", "value": "marie@example.org"},
            )
        )

    def reference(self, *types: str) -> Resource:
        type_ = self.pick(types)
        if self.contain is not None and type_ in CONTAINABLE and self.maybe(0.12):
            return {"reference": f"#{self.contain(type_)}", "type": type_}
        # Some lead to what was deleted, or never was.
        id_ = f"x{self.random.randrange(int(COUNTS.get(type_, 3) * 1.15) + 1)}"
        form = self.random.random()
        if form < 0.72:
            return {"reference": f"{type_}/{id_}"}
        if form < 0.80:
            return {"reference": f"{self.base_url}/{type_}/{id_}"}
        if form < 0.84:
            return {"reference": f"{type_}/{id_}/_history/1"}
        if form < 0.89:
            return {"reference": f"http://other.example.org/fhir/{type_}/{id_}"}
        if form < 0.93:
            return {"type": type_, "identifier": self.identifier()}
        if form < 0.98:
            return {"reference": f"{type_}/{id_}", "identifier": self.identifier(), "display": "x"}
        return {"display": "nobody"}

    def canonical(self) -> str:
        version = f"|{self.pick(pools.VERSIONS)}" if self.maybe(0.5) else ""
        return f"{self.pick(pools.CANONICALS)}{version}"

    def patient(self) -> Resource:
        # Few patients, so that records grow.
        return self.reference(*("Patient",) * 12, "Group")

    def clinician(self) -> Resource:
        return self.reference("Practitioner", "PractitionerRole", "Practitioner", "Patient")

    def within(self, chance: float, **elements: Callable[[], Any]) -> Resource:
        """Each element with a chance; "" at the end of a name is dropped, for Python's own words."""
        found: Resource = {}
        for name, make in elements.items():
            if self.maybe(chance):
                value = make()
                if value != []:
                    found[name.rstrip("_")] = value
            elif self.maybe(0.06) and name in _PRIMITIVES:
                found["_" + name] = {"extension": [_ABSENT]}
        return found

    def choose(self, name: str, chance: float, **types: Callable[[], Any]) -> Resource:
        """One type of a choice: choose("value", 0.9, Quantity=…) → valueQuantity."""
        if not self.maybe(chance):
            return {}
        type_ = self.pick(list(types))
        return {name + type_: types[type_]()}

    def meta(self) -> Resource:
        profile = lambda: [self.canonical()]  # noqa: E731
        meta = self.within(
            0.2, tag=lambda: [self.coding()], security=lambda: [self.coding()], profile=profile
        )
        meta |= self.within(0.1, source=lambda: self.pick(pools.URLS[:4]))
        return {"meta": meta} if meta else {}


_ABSENT = {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"}
_PRIMITIVES = frozenset(
    {"birthDate", "gender", "active", "recordedDate", "authoredOn", "title", "description", "issued"}
)
