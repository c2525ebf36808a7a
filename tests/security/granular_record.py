"""A record of which a granular scope shows the laboratory results, and the apps that hold such scopes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tests.examples import create, observation, patient
from tests.http_client import FhirHttp
from tests.running_server import RunningServer

CATEGORIES = "http://terminology.hl7.org/CodeSystem/observation-category"
LABORATORY = f"category={CATEGORIES}|laboratory"

Resource = dict[str, Any]


def categorised(category: str, subject: str, **more: Any) -> Resource:
    """Returns an Observation of a category."""
    coding = [{"system": CATEGORIES, "code": category}]
    return observation(subject, category=[{"coding": coding}], **more)


@dataclass(frozen=True, slots=True)
class GranularRecord:
    """References to what is in the record of one patient."""

    patient: str
    """Logical id."""
    laboratory: str
    """Two versions, both laboratory."""
    vital: str
    """Two versions, neither."""
    moved_in: str
    """Version 1 vital-signs, version 2 laboratory."""
    moved_out: str
    """Version 1 laboratory, version 2 vital-signs."""
    report: str
    """A DiagnosticReport with the four as results."""
    list: str
    """A List of the four."""
    results: tuple[str, ...]

    @property
    def hidden(self) -> dict[str, str]:
        return {"vital sign": self.vital, "moved out": self.moved_out}


def build_record(fhir: FhirHttp, name: str) -> GranularRecord:
    """Creates the record; identifiers of Observations are `name`-… and their codes too."""
    person = create(fhir, patient(name, name=[{"family": name}]))["id"]
    subject = f"Patient/{person}"
    stages = {
        "laboratory": ("laboratory", "laboratory"),
        "vital": ("vital-signs", "vital-signs"),
        "in": ("vital-signs", "laboratory"),
        "out": ("laboratory", "vital-signs"),
    }
    references: dict[str, str] = {}
    for key, (first, second) in stages.items():
        more = {"identifier": [{"value": f"{name}-{key}"}], "code": {"coding": [{"code": f"{name}-{key}"}]}}
        stored = create(fhir, categorised(first, subject, **more))
        changed = categorised(second, subject, id=stored["id"], **more)
        assert fhir.put(f"Observation/{stored['id']}", changed).status_code == 200
        references[key] = f"Observation/{stored['id']}"
    links = [{"reference": reference} for reference in references.values()]
    report = {"resourceType": "DiagnosticReport", "status": "final", "code": {"text": "x"}}
    report |= {"subject": {"reference": subject}, "result": links}
    listed = {"resourceType": "List", "status": "current", "mode": "working"}
    listed |= {"subject": {"reference": subject}, "entry": [{"item": link} for link in links]}
    return GranularRecord(
        person,
        references["laboratory"],
        references["vital"],
        references["in"],
        references["out"],
        f"DiagnosticReport/{create(fhir, report)['id']}",
        f"List/{create(fhir, listed)['id']}",
        tuple(references.values()),
    )


def granular_app(server: RunningServer, level: str, patient_id: str, letters: str = "cruds") -> FhirHttp:
    """Returns an app that reaches laboratory results, and what is not an Observation without condition."""
    scopes = [f"{level}/Observation.{letters}?{LABORATORY}"]
    scopes += [f"{level}/{type_}.rs" for type_ in ("Patient", "DiagnosticReport", "List")]
    return server.client(" ".join(scopes), patient_id if level == "patient" else None)
