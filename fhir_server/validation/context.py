"""What surrounds a value under check: its resource, the container of a contained one, the Bundle around.

https://hl7.org/fhir/R4/fhirpath.html#variables, https://hl7.org/fhir/R4/bundle.html#references
"""

from __future__ import annotations

from functools import cached_property
from time import monotonic
from typing import Any, Protocol

from fhir_server.fhir import Resource
from fhir_server.fhir.reference import parse_reference
from fhir_server.fhirpath.evaluate import Environment, Expression, FhirPathTooCostly, Node
from fhir_server.fhirpath.resolve import type_of_reference

MAX_SECONDS = 10
"""Time for the expressions of one resource, with all that is inside."""


class Book(Protocol):
    """The profiles and terms that are known: profile/book.py."""

    def member_of(self, node: Node, canonical: str) -> bool | None:
        """Says whether an item is in a value set."""

    def conforms_to(self, node: Node, canonical: str, context: Context) -> bool | None:
        """Says whether an item meets a profile."""

    def questions(self, canonical: str) -> Any:
        """Returns the questions of a Questionnaire, None where it is not known."""

    def read_questions(self, questionnaire: Resource) -> Any:
        """Returns the questions of a Questionnaire that is at hand."""

    def subsumes(self, system: str, high: str, low: str) -> bool | None:
        """Says whether a code subsumes another."""

    def slices_of(self, node: Node, canonical: str, name: str, context: Context) -> list[Node]:
        """Returns the children of an item that are in a slice of a profile."""

    def check_value(self, canonical: str, value: Any, type_: str, context: Context) -> list[Any] | None:
        """Returns the faults of a value by a profile."""

    def check_extension(self, value: Any, key: str, holder: str, context: Context) -> list[Any] | None:
        """Returns the faults of an extension by its definition."""

    def check_resource(
        self, resource: Resource, context: Context, asked: tuple[str, ...] = ()
    ) -> list[Any] | None:
        """Returns the faults of a resource by the profiles it names, and by those asked for."""


class Context:
    """One resource: the outermost one, the one of a Bundle entry, or a contained one."""

    def __init__(
        self,
        resource: Resource,
        *,
        container: Context | None = None,
        around: Context | None = None,
        book: Book | None = None,
    ) -> None:
        outer = container or around
        self.resource = resource
        self.book: Book | None = book if outer is None else outer.book
        """The profiles that are known, None where only the structure is looked at."""
        self.open: set[tuple[int, str]] = set() if outer is None else outer.open
        """Values and the profiles by which they are being checked."""
        self.root: Context = self if container is None else container.root
        """Of a contained resource the context of its container."""
        self.around: Context | None = around if container is None else container.around
        """The context of the Bundle or Parameters that hold the resource."""
        self.deadline: float = monotonic() + MAX_SECONDS if outer is None else outer.deadline
        """When no more expressions are evaluated: neither resource nor profile may hold a worker."""
        self.full_url = ""
        """Of the Bundle entry that holds the resource."""
        self.has_extensions = False
        """An extension was met whose definition says where it may be used."""

    @cached_property
    def contained(self) -> dict[str, Resource]:
        """Returns id → contained resource, of the container."""
        items = self.root.resource.get("contained")
        return {
            item["id"]: item
            for item in (items if isinstance(items, list) else ())
            if isinstance(item, dict) and isinstance(item.get("id"), str)
        }

    @cached_property
    def environment(self) -> Environment:
        """Returns what expressions on this resource may know."""
        return Environment(
            resource=self.resource,
            root_resource=self.root.resource,
            resolve=self._resolve_or_type,
            member_of=None if self.book is None else self.book.member_of,
            conforms_to=None if self.book is None else self._conforms_to,
            subsumes=None if self.book is None else self.book.subsumes,
            slices_of=None if self.book is None else self._slices_of,
        )

    def evaluate(self, expression: Expression, node: Node, environment: Environment | None = None) -> bool:
        """Says whether an invariant holds, no answer being none; FhirPathError where it cannot be said."""
        if monotonic() > self.deadline:
            raise FhirPathTooCostly(f"The resource needs more than {MAX_SECONDS} seconds of evaluation")
        return expression.is_true(node, environment or self.environment, when_empty=False)

    def below(self, resource: Resource) -> Context:
        """Returns the context of a resource inside: a contained one, or that of an entry."""
        contained = self.root.resource.get("contained")
        if isinstance(contained, list) and any(item is resource for item in contained):
            return Context(resource, container=self)
        if resource is self.root.resource:
            return self.root
        context = Context(resource, around=self if self.around is None else self.around)
        for url, entry in context.around.entries.items() if context.around is not None else ():
            if entry is resource:
                context.full_url = url
        return context

    def _conforms_to(self, node: Node, canonical: str) -> bool | None:
        return None if self.book is None else self.book.conforms_to(node, canonical, self)

    def _slices_of(self, node: Node, canonical: str, name: str) -> list[Node]:
        return [] if self.book is None else self.book.slices_of(node, canonical, name, self)

    @cached_property
    def entries(self) -> dict[str, Resource]:
        """Returns, of a Bundle, fullUrl → resource."""
        found: dict[str, Resource] = {}
        rows = self.resource.get("entry")
        for row in rows if isinstance(rows, list) else ():
            resource = row.get("resource") if isinstance(row, dict) else None
            url = row.get("fullUrl") if isinstance(row, dict) else None
            if isinstance(resource, dict) and isinstance(url, str):
                found.setdefault(url, resource)
        return found

    def find(self, literal: str) -> Resource | None:
        """Returns the resource a reference leads to inside the resource or the Bundle around."""
        if literal.startswith("#"):
            return self.contained.get(literal[1:]) if literal != "#" else self.root.resource
        around = self.around
        while around is not None:
            if around.resource.get("resourceType") == "Bundle":
                found = find_entry(around, literal, self.root.full_url)
                if found is not None:
                    return found
            around = around.around
        return None

    def _resolve_or_type(self, literal: str) -> Resource | None:
        """Without its resource a reference still names a type: `resolve() is Patient` needs no more."""
        found = self.find(literal)
        if found is None and (type_ := type_of_reference(literal)):
            return {"resourceType": type_}
        return found


def find_entry(bundle: Context, literal: str, full_url: str) -> Resource | None:
    """Returns the resource of an entry, as the entry with `full_url` refers to it."""
    found = bundle.entries.get(literal)
    if found is not None:
        return found
    reference = parse_reference(literal)
    if reference is None or not reference.type:
        return None
    if reference.kind == "absolute":
        return bundle.entries.get(reference.url)
    path = f"/{reference.type}/{reference.id}"
    source = parse_reference(full_url)
    if source is not None and source.kind == "absolute" and source.type:
        return bundle.entries.get(full_url[: -len(f"/{source.type}/{source.id}")] + path)
    return None


def is_type_only(node: Node) -> bool:
    """True for what stands in place of a resource that is elsewhere."""
    return isinstance(node.value, dict) and node.value.keys() == {"resourceType"}
