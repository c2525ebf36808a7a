"""The smallest valid resource of each type, and a value for each search parameter; nothing left to chance."""

from __future__ import annotations

from typing import Any

from fhir_server.definitions.registry import Element, SearchParameter, load_definitions

Resource = dict[str, Any]

DEFINITIONS = load_definitions()

_PRIMITIVES: dict[str, Any] = {
    "base64Binary": "Zm9v",
    "boolean": True,
    "canonical": "http://example.org/x",
    "code": "x",
    "date": "2024-05-06",
    "dateTime": "2024-05-06T07:08:09Z",
    "decimal": 1,
    "id": "x",
    "instant": "2024-05-06T07:08:09Z",
    "integer": 1,
    "markdown": "x",
    "oid": "urn:oid:1.2.250.1",
    "positiveInt": 1,
    "string": "x",
    "time": "07:08:09",
    "unsignedInt": 1,
    "uri": "http://example.org/x",
    "url": "http://example.org/x",
    "uuid": "urn:uuid:53fefa32-fcbb-4ff8-8a92-55ee120877b7",
    "xhtml": '<div xmlns="http://www.w3.org/1999/xhtml">x</div>',
}
# What invariants between elements ask for beyond the required elements.
_MORE: dict[str, Resource] = {
    "AllergyIntolerance": {  # ait-1
        "clinicalStatus": {
            "coding": [
                {
                    "system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-clinical",
                    "code": "active",
                }
            ]
        }
    },
    "Appointment": {  # app-1, app-3
        "status": "proposed",
        "participant": [{"type": [{"text": "x"}], "status": "accepted"}],
    },
    "AppointmentResponse": {"participantType": [{"text": "x"}]},  # apr-1
    "Bundle": {"type": "collection"},
    "CapabilityStatement": {  # cpb-1, cpb-2, cpb-15
        "kind": "requirements",
        "description": "x",
        "rest": [{"mode": "server"}],
    },
    "Consent": {"policyRule": {"text": "x"}},  # ppc-1
    "EventDefinition": {"trigger": [{"type": "named-event", "name": "x"}]},  # trd-3
    "ImmunizationRecommendation": {  # imr-1
        "recommendation": [{"forecastStatus": {"text": "x"}, "vaccineCode": [{"text": "x"}]}]
    },
    "InsurancePlan": {"name": "x"},  # ipn-1
    "Linkage": {  # lnk-1
        "item": [
            {"type": "source", "resource": {"display": "x"}},
            {"type": "alternate", "resource": {"display": "y"}},
        ]
    },
    "Organization": {"name": "x"},  # org-1
    "StructureDefinition": {  # sdf-6
        "differential": {"element": [{"id": "Patient", "path": "Patient"}]},
        "kind": "resource",
        "type": "Patient",
        "baseDefinition": "http://hl7.org/fhir/StructureDefinition/Patient",
        "derivation": "constraint",
        "abstract": False,
    },
    "TerminologyCapabilities": {"kind": "requirements", "description": "x"},  # tcp-2, tcp-4
}
# Value sets of required bindings whose codes cannot be listed.
_UNLISTED = {
    "http://hl7.org/fhir/ValueSet/mimetypes": "text/plain",
    "http://hl7.org/fhir/ValueSet/currencies": "EUR",
    "http://hl7.org/fhir/ValueSet/languages": "fr",
}

_VALUES = {
    "date": "ge2024-05-06",
    "number": "1",
    "quantity": "5.4|http://unitsofmeasure.org|mg",
    "reference": "Patient/x",
    "string": "x",
    "token": "http://example.org/x|x",
    "uri": "http://example.org/x",
}


def minimal_resource(resource_type: str) -> Resource:
    """Returns a resource with its required elements only."""
    return {"resourceType": resource_type, **_required(resource_type), **_MORE.get(resource_type, {})}


def _required(structure_name: str) -> Resource:
    structure = DEFINITIONS.structure(structure_name)
    found: Resource = {}
    for key, (element, type_) in structure.keys.items():
        is_first_choice = not element.is_choice or type_ == element.types[0]
        if element.min and is_first_choice:
            value = _value(element, type_)
            found[key] = [value] if element.is_list else value
    return found


def _value(element: Element, type_: str) -> Any:
    code = _required_code(element)
    if type_ == "CodeableConcept":
        return {"coding": [{"system": code[0], "code": code[1]}]} if code else {"text": "x"}
    if type_ == "Coding":
        return {"system": code[0], "code": code[1]} if code else {"code": "x"}
    if code:
        return code[1]
    if type_ == "Reference":
        targets = element.targets.get("Reference", ("Patient",))
        return {"reference": f"{'Patient' if 'Resource' in targets else targets[0]}/x"}
    if type_ in _PRIMITIVES:
        return _PRIMITIVES[type_]
    return _required(type_) or _something(type_)


def _required_code(element: Element) -> tuple[str, str] | None:
    if element.binding is None or element.binding[0] != "required":
        return None
    listed = DEFINITIONS.required_codes(element.binding[1])
    if listed is None:
        return ("", _UNLISTED[element.binding[1].partition("|")[0]])
    return min((system, code) for system, codes in listed.items() for code in codes)


def _something(type_: str) -> Resource:
    """A value must not be empty: ele-1."""
    for key, (element, inner) in DEFINITIONS.structure(type_).keys.items():
        if inner in _PRIMITIVES and key != "id":
            value = _value(element, inner)
            return {key: [value] if element.is_list else value}
    raise AssertionError(type_)


_SPECIAL = {"_content": "fracture", "_filter": "_id eq x", "_text": "fracture", "near": "48.85|2.35|10|km"}


def search_value(parameter: SearchParameter) -> str:
    """Returns a value that the type of a search parameter accepts."""
    if parameter.code in _SPECIAL:
        return _SPECIAL[parameter.code]
    if parameter.type == "composite":
        return "$".join(search_value(DEFINITIONS.search_parameter(url)) for url, _ in parameter.component)
    return _VALUES[parameter.type]
