"""Valid resources of any type, generated from the element model; the strategies that other tests draw from.

`resources("Patient")` yields plain JSON dicts that the structural rules accept: required elements, a few
optional ones, one type per choice, codes of required bindings, references to allowed types, extensions,
primitives with siblings. Invariants between elements (obs-7, bdl-3 …) are not promised.
"""

from __future__ import annotations

from decimal import Decimal
from functools import cache
from typing import Any

from hypothesis import strategies as st

from fhir_server.definitions.registry import Element, Structure, load_definitions

Resource = dict[str, Any]

DEFINITIONS = load_definitions()
RESOURCE_TYPES = DEFINITIONS.resource_types
MAX_DEPTH = 3

_ID = st.from_regex(r"[A-Za-z0-9\-.]{1,12}", fullmatch=True)
_WORDS = st.text(st.sampled_from("abcdeéèçœ XYZ019-'<&\"\\/😀"), min_size=1, max_size=12).filter(str.strip)
_DATE = st.dates().map(lambda day: day.isoformat())
_ZONE = st.sampled_from(["Z", "+00:00", "+01:00", "-05:30", "+14:00"])
_TIME = st.tuples(st.times(), st.sampled_from(["", ".5", ".123456789"])).map(
    lambda pair: pair[0].strftime("%H:%M:%S") + pair[1]
)
_INSTANT = st.tuples(_DATE, _TIME, _ZONE).map(lambda parts: f"{parts[0]}T{parts[1]}{parts[2]}")
_URI = _ID.map(lambda name: f"http://example.org/{name}")
_CODE = st.from_regex(r"[a-z]{1,6}( [a-z]{1,6})?", fullmatch=True)

PRIMITIVES: dict[str, st.SearchStrategy[Any]] = {
    "base64Binary": st.sampled_from(["AAAA", "Zm9v", "Zg==", "Zm8=", "Zm9v\nZm9v"]),
    "boolean": st.booleans(),
    "canonical": _URI.map(lambda url: f"{url}|1.0"),
    "code": _CODE,
    "date": st.one_of(_DATE, _DATE.map(lambda day: day[:7]), _DATE.map(lambda day: day[:4])),
    "dateTime": st.one_of(_INSTANT, _DATE, _DATE.map(lambda day: day[:7]), _DATE.map(lambda day: day[:4])),
    "decimal": st.one_of(
        st.integers(-(10**9), 10**9),
        st.decimals(-(10**6), 10**6, places=2),
        st.sampled_from([Decimal("1.00"), Decimal("0.0"), Decimal("1E-20"), Decimal("-0.001")]),
    ),
    "id": _ID,
    "instant": _INSTANT,
    "integer": st.integers(-(2**31), 2**31 - 1),
    "markdown": _WORDS,
    "oid": st.sampled_from(["urn:oid:1.2.250.1.213", "urn:oid:2.999", "urn:oid:0.0"]),
    "positiveInt": st.integers(1, 2**31 - 1),
    "string": _WORDS,
    "time": _TIME,
    "unsignedInt": st.integers(0, 2**31 - 1),
    "uri": st.one_of(_URI, st.uuids().map(lambda uuid: f"urn:uuid:{uuid}")),
    "url": _URI,
    "uuid": st.uuids().map(lambda uuid: f"urn:uuid:{uuid}"),
    "xhtml": st.sampled_from(["a", "<p>&eacute;&#160;<b>b</b></p>", '<img src="x.png" alt="y"/>']).map(
        lambda inner: f'<div xmlns="http://www.w3.org/1999/xhtml">{inner}</div>'
    ),
}
_LANGUAGES = "http://hl7.org/fhir/ValueSet/languages"
# One value of each set that cannot be listed.
_UNLISTED = {
    _LANGUAGES: ("urn:ietf:bcp:47", "fr-FR"),
    "http://hl7.org/fhir/ValueSet/mimetypes": ("urn:ietf:bcp:13", "text/plain"),
    "http://hl7.org/fhir/ValueSet/currencies": ("urn:iso:std:iso:4217", "EUR"),
    "http://hl7.org/fhir/ValueSet/ucum-units": ("http://unitsofmeasure.org", "kg"),
    "http://loinc.org/vs/LL379-9": ("http://loinc.org", "LA9658-1"),
}


def resources(resource_type: str) -> st.SearchStrategy[Resource]:
    """Returns the strategy of valid resources of a type."""
    return _objects(resource_type, 0)


def any_resources() -> st.SearchStrategy[Resource]:
    """Returns the strategy of valid resources of any of the 146 types."""
    return st.sampled_from(RESOURCE_TYPES).flatmap(resources)


def elements(structure_name: str) -> st.SearchStrategy[dict[str, Any]]:
    """Returns the strategy of valid values of a data type or backbone element."""
    return _objects(structure_name, 1)


@cache
def _objects(name: str, depth: int) -> st.SearchStrategy[dict[str, Any]]:
    if name == "Reference":
        return _references(("Patient", "Organization"))
    if name == "Extension":
        return _extensions(depth)
    return _compose(name, depth)


