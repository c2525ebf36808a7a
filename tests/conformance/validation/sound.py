"""Changes that leave a resource valid: what a validator that refuses too much would refuse.

https://hl7.org/fhir/R4/json.html
"""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from tests.conformance.validation.positions import Resource, changed, get, inserted, places, removed, written

Way = tuple[str, Resource]

_FORMATS: dict[str, tuple[Any, ...]] = {
    "date": ("2024", "2024-02", "2024-02-29", "0001-01-01", "9999-12-31"),
    "dateTime": ("2024", "2024-02", "2024-02-29", "2024-02-29T23:59:59.123456+14:00", "2016-12-31T23:59:60Z"),
    "instant": ("2024-02-29T23:59:59.1Z", "2024-02-29T00:00:00-12:00"),
    "time": ("00:00:00", "23:59:59.999"),
    "decimal": (0, -1, Decimal("1.00"), Decimal("1E-3"), Decimal("12345678901234567.89")),
    "integer": (0, -2147483648, 2147483647),
    "unsignedInt": (0, 2147483647),
    "positiveInt": (1, 2147483647),
    "string": ("é", "x\ny", " x", "😀", "<b>&amp;"),
    "markdown": ("# x\n\n* y", " x "),
    "uri": (
        "urn:oid:1.2.250.1.213",
        "urn:uuid:53fefa32-fcbb-4ff8-8a92-55ee120877b7",
        "http://example.org/é",
        "x",
    ),
    "url": ("mailto:a@example.org", "ftp://example.org"),
    "canonical": ("http://example.org/x|1.0", "http://example.org/x#y", "urn:oid:1.2.250.1.213"),
    "base64Binary": ("", "AAAA", "AA=="),
    "id": ("A-1.b", "x" * 64),
    "code": ("a b",),
    "boolean": (True, False),
}
_SKIPPED = {"base64Binary": ("",)}
_REFERENCES: tuple[Resource, ...] = (
    {"display": "x"},
    {"identifier": {"value": "x"}},
    {"reference": "urn:uuid:53fefa32-fcbb-4ff8-8a92-55ee120877b7"},
    {"reference": "http://example.org/anything"},
    {"extension": [{"url": "http://example.org/x", "valueString": "x"}]},
)
_EXTENSIONS: tuple[Resource, ...] = (
    {"url": "http://example.org/x", "valueBoolean": False},
    {"url": "http://example.org/x", "valueDecimal": 0},
    {"url": "urn:oid:1.2.250.1.213", "valueString": "x"},
    {"url": "http://example.org/x", "extension": [{"url": "y", "valueCode": "z"}]},
    {
        "url": "http://example.org/x",
        "_valueString": {"extension": [{"url": "http://example.org/y", "valueString": "x"}]},
    },
    {"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "unknown"},
    {
        "url": "http://example.org/x",
        "valueQuantity": {"value": 1, "system": "http://unitsofmeasure.org", "code": "kg/m2"},
    },
    {"url": "http://example.org/x", "valuePeriod": {"start": "2024-01", "end": "2024-01-15"}},
    {"url": "http://example.org/x", "valueTiming": {"repeat": {"when": ["ACM"], "offset": 30}}},
    {"url": "http://example.org/x", "valueReference": {"display": "x"}},
    {"url": "http://example.org/x", "valueMoney": {"value": 1, "currency": "EUR"}},
    {"url": "http://example.org/x", "valueCoding": {"system": "http://example.org", "code": "x"}},
)
_DIVS = (
    "<p>x</p>",
    "x",
    "<table><tr><td>a</td></tr></table>",
    '<p class="a" style="color: red" id="b" title="c" lang="fr">x</p>',
    '<a href="http://example.org">x</a>',
    '<a name="x">x</a><a href="#x">y</a>',
    "<ul><li>a</li></ul><br/><hr/>",
    '<img src="data:image/png;base64,AAAA" alt="x"/>',
    "&#160;&lt;x&gt;&amp;",
    "<h1>x</h1><blockquote>y</blockquote><pre>z</pre><code>w</code>",
)


def sound(resource: Resource) -> Iterator[Way]:
    """Yields valid variants of a valid resource."""
    yield "as it is", resource
    yield from _without_optional(resource)
    yield from _formats(resource)
    yield from _primitive_extensions(resource)
    yield from _extensions(resource)
    yield from _references(resource)
    yield from _narratives(resource)


def _without_optional(resource: Resource) -> Iterator[Way]:
    for place in places(resource):
        if len(place.path) == 1 and not place.element.min and place.key not in ("contained",):
            yield f"without {place.key}", removed(resource, place.path)


def _formats(resource: Resource) -> Iterator[Way]:
    for place in places(resource):
        bound = place.element.binding is not None and place.element.binding[0] == "required"
        if bound or place.key in ("url", "linkId", "reference", "system"):
            continue
        for value in _FORMATS.get(place.type, ()):
            if value not in _SKIPPED.get(place.type, ()):
                yield f"{written(place.path)} = {value!r}", changed(resource, place.path, value)


def _primitive_extensions(resource: Resource) -> Iterator[Way]:
    more = {"extension": [{"url": "http://example.org/x", "valueString": "x"}]}
    for place in places(resource):
        if isinstance(place.value, dict) or place.key in ("id", "div", "url") or place.element.is_list:
            continue
        holder = get(resource, place.holder)
        if f"_{place.key}" not in holder:
            yield (
                f"an extension of {written(place.path)}",
                inserted(resource, place.holder, **{f"_{place.key}": more}),
            )
        if not place.element.is_choice and not place.element.min and place.type == "string":
            alone = inserted(removed(resource, place.path), place.holder, **{f"_{place.key}": more})
            yield f"an extension in place of {written(place.path)}", alone
    name = resource.get("name")
    if isinstance(name, list) and "given" in name[0]:
        siblings = {"given": ["Alix", None], "_given": [None, more]}
        yield "a list with a gap", inserted(resource, ("name", 0), **siblings)


def _extensions(resource: Resource) -> Iterator[Way]:
    holders = [(), *(p.path for p in places(resource) if _may_be_extended(p.value, p.type))]
    for holder in holders:
        for way in _EXTENSIONS:
            where = written(holder) or "resource"
            yield f"{where}.extension = {str(way)[:80]}", inserted(resource, holder, extension=[way])


def _may_be_extended(value: Any, type_: str) -> bool:
    return isinstance(value, dict) and type_ not in ("Resource", "Extension", "Meta")


def _references(resource: Resource) -> Iterator[Way]:
    for place in places(resource):
        if place.type != "Reference" or str(place.value.get("reference", "")).startswith("#"):
            continue
        for value in _REFERENCES:
            yield f"{written(place.path)} = {value}", changed(resource, place.path, value)
        types = place.element.targets.get("Reference", ())
        if types and types != ("Resource",):
            for form in ("{}/1", "{}/1/_history/2", "http://example.org/fhir/{}/1"):
                reference = {"reference": form.format(types[-1]), "type": types[-1]}
                yield f"{written(place.path)} = {reference}", changed(resource, place.path, reference)


def _narratives(resource: Resource) -> Iterator[Way]:
    for place in places(resource):
        if place.type == "xhtml":
            for inner in _DIVS:
                div = f'<div xmlns="http://www.w3.org/1999/xhtml">{inner}</div>'
                yield f"{written(place.path)} = {inner}", changed(resource, place.path, div)
