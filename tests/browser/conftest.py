"""A real Chromium before a running server. Only `make test-browser` collects these tests: it sets BROWSER."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.people.conftest import SCOPE, add_people
from tests.running_server import RunningServer, run_server

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

EXECUTABLE = os.environ.get("BROWSER", "")
collect_ignore_glob = [] if EXECUTABLE else ["test_*.py"]
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
FHIRCLIENT = "fhirclient@2.6"
SECONDS = 60
"""A busy machine is no failure."""
SIZES = {"phone": {"width": 390, "height": 844}, "desk": {"width": 1280, "height": 800}}


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The browser; each test opens contexts of its own, as different people do."""
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=SECONDS * 1000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=EXECUTABLE, args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def server(mongodb_uri: str, database_name: str) -> Iterator[RunningServer]:
    """A server by name: passkeys are bound to a domain, not to an address."""
    settings = {
        "BASE_URL": "http://localhost:{port}/fhir",
        "SECOND_FACTOR": "optional",
        "SAMPLE_APP": "true",
    }
    with run_server(mongodb_uri, database_name, **settings) as running:
        add_people(running)
        yield running


@pytest.fixture(params=list(SIZES))
def page(chromium: Browser, server: RunningServer, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page of a French speaker, on a phone and on a desk, whose console must stay silent."""
    context = chromium.new_context(viewport=SIZES[request.param], locale="fr-FR", base_url=origin(server))
    yield from watched(context)


def watched(context: BrowserContext) -> Iterator[Page]:
    """Fails when a page violates its policy or a script throws."""
    page, complaints = context.new_page(), list[str]()
    page.set_default_timeout(SECONDS * 1000)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    yield page
    context.close()
    # A refused login is a failed request to Chromium.
    assert [text for text in complaints if "Failed to load resource" not in text] == []


def origin(server: RunningServer) -> str:
    return server.base_url.removesuffix("/fhir")


@pytest.fixture(scope="session")
def fhirclient(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The browser bundle of the SMART JavaScript client, from npm."""
    folder = tmp_path_factory.mktemp("npm")
    subprocess.run(
        ["npm", "install", "--no-audit", "--no-fund", "--silent", FHIRCLIENT], cwd=folder, check=True
    )
    return folder / "node_modules" / "fhirclient" / "build" / "fhir-client.js"


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:
        """The tests have a log of their own."""


@pytest.fixture(scope="session")
def app_url(fhirclient: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of an app of another origin, made with the SMART JavaScript client."""
    folder = tmp_path_factory.mktemp("app")
    for path in (*(Path(__file__).parent / "app").iterdir(), fhirclient):
        shutil.copy(path, folder)
    web = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    thread = threading.Thread(target=web.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{web.server_port}/index.html"
    web.shutdown()
    thread.join()
    web.server_close()


__all__ = ["SCOPE"]
