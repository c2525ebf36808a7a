"""The context in which an app is opened: what an EHR may say, and what the app is told.

https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html#launch-context-arrives-with-your-access_token
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fhir_server.errors import Invalid
from fhir_server.fhir.reference import parse_reference

_ID = {"type": "string", "pattern": r"^[A-Za-z0-9\-.]{1,64}$"}
_TEXT = {"type": "string", "minLength": 1, "maxLength": 500}
_URL = {"type": "string", "pattern": "^https?://[^\\s]+$", "maxLength": 2000}


def _object(*required: str, **properties: Any) -> dict[str, Any]:
    """The schema of an object that has these properties and no others."""
    schema = {"type": "object", "additionalProperties": False, "properties": properties}
    return {**schema, "required": list(required), "minProperties": 1}


_CODING = _object(system=_TEXT, version=_TEXT, code=_TEXT, display=_TEXT)
_CONCEPT = _object(text=_TEXT, coding={"type": "array", "items": _CODING, "maxItems": 20})
_IDENTIFIER = _object(
    use=_TEXT,
    type=_CONCEPT,
    system=_TEXT,
    value=_TEXT,
    period=_object(start=_TEXT, end=_TEXT),
    assigner=_object(reference=_TEXT, display=_TEXT),
)
_ITEM = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "reference": _TEXT,
        "canonical": _TEXT,
        "identifier": _IDENTIFIER,
        "type": {"type": "string", "pattern": "^[A-Z][A-Za-z]{1,63}$"},
        "role": _TEXT,
    },
    "anyOf": [{"required": [name]} for name in ("reference", "canonical", "identifier")],
}
SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "required": ["client_id"],
    "properties": {
        "client_id": _TEXT,
        "fhirUser": {"type": "string", "pattern": r"^[A-Z][A-Za-z]+/[A-Za-z0-9\-.]{1,64}$"},
        "patient": _ID,
        "encounter": _ID,
        "fhirContext": {"type": "array", "items": _ITEM, "maxItems": 50},
        "need_patient_banner": {"type": "boolean"},
        "intent": _TEXT,
        "smart_style_url": _URL,
        "tenant": _TEXT,
    },
}
RESPONSE = ("fhirContext", "need_patient_banner", "intent", "smart_style_url", "tenant")
"""Parameters of the token response besides patient and encounter."""


def read_launch(document: Any) -> dict[str, Any]:
    """Returns the context that an EHR asks for; raises Invalid with the place of the mistake."""
    # Only who opens apps pays for the import.
    from jsonschema import Draft202012Validator

    errors = sorted(Draft202012Validator(SCHEMA).iter_errors(document), key=lambda error: error.json_path)
    if errors:
        raise Invalid(f"{errors[0].json_path}: {errors[0].message[:200]}", errors[0].json_path)
    context: dict[str, Any] = dict(document)
    for item in context.get("fhirContext", []):
        _check_item(item)
    return context


def _check_item(item: Mapping[str, Any]) -> None:
    type_ = item.get("type", "")
    if "reference" in item:
        reference = parse_reference(item["reference"])
        if reference is None or not reference.type:
            raise Invalid("reference must be Type/id", "fhirContext")
        type_ = reference.type
    role = item.get("role", "launch")
    if type_ in ("Patient", "Encounter") and role == "launch":
        raise Invalid(f"{type_} has a parameter of its own; in fhirContext it needs a role", "fhirContext")
    if role != "launch" and ":" not in role:
        raise Invalid("role must be an absolute URI", "fhirContext")


def response_context(launch: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the parameters of the token response that come of a launch."""
    return {name: launch[name] for name in RESPONSE if name in launch}
