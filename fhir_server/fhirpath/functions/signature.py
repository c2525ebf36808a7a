"""How a function of the table is described."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from fhir_server.fhirpath.node import Collection, State, Step


class Function(NamedTuple):
    """A function of FHIRPath: a builder of its closure from those of its arguments."""

    build: Callable[..., Step]
    least: int = 0
    """Fewest and most arguments."""
    most: int = 0
    takes_type: bool = False
    """Its one argument is a type specifier, handed over as a TypeTest."""


def plain(function: Callable[[State, Collection], Collection]) -> Function:
    """Describes a function without arguments."""
    return Function(lambda: function)


Table = dict[str, Function]
