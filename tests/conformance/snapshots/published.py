"""Compares the snapshots that are generated with those that R4 published: `make snapshots`.

https://hl7.org/fhir/R4/profiling.html#snapshot
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from fhir_server.definitions.compile_package import read_package
from fhir_server.definitions.element_tree import ProfileError
from fhir_server.definitions.snapshot import generate_snapshot
from fhir_server.definitions.sources import load_r4_source

Facts = dict[str, Any]

DIFFERENT = {
    "bp": "the published one spreads out component.value[x] beside its slice valueQuantity, without need",
    "catalog": "the published one has lost Composition.date",
    "elementdefinition-de": "the published one spreads out two extension slices, without need",
    "familymemberhistory-genetic": "the published one has lost the elements after patient",
    "provenance-relevant-history": "the published one has the binding of the parent on a slice",
    "cholesterol": "the published one repeats the constraints of SimpleQuantity at the element",
    "hdlcholesterol": "as cholesterol",
    "ldlcholesterol": "as cholesterol",
}
"""Where the published snapshot is not what its differential says, or says no more."""


def main(package: Path) -> int:
    """Prints the differences that are not known; returns how many there are."""
    definitions, _ = read_package(package)
    source = load_r4_source()
    count = unknown = 0
    for published in definitions:
        if published["resourceType"] != "StructureDefinition" or published.get("derivation") != "constraint":
            continue
        if "snapshot" not in published:
            continue
        count += 1
        found = compare(published, source.find("StructureDefinition", published["url"]) or {})
        if found and published["id"] not in DIFFERENT:
            unknown += 1
            sys.stdout.write("\n  ".join([published["id"], *found[:5]]) + "\n")
    sys.stdout.write(f"{count} snapshots, {len(DIFFERENT)} known differences, {unknown} others\n")
    return unknown


def compare(published: Facts, own: Facts) -> list[str]:
    """Returns what differs, element by element."""
    source = load_r4_source()
    try:
        elements = generate_snapshot(own, lambda c: source.find("StructureDefinition", c))
    except ProfileError as error:
        return [error.diagnostics]
    ours = {e["id"]: facts_of(e) for e in elements}
    theirs = {e["id"]: facts_of(e) for e in published["snapshot"]["element"]}
    found = [f"{id_} is missing" for id_ in theirs if id_ not in ours]
    found += [f"{id_} is more" for id_ in ours if id_ not in theirs]
    for id_ in ours.keys() & theirs.keys():
        for key in sorted(ours[id_].keys() | theirs[id_].keys()):
            if ours[id_].get(key) != theirs[id_].get(key):
                found.append(f"{id_}.{key}: {ours[id_].get(key)!r}, published {theirs[id_].get(key)!r}")
    return found


def facts_of(element: Facts) -> Facts:
    """Returns what of an element a validator asks."""
    kept = ("fixed", "pattern", "minValue", "maxValue", "maxLength", "contentReference")
    facts = {key: value for key, value in element.items() if key.startswith(kept)}
    facts["min"], facts["max"] = element["min"], str(element["max"])
    facts["constraint"] = sorted({c["key"] for c in element.get("constraint", [])} - {"ele-1"})
    if "." in element["path"]:
        facts["type"] = sorted(_type(row) for row in element.get("type", []))
    binding = element.get("binding", {})
    if "valueSet" in binding:
        facts["binding"] = (binding["strength"], binding["valueSet"])
    slicing = element.get("slicing")
    # Extensions are sliced by their url, said or not.
    if slicing and not element["path"].endswith("xtension"):
        discriminators = sorted((d["type"], d["path"]) for d in slicing.get("discriminator", []))
        facts["slicing"] = (discriminators, slicing.get("rules"))
    return facts


def _type(row: Facts) -> tuple[str, list[str], list[str]]:
    # System.String stands for the type of the value of a primitive; the tables say which it is.
    code = "string" if "://" in row["code"] or row["code"] == "uri" else row["code"]
    return code, sorted(row.get("profile", [])), sorted(row.get("targetProfile", []))


if __name__ == "__main__":
    sys.exit(min(main(Path(sys.argv[1])), 1))
