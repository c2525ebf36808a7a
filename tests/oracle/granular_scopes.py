"""Tokens with granular scopes: which ones to try, and what of a world they show.

https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html: parameters of a scope mean what
they mean in a search, all of them together; scopes add up.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from urllib.parse import quote, unquote

from tests.oracle.parameter_paths import TYPES, parameters
from tests.oracle.reference_search import Key, Pairs, Resource, World
from tests.oracle.searches import Search, Searches


def with_granular_scopes(searches: Searches) -> Search:
    """Returns a search by a token that reaches a part of each type."""
    search = searches.draw()
    level = "patient" if search.patient else "system"
    words = [f"{level}/{type_}.rs{query}" for type_ in TYPES for query in _queries(searches, type_)]
    return replace(search, scopes=" ".join(words), http=False)


def _queries(searches: Searches, type_: str) -> Iterator[str]:
    """Yields the conditions of one or two scopes of a type; "" for none."""
    if searches.maybe(0.5):
        yield ""
        return
    for _ in range(searches.pick((1, 1, 2))):
        pairs = [plain_parameter(searches, type_) for _ in range(searches.pick((1, 1, 1, 2)))]
        yield "?" + "&".join(f"{name}={quote(text, ':/|,.$-+')}" for name, text in pairs)


def plain_parameter(searches: Searches, type_: str) -> tuple[str, str]:
    """Returns a parameter without modifier whose meaning does not change with the time of asking."""
    codes = [c for c in parameters(type_) if c != "_lastUpdated"]
    while True:
        name, text = searches.clause(type_, searches.pick(codes))
        if ":" not in name and not any(part.startswith("ap") for part in text.replace("$", ",").split(",")):
            return name, text


def granular_scope(searches: Searches, type_: str) -> str:
    """Returns one scope with a condition."""
    name, text = plain_parameter(searches, type_)
    return f"system/{type_}.rs?{name}={quote(text, ':/|,.$-+')}"


def shows(world: World, scope: str, version: Resource) -> bool:
    """Tells whether a scope shows one version, looked at as if it were all there is."""
    key = version["resourceType"], version["id"]
    return bool(as_seen_with(World(world.base_url, {key: version}), scope).resources)


def as_seen_with(world: World, scopes: str) -> World:
    """Returns what of a world the scopes show, each resource looked at by each scope."""
    seen: set[Key] = set()
    for scope in scopes.split():
        head, _, query = scope.partition("?")
        type_ = head.partition("/")[2].removesuffix(".rs")
        pairs: Pairs = [
            (name, unquote(text)) for name, _, text in (p.partition("=") for p in query.split("&") if p)
        ]
        seen.update((type_, resource["id"]) for resource in world.search(type_, pairs))
    return World(world.base_url, {key: resource for key, resource in world.resources.items() if key in seen})
