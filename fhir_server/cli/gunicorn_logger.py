"""gunicorn's messages among the server's own log lines; no access log of its own: URLs hold personal data.

https://docs.gunicorn.org/en/stable/settings.html#logger-class
"""

from __future__ import annotations

import logging
from typing import Any

from gunicorn.glogging import Logger  # type: ignore[import-untyped]


class GunicornLogger(Logger):  # type: ignore[misc]
    """Writes to a logger below `fhir_server`, which has one form for every line."""

    def setup(self, cfg: Any) -> None:
        self.error_log = logging.getLogger("fhir_server.gunicorn")

    def access(self, resp: Any, req: Any, environ: Any, request_time: Any) -> None:
        return

    def warning(self, msg: str, *args: Any, **kwargs: Any) -> None:
        """gunicorn quotes the request line that it cannot read, and the address it came from."""
        if msg.startswith("Invalid request from"):
            msg = "a request that is no HTTP was refused"
        super().warning(msg, *args, **kwargs)

    def exception(self, msg: object, *args: Any, **kwargs: Any) -> None:
        """gunicorn quotes the URL."""
        if str(msg).startswith("Error handling request"):
            msg, args = "a request failed outside of the application", ()
        super().exception(msg, *args, **kwargs)

    def reopen_files(self) -> None:
        return
