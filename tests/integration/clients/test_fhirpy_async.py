"""The asynchronous client of fhirpy, which opens a connection for each request, many at once.

https://github.com/beda-software/fhir-py
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable

import pytest
from fhirpy import AsyncFHIRClient
from fhirpy.base.exceptions import MultipleResourcesFound, OperationOutcome, ResourceNotFound

from tests.running_server import RunningServer

SYSTEM = "urn:oid:1.2.250.1.213.1.4.10"
Story = Callable[[AsyncFHIRClient], Awaitable[None]]
Tell = Callable[[Story], None]


@pytest.fixture
def tell(server: RunningServer) -> Tell:
    """Runs a coroutine with a client of its own."""
    token = server.inside.issue_token(scope="system/*.cruds", client_id="fhirpy-async")

    def run(story: Story) -> None:
        async def whole() -> None:
            await story(AsyncFHIRClient(server.base_url, authorization=f"Bearer {token}"))

        asyncio.run(whole())

    return run


def test_a_resource_lives_from_its_creation_to_its_deletion(tell: Tell) -> None:
    async def story(client: AsyncFHIRClient) -> None:
        patient = client.resource("Patient", name=[{"family": "Asynchrone"}])
        await patient.save()
        patient["active"] = True
        await patient.save()
        again = await client.reference("Patient", patient.id).to_resource()
        assert again.serialize() == patient.serialize()
        assert again["meta"]["versionId"] == "2"
        history = await patient.execute("_history", method="get")
        assert history["total"] == 2
        await patient.delete()
        with pytest.raises(ResourceNotFound):
            await client.get("Patient", patient.id)

    tell(story)


def test_many_writes_and_pages_at_once_lose_and_repeat_nothing(tell: Tell) -> None:
    tag = f"http://example.org/{uuid.uuid4().hex}"

    async def story(client: AsyncFHIRClient) -> None:
        patients = [
            client.resource("Patient", identifier=[{"system": tag, "value": str(n)}]) for n in range(24)
        ]
        await asyncio.gather(*[patient.save() for patient in patients])
        search = client.resources("Patient").search(identifier=f"{tag}|").sort("_id").limit(5)
        found = [patient.id async for patient in search]
        assert found == sorted(patient.id for patient in patients)
        rounds = await asyncio.gather(*[search.fetch_all() for _ in range(4)])
        assert all([patient.id for patient in pages] == found for pages in rounds)

    tell(story)


def test_conditional_updates_at_once_make_one_resource(tell: Tell) -> None:
    value = uuid.uuid4().hex

    async def story(client: AsyncFHIRClient) -> None:
        matching = client.resources("Patient").search(identifier=f"{SYSTEM}|{value}")
        known = {"identifier": [{"system": SYSTEM, "value": value}]}
        answers = await asyncio.gather(
            *[matching.update(client.resource("Patient", **known)) for _ in range(12)]
        )
        assert sum(created for _, created in answers) == 1
        assert len({patient.id for patient, _ in answers}) == 1
        await matching.get()

    tell(story)


def test_refusals_are_exceptions_with_their_outcome(tell: Tell) -> None:
    async def story(client: AsyncFHIRClient) -> None:
        with pytest.raises(OperationOutcome) as refusal:
            await client.resource("Patient", birthDate="hier").save()
        assert refusal.value.resource["issue"][0]["expression"] == ["Patient.birthDate"]
        with pytest.raises(ResourceNotFound):
            await client.resources("Patient").search(family="nobody-of-that-name").get()
        for _ in range(2):
            await client.resource("Patient", name=[{"family": "Double-Asynchrone"}]).save()
        with pytest.raises(MultipleResourcesFound):
            await client.resources("Patient").search(family="double-asynchrone").get()

    tell(story)