@st.composite
def _compose(draw: st.DrawFn, name: str, depth: int) -> dict[str, Any]:
    structure = DEFINITIONS.structure(name)
    required = [e.name for e in structure.elements.values() if e.min]
    optional = [
        e.name for e in structure.elements.values() if not e.min and e.name not in ("contained", "id")
    ]
    if depth > 1:
        optional = [name for name in optional if _is_simple(structure, name)] or optional
    most = max(0, MAX_DEPTH - depth)
    least = 0 if required or depth == 0 else 1
    choose = st.lists(st.sampled_from(optional), min_size=least, max_size=max(most, least))
    names = {*required, *(draw(choose) if optional else ())}
    value: dict[str, Any] = {"resourceType": structure.name} if structure.kind == "resource" else {}
    if structure.kind == "resource" and draw(st.booleans()):
        value["id"] = draw(_ID)
    for name in structure.elements:
        if name in names:
            value |= draw(_properties(structure, structure.elements[name], depth))
    return value


def _is_simple(structure: Structure, name: str) -> bool:
    return DEFINITIONS.structure(_keys(structure, name)[0][1]).is_primitive


def _keys(structure: Structure, name: str) -> list[tuple[str, str]]:
    """Returns the (JSON key, type) pairs of an element."""
    return [(key, type_) for key, (element, type_) in structure.keys.items() if element.name == name]


@st.composite
def _properties(draw: st.DrawFn, structure: Structure, element: Element, depth: int) -> dict[str, Any]:
    keys = _keys(structure, element.name)
    if depth > 0:
        keys = [pair for pair in keys if DEFINITIONS.structure(pair[1]).is_primitive] or keys
    key, type_ = draw(st.sampled_from(keys))
    values = _values(element, type_, depth)
    has_siblings = type_ in PRIMITIVES and depth < 2 and draw(st.integers(0, 9)) == 0
    if not element.is_list:
        return {key: draw(values)} | (
            {"_" + key: {"id": "a"}} if has_siblings and _is_free(structure, key) else {}
        )
    items = draw(st.lists(values, min_size=1, max_size=2))
    return {key: items} | ({"_" + key: [{"id": "a"}, *([None] * (len(items) - 1))]} if has_siblings else {})


def _is_free(structure: Structure, key: str) -> bool:
    """True for primitives that may have extensions: not XML attributes and XHTML."""
    return key not in ("id", "div") and (structure.name, key) != ("Extension", "url")


def _values(element: Element, type_: str, depth: int) -> st.SearchStrategy[Any]:
    if element.binding is not None and element.binding[0] == "required":
        return _coded(element.binding[1], type_)
    if element.binding is not None and element.binding[1].partition("|")[0] == _LANGUAGES:
        # Preferred, and all languages at most: every other code is wrong.
        return _coded(_LANGUAGES, type_)
    if type_ == "Reference":
        return _references(element.targets.get("Reference", ("Resource",)))
    if type_ == "Resource":
        return _objects("Basic", depth + 1)
    return PRIMITIVES[type_] if type_ in PRIMITIVES else _objects(type_, depth + 1)


def _coded(value_set: str, type_: str) -> st.SearchStrategy[Any]:
    systems = DEFINITIONS.required_codes(value_set)
    codes = (
        sorted((system, code) for system, codes in systems.items() for code in codes)
        if systems is not None
        else [_UNLISTED[value_set.partition("|")[0]]]
    )
    if type_ == "code":
        return st.sampled_from(codes).map(lambda pair: pair[1])
    return st.sampled_from(codes).map(lambda pair: {"coding": [{"system": pair[0], "code": pair[1]}]})


def _references(targets: tuple[str, ...]) -> st.SearchStrategy[dict[str, Any]]:
    types = st.sampled_from(RESOURCE_TYPES if "Resource" in targets else targets)
    literals = st.one_of(
        st.tuples(types, _ID).map("/".join),
        st.tuples(types, _ID).map(lambda parts: f"https://example.org/fhir/{parts[0]}/{parts[1]}"),
        st.uuids().map(lambda uuid: f"urn:uuid:{uuid}"),
    )
    return st.one_of(
        literals.map(lambda literal: {"reference": literal}), _WORDS.map(lambda text: {"display": text})
    )


def _extensions(depth: int) -> st.SearchStrategy[dict[str, Any]]:
    names = [name for name in PRIMITIVES if name != "xhtml"]
    simple = st.sampled_from(names).flatmap(
        lambda name: st.builds(
            lambda url, value: {"url": url, f"value{name[0].upper()}{name[1:]}": value},
            _URI,
            PRIMITIVES[name],
        )
    )
    if depth > 1:
        return simple
    nested = st.builds(
        lambda url, inner: {"url": url, "extension": inner}, _URI, st.lists(simple, min_size=1, max_size=2)
    )
    return st.one_of(simple, nested)
