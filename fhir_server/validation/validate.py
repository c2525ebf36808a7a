"""The door of validation: a resource → all its issues. https://hl7.org/fhir/R4/validation.html"""

from __future__ import annotations

from collections.abc import Sequence
from threading import Lock
from typing import Any

from fhir_server.definitions.conformance import Conformance
from fhir_server.definitions.registry import load_definitions
from fhir_server.definitions.sources import default_conformance
from fhir_server.errors import Issue
from fhir_server.validation.compile import load_rulebook
from fhir_server.validation.context import Context
from fhir_server.validation.fault import Fault, bounded
from fhir_server.validation.level import Level
from fhir_server.validation.profile.book import ProfileBook

__all__ = ["Level", "validate_resource"]


def validate_resource(
    resource: Any,
    *,
    path_prefix: str = "",
    profiles: Sequence[str] = (),
    level: Level = Level.FULL,
    conformance: Conformance | None = None,
) -> list[Issue]:
    """Returns the issues of a resource (at most 200), none when it is valid.

    Expressions begin with the resource type, or with `path_prefix` (Bundle.entry[3].resource) in its place.
    `profiles` are asked for beside those of meta.profile; `conformance` knows more than R4 and `profiles/`.
    """
    try:
        faults = _check(resource, tuple(profiles), level, conformance)
    except RecursionError:
        return [Issue("error", "structure", "The resource is nested too deeply.", path_prefix, "depth")]
    if not faults:
        return []
    type_ = resource.get("resourceType") if isinstance(resource, dict) else None
    prefix = path_prefix or (type_ if isinstance(type_, str) and type_.isalpha() else "")
    return [_issue(found, prefix) for found in bounded(faults)]


def _check(
    resource: Any, profiles: tuple[str, ...], level: Level, conformance: Conformance | None
) -> list[Fault] | None:
    rulebook = load_rulebook(level)
    type_ = resource.get("resourceType") if type(resource) is dict else None
    if level is Level.STRUCTURE or not load_definitions().is_resource_type(type_):
        return rulebook.check(resource)
    book = load_book(default_conformance() if conformance is None else conformance)
    return rulebook.check_in(Context(resource, book=book), str(type_), asked=profiles)


_books: dict[str, ProfileBook] = {}
_MOST_BOOKS = 8
_lock = Lock()


def load_book(conformance: Conformance) -> ProfileBook:
    """Returns the compiled profiles of a source, those compiled before as long as its content is the same."""
    revision = conformance.revision
    book = _books.get(revision)
    if book is None:
        with _lock:
            if len(_books) >= _MOST_BOOKS:
                _books.pop(next(iter(_books)))
            book = _books[revision] = ProfileBook(load_definitions(), conformance)
    return book


def _issue(found: Fault, prefix: str) -> Issue:
    expression = prefix + "".join(reversed(found.path))
    return Issue(found.severity, found.code, found.text, expression, found.message_id)
