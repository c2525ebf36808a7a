"""The types of the elements that a search parameter looks at, read from its expression without evaluating it.

A token parameter on elements without a system (status, gender, active) is an exact entry of the index even
where the query gives no system, and the system implied by a required binding matches too.
https://hl7.org/fhir/R4/search.html#token
"""

from __future__ import annotations

import re
from functools import cache
from typing import NamedTuple

from fhir_server.definitions.registry import Element, load_definitions

_SYSTEMLESS = frozenset(
    {"code", "boolean", "id", "uri", "url", "canonical", "oid", "uuid", "string", "markdown", "ContactPoint",
     "integer", "positiveInt", "unsignedInt", "decimal", "date", "dateTime", "instant"}
)  # fmt: skip
_PATH = re.compile(r"[A-Z]\w*(?:\.[a-z]\w*)+")
_WHERE = re.compile(r"\.where\([^()]*(?:\(\))?[^()]*\)$|\.where\([^()]*(?:\(\))?[^()]*\)(?=\.)")


class TokenElements(NamedTuple):
    """What is known of the elements of a token parameter."""

    systemless: bool
    """None of them carries a system."""
    value_sets: tuple[str, ...] = ()
    """Value sets that bind them."""


UNKNOWN = TokenElements(False)


@cache
def token_elements(resource_type: str, code: str) -> TokenElements:
    """Returns what is known of a parameter's elements; UNKNOWN where the expression is not plain."""
    parameter = load_definitions().search_parameters(resource_type)[code]
    branches = [b.strip() for b in parameter.expression.split("|")]
    own = [b for b in branches if re.match(rf"\(*{resource_type}\b", b)]
    if not own:
        return UNKNOWN
    value_sets: list[str] = []
    for branch in own:
        element = _walk(_WHERE.sub("", branch))
        if element is None or element.is_choice or not _SYSTEMLESS.issuperset(element.types):
            return UNKNOWN
        if element.types == ("code",) and element.binding:
            value_sets.append(element.binding[1])
    return TokenElements(True, tuple(value_sets))


def _walk(path: str) -> Element | None:
    """Returns the element at the end of a path; None where the path leaves the plain model."""
    if not _PATH.fullmatch(path):
        return None
    definitions = load_definitions()
    first, *steps = path.split(".")
    structure = definitions.structure_or_none(first)
    element: Element | None = None
    for step in steps:
        element = structure.elements.get(step) if structure else None
        if element is None:
            return None
        structure = definitions.structure_or_none(element.content or element.types[0])
    return element


def implies_system(elements: TokenElements, system: str, code: str) -> bool:
    """True where the binding of the elements says that `code` is one of `system`."""
    for canonical in elements.value_sets:
        systems = load_definitions().required_codes(canonical)
        if systems is None:
            # Languages, media types, currencies: registries that no value set lists.
            if system.startswith("urn:"):
                return True
        elif code in systems.get(system, ()):
            return True
    return False
