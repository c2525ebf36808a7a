"""The server of the tests of people."""

from tests.integration.people.conftest import server

__all__ = ["server"]
