"""Where this server objects to what HL7's validator lets pass; `docs/validation.md` says why.

They are no rules of the definitions of R4.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from tests.conformance.validation.positions import Resource, changed, inserted, places, written

_FORMS = ("1", "patient/1", "Nothing/1", "Patient/", "Patient/a b")
_XHTML = 'xmlns="http://www.w3.org/1999/xhtml"'
_DIVS = (f"<div {_XHTML}>x</div><div>y</div>", f"<!DOCTYPE div><div {_XHTML}>x</div>")


def stricter(resource: Resource) -> Iterator[tuple[str, str]]:
    """Yields what was done and the text after it."""
    for place in places(resource):
        if place.type == "Reference":
            for form in _FORMS:
                way = f"{written(place.path)} = {form!r}"
                yield way, json.dumps(changed(resource, place.path, {"reference": form}))
        if place.type == "Narrative":
            for div in _DIVS:
                yield (
                    f"{written(place.path)}.div = {div}",
                    json.dumps(inserted(resource, place.path, div=div)),
                )
    text = json.dumps(resource)
    yield "a control character in a string", text.replace('"language": "fr"', '"language": "fr\u0001"', 1)
