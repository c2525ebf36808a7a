"""What XML costs beside JSON: the reading and writing alone, and whole requests in one process.

Why two: alone, JSON is parsed and written in C, XML walked in Python; a caller pays for the whole request.
"""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable
from decimal import Decimal

from benchmarks.dataset import Dataset
from benchmarks.micro import best, samples
from fhir_server.app import create_app
from fhir_server.fhir.json import encode_json, parse_resource
from fhir_server.rest.xml.read import read_xml
from fhir_server.rest.xml.write import write_xml
from fhir_server.settings import load_settings

JSON, XML = "application/fhir+json", "application/fhir+xml"
_ROUNDS = 15
_REQUESTS = 40


def measure_spelling() -> dict[str, float]:
    """Prints µs of CPU for each format alone; the ratios have budgets."""
    found: dict[str, float] = {}
    print("\nformats alone: CPU in µs (and ratio to JSON as this server has it, to the json of Python)")
    for name, resource in samples().items():
        raw = encode_json(resource)
        text = write_xml(raw)
        if read_xml(text) != parse_resource(raw):
            raise SystemExit(f"{name} does not come back from XML")
        parsed = [1e6 * best(way) for way in _readers(raw, text)]
        written = [1e6 * best(way) for way in _writers(raw)]
        for what, (plain, python, xml) in (("parse", parsed), ("write", written)):
            print(
                f"{name:20}{what:7}{len(raw):8}{plain:9.1f}{python:9.1f}{xml:9.1f}"
                f"{xml / plain:7.1f}x{xml / python:7.1f}x",
                flush=True,
            )
            found[f"xml {what} {name}"] = xml / plain
    return found


def _readers(raw: bytes, text: bytes) -> list[Callable[[], object]]:
    return [
        lambda: parse_resource(raw),
        lambda: json.loads(raw, parse_float=Decimal),
        lambda: read_xml(text),
    ]


def _writers(raw: bytes) -> list[Callable[[], object]]:
    """From the stored text, as an answer is made: JSON that is changed on the way is parsed and encoded."""
    tree = json.loads(raw)
    return [
        lambda: encode_json(parse_resource(raw)),
        lambda: json.dumps(tree, ensure_ascii=False).encode(),
        lambda: write_xml(raw),
    ]


def measure_formats(data: Dataset) -> dict[str, float]:
    """Prints µs of CPU of whole requests in both formats, audit and validation on."""
    app = create_app(load_settings({**data.subject, "LOG_LEVEL": "WARNING"}))
    caller, body = data.bodies[0]
    patient = caller.record.patient
    raw = encode_json(body)
    sent = {JSON: raw, XML: write_xml(raw)}
    requests: dict[str, Callable[[str], dict[str, object]]] = {
        "read": lambda one: _environ("GET", f"/Patient/{patient}", caller.token, one),
        "searchset": lambda one: _environ("GET", "/Observation", caller.token, one, query="_count=20"),
        "create": lambda one: _environ("POST", "/Observation", data.system_token, one, sent[one]),
    }
    found: dict[str, float] = {}
    print(f"\nrequests: CPU of the process in µs, JSON and XML in turns, medians of {_ROUNDS} rounds")
    for name, build in requests.items():
        rounds = [[_cpu(app, build, one) for one in (JSON, XML)] for _ in range(_ROUNDS)]
        ratios = sorted(xml / plain for plain, xml in rounds)
        plain, xml = (sorted(column)[_ROUNDS // 2] for column in zip(*rounds, strict=True))
        ratio = ratios[_ROUNDS // 2]
        print(f"{name:20}{plain:9.0f}{xml:9.0f}{ratio:7.2f}x ({ratios[0]:.2f}-{ratios[-1]:.2f})", flush=True)
        found[f"xml request {name}"] = ratio
    return found


def _cpu(app: Callable[..., object], build: Callable[[str], dict[str, object]], format_: str) -> float:
    """Returns µs of one request; the threads of the process are counted, the audit's too."""
    environs = [build(format_) for _ in range(_REQUESTS)]
    begun = time.process_time()
    for environ in environs:
        _answer(app, environ)
    return 1e6 * (time.process_time() - begun) / _REQUESTS


def _answer(app: Callable[..., object], environ: dict[str, object]) -> None:
    statuses: list[str] = []
    answer = app(environ, lambda status, headers, info=None: statuses.append(status))
    content = b"".join(answer)  # type: ignore[call-overload]
    if not statuses[0].startswith("2"):
        raise RuntimeError(f"the answer was {statuses[0]}: {content[:2000]!r}")


def _environ(
    method: str, path: str, token: str, format_: str, body: bytes = b"", query: str = ""
) -> dict[str, object]:
    return {
        "REQUEST_METHOD": method,
        "SCRIPT_NAME": "",
        "PATH_INFO": f"/fhir{path}",
        "QUERY_STRING": query,
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_ACCEPT": format_,
        "HTTP_AUTHORIZATION": f"Bearer {token}",
        "CONTENT_TYPE": format_ if body else "",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": io.StringIO(),
        "wsgi.url_scheme": "http",
        "wsgi.version": (1, 0),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }
