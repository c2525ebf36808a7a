"""Log lines on stderr, one JSON object each, without personal data: no URL, no body, no exception text.

https://12factor.net/logs
"""

from __future__ import annotations

import json
import logging
import sys
import traceback
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from gunicorn.glogging import Logger  # type: ignore[import-untyped]

from fhir_server.settings import Settings

_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}


class JsonLine(logging.Formatter):
    """A record as one JSON object; what was given as `extra` is in it."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "process": record.process,
            "message": record.getMessage(),
        }
        line |= {name: value for name, value in vars(record).items() if name not in _OWN}
        if record.exc_info and record.exc_info[0] is not None:
            line["exception"] = record.exc_info[0].__name__
            line["at"] = _places(record.exc_info[2])
        return json.dumps(line, default=str, ensure_ascii=False)


def _places(trace: TracebackType | None) -> list[str]:
    """Where it was raised; the message may quote a patient's record, so it stays out."""
    return [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(trace)][-12:]


def configure_logging(settings: Settings) -> None:
    """Sends every record of this process and its workers to stderr."""
    to_stderr = logging.StreamHandler(sys.stderr)
    text = logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s")
    to_stderr.setFormatter(JsonLine() if settings.log_format == "json" else text)
    logging.basicConfig(level=settings.log_level, handlers=[to_stderr], force=True)
    # pymongo tells at DEBUG what it sends: documents of patients.
    logging.getLogger("pymongo").setLevel(max(logging.INFO, logging.root.level))


class GunicornLogger(Logger):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's own messages as log lines; no access log, because URLs hold personal data."""

    def setup(self, cfg: Any) -> None:
        self.error_log.propagate = True
        self.error_log.handlers = []

    def access(self, resp: Any, req: Any, environ: Any, request_time: Any) -> None:
        return

    def reopen_files(self) -> None:
        return
