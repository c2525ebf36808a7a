"""The position of a Location, and what is near one: `near` = latitude|longitude[|distance[|unit]].

https://hl7.org/fhir/R4/location.html#positional, docs/decisions/0022-positions.md

Distances are along great circles of a sphere of the mean radius of the Earth, as MongoDB measures them:
within 0.6 % of WGS84. The unit is a length of UCUM, or what people write for one; else the kilometre.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from decimal import Decimal
from typing import Any, NamedTuple

from fhir_server.errors import Invalid
from fhir_server.fhir import Resource
from fhir_server.fhir.primitives import parse_number
from fhir_server.fhir.ucum import canonical_unit
from fhir_server.search.entries import Filter
from fhir_server.search.escapes import split, unescape

NEAR = "near"
POSITION = "g"
"""Field of the document: a GeoJSON point."""

DEFAULT_KM = Decimal(5)
"""Near, where the distance is not said."""

EARTH_KM = 6371.0088
"""https://en.wikipedia.org/wiki/Earth_radius#Arithmetic_mean_radius"""

_EVERYWHERE = math.pi
_WIDEST_BOUND_KM = 500
"""Beyond, the index of positions leads to a large part of all places."""

_SPOKEN = {"mi": "[mi_i]", "mile": "[mi_i]", "miles": "[mi_i]", "kms": "km"}
_DECIMAL = re.compile(r"[+-]?\d{1,3}(?:\.\d{1,20})?", re.ASCII)


Refuse = Callable[[str], Invalid]
"""What makes the error of a reason."""


class Circle(NamedTuple):
    """A place and how far from it is still near."""

    latitude: float
    longitude: float
    km: float

    @property
    def is_small(self) -> bool:
        """An index leads to what is inside."""
        return self.km <= _WIDEST_BOUND_KM


def position_of(resource: Resource) -> Filter | None:
    """Returns the point of a Location, None where it has none on the globe."""
    position = resource.get("position") if resource.get("resourceType") == "Location" else None
    if not isinstance(position, dict):
        return None
    longitude, latitude = (_degrees(position.get(name)) for name in ("longitude", "latitude"))
    if longitude is None or latitude is None or abs(latitude) > 90 or abs(longitude) > 180:
        return None
    return {"type": "Point", "coordinates": [longitude, latitude]}


def _degrees(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return None
    return float(value) if -360 <= value <= 360 else None


def read_circle(text: str, refuse: Refuse) -> Circle:
    """Reads latitude|longitude[|distance[|unit]]."""
    parts = [unescape(part).strip() for part in split(text, "|")]
    if not 2 <= len(parts) <= 4 or not all(_DECIMAL.fullmatch(part) for part in parts[:2]):
        raise refuse("latitude|longitude|distance|unit, as in 48.85|2.35|10|km")
    latitude, longitude = float(parts[0]), float(parts[1])
    if abs(latitude) > 90 or abs(longitude) > 180:
        raise refuse("a latitude is between -90 and 90, a longitude between -180 and 180")
    distance, unit = (*parts[2:], "", "")[:2]
    return Circle(latitude, longitude, _kilometres(distance, unit, refuse))


def _kilometres(distance: str, unit: str, refuse: Refuse) -> float:
    """Without a distance the server chooses, and the unit does not count."""
    if not distance:
        return float(DEFAULT_KM)
    number = parse_number(distance)
    if number is None or number.value < 0:
        raise refuse("the distance is no number")
    known = canonical_unit(_SPOKEN.get(unit, unit) or "km")
    if known is None or known[1] != "m":
        raise refuse(f"{unit[:32]!r} is no unit of length: km, m or mi")
    return min(float(number.value), 1e9) * float(known[0]) / 1000


def match_circle(circle: Circle) -> Filter:
    """Returns the filter of what is inside."""
    # A little more for what the doubles of both ends lose: a place is at no distance from itself.
    radius = min(circle.km / EARTH_KM + 1e-12, _EVERYWHERE)
    centre = [circle.longitude, circle.latitude]
    return {POSITION: {"$geoWithin": {"$centerSphere": [centre, radius]}}}


def has_position(*, missing: bool) -> Filter:
    """Returns the filter of what has a position, or has none."""
    return {POSITION: {"$exists": not missing}}
