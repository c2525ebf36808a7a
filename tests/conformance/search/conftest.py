"""A running server for each module that asks for one."""

from tests.running_server import fhir, make_client, server

__all__ = ["fhir", "make_client", "server"]
