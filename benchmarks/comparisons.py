"""The requests that server and floor are compared on; each docstring says why it is measured.

https://hl7.org/fhir/R4/http.html
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from benchmarks.dataset import Dataset, body_bytes, search_text
from benchmarks.drive import build_request
from fhir_server.fhir.json import encode_json

Requests = Callable[[Dataset, int, int], list[bytes]]
"""(dataset, number, round) → requests."""


def read(data: Dataset, number: int, round_: int) -> list[bytes]:
    """The request that a portal and every app make most: one resource of the patient who asks.

    Its floor is one find_one by _id. What comes on top is token, compartment, headers, log line and the
    AuditEvent, which is a majority-journaled insert and most of the difference.
    """
    chance = random.Random(round_)
    requests = []
    for _ in range(number):
        caller = chance.choice(data.callers)
        resource = chance.choice(caller.record.resources)
        requests.append(
            build_request("GET", f"/fhir/{resource['resourceType']}/{resource['id']}", caller.token)
        )
    return requests


def searchset(data: Dataset, number: int, round_: int) -> list[bytes]:
    """A page of 20 with a next link: what a professional opens a record with.

    Its floor is one find with the same filter, sort and limit, the results spliced. It shows whether parsing
    the URL, compiling the plan and assembling the Bundle stay small beside MongoDB and decompression.
    """
    chance = random.Random(round_)
    callers = [chance.choice(data.callers) for _ in range(number)]
    return [
        build_request("GET", f"/fhir/Observation?{search_text(c.record.patient)}", c.token) for c in callers
    ]


def create(data: Dataset, number: int, round_: int) -> list[bytes]:
    """The write of a device or a laboratory: one new observation.

    Its floor is json.loads and one majority-journaled insert of the same document under the same indexes. It
    shows what strict parsing, validation, extraction of every search parameter, compression and audit cost.
    """
    chance = random.Random(round_)
    chosen = [chance.choice(data.bodies) for _ in range(number)]
    return [build_request("POST", "/fhir/Observation", c.token, body_bytes(body)) for c, body in chosen]


def update(data: Dataset, number: int, round_: int) -> list[bytes]:
    """The next version of a resource.

    Its floor is the same transaction of three commands: read the current version, keep it as history, replace
    it. It shows whether updates stay at one transaction.
    """
    chance = random.Random(round_)
    requests = []
    for _ in range(number):
        caller, body = chance.choice(data.bodies)
        target = chance.choice(caller.record.resources[1:31])["id"]
        content = encode_json({"resourceType": "Observation", "id": target} | body | {"id": target})
        requests.append(build_request("PUT", f"/fhir/Observation/{target}", caller.token, content))
    return requests


@dataclass(frozen=True, slots=True)
class Comparison:
    """One kind of request, how many of them make a round, and who must not wait for whom."""

    requests: Requests
    number: int

    @property
    def name(self) -> str:
        return self.requests.__name__


COMPARISONS = (
    Comparison(read, 200),
    Comparison(searchset, 200),
    Comparison(create, 200),
    Comparison(update, 100),
)
