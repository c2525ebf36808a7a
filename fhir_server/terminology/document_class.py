"""The class of a document, deduced from its type: ASS_X16 of the DMP, as the ConceptMap in `profiles/` says.

https://hl7.org/fhir/R4/conceptmap.html; profiles/README.md
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import msgspec

from fhir_server.settings import find_artefacts

Code = tuple[str, str]
"""(system, code)."""
_MAP = "ConceptMap-dmp-document-type-to-class.json"


@cache
def document_class_table() -> Mapping[Code, dict[str, str]]:
    """Returns type → Coding of its class."""
    concept_map = msgspec.json.decode((find_artefacts() / "profiles" / _MAP).read_bytes())
    return {
        (group["source"], element["code"]): {
            "system": group["target"],
            "code": element["target"][0]["code"],
            "display": element["target"][0]["display"],
        }
        for group in concept_map["group"]
        for element in group["element"]
    }


def document_class(type_: Any) -> dict[str, str] | None:
    """Returns the Coding of the class that DocumentReference.type entails.

    None where none of its codings is a type with a class, or where they entail different ones.
    """
    codings = type_.get("coding") if isinstance(type_, dict) else None
    found: list[dict[str, str]] = []
    for coding in codings if isinstance(codings, list) else ():
        key = (coding.get("system"), coding.get("code")) if isinstance(coding, dict) else (None, None)
        if isinstance(key[0], str) and isinstance(key[1], str):
            class_ = document_class_table().get((key[0], key[1]))
            if class_ is not None and class_ not in found:
                found.append(class_)
    return dict(found[0]) if len(found) == 1 else None
