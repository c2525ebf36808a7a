"""The corpus: valid resources of 37 types, each broken by every rule in five ways; Bundles and profiles too.

The same seed writes the same cases: HL7's verdicts of `verdicts.json` stay with them.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from fhir_server.fhir.json import encode_json
from tests.conformance.validation import (
    broken_bundles,
    broken_invariants,
    broken_profiles,
    broken_structure,
    broken_texts,
    broken_values,
    sound,
    stricter,
)
from tests.conformance.validation.positions import Resource

FOLDER = Path(__file__).parent
SEED = 1
WAYS = 5
"""At most so many ways of one rule in one resource type."""

Break = Callable[[Resource], Iterator[tuple[str, Resource]]]

RULES: dict[str, Break] = {
    "min": broken_structure.too_few,
    "max": broken_structure.too_many,
    "unknown-element": broken_structure.unknown_element,
    "json-type": broken_structure.wrong_json_type,
    "empty": broken_structure.empty,
    "choice": broken_structure.choice_twice,
    "format": broken_values.primitive_format,
    "required-code": broken_values.required_code,
    "reference-target": broken_values.reference_target,
    "extension": broken_values.extensions,
    "narrative": broken_values.narrative,
    "contained": broken_values.contained,
    "type-invariant": broken_invariants.of_data_types,
    "invariant-in-extension": broken_invariants.in_extension,
}
ALL_WAYS: dict[str, Break] = {"resource-invariant": broken_invariants.of_resources}
MORE_WAYS = {"valid": 20}


@dataclass(frozen=True, slots=True)
class Case:
    """One resource to be judged."""

    id: str
    """rule/Type/number"""
    way: str
    text: str
    profiles: tuple[str, ...] = ()

    @property
    def rule(self) -> str:
        return self.id.partition("/")[0]

    @property
    def digest(self) -> str:
        return hashlib.sha256(self.text.encode()).hexdigest()[:8]


@cache
def specimens() -> dict[str, Resource]:
    """Returns a rich valid resource of each type."""
    lines = (FOLDER / "specimens.ndjson").read_text("utf-8").splitlines()
    return {resource["resourceType"]: resource for resource in map(json.loads, lines)}


@cache
def all_cases() -> tuple[Case, ...]:
    """Returns the corpus, always the same."""
    return tuple([*_of_specimens(), *_of_bundles(), *_of_profiles()])


def _of_specimens() -> Iterator[Case]:
    for type_, specimen in specimens().items():
        for rule, break_ in RULES.items():
            yield from _cases(rule, type_, _pick(f"{rule}/{type_}", break_(specimen), WAYS))
        for rule, break_ in ALL_WAYS.items():
            yield from _cases(rule, type_, list(break_(specimen)))
        yield from _cases("valid", type_, _pick(f"valid/{type_}", sound.sound(specimen), MORE_WAYS["valid"]))
        texts = _pick(f"json/{type_}", broken_texts.json_text(specimen), 2)
        for number, (way, text) in enumerate(texts):
            yield Case(f"json/{type_}/{number}", way, text)
        texts = _pick(f"stricter/{type_}", stricter.stricter(specimen), 2)
        for number, (way, text) in enumerate(texts):
            yield Case(f"stricter/{type_}/{number}", way, text)


def _of_bundles() -> Iterator[Case]:
    for type_, bundle in broken_bundles.sound_bundles().items():
        yield from _cases("valid-bundle", type_, [("as it is", bundle)])
        yield from _cases("bundle", type_, list(broken_bundles.bundle(bundle)))


def _of_profiles() -> Iterator[Case]:
    for line in (FOLDER / "profiled.ndjson").read_text("utf-8").splitlines():
        row = json.loads(line)
        profile, resource = row["profile"], row["resource"]
        name = profile.rpartition("/")[2]
        ways = [("as it is", resource), *_pick(f"valid/{name}", _sound_under_profile(resource), 10)]
        yield from _cases("valid-profile", name, ways, (profile,))
        yield from _cases("profile", name, list(broken_profiles.profile_rules(name, resource)), (profile,))


def _sound_under_profile(resource: Resource) -> Iterator[tuple[str, Resource]]:
    yield from (
        (way, twin) for way, twin in sound.sound(resource) if way.startswith(("an extension of", "text.div"))
    )


def _pick(name: str, ways: Iterator[tuple[str, Any]], most: int) -> list[tuple[str, Any]]:
    """Draws some of the ways, always the same ones, in their order."""
    found = list(ways)
    if len(found) <= most:
        return found
    chosen = sorted(random.Random(f"{SEED}/{name}").sample(range(len(found)), most))
    return [found[index] for index in chosen]


def _cases(
    rule: str, name: str, ways: list[tuple[str, Resource]], profiles: tuple[str, ...] = ()
) -> Iterator[Case]:
    for number, (way, resource) in enumerate(ways):
        yield Case(f"{rule}/{name}/{number}", way, encode_json(resource).decode(), profiles)
