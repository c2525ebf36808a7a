"""Records in which something was decided: Consents of our templates, and who acts on them."""

from __future__ import annotations

from typing import Any

from fhir_server.audit.activity import Activity
from fhir_server.fhir.labels import with_labels
from fhir_server.policy.consent_templates import POLICY, STATE_SYSTEM
from fhir_server.storage.oauth.access_tokens import TokenFacts
from tests.examples import entries
from tests.http_client import FhirHttp
from tests.running_server import RunningServer

_PARTICIPATION = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
_SCOPE = "http://terminology.hl7.org/CodeSystem/consentscope"


def decision(patient: str, template: str, choice: str = "permit", **elements: Any) -> dict[str, Any]:
    """Returns a Consent of a template; provision=…, actors=[…], status=…"""
    provision = {"type": choice, **elements.pop("provision", {})}
    actors = elements.pop("actors", [])
    if actors:
        role = {"coding": [{"system": _PARTICIPATION, "code": "IRCP"}]}
        provision["actor"] = [{"role": role, "reference": {"reference": actor}} for actor in actors]
    return {
        "resourceType": "Consent",
        "status": "active",
        "scope": {"coding": [{"system": _SCOPE, "code": "patient-privacy"}]},
        "category": [{"coding": [{"system": "http://loinc.org", "code": "59284-0"}]}],
        "patient": {"reference": f"Patient/{patient}"},
        "dateTime": "2026-01-01T00:00:00Z",
        "policy": [{"uri": f"{POLICY}{template}"}],
        "provision": provision,
        **elements,
    }


def state(patient: str, name: str) -> dict[str, Any]:
    """Returns the Consent that states the state of a record."""
    choice = "permit" if name in ("open", "announced") else "deny"
    code = {"coding": [{"system": STATE_SYSTEM, "code": name}]}
    return decision(patient, "record", choice, provision={"code": [code]})


def open_record(operator: FhirHttp, patient: str, **decisions: list[str]) -> None:
    """Opens a record and states decisions about actors: authorisation=["Practitioner/7"] …"""
    entries = [state(patient, "open")]
    for template, actors in decisions.items():
        name = template.replace("_", "-")
        choice = "deny" if name in ("block", "hide-document", "mask-everything") else "permit"
        rows = [[actor] for actor in actors] or [[]]
        entries += [decision(patient, name, choice, actors=row) for row in rows]
    bundle = {
        "resourceType": "Bundle",
        "type": "transaction",
        "entry": [{"resource": one, "request": {"method": "POST", "url": "Consent"}} for one in entries],
    }
    answer = operator.post("", bundle)
    assert answer.status_code == 200, answer.text


def represent(operator: FhirHttp, patient: str, person: str) -> None:
    """States that a person acts for the holder of a record."""
    period = {"start": "2020-01-01"}
    one = decision(patient, "representative", actors=[person], provision={"period": period})
    assert operator.post("Consent", one).status_code == 201


DOCTOR = Activity(role="10", role_display="Médecin")
NURSE = Activity(role="60", role_display="Infirmier")


def professional(
    server: RunningServer, name: str, patient: str = "", scope: str = "user/*.cruds", **acts: Any
) -> FhirHttp:
    """Returns the software of a professional; acts: activity=DOCTOR."""
    return server.client(scope, patient, f"Practitioner/{name}", **{"activity": DOCTOR, **acts})


def emergency(server: RunningServer, name: str, patient: str, purpose: str = "BTG") -> FhirHttp:
    """Returns the software of a doctor who has opened one record in an emergency."""
    facts = TokenFacts(
        "tests",
        "user/*.rs",
        patient=patient,
        fhir_user=f"Practitioner/{name}",
        purpose=purpose,
        activity=DOCTOR.facts(),
    )
    return FhirHttp(server.base_url, server.inside.tokens.add(facts, 600)[0])


def document(subject: str, code: str = "34133-9", labels: int = 0, **more: Any) -> dict[str, Any]:
    system = (
        "http://loinc.org"
        if "-" in code
        else (
            "https://mos.esante.gouv.fr/NOS/TRE_A05-TypeDocComplementaire/FHIR/TRE-A05-TypeDocComplementaire"
        )
    )
    resource = {
        "resourceType": "DocumentReference",
        "status": "current",
        "type": {"coding": [{"system": system, "code": code}]},
        "subject": {"reference": f"Patient/{subject}"},
        "content": [{"attachment": {"contentType": "text/plain", "data": "eA=="}}],
        **more,
    }
    return with_labels(resource, labels)


def sees(client: FhirHttp, stored: dict[str, Any]) -> bool:
    """Whether a resource is read, found, counted and in the history: all of them, or none."""
    reference = f"{stored['resourceType']}/{stored['id']}"
    subject = stored["subject"]["reference"]
    searched = client.get(f"{stored['resourceType']}?subject={subject}&_id={stored['id']}")
    found = searched.status_code == 200 and len(entries(searched.json())) == 1
    answers = {
        client.get(reference).status_code == 200,
        client.get(f"{reference}/_history").status_code == 200,
        client.get(f"{reference}/_history/{stored['meta']['versionId']}").status_code == 200,
        found,
        searched.status_code == 200 and searched.json()["total"] == 1,
    }
    assert len(answers) == 1, answers
    return answers.pop()
