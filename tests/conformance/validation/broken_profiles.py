"""Ways to break the profiles of this folder, one for each kind of rule. https://hl7.org/fhir/R4/profiling.html"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.conformance.validation.positions import Resource, changed, removed, written

Way = tuple[str, Resource]
Change = tuple[str | int, ...] | tuple[tuple[str | int, ...], Any]

_LEVEL = "http://example.org/fhir/CodeSystem/corpus-level"
_REMOVE = object()
_LOINC = "http://loinc.org"


def _coded(system: str, code: str) -> Resource:
    return {"coding": [{"system": system, "code": code}]}


_MMHG = {"value": 5, "unit": "x", "system": "http://unitsofmeasure.org", "code": "mm[Hg]"}
_BASIC = {"reference": "Organization/o1"}

# rule, path, new value
_PATIENT: tuple[tuple[str, tuple[str | int, ...], Any], ...] = (
    ("min", ("name",), _REMOVE),
    ("min", ("name", 0, "family"), _REMOVE),
    ("min", ("birthDate",), _REMOVE),
    ("min", ("gender",), _REMOVE),
    ("min", ("contact", 0), {"gender": "male", "telecom": [{"value": "1", "system": "phone"}]}),
    ("max", ("maritalStatus",), {"text": "x"}),
    ("max", ("name",), [{"family": "a", "given": ["b"]}] * 3),
    ("max", ("telecom",), [{"system": "phone", "value": "1"}] * 3),
    ("type", ("deceasedDateTime",), "2024"),
    ("type", ("multipleBirthBoolean",), True),
    ("range", ("multipleBirthInteger",), 0),
    ("range", ("multipleBirthInteger",), 9),
    ("binding", ("gender",), "other"),
    ("binding", ("gender",), "unknown"),
    ("binding", ("extension", 0, "valueCode"), "low"),
    ("binding", ("extension", 0, "valueCode"), "nothing"),
    ("target", ("generalPractitioner", 0), _BASIC),
    ("target", ("generalPractitioner", 0), {"reference": "PractitionerRole/r1"}),
    ("extension", ("extension",), _REMOVE),
    ("extension", ("extension", 0), {"url": "http://example.org/other", "valueCode": "x"}),
    ("extension", ("extension", 0, "valueCode"), _REMOVE),
    (
        "extension",
        ("extension", 0),
        {"url": "http://example.org/fhir/StructureDefinition/corpus-origin", "valueString": "x"},
    ),
    (
        "extension",
        ("extension", 0),
        {
            "url": "http://example.org/fhir/StructureDefinition/corpus-origin",
            "extension": [{"url": "x", "valueString": "x"}],
        },
    ),
    (
        "extension",
        ("name", 0, "extension"),
        [{"url": "http://example.org/fhir/StructureDefinition/corpus-origin", "valueCode": "high"}],
    ),
    (
        "extension",
        ("extension", 1),
        {"url": "http://example.org/fhir/StructureDefinition/corpus-origin", "valueCode": "high"},
    ),
    ("slice min", ("identifier", 0), _REMOVE),
    ("slice min", ("identifier",), _REMOVE),
    (
        "slice max",
        ("identifier", 3),
        {"use": "secondary", "system": "http://example.org/local", "value": "9"},
    ),
    (
        "slice max",
        ("identifier", 3),
        {"use": "official", "system": "urn:oid:1.2.250.1.213.1.4.10", "value": "190017511111100"},
    ),
    ("slice child", ("identifier", 0, "value"), _REMOVE),
    ("slice child", ("identifier", 1, "use"), _REMOVE),
    ("pattern", ("identifier", 1, "use"), "usual"),
    ("length", ("identifier", 0, "value"), "1234567890123456"),
    ("invariant", ("identifier", 0, "value"), "12345"),
    ("invariant", ("identifier", 0, "value"), "19001751111110X"),
    ("invariant", ("name", 0, "given"), _REMOVE),
    ("invariant of the base", ("contact", 0), {"gender": "male"}),
    ("base", ("gender",), "nonsense"),
    ("base", ("colour",), "x"),
)
_STRICT = (
    *_PATIENT,
    ("min", ("address",), _REMOVE),
    ("min", ("address", 0), {"country": "FR"}),
    ("min", ("active",), _REMOVE),
    ("fixed", ("active",), False),
    ("fixed", ("identifier", 0, "use"), "usual"),
    ("min", ("identifier", 0, "use"), _REMOVE),
)
_PRESSURE = (
    ("fixed", ("status",), "amended"),
    ("fixed", ("status",), "preliminary"),
    ("pattern", ("code",), _coded(_LOINC, "85354-8")),
    ("pattern", ("code",), {"text": "x"}),
    ("pattern", ("code",), _coded("http://example.org", "85354-9")),
    ("slice closed", ("category", 2), _coded("http://example.org", "x")),
    ("slice closed", ("category", 2), {"text": "x"}),
    ("slice min", ("category", 0), _REMOVE),
    (
        "slice max",
        ("category", 2),
        _coded("http://terminology.hl7.org/CodeSystem/observation-category", "exam"),
    ),
    ("slice max", ("component", 3), {"code": _coded(_LOINC, "8462-4"), "valueQuantity": _MMHG}),
    ("slice min", ("component", 0), _REMOVE),
    ("slice min", ("component", 1), _REMOVE),
    ("slice child", ("component", 0, "valueQuantity"), _REMOVE),
    ("slice child", ("component", 0, "valueQuantity", "code"), _REMOVE),
    ("slice child", ("component", 0), {"code": _coded(_LOINC, "8480-6"), "valueString": "x"}),
    ("slice child", ("component", 1), {"code": _coded(_LOINC, "8462-4"), "valueString": "x"}),
    ("fixed", ("component", 0, "valueQuantity", "code"), "kPa"),
    ("fixed", ("component", 0, "valueQuantity", "system"), "http://example.org"),
    ("range", ("component", 0, "valueQuantity", "value"), 5),
    ("range", ("component", 0, "valueQuantity", "value"), 401),
    ("invariant", ("component", 1, "valueQuantity", "value"), 130),
    ("type", ("effectivePeriod",), {"start": "2024"}),
    ("type", ("effectiveDateTime",), _REMOVE),
    ("min", ("performer",), _REMOVE),
    ("min", ("subject",), _REMOVE),
    ("max", ("valueString",), "x"),
    ("max", ("valueQuantity",), _MMHG),
    ("max", ("interpretation", 1), _coded(_LEVEL, "high")),
    ("target", ("subject",), {"reference": "Group/g1"}),
    ("target", ("subject",), {"reference": "Device/d1"}),
    ("binding", ("interpretation", 0), _coded(_LEVEL, "medium")),
    ("binding", ("interpretation", 0), _coded("http://example.org", "low")),
    ("binding", ("interpretation", 0), {"text": "x"}),
    ("extension", ("extension", 0, "extension", 0), _REMOVE),
    ("extension", ("extension", 0, "extension", 0), {"url": "device", "valueInteger": 1}),
    ("extension", ("extension", 0, "extension", 2), {"url": "count", "valueInteger": 1}),
    ("extension", ("extension", 0, "extension", 2), {"url": "device", "valueString": "x"}),
    (
        "extension",
        ("extension", 0),
        {"url": "http://example.org/fhir/StructureDefinition/corpus-reading", "valueString": "x"},
    ),
    (
        "extension",
        ("component", 0, "extension"),
        [
            {
                "url": "http://example.org/fhir/StructureDefinition/corpus-reading",
                "extension": [{"url": "device", "valueString": "x"}],
            }
        ],
    ),
)
_DOCUMENT = (
    ("fixed", ("masterIdentifier", "system"), "http://example.org"),
    ("min", ("masterIdentifier",), _REMOVE),
    ("min", ("date",), _REMOVE),
    ("min", ("author",), _REMOVE),
    ("max", ("author",), [{"reference": "Practitioner/d1"}] * 3),
    ("binding", ("type",), _coded("http://example.org/fhir/CodeSystem/corpus-document", "image")),
    ("binding", ("type",), _coded("http://example.org/fhir/CodeSystem/corpus-document", "nothing")),
    ("binding", ("type",), {"text": "x"}),
    ("target", ("author", 0), {"reference": "Patient/p1"}),
    ("target", ("author", 0), {"reference": "Device/d1"}),
    ("target", ("subject",), {"reference": "Group/g1"}),
    ("length", ("description",), "x" * 21),
    ("slice min", ("securityLabel", 0), _REMOVE),
    (
        "slice order",
        ("securityLabel",),
        [_coded(_LEVEL, "high"), _coded("http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "N")],
    ),
    (
        "slice order",
        ("securityLabel",),
        [{"text": "x"}, _coded("http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "N")],
    ),
    (
        "slice max",
        ("securityLabel", 3),
        _coded("http://terminology.hl7.org/CodeSystem/v3-Confidentiality", "R"),
    ),
    ("max", ("content", 1), {"attachment": {"contentType": "application/pdf", "data": "AAAA", "size": 3}}),
    ("pattern", ("content", 0, "attachment", "contentType"), "text/plain"),
    ("min", ("content", 0, "attachment", "size"), _REMOVE),
    ("range", ("content", 0, "attachment", "size"), 1000001),
    ("max", ("content", 0, "attachment", "url"), "http://example.org/x"),
    ("min", ("content", 0, "attachment", "data"), _REMOVE),
    ("min", ("context", "period"), {"end": "2024"}),
    ("min", ("context",), {"event": [{"text": "x"}]}),
)
_SECTIONS = (
    ("fixed", ("confidentiality",), "R"),
    ("min", ("confidentiality",), _REMOVE),
    ("min", ("identifier",), _REMOVE),
    ("slice min", ("section", 0), _REMOVE),
    ("slice child", ("section", 0, "title"), _REMOVE),
    (
        "slice child",
        ("section", 1),
        {
            "title": "x",
            "code": _coded(_LOINC, "48765-2"),
            "text": {"status": "generated", "div": '<div xmlns="http://www.w3.org/1999/xhtml">x</div>'},
        },
    ),
    ("slice child", ("section", 0, "section"), [{"title": "x", "entry": [{"reference": "Condition/c1"}]}]),
    (
        "slice max",
        ("section", 3),
        {"title": "x", "code": _coded(_LOINC, "48765-2"), "entry": [{"reference": "AllergyIntolerance/a1"}]},
    ),
    ("target", ("section", 0, "entry", 0), {"reference": "Observation/o1"}),
    ("target", ("section", 0, "entry", 1), {"reference": "Procedure/o1"}),
)
_SLOT = (
    ("min", ("start",), _REMOVE),
    ("min", ("minutesDuration",), _REMOVE),
    ("range", ("priority",), 0),
    ("range", ("priority",), 10),
    ("range", ("minutesDuration",), 61),
    ("slice min", ("participant", 0), _REMOVE),
    ("slice max", ("participant", 2), {"type": [{"text": "y"}], "status": "accepted"}),
    ("slice child", ("participant", 1, "type"), _REMOVE),
    ("slice max", ("participant",), [{"actor": {"reference": "Patient/p1"}, "status": "accepted"}] * 3),
)
_CHOICE = (
    ("slice child", ("medicationCodeableConcept",), _coded("http://example.org", "x")),
    ("type", ("medicationCodeableConcept",), _REMOVE),
    ("min", ("effectiveDateTime",), _REMOVE),
    ("min", ("dosage",), _REMOVE),
    ("min", ("dosage", 0, "text"), _REMOVE),
    ("type", ("dosage", 0, "doseAndRate", 0), {"doseRange": {"low": {"value": 1}}}),
)
_COLLECTION = (
    ("fixed", ("type",), "batch"),
    ("slice min", ("entry", 0), _REMOVE),
    (
        "slice closed",
        ("entry", 2),
        {
            "fullUrl": "http://example.org/fhir/Basic/b",
            "resource": {"resourceType": "Basic", "id": "b", "code": {"text": "x"}},
        },
    ),
    ("profile inside", ("entry", 0, "resource", "birthDate"), _REMOVE),
    ("profile inside", ("entry", 0, "resource", "gender"), "other"),
    ("profile inside", ("entry", 0, "resource", "extension"), _REMOVE),
    ("profile inside", ("entry", 0, "resource", "maritalStatus"), {"text": "x"}),
    ("base inside", ("entry", 1, "resource", "status"), _REMOVE),
)
CHANGES = {
    "corpus-patient": _PATIENT,
    "corpus-patient-strict": _STRICT,
    "corpus-pressure": _PRESSURE,
    "corpus-document": _DOCUMENT,
    "corpus-sections": _SECTIONS,
    "corpus-slot": _SLOT,
    "corpus-choice": _CHOICE,
    "corpus-collection": _COLLECTION,
}


def profile_rules(name: str, resource: Resource) -> Iterator[Way]:
    """Breaks a resource that meets the profile of this name."""
    for rule, path, value in CHANGES[name]:
        if value is _REMOVE:
            yield f"{rule}: {written(path)} is missing", removed(resource, path)
        else:
            yield f"{rule}: {written(path)} = {str(value)[:60]}", _set(resource, path, value)


def _set(resource: Resource, path: tuple[str | int, ...], value: Any) -> Resource:
    """A list may grow by one; a choice loses its other type."""
    *before, last = path
    twin = changed(resource, tuple(before), _parent(resource, before, last))
    return changed(twin, path, value)


def _parent(resource: Resource, before: list[str | int], last: str | int) -> Any:
    holder: Any = resource
    for part in before:
        if isinstance(part, str) and part not in holder:
            return [None]
        holder = holder[part]
    if isinstance(last, int):
        return [*holder, None] if last >= len(holder) else holder
    stem = next((s for s in ("effective", "deceased", "multipleBirth", "value") if last.startswith(s)), "")
    return {
        k: v for k, v in holder.items() if not stem or not k.startswith(stem) or k == last or k == "value"
    }
