"""The ordered tables of rules.

RULES: each `build(position, check)` wraps the check made by the rules before it and returns it or a stricter
one; the outermost rule sees the value first. OBJECT_RULES: each builder looks at one structure and returns a
check between the elements of one object, or None when it has nothing to say.
"""

from __future__ import annotations

from collections.abc import Callable

from fhir_server.definitions.registry import Structure
from fhir_server.validation.fault import Check, ObjectCheck, Position
from fhir_server.validation.rules import (
    binding,
    cardinality,
    extension,
    narrative,
    primitive,
    reference,
    types,
)

RULES: tuple[Callable[[Position, Check], Check], ...] = (
    primitive.build,
    narrative.build,
    binding.build,
    reference.build,
    cardinality.build,
)

OBJECT_RULES: tuple[Callable[[Structure], ObjectCheck | None], ...] = (
    cardinality.build_required,
    types.build_choice,
    extension.build_object,
)
