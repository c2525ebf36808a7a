"""Ways to break the rules of Bundles. https://hl7.org/fhir/R4/bundle.html"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.conformance.validation.positions import Resource, changed, inserted, removed

Way = tuple[str, Resource]

_ROOT = "http://example.org/fhir"
_XHTML = '<div xmlns="http://www.w3.org/1999/xhtml">x</div>'
_TEXT = {"status": "generated", "div": _XHTML}


def _patient(id_: str = "p1") -> Resource:
    return {"resourceType": "Patient", "id": id_, "text": _TEXT, "active": True}


def _entry(resource: Resource, **more: Any) -> Resource:
    full_url = f"{_ROOT}/{resource['resourceType']}/{resource['id']}"
    return {"fullUrl": full_url, "resource": resource, **more}


def _composition() -> Resource:
    return {
        "resourceType": "Composition",
        "id": "c1",
        "text": _TEXT,
        "status": "final",
        "type": {"text": "x"},
        "subject": {"reference": "Patient/p1"},
        "date": "2024-01-01",
        "author": [{"reference": "Practitioner/d1"}],
        "title": "x",
        "section": [{"title": "x", "text": _TEXT, "entry": [{"reference": "Observation/o1"}]}],
    }


def _practitioner() -> Resource:
    return {"resourceType": "Practitioner", "id": "d1", "text": _TEXT, "active": True}


def _observation() -> Resource:
    return {
        "resourceType": "Observation",
        "id": "o1",
        "text": _TEXT,
        "status": "final",
        "code": {"text": "x"},
        "subject": {"reference": "Patient/p1"},
        "valueString": "x",
    }


def _header() -> Resource:
    return {
        "resourceType": "MessageHeader",
        "id": "h1",
        "text": _TEXT,
        "eventUri": "http://example.org/event",
        "source": {"endpoint": "http://example.org/source"},
        "focus": [{"reference": "Patient/p1"}],
    }


def sound_bundles() -> dict[str, Resource]:
    """Returns one valid Bundle of each type."""
    request = {"method": "PUT", "url": "Patient/p1"}
    response = {"status": "200", "lastModified": "2024-01-01T00:00:00Z"}
    document = [_entry(r) for r in (_composition(), _patient(), _practitioner(), _observation())]
    shapes: dict[str, Resource] = {
        "collection": {"entry": [_entry(_patient()), _entry(_observation())]},
        "document": {
            "identifier": {
                "system": "urn:ietf:rfc:3986",
                "value": "urn:uuid:53fefa32-fcbb-4ff8-8a92-55ee120877b7",
            },
            "timestamp": "2024-01-01T00:00:00Z",
            "entry": document,
        },
        "message": {
            "timestamp": "2024-01-01T00:00:00Z",
            "entry": [_entry(_header()), _entry(_patient())],
        },
        "searchset": {
            "total": 1,
            "link": [{"relation": "self", "url": f"{_ROOT}/Patient?active=true"}],
            "entry": [_entry(_patient(), search={"mode": "match", "score": 1})],
        },
        "history": {"total": 1, "entry": [_entry(_patient(), request=request, response=response)]},
        "transaction": {
            "entry": [
                _entry(_patient(), request=request),
                {"request": {"method": "DELETE", "url": "Observation/o9"}},
                {"request": {"method": "GET", "url": "Observation?code=x"}},
            ]
        },
        "transaction-response": {"entry": [{"response": {"status": "201", "location": "Patient/p1"}}]},
        "batch": {"entry": [_entry(_patient(), request=request)]},
        "batch-response": {"entry": [{"response": {"status": "404"}}]},
    }
    return {
        type_: {"resourceType": "Bundle", "id": f"{type_}-1", "type": type_, **shape}
        for type_, shape in shapes.items()
    }


def bundle(resource: Resource) -> Iterator[Way]:
    """Breaks a Bundle by the rules of its type and by those of all types."""
    type_ = str(resource["type"])
    yield from _of_any_bundle(resource)
    yield from _of_entries(resource)
    yield from {"document": _of_documents, "message": _of_messages}.get(type_, _of_nothing)(resource)


def _of_nothing(_resource: Resource) -> Iterator[Way]:
    yield from ()


def _of_any_bundle(resource: Resource) -> Iterator[Way]:
    type_ = resource["type"]
    if type_ not in ("searchset", "history"):
        yield "bdl-1 total", inserted(resource, (), total=1)
    if type_ != "searchset":
        yield "bdl-2 search", inserted(resource, ("entry", 0), search={"mode": "match"})
    if type_ in ("transaction", "batch", "history"):
        yield "bdl-3 without request", removed(resource, ("entry", 0, "request"))
    else:
        request = {"method": "GET", "url": "Patient/1"}
        yield "bdl-3 request", inserted(resource, ("entry", 0), request=request)
    if type_ in ("transaction-response", "batch-response"):
        yield (
            "bdl-4 without response",
            inserted(
                removed(resource, ("entry", 0, "response")),
                ("entry", 0),
                fullUrl="urn:uuid:53fefa32-fcbb-4ff8-8a92-55ee120877b7",
            ),
        )
    else:
        yield "bdl-4 response", inserted(resource, ("entry", 0), response={"status": "200"})
    yield (
        "bdl-5 nothing in an entry",
        changed(resource, ("entry", 0), {"link": [{"relation": "self", "url": "http://example.org"}]}),
    )
    yield "an unknown type", inserted(resource, (), type="parcel")
    yield "without type", removed(resource, ("type",))
    for other in ("document", "message", "transaction", "transaction-response", "searchset", "collection"):
        if other != type_:
            yield f"as {other}", inserted(resource, (), type=other)


def _of_entries(resource: Resource) -> Iterator[Way]:
    first = resource["entry"][0]
    if "resource" not in first:
        return
    at = ("entry", 0)
    yield "bdl-7 the same fullUrl twice", changed(resource, ("entry",), [*resource["entry"], first])
    yield "bdl-8 fullUrl with version", inserted(resource, at, fullUrl=f"{first['fullUrl']}/_history/1")
    yield "no fullUrl", removed(resource, (*at, "fullUrl"))
    yield "fullUrl of another id", inserted(resource, at, fullUrl=f"{_ROOT}/Patient/other")
    yield (
        "fullUrl of another type",
        inserted(resource, at, fullUrl=f"{_ROOT}/Basic/{first['resource']['id']}"),
    )
    yield "relative fullUrl", inserted(resource, at, fullUrl="Patient/p1")
    yield "fullUrl that is no uuid", inserted(resource, at, fullUrl="urn:uuid:1")
    yield (
        "fullUrl with capitals",
        inserted(resource, at, fullUrl="urn:uuid:53FEFA32-FCBB-4FF8-8A92-55EE120877B7"),
    )
    yield "an invalid resource", inserted(resource, (*at, "resource"), colour="x")
    yield "an unknown resource type", inserted(resource, (*at, "resource"), resourceType="Nothing")
    yield "a resource without type", removed(resource, (*at, "resource", "resourceType"))
    if "request" in first:
        yield "an unknown method", inserted(resource, (*at, "request"), method="FETCH")
        yield "a request without URL", removed(resource, (*at, "request", "url"))
    if "search" in first:
        yield "an unknown mode", inserted(resource, (*at, "search"), mode="guess")


def _of_documents(resource: Resource) -> Iterator[Way]:
    yield "bdl-9 without identifier", removed(resource, ("identifier",))
    yield "bdl-9 without system", removed(resource, ("identifier", "system"))
    yield "bdl-10 without timestamp", removed(resource, ("timestamp",))
    yield "bdl-11 first is no Composition", changed(resource, ("entry",), resource["entry"][::-1])
    yield "bdl-11 without Composition", removed(resource, ("entry", 0))
    yield "a subject that is not there", removed(resource, ("entry", 1))
    yield "an author that is not there", removed(resource, ("entry", 2))
    yield "a section entry that is not there", removed(resource, ("entry", 3))
    stranger = _entry({"resourceType": "Basic", "id": "b1", "code": {"text": "x"}})
    yield "an entry that nothing refers to", changed(resource, ("entry",), [*resource["entry"], stranger])


def _of_messages(resource: Resource) -> Iterator[Way]:
    yield "bdl-12 first is no MessageHeader", changed(resource, ("entry",), resource["entry"][::-1])
    yield "bdl-12 without MessageHeader", removed(resource, ("entry", 0))
    yield "without timestamp", removed(resource, ("timestamp",))
    yield "a focus that is not there", removed(resource, ("entry", 1))
