"""`fhir-server run`: answers requests with gunicorn. https://docs.gunicorn.org/en/stable/settings.html"""

from __future__ import annotations

import gc
import os
from typing import Any

import click

from fhir_server.cli.gunicorn_logger import GunicornLogger
from fhir_server.cli.surroundings import check_address, database, read_settings
from fhir_server.settings import Settings


@click.command()
@click.option("--host", help="Address to listen on (HOST).")
@click.option("--port", type=click.IntRange(1, 65535), help="Port to listen on (PORT).")
@click.option("--workers", type=click.IntRange(1, 256), help="Processes (WORKERS).")
@click.option("--threads", type=click.IntRange(1, 256), help="Threads of each process (THREADS).")
def run(host: str | None, port: int | None, workers: int | None, threads: int | None) -> None:
    """Answer requests until SIGTERM or Ctrl-C."""
    settings = read_settings(HOST=host, PORT=port, WORKERS=workers, THREADS=threads)
    check_address(settings)
    with database(settings) as reachable:
        serve(reachable)


def serve(settings: Settings) -> None:
    """Runs gunicorn in this process; returns by SystemExit."""
    # gunicorn is no part of the other commands.
    from gunicorn.app.base import BaseApplication  # type: ignore[import-untyped]

    from fhir_server.app import create_app
    from fhir_server.rest.access_log import configure_logging

    configure_logging(settings.log_level, settings.log_format)

    class Application(BaseApplication):  # type: ignore[misc]  # gunicorn has no types
        def load_config(self) -> None:
            for name, value in gunicorn_options(settings).items():
                if name in self.cfg.settings:  # control_socket_disable came with gunicorn 25
                    self.cfg.set(name, value)

        def load(self) -> Any:
            return create_app(settings)

    Application().run()


def gunicorn_options(settings: Settings) -> dict[str, Any]:
    """The settings of gunicorn; ops/gunicorn.conf.py has the same."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return {
        "bind": [f"{host}:{settings.port}"],
        "workers": settings.workers,
        "worker_class": "gthread",
        "threads": settings.threads,
        # The compiled definitions are built once and shared by the workers' memory pages.
        "preload_app": True,
        "when_ready": _freeze,
        "timeout": settings.worker_timeout_seconds,
        "graceful_timeout": settings.graceful_timeout_seconds,
        "keepalive": 30,
        "limit_request_line": 8190,
        "worker_tmp_dir": "/dev/shm" if os.path.isdir("/dev/shm") else None,  # noqa: S108 - heartbeat files
        "control_socket_disable": True,
        # URLs hold personal data; the server writes its own lines without them.
        "accesslog": None,
        "logger_class": GunicornLogger,
    }


def _freeze(_: Any) -> None:
    """Keeps the collector from writing to shared pages, which would copy them."""
    gc.collect()
    gc.freeze()
