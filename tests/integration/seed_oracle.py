"""What the files of seed_data say, read slowly and without the server: a second opinion on searches."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from fhir_server.definitions.registry import load_definitions

Resource = dict[str, Any]
Holds = Callable[[Resource], bool]

SEED = Path(__file__).parents[2] / "seed_data"
FILES: tuple[Path, ...] = tuple(
    SEED / name for name in json.loads((SEED / "manifest.json").read_text("utf-8"))["files"]
)


def bundles() -> list[Resource]:
    """Returns the Bundles in the order of the manifest."""
    return [_decode(file.read_text("utf-8")) for file in FILES]


def stored() -> dict[str, Resource]:
    """Returns Type/id → resource, with the urn:uuid of each Bundle replaced by what they stand for."""
    found: dict[str, Resource] = {}
    for file in FILES:
        text = file.read_text("utf-8")
        for entry in _decode(text)["entry"]:
            text = text.replace(f'"{entry["fullUrl"]}"', f'"{entry["request"]["url"]}"')
        found |= {entry["request"]["url"]: entry["resource"] for entry in _decode(text)["entry"]}
    return found


def _decode(text: str) -> Any:
    return json.loads(text, parse_float=Decimal)


def at(resource: Any, path: str) -> list[Any]:
    """Returns the values at a path; lists are walked through."""
    values = [resource]
    for key in path.split("."):
        found = [value[key] for value in values if isinstance(value, dict) and key in value]
        values = [one for value in found for one in (value if isinstance(value, list) else [value])]
    return values


def coded(path: str, code: str, system: str = "") -> Holds:
    """A code, Coding, CodeableConcept or Identifier at a path has this code, of this system if given."""

    def holds(resource: Resource) -> bool:
        for value in at(resource, path):
            if not isinstance(value, dict):
                codings = [{"code": value}]
            else:
                codings = value.get("coding", [value])
            for coding in codings:
                if code in (coding.get("code"), coding.get("value"), "") and system in (
                    "",
                    coding.get("system"),
                ):
                    return True
        return False

    return holds


def refers(path: str, target: str) -> Holds:
    """A Reference at a path leads to Type/id."""
    return lambda resource: any(value.get("reference") == target for value in at(resource, path))


def begins(path: str, text: str) -> Holds:
    """A string at a path begins with the text, whatever the accents and the case."""
    return lambda resource: any(_plain(value).startswith(_plain(text)) for value in at(resource, path))


def contains(path: str, text: str) -> Holds:
    return lambda resource: any(_plain(text) in _plain(value) for value in at(resource, path))


def equals(path: str, value: Any) -> Holds:
    return lambda resource: value in at(resource, path)


def present(path: str) -> Holds:
    return lambda resource: bool(at(resource, path))


def dated(path: str, prefix: str, text: str) -> Holds:
    """A date or Period at a path compares as the table of search.html#prefix says."""
    low, high = interval(text)

    def holds(resource: Resource) -> bool:
        return any(_COMPARE[prefix](*interval(value), low, high) for value in at(resource, path))

    return holds


def amount(path: str, unit: str, accept: Callable[[Decimal], bool]) -> Holds:
    """A Quantity at a path has this UCUM code and a value that is accepted."""
    return lambda resource: any(q.get("code") == unit and accept(q["value"]) for q in at(resource, path))


def either(*conditions: Holds) -> Holds:
    return lambda resource: any(condition(resource) for condition in conditions)


def negated(condition: Holds) -> Holds:
    return lambda resource: not condition(resource)


def interval(value: Any) -> tuple[datetime, datetime]:
    """Returns the first moment and the first moment after; days are those of UTC."""
    if isinstance(value, dict):
        start = interval(value["start"])[0] if "start" in value else datetime.min.replace(tzinfo=UTC)
        end = interval(value["end"])[1] if "end" in value else datetime.max.replace(tzinfo=UTC)
        return start, end
    numbers = [int(number) for number in value[:10].split("-")]
    if "T" in value:
        moment = datetime.fromisoformat(value)
        return moment, moment + timedelta(seconds=1)
    year, month, day = [*numbers, 1, 1][:3]
    start = datetime(year, month, day, tzinfo=UTC)
    if len(numbers) == 3:
        return start, start + timedelta(days=1)
    if len(numbers) == 2:
        return start, datetime(year + month // 12, month % 12 + 1, 1, tzinfo=UTC)
    return start, datetime(year + 1, 1, 1, tzinfo=UTC)


def _plain(text: str) -> str:
    decomposed = unicodedata.normalize("NFD", text.casefold())
    return "".join(character for character in decomposed if not unicodedata.combining(character))


# Interval of the resource, interval of the parameter. https://hl7.org/fhir/R4/search.html#prefix
_COMPARE: dict[str, Callable[[datetime, datetime, datetime, datetime], bool]] = {
    "eq": lambda start, end, low, high: low <= start and end <= high,
    "ge": lambda start, end, low, high: end > high or (low <= start and end <= high) or start >= low,
    "gt": lambda start, end, low, high: end > high,
    "le": lambda start, end, low, high: start < low or (low <= start and end <= high) or end <= high,
    "lt": lambda start, end, low, high: start < low,
    "sa": lambda start, end, low, high: start >= high,
    "eb": lambda start, end, low, high: end <= low,
}


def compartment(patient: str) -> Iterator[str]:
    """Yields Type/id of what is in the compartment of this patient, and of no other one.

    https://hl7.org/fhir/R4/compartmentdefinition-patient.html
    """
    definition = load_definitions().compartment("Patient")
    for reference, resource in stored().items():
        resource_type = resource["resourceType"]
        patients = {reference} if resource_type == "Patient" else set()
        for path in _paths(resource_type, definition.get(resource_type, ())):
            patients |= {
                value.get("reference")
                for value in at(resource, path)
                if value.get("reference", "").startswith("Patient/") and resource_type != "Patient"
            }
        if patients == {f"Patient/{patient}"}:
            yield reference


def _paths(resource_type: str, codes: tuple[str, ...]) -> Iterator[str]:
    """Yields the element paths behind search parameters; of FHIRPath only what those of references need."""
    parameters = load_definitions().search_parameters(resource_type)
    for code in codes:
        for part in parameters[code].expression.split("|"):
            path = re.sub(r"\.where\(resolve\(\) is \w+\)", "", part).strip(" ()")
            if path.startswith(f"{resource_type}."):
                yield path.removeprefix(f"{resource_type}.")
