"""What is written before the searches: new resources, new versions of some, and some that are deleted again.

Old versions and deleted resources must not be found.
"""

from __future__ import annotations

from typing import Any

from tests.oracle.clinical_records import CLINICAL_RECORDS
from tests.oracle.directory_records import DIRECTORY_RECORDS
from tests.oracle.records import COUNTS, Maker

Resource = dict[str, Any]

_MAKERS = CLINICAL_RECORDS | DIRECTORY_RECORDS


def make_record(maker: Maker, resource_type: str, id_: str) -> Resource:
    """Returns one resource of a type."""
    contained: list[Resource] = []

    def contain(type_: str) -> str:
        maker.contain = None  # nothing contained contains
        inner = {"resourceType": type_, "id": f"c{len(contained)}"} | _elements(maker, type_)
        maker.contain = contain
        contained.append(inner)
        return str(inner["id"])

    maker.contain = contain
    elements = _elements(maker, resource_type)
    maker.contain = None
    inside = {"contained": contained} if contained else {}
    return {"resourceType": resource_type, "id": id_} | maker.meta() | inside | elements


def _elements(maker: Maker, resource_type: str) -> Resource:
    return {key.rstrip("_"): value for key, value in _MAKERS[resource_type](maker).items()}


def write_steps(seed: int, base_url: str) -> list[tuple[str, Resource]]:
    """Returns (PUT or DELETE, resource) in order: a third is updated, a tenth more is deleted."""
    maker = Maker(seed, base_url)
    steps: list[tuple[str, Resource]] = []
    for resource_type, count in COUNTS.items():
        for number in range(count + max(1, count // 10)):
            record = make_record(maker, resource_type, f"x{number}")
            if number >= count:
                steps += [("PUT", record), ("DELETE", record)]
            else:
                earlier = (
                    [("PUT", make_record(maker, resource_type, record["id"]))] if number % 3 == 0 else []
                )
                steps += [*earlier, ("PUT", record)]
    return steps
