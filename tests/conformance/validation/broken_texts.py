"""Ways to break a resource as JSON text. https://hl7.org/fhir/R4/json.html"""

from __future__ import annotations

import json
from collections.abc import Iterator

from tests.conformance.validation.positions import Resource


def json_text(resource: Resource) -> Iterator[tuple[str, str]]:
    """Yields what was done and the text after it."""
    text = json.dumps(resource, ensure_ascii=False)
    type_ = resource["resourceType"]
    first = f'"resourceType": "{type_}"'
    yield "a comma too many", text[:-1] + ",}"
    yield "an end too early", text[: len(text) // 2]
    yield "something after the end", text + " x"
    yield "single quotes", text.replace('"', "'")
    yield "a comment", text.replace("{", "{/* x */", 1)
    yield "no resource type", text.replace(first + ", ", "", 1)
    yield "an unknown resource type", text.replace(first, '"resourceType": "Nothing"', 1)
    yield "a resource type in small letters", text.replace(first, f'"resourceType": "{type_.lower()}"', 1)
    yield "a resource type that is a number", text.replace(first, '"resourceType": 5', 1)
    yield "a key twice", text.replace("{", '{"language": "en", ', 1)
    yield "a list of resources", f"[{text}]"
    yield "a string", json.dumps(text)
    yield "nothing", ""
    yield "not a number", text.replace(first, first + ', "implicitRules": NaN', 1)
