"""Ways to break values: the format of primitives, codes, references, extensions, narratives.

https://hl7.org/fhir/R4/datatypes.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.conformance.validation.positions import (
    Place,
    Resource,
    changed,
    get,
    inserted,
    places,
    removed,
    written,
)

Way = tuple[str, Resource]

_FORMATS: dict[str, tuple[Any, ...]] = {
    "base64Binary": ("a", "AA=A", "é", "====", "AAA"),
    "code": (" x", "x ", "a  b", "a\tb"),
    "date": ("2024-13-01", "2024-02-30", "24-01-01", "2024-1-1", "2024-01-01T00:00:00Z", "01/02/2024"),
    "dateTime": (
        "2024-01-01T10:00:00",
        "2024-01-01T25:00:00Z",
        "2024-02-30",
        "2024-01-01 10:00:00Z",
        "2024-01-01T10:00Z",
        "2024-01-01T10:00:00+1:00",
        "20240101",
        "2024-00",
    ),
    "decimal": ("1.5", True),
    "id": ("a b", "é", "x" * 65, "a_b", "a/b"),
    "instant": ("2024-01-01", "2024-01-01T10:00:00", "2024-01-01T10:00Z", "2024-13-01T10:00:00Z", "2024-01"),
    "integer": (1.5, 2147483648, -2147483649),
    "markdown": ("",),
    "oid": ("urn:oid:", "urn:oid:1.a", "1.2.3", "urn:oid:1.2.250.02"),
    "positiveInt": (0, -1, 1.5, 2147483648),
    "string": (),
    "time": ("25:00:00", "10:00", "10:60:00", "T10:00:00", "10:00:00Z"),
    "unsignedInt": (-1, 1.5, 2147483648),
    "uri": ("http://example.org/a b", "urn:uuid:xyz", "urn:oid:1.a", " http://example.org/x"),
    "url": ("http://example.org/a b", " "),
    "canonical": ("http://example.org/a b", "Questionnaire/x"),
    "uuid": ("urn:uuid:xyz", "c757873d-ec9a-4326-a141-556f43239520"),
}


def primitive_format(resource: Resource) -> Iterator[Way]:
    """Values of the right JSON type that the type's format or range refuses."""
    for place in places(resource):
        for value in _FORMATS.get(place.type, ()):
            yield f"{written(place.path)} = {value!r}", changed(resource, place.path, value)


def required_code(resource: Resource) -> Iterator[Way]:
    """Codes outside the value set of a required binding."""
    for place in places(resource):
        if place.element.binding is None or place.element.binding[0] != "required":
            continue
        if isinstance(place.value, str):
            for value in ("nonsense", place.value.upper() + "X", place.value + "-"):
                yield f"{written(place.path)} = {value!r}", changed(resource, place.path, value)
            capital = place.value.capitalize()
            if capital != place.value:
                yield f"{written(place.path)} = {capital!r}", changed(resource, place.path, capital)
        elif place.type == "CodeableConcept":
            coding = (*place.path, "coding", 0)
            yield f"{written(place.path)} by text only", changed(resource, place.path, {"text": "x"})
            yield f"{written(place.path)} code", inserted(resource, coding, code="nonsense")
            other = inserted(resource, coding, system="http://example.org/other")
            yield f"{written(place.path)} system", other


_OTHER_TARGETS: tuple[Resource, ...] = (
    {"reference": "#missing"},
    {"reference": "Basic/1"},
    {"reference": "Basic/1/_history/2"},
    {"reference": "http://example.org/fhir/Basic/1"},
    {"reference": "Basic/1", "type": "Basic"},
    {"type": "Basic", "display": "x"},
    {"reference": "Patient/1", "type": "Practitioner"},
    {"reference": "Binary/1"},
    {"reference": "https://example.org/StructureMap/1"},
)


def reference_target(resource: Resource) -> Iterator[Way]:
    """References to types that the element does not allow, or to nothing."""
    for place in places(resource):
        targets = place.element.targets.get("Reference", ())
        if place.type != "Reference" or not targets or "Resource" in targets:
            continue
        for other in _OTHER_TARGETS:
            yield f"{written(place.path)} = {other}", changed(resource, place.path, other)


