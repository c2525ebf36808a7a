"""gunicorn's own messages: kept, but for what they quote of requests."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
from gunicorn.config import Config

from fhir_server.cli.gunicorn_logger import GunicornLogger


class Kept(logging.Handler):
    """Keeps the messages as they would be written."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


@pytest.fixture
def kept() -> Iterator[Kept]:
    kept = Kept()
    log = logging.getLogger("fhir_server.gunicorn")
    log.addHandler(kept)
    yield kept
    log.removeHandler(kept)


def test_a_request_line_that_cannot_be_read_is_not_quoted(kept: Kept) -> None:
    GunicornLogger(Config()).warning("Invalid request from ip=192.0.2.7: GET /fhir/Patient?family=%s")
    assert kept.texts == ["a request that is no HTTP was refused"]


@pytest.mark.parametrize(
    "arguments", [("%s %s", "GET", "/fhir?a=Dupont"), ("%s", "/fhir?a=Dupont"), ("(no URI)",)]
)
def test_the_url_of_a_failure_outside_of_the_application_is_not_quoted(
    kept: Kept, arguments: tuple[str, ...]
) -> None:
    form, *values = arguments
    GunicornLogger(Config()).exception(f"Error handling request {form}", *values)
    assert kept.texts == ["a request failed outside of the application"]


def test_other_messages_stay_as_they_are(kept: Kept) -> None:
    logger = GunicornLogger(Config())
    logger.warning("Worker %s was sent %s", 7, "SIGKILL")
    logger.exception("Socket error processing request.")
    assert kept.texts == ["Worker 7 was sent SIGKILL", "Socket error processing request."]


def test_nothing_is_written_for_a_request(kept: Kept) -> None:
    logger = GunicornLogger(Config())
    logger.access(None, None, {"RAW_URI": "/fhir?a=Dupont"}, None)
    logger.reopen_files()
    assert kept.texts == []
