"""What the parameters of a search are read against, and how a reader refuses one. https://hl7.org/fhir/R4/search.html#errors"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

from fhir_server.errors import Invalid, NotSupported

Declared = Callable[[str], Collection[str]]
"""Resource type → search parameters that capability_statement.json switches on."""


@dataclass(frozen=True, slots=True)
class Context:
    """What the parameters are read against."""

    resource_type: str
    declared: Declared
    base_url: str

    def of(self, resource_type: str) -> Context:
        """The same for a type at the other end of a reference."""
        return replace(self, resource_type=resource_type)


class NotSupportedHere(Exception):
    """Not known or not supported: what `Prefer: handling=lenient` ignores, and strict handling raises."""

    def __init__(self, error: Invalid, *, is_harmless: bool = False) -> None:
        super().__init__(error.diagnostics)
        self.error = error
        self.is_harmless = is_harmless
        """Strict handling ignores it too."""


class NeverRefers(Invalid):
    """What is asked of a type can match none of it: one of several targets of a chain is left out."""


def not_supported(name: str, reason: str) -> NotSupportedHere:
    """Returns the refusal of a parameter, or of what is asked of it."""
    return NotSupportedHere(NotSupported(f"{name}: {reason}", f"http.{name}"))
