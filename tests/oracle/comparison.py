"""Where server and oracle differ, and the smallest search that shows it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace

from fhir_server.fhir.json import encode_json
from tests.oracle.granular_scopes import as_seen_with
from tests.oracle.reference_search import Key, Resource, World
from tests.oracle.searches import Search
from tests.oracle.server_under_test import Answer, ServerUnderTest
from tests.unit.search.specification import parts

Differ = Callable[[Search], str]


class Comparison:
    """The same questions to both."""

    def __init__(self, server: ServerUnderTest, world: World) -> None:
        self._server = server
        self._worlds = {"": world}
        self._granular: tuple[str, str, World] = ("", "", world)

    def world(self, patient: str, scopes: str = "") -> World:
        if patient not in self._worlds:
            self._worlds[patient] = self._worlds[""].as_seen_by(patient)
        if not scopes:
            return self._worlds[patient]
        if self._granular[:2] != (patient, scopes):
            self._granular = patient, scopes, as_seen_with(self._worlds[patient], scopes)
        return self._granular[2]

    def difference(self, search: Search) -> str:
        """Returns what the two answers differ in; "" for nothing."""
        answer = self._server.search(
            search.path, search.pairs, search.patient, http=search.http, scopes=search.scopes
        )
        return differences(search, answer, self.world(search.patient, search.scopes))

    def expected(self, search: Search) -> set[Key]:
        """Returns what the search should find."""
        return _expected(search, self.world(search.patient, search.scopes))

    def shrink(self, search: Search) -> Search:
        """Returns the smallest search that still differs."""
        return shrink(search, self.difference)

    def explain(self, search: Search) -> str:
        """Returns the smallest search that still differs, and how it does."""
        small = self.shrink(search)
        return f"{small}\n  {self.difference(small)}\n  (found as {search})"


TOO_MANY_TARGETS = "say the types of the targets"


def differences(search: Search, answer: Answer, world: World) -> str:
    """Returns what is wrong with an answer; "" for nothing."""
    if answer.status == 403 and TOO_MANY_TARGETS in answer.error:
        return ""  # a limit that docs/search.md tells
    if answer.status != 200:
        return f"the server answers {answer.status}: {answer.error[:400]}"
    expected = _expected(search, world)
    return (
        _totals(search, answer, len(expected))
        or _matches(search, answer, expected)
        or _order(search, answer, world)
        or _included(search, answer, world)
    )


def _expected(search: Search, world: World) -> set[Key]:
    asked = search.result("_contained")
    if asked:
        return _expected_inside(search, world) | (
            _expected_outside(search, world) if asked == "both" else set()
        )
    return _expected_outside(search, world)


def _expected_inside(search: Search, world: World) -> set[Key]:
    rows = world.contained(search.types[0], list(search.criteria))
    if search.result("_containedType") == "contained":
        return {(inner["resourceType"], inner["id"]) for _, inner in rows}
    return {(container["resourceType"], container["id"]) for container, _ in rows}


def _expected_outside(search: Search, world: World) -> set[Key]:
    found = [r for t in search.types for r in world.search(t, list(search.criteria), search.compartment)]
    return {(r["resourceType"], r["id"]) for r in found}


def leave_out_records(server: ServerUnderTest, world: World, search: Search) -> list[str]:
    """Deletes the resources that a difference does not need, and returns the JSON of the others."""
    left = dict(world.resources)
    size = len(left) // 2
    while size:
        keys = list(left)
        for start in range(0, len(keys), size):
            chunk = {key: left[key] for key in keys[start : start + size]}
            server.write([("DELETE", resource) for resource in chunk.values()])
            fewer = {key: resource for key, resource in left.items() if key not in chunk}
            if Comparison(server, World(world.base_url, fewer)).difference(search):
                left = fewer
            else:
                left |= server.write([("PUT", resource) for resource in chunk.values()]).resources
        size //= 2
    return [encode_json(resource).decode() for resource in left.values()]


def _only_counts(search: Search) -> bool:
    return search.result("_summary") == "count" or search.result("_count") == "0"


def _totals(search: Search, answer: Answer, expected: int) -> str:
    for total in answer.totals:
        if total is None:
            if _only_counts(search) or search.result("_total") == "accurate":
                return "there is no total"
        elif total != expected and search.result("_total") != "estimate":
            return f"total {total}, expected {expected}"
    return ""


def _matches(search: Search, answer: Answer, expected: set[Key]) -> str:
    keys = answer.keys
    if _only_counts(search):
        return f"{len(keys)} entries where only the count is asked" if keys else ""
    missing, surplus = expected - set(keys), set(keys) - expected
    most = int(search.result("_maxresults") or 0)
    if most and len(keys) == len(set(keys)) == min(most, len(expected)):
        missing = set()
    if missing or surplus:
        return (
            f"missing {sorted(missing)[:5]} ({len(missing)}), surplus {sorted(surplus)[:5]} ({len(surplus)})"
        )
    if len(keys) != len(set(keys)):
        return f"{len(keys) - len(set(keys))} matches come twice"
    size = int(search.result("_count") or 20)
    lengths = [len(page) for page in answer.matches]
    if max(lengths) > size or any(length < size for length in lengths[:-1]):
        return f"pages of {lengths} with _count={size}"
    return ""


def _order(search: Search, answer: Answer, world: World) -> str:
    sort = search.result("_sort")
    if not sort:
        return ""
    keys = [world.sort_keys(world.resources[key], sort) for key in answer.keys]
    if world.in_order(keys, sort):
        return ""
    shown = [f"{k[1]} {tuple(map(str, v))}" for k, v in zip(answer.keys, keys, strict=True)]
    return f"not in order: {shown[:12]}"


def _included(search: Search, answer: Answer, world: World) -> str:
    if not search.includes:
        return "included for nothing" if any(answer.included) else ""
    for matches, included in zip(answer.matches, answer.included, strict=True):
        sources: list[Resource] = [world.resources[key] for key in matches]
        expected = world.included(sources, list(search.includes))
        missing, surplus = expected - set(included), set(included) - expected
        if missing or surplus:
            return f"not included {sorted(missing)[:5]}, included for nothing {sorted(surplus)[:5]}"
        if len(included) != len(set(included)):
            return "included twice"
    return ""


def shrink(search: Search, differ: Differ) -> Search:
    """Leaves out what the difference does not need, one by one, until nothing more can go."""
    for smaller in _smaller(search):
        if differ(smaller):
            return shrink(smaller, differ)
    return search


def _smaller(search: Search) -> Iterator[Search]:
    if search.http:
        yield replace(search, http=False)
    if search.patient and not search.scopes:
        yield replace(search, patient="")
    words = search.scopes.split()
    for i, word in enumerate(words):
        if "?" in word:
            wider = [*words[:i], word.partition("?")[0], *words[i + 1 :]]
            yield replace(search, scopes=" ".join(wider))
    if search.compartment:
        yield replace(search, compartment=None)
    if search.is_of_system:
        yield from (replace(search, types=(type_,)) for type_ in search.types)
    for field in ("criteria", "includes", "results"):
        pairs = getattr(search, field)
        for i in range(len(pairs)):
            yield replace(search, **{field: pairs[:i] + pairs[i + 1 :]})
    for i, (name, text) in enumerate(search.criteria):
        values = parts(text, ",")
        for j in range(len(values) if len(values) > 1 else 0):
            fewer = ",".join(values[:j] + values[j + 1 :])
            yield replace(search, criteria=(*search.criteria[:i], (name, fewer), *search.criteria[i + 1 :]))
