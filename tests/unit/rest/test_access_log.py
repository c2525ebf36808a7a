"""The log tells what happened, never to whom."""

from __future__ import annotations

import json
import logging
import sys

from fhir_server.rest.access_log import JsonFormatter, configure_logging


def record(**more: object) -> logging.LogRecord:
    made = logging.LogRecord("fhir_server.access", logging.INFO, __file__, 1, "request", None, None)
    made.__dict__.update(more)
    return made


def test_a_record_is_one_line_of_json_with_its_fields() -> None:
    line = JsonFormatter().format(record(fields={"status": 200, "resource": "Patient"}))
    assert "\n" not in line
    row = json.loads(line)
    assert (row["status"], row["resource"], row["message"], row["level"]) == (
        200,
        "Patient",
        "request",
        "INFO",
    )
    assert row["time"].endswith("Z")


def test_an_exception_is_told_by_class_and_place_without_its_text() -> None:
    try:
        raise ValueError("Dupont, 2 79 03 51")
    except ValueError:
        line = JsonFormatter().format(record(exc_info=sys.exc_info()))
    assert "Dupont" not in line
    assert json.loads(line)["exception"][0] == "ValueError"


def test_tokens_are_kept_out_of_the_log_of_authlib() -> None:
    configure_logging("DEBUG", "json")
    try:
        assert logging.getLogger("authlib").level == logging.WARNING
        assert isinstance(logging.getLogger("fhir_server").handlers[0].formatter, JsonFormatter)
    finally:
        configure_logging("WARNING", "text")