def extensions(resource: Resource) -> Iterator[Way]:
    """Extensions without URL, with value and extensions, with neither, where they are not allowed."""
    ways: tuple[Resource, ...] = (
        {"valueString": "x"},
        {"url": "http://example.org/x"},
        {"url": "http://example.org/x", "valueString": "x", "extension": [{"url": "y", "valueString": "z"}]},
        {"url": "http://example.org/x", "valueString": "x", "valueBoolean": True},
        {"url": "http://example.org/x", "value": "x"},
        {"url": "", "valueString": "x"},
        {"url": "not a url", "valueString": "x"},
        {"url": "relative", "valueString": "x"},
        {"url": "http://example.org/x", "valuePeriod": {"start": "2024-02-01", "end": "2024-01-01"}},
        {"url": "http://example.org/x", "valueReference": {"reference": "#missing"}},
        {"url": "http://example.org/x", "extension": [{"url": "y"}]},
        {"url": "http://example.org/x", "valueNonsense": "x"},
        {"url": "http://hl7.org/fhir/StructureDefinition/nonsense", "valueString": "x"},
        {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueString": "x"},
        {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "nonsense"},
    )
    for holder in [(), *(p.path for p in places(resource) if _may_be_extended(p))]:
        for way in ways:
            where = written(holder) or "resource"
            yield f"{where}.extension = {way}", inserted(resource, holder, extension=[way])
    strange = [{"url": "http://example.org/strange", "valueString": "x"}]
    yield "unknown modifier", inserted(resource, (), modifierExtension=strange)
    # https://hl7.org/fhir/R4/extension-patient-birthtime.html: on Patient.birthDate only
    elsewhere = [
        {
            "url": "http://hl7.org/fhir/StructureDefinition/patient-birthTime",
            "valueDateTime": "2024-01-01T00:00:00Z",
        }
    ]
    yield "an extension out of its context", inserted(resource, (), extension=elsewhere)
    for place in places(resource):
        if isinstance(place.value, dict) and place.type != "Extension" and "." not in place.type:
            more = inserted(resource, place.path, modifierExtension=strange)
            yield f"a modifier in {written(place.path)}", more


def _may_be_extended(place: Place) -> bool:
    return isinstance(place.value, dict) and place.type not in ("Resource", "Extension", "Meta")


_NARRATIVES = (
    "",
    "x",
    "<p>x</p>",
    "<div>x</div>",
    '<div xmlns="http://www.w3.org/1999/xhtml"></div>',
    '<div xmlns="http://www.w3.org/1999/xhtml">  </div>',
    '<div xmlns="http://www.w3.org/1999/xhtml"><p>x</div>',
    '<div xmlns="http://www.w3.org/1999/xhtml"><script>x()</script></div>',
    '<div xmlns="http://www.w3.org/1999/xhtml"><p onclick="x()">x</p></div>',
    '<div xmlns="http://www.w3.org/1999/xhtml"><form>x</form></div>',
    '<div xmlns="http://www.w3.org/1999/xhtml"><iframe src="x">x</iframe></div>',
    '<div xmlns="http://www.w3.org/1999/xhtml"><object>x</object></div>',
    '<div xmlns="http://www.w3.org/1999/xhtml"><blink>x</blink></div>',
    '<div xmlns="http://www.w3.org/1999/xhtml"><a href="javascript:x()">x</a></div>',
    '<div xmlns="http://example.org/other">x</div>',
    '<div xmlns="http://www.w3.org/1999/xhtml">a & b</div>',
    '<div xmlns="http://www.w3.org/1999/xhtml">&nothing;</div>',
)


def narrative(resource: Resource) -> Iterator[Way]:
    """XHTML that a narrative must not hold."""
    for place in places(resource):
        if place.type != "Narrative":
            continue
        for div in _NARRATIVES:
            yield f"{written(place.path)}.div = {div!r}", inserted(resource, place.path, div=div)
        yield f"{written(place.path)} without div", removed(resource, (*place.path, "div"))
        yield f"{written(place.path)} without status", removed(resource, (*place.path, "status"))


def contained(resource: Resource) -> Iterator[Way]:
    """Contained resources that break dom-2 to dom-5, or their own definition."""
    note = get(resource, ("extension", 0)) if "extension" in resource else {}
    pointer = {"url": "http://example.org/x", "valueReference": {"reference": "#inner"}}
    organization: Resource = {"resourceType": "Organization", "id": "inner", "name": "x"}
    ways: tuple[tuple[str, Resource], ...] = (
        ("without id", {"resourceType": "Organization", "name": "x"}),
        ("in a contained one", {**organization, "contained": [{**organization, "id": "deeper"}]}),
        ("with a version", {**organization, "meta": {"versionId": "1"}}),
        ("with an instant", {**organization, "meta": {"lastUpdated": "2024-01-01T00:00:00Z"}}),
        (
            "with a label",
            {**organization, "meta": {"security": [{"code": "N", "system": "http://example.org"}]}},
        ),
        ("with an unknown element", {**organization, "colour": "x"}),
        ("that breaks org-1", {"resourceType": "Organization", "id": "inner", "active": True}),
        ("of no type", {"id": "inner", "name": "x"}),
        ("of an unknown type", {"resourceType": "Nothing", "id": "inner"}),
        ("with a bad id", {**organization, "id": "a b"}),
    )
    for text, inner in ways:
        more = {"contained": [inner], "extension": [note, pointer]}
        yield f"contained {text}", inserted(resource, (), **more)
    yield "contained and not referenced", inserted(resource, (), contained=[organization], extension=[note])
    twice = {"contained": [organization, organization], "extension": [note, pointer]}
    yield "contained twice", inserted(resource, (), **twice)
