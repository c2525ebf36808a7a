"""What a published snapshot says beyond the facts: base, definition, reason of modifiers, in order.

https://hl7.org/fhir/R4/structuredefinition.html#invs (sdf-3, sdf-8b), eld-18
"""

from __future__ import annotations

from typing import Any

from fhir_server.definitions.registry import Definitions, Element, Structure, load_definitions

Json = dict[str, Any]
_ORDER = str.split(
    "id path sliceName slicing short definition min max base contentReference type constraint"
    " isModifier isModifierReason isSummary binding"
)
_SITE = "https://hl7.org/fhir/R4"


def snapshot_elements(elements: list[Json], type_: str) -> list[Json]:
    """Returns the elements of a snapshot as they are published."""
    definitions = load_definitions()
    structures: dict[str, str] = {}
    published = []
    for element in elements:
        parent, _, step = element["id"].rpartition(".")
        if not parent:
            structures[element["id"]] = type_
            published.append(_published(element, {"path": type_, "min": 0, "max": "*"}, type_))
            continue
        structure = definitions.structure(structures[parent])
        name = step.partition(":")[0]
        found = structure.elements[name]
        structures[element["id"]] = found.content or _single_type(element)
        origin = _origin(definitions, structure, name)
        base = {"path": f"{origin}.{name}", "min": found.min, "max": _max(found)}
        published.append(_published(element, base, type_))
    return published


def _max(element: Element) -> str:
    return str(element.max or "*")


def _single_type(element: Json) -> str:
    types = {str(one["code"]) for one in element.get("type", ())}
    return types.pop() if len(types) == 1 else ""


def _origin(definitions: Definitions, structure: Structure, name: str) -> str:
    """Returns the type that first has the element: Resource for Patient.id."""
    base = definitions.structure_or_none(structure.base) if structure.base else None
    if base is not None and name in base.elements:
        return _origin(definitions, base, name)
    return structure.name


_FHIR_TYPE = "http://hl7.org/fhir/StructureDefinition/structuredefinition-fhir-type"
_SYSTEM_TYPED = {"Resource.id": "string", "Element.id": "string", "Extension.url": "uri"}
"""Elements whose type is one of FHIRPath, and what they are in FHIR."""


def _types(path: str) -> Json:
    if path not in _SYSTEM_TYPED:
        return {}
    told = {"url": _FHIR_TYPE, "valueUrl": _SYSTEM_TYPED[path]}
    return {"type": [{"extension": [told], "code": "http://hl7.org/fhirpath/System.String"}]}


def _published(element: Json, base: Json, type_: str) -> Json:
    whole = {key: value for key, value in element.items() if value not in ([], None)}
    whole |= {"base": base, **_types(base["path"])}
    if "definition" not in whole:
        owner = base["path"].partition(".")[0]
        page = f"{type_.lower()}-definitions.html" if owner == type_ else "datatypes-definitions.html"
        if owner in ("Resource", "DomainResource"):
            page = f"{owner.lower()}-definitions.html"
        whole["definition"] = f"Comme dans R4 : {_SITE}/{page}#{base['path']}"
    if whole.get("isModifier"):
        whole["isModifierReason"] = f"Comme dans R4 ({base['path']})."
    values = [key for key in whole if key not in _ORDER]
    order = [*_ORDER[: _ORDER.index("constraint")], *values, *_ORDER[_ORDER.index("constraint") :]]
    return {key: whole[key] for key in order if key in whole}
