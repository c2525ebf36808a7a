"""The forms in which `fhir-server validate` reports: name → writer, one file for each."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from fhir_server.cli.findings import Examined
from fhir_server.cli.reports import junit, outcomes, sarif, text

REPORTS: dict[str, Callable[[Sequence[Examined]], str]] = {
    "text": text.write,
    "json": outcomes.write,
    "sarif": sarif.write,
    "junit": junit.write,
}
