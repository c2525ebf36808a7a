"""Ways to break the invariants of R4: those of data types in any resource, and those of resource types.

https://hl7.org/fhir/R4/conformance-rules.html#constraints
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.conformance.validation.positions import Resource, changed, inserted, places, removed, written

Way = tuple[str, Resource]

_OF_TYPES: dict[str, tuple[tuple[str, Any], ...]] = {
    # changes to a value of a type: None removes the key
    "Period": (
        ("per-1", {"start": "2024-02-01", "end": "2024-01-01"}),
        ("per-1 by year", {"start": "2024", "end": "2023"}),
    ),
    "Attachment": (("att-1", {"data": "AAAA", "contentType": None}),),
    "ContactPoint": (("cpt-2", {"system": None, "value": "x"}),),
    "Quantity": (("qty-3", {"code": "g", "system": None}),),
    "Range": (
        (
            "rng-2",
            {
                "low": {"value": 5, "code": "g", "system": "http://unitsofmeasure.org"},
                "high": {"value": 4, "code": "g", "system": "http://unitsofmeasure.org"},
            },
        ),
    ),
    "Ratio": (("rat-1", {"denominator": None}),),
    "Timing.repeat": (
        ("tim-1", {"duration": 5, "durationUnit": None}),
        ("tim-2", {"period": 1, "periodUnit": None}),
        ("tim-4", {"duration": -1, "durationUnit": "h"}),
        ("tim-5", {"period": -1, "periodUnit": "h"}),
        ("tim-6", {"periodMax": 5, "period": None, "periodUnit": "h"}),
        ("tim-7", {"durationMax": 5}),
        ("tim-8", {"countMax": 5}),
        ("tim-9", {"offset": 5}),
        ("tim-9 by meal", {"offset": 5, "when": ["C"]}),
        ("tim-10", {"timeOfDay": ["08:00:00"], "when": ["AC"], "offset": None}),
    ),
    "Reference": (
        ("ref-1", {"reference": "#nowhere"}),
        ("ele-1", {"reference": None, "display": None, "identifier": None}),
    ),
    "Age": (
        ("age-1", {"code": "kg"}),
        ("age-1 without system", {"system": None}),
        ("age-1 negative", {"value": -1}),
    ),
    "Duration": (("drt-1", {"system": "http://example.org"}), ("drt-1 without code", {"code": None})),
    "Money": (),
    "CodeableConcept": (),
}
_IN_EXTENSION: tuple[tuple[str, Resource], ...] = (
    ("per-1", {"valuePeriod": {"start": "2024-05", "end": "2024-04"}}),
    ("qty-3", {"valueQuantity": {"value": 1, "code": "g"}}),
    ("att-1", {"valueAttachment": {"data": "AAAA"}}),
    ("cpt-2", {"valueContactPoint": {"value": "1"}}),
    ("rat-1", {"valueRatio": {"numerator": {"value": 1}}}),
    ("sqt-1", {"valueRange": {"low": {"value": 1, "comparator": "<"}}}),
    ("sdd-1", {"valueSampledData": {"origin": {"value": 1}, "period": 1, "dimensions": 1, "data": "x y"}}),
    ("tim-1", {"valueTiming": {"repeat": {"duration": 1}}}),
    ("exp-1", {"valueExpression": {"language": "text/fhirpath"}}),
    (
        "trd-1",
        {
            "valueTriggerDefinition": {
                "type": "periodic",
                "timingDate": "2024-01-01",
                "data": [{"type": "Patient"}],
            }
        },
    ),
    (
        "drq-1",
        {"valueDataRequirement": {"type": "Patient", "codeFilter": [{"valueSet": "http://example.org/x"}]}},
    ),
    ("dis-1", {"valueDistance": {"value": 1, "code": "kg"}}),
    ("cnt-3", {"valueCount": {"value": 1.5, "code": "1", "system": "http://unitsofmeasure.org"}}),
    ("signature", {"valueSignature": {"when": "2024-01-01T00:00:00Z"}}),
    ("annotation", {"valueAnnotation": {"time": "2024-01-01"}}),
    ("address", {"valueAddress": {"use": "castle"}}),
    ("name", {"valueHumanName": {"use": "castle"}}),
    ("identifier", {"valueIdentifier": {"use": "castle"}}),
    ("identifier of a URI", {"valueIdentifier": {"system": "urn:ietf:rfc:3986", "value": "1.2.3"}}),
    ("money", {"valueMoney": {"value": 1, "currency": "euro"}}),
    ("unit", {"valueQuantity": {"value": 1, "code": "zorkmid", "system": "http://unitsofmeasure.org"}}),
)


def of_data_types(resource: Resource) -> Iterator[Way]:
    """Invariants of the data types that the resource uses."""
    for place in places(resource):
        for key, change in _OF_TYPES.get(place.type, ()):
            value = {k: v for k, v in {**place.value, **change}.items() if v is not None}
            yield f"{key} at {written(place.path)}", changed(resource, place.path, value)


def in_extension(resource: Resource) -> Iterator[Way]:
    """Invariants and codes of data types, in an extension of the resource."""
    for key, value in _IN_EXTENSION:
        more = {"url": "http://example.org/x", **value}
        yield f"{key} in an extension", inserted(resource, (), extension=[more])


Change = tuple[str, tuple[str | int, ...], Any]
"""Invariant, path, new value; None removes."""
_OF_RESOURCES: dict[str, tuple[Change, ...]] = {
    "Patient": (
        ("pat-1", ("contact", 0), {"gender": "male"}),
        ("pat-1 empty contact", ("contact", 0), {"period": {"start": "2024"}}),
    ),
    "Observation": (
        ("obs-6", ("dataAbsentReason",), {"text": "x"}),
        ("obs-7", ("component", 0, "code"), {"coding": [{"system": "http://loinc.org", "code": "15074-8"}]}),
        ("obs-3", ("referenceRange", 0), {"appliesTo": [{"text": "x"}]}),
    ),
    "Organization": (
        ("org-1", (), ("name", "identifier")),
        ("org-2", ("address", 0, "use"), "home"),
        ("org-3", ("telecom", 0, "use"), "home"),
    ),
    "AllergyIntolerance": (
        ("ait-1", ("clinicalStatus",), None),
        (
            "ait-2",
            ("verificationStatus",),
            {
                "coding": [
                    {
                        "system": "http://terminology.hl7.org/CodeSystem/allergyintolerance-verification",
                        "code": "entered-in-error",
                    }
                ]
            },
        ),
    ),
    "Condition": (
        ("con-4", ("abatementDateTime",), "2024-01-01"),
        (
            "con-5",
            ("verificationStatus",),
            {
                "coding": [
                    {
                        "system": "http://terminology.hl7.org/CodeSystem/condition-ver-status",
                        "code": "entered-in-error",
                    }
                ]
            },
        ),
        ("con-1", ("stage", 0), {"type": {"text": "x"}}),
        ("con-2", ("evidence", 0), {"extension": [{"url": "http://example.org/x", "valueString": "x"}]}),
    ),
    "CarePlan": (("cpl-3", ("activity", 1, "detail"), {"status": "scheduled"}),),
    "CareTeam": (
        (
            "ctm-1",
            ("participant", 1),
            {"member": {"reference": "Patient/p1"}, "onBehalfOf": {"reference": "Organization/o1"}},
        ),
    ),
    "Composition": (
        ("cmp-1", ("section", 0), {"title": "x"}),
        ("cmp-2", ("section", 0, "emptyReason"), {"text": "x"}),
    ),
    "Consent": (
        ("ppc-1", (), ("policy", "policyRule")),
        (
            "ppc-2",
            ("scope",),
            {
                "coding": [
                    {
                        "system": "http://terminology.hl7.org/CodeSystem/consentscope",
                        "code": "patient-privacy",
                    }
                ]
            },
        ),
    ),
    "Goal": (("gol-1", ("target", 0, "measure"), None),),
    "ServiceRequest": (("prr-1", ("orderDetail",), [{"text": "x"}]),),
    "Appointment": (
        ("app-1", ("participant", 0), {"status": "accepted"}),
        ("app-2", ("end",), None),
        ("app-3", (), ("start", "end")),
        ("app-4", ("cancelationReason",), {"text": "x"}),
    ),
    "Encounter": (),
    "Immunization": (("imm-1", ("education", 0), {"publicationDate": "2024"}),),
    "Provenance": (),
    "Location": (),
    "List": (
        ("lst-1", ("emptyReason",), {"text": "x"}),
        ("lst-2", ("entry", 0, "deleted"), True),
        ("lst-3", (), ("mode", "x")),
    ),
    "FamilyMemberHistory": (("fhs-1", ("ageString",), "x"), ("fhs-2", ("estimatedAge",), True)),
    "Questionnaire": (
        ("que-0", ("name",), "not a name"),
        ("que-1", ("item", 2), {"linkId": "3", "type": "group"}),
        (
            "que-1 display",
            ("item", 0),
            {"linkId": "1", "type": "display", "item": [{"linkId": "1.1", "type": "string"}]},
        ),
        ("que-2", ("item", 1, "linkId"), "1"),
        ("que-3", ("item", 0), {"linkId": "1", "type": "display", "code": [{"code": "x"}]}),
        ("que-4", ("item", 2, "item", 0, "answerValueSet"), "http://example.org/x"),
        ("que-5", ("item", 0, "answerOption"), [{"valueString": "x"}]),
        ("que-6", ("item", 0), {"linkId": "1", "type": "display", "required": True}),
        ("que-7", ("item", 1, "enableWhen", 0), {"question": "1", "operator": "exists", "answerString": "x"}),
        ("que-8", ("item", 2, "initial"), [{"valueString": "x"}]),
        ("que-9", ("item", 2, "readOnly"), True),
        ("que-10", ("item", 0, "maxLength"), 5),
        ("que-11", ("item", 2, "item", 0, "initial"), [{"valueString": "oui"}]),
        (
            "que-12",
            ("item", 1, "enableWhen"),
            [
                {"question": "1", "operator": "=", "answerBoolean": True},
                {"question": "1", "operator": "!=", "answerBoolean": False},
            ],
        ),
        ("que-13", ("item", 1, "initial"), [{"valueInteger": 0}, {"valueInteger": 1}]),
    ),
    "QuestionnaireResponse": (("qrs-1", ("item", 0, "item"), [{"linkId": "1.2"}]),),
    "Task": (("inv-1", ("lastModified",), "2024-10-30T09:45:05+10:00"),),
    "MedicationRequest": (),
}


def of_resources(resource: Resource) -> Iterator[Way]:
    """Invariants of the resource type itself."""
    for key, path, change in _OF_RESOURCES.get(str(resource["resourceType"]), ()):
        if isinstance(change, tuple):
            twin = {k: v for k, v in resource.items() if k not in change}
        elif change is None:
            twin = removed(resource, path)
        else:
            twin = changed(resource, path, change)
        yield f"{key} at {written(path) or 'the resource'}", twin
