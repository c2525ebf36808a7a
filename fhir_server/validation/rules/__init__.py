"""The ordered tables of rules.

RULES: each `build(position, check)` wraps the check made by the rules before it and returns it or a stricter
one; the outermost rule sees the value first. OBJECT_RULES: each builder looks at one structure and returns a
check between the elements of one object, or None when it has nothing to say.
"""

from __future__ import annotations

from collections.abc import Callable

from fhir_server.definitions.registry import Definitions, Structure
from fhir_server.validation.fault import Check, ObjectCheck, Position
from fhir_server.validation.rules import (
    binding,
    bundle,
    cardinality,
    coding,
    contained,
    extension,
    invariant,
    narrative,
    primitive,
    questionnaire,
    questionnaire_response,
    reference,
    types,
    units,
    written,
)

Rule = Callable[[Position, Check], Check]
ObjectRule = Callable[[Definitions, Structure], "ObjectCheck | None"]

STRUCTURE_RULES: tuple[Rule, ...] = (
    primitive.build,
    narrative.build,
    binding.build_required,
    reference.build,
    cardinality.build,
)

RULES: tuple[Rule, ...] = (
    primitive.build,
    narrative.build,
    binding.build_required,
    binding.build_advised,
    reference.build,
    extension.build,
    invariant.build,
    cardinality.build,
)

STRUCTURE_OBJECT_RULES: tuple[ObjectRule, ...] = (
    cardinality.build_required,
    types.build_choice,
    extension.build_object,
)

OBJECT_RULES: tuple[ObjectRule, ...] = (
    *STRUCTURE_OBJECT_RULES,
    coding.build_object,
    units.build_object,
    written.build_object,
    invariant.build_object,
    contained.build_object,
    bundle.build_object,
    questionnaire.build_object,
    questionnaire_response.build_object,
)
