"""The report in JUnit's XML: one test for each resource. https://github.com/testmoapp/junitxml"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import groupby
from xml.sax.saxutils import escape, quoteattr

from fhir_server.cli.findings import Examined

_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def write(examined: Sequence[Examined]) -> str:
    """Returns a suite for each file."""
    suites = [_suite(file, list(found)) for file, found in groupby(examined, lambda one: one.file)]
    attributes = _attributes(name="fhir-server validate", **_counts(examined))
    return "\n".join(
        ['<?xml version="1.0" encoding="UTF-8"?>', f"<testsuites{attributes}>", *suites, "</testsuites>", ""]
    )


def _suite(file: str, examined: Sequence[Examined]) -> str:
    cases = [_case(one) for one in examined]
    return "\n".join([f"<testsuite{_attributes(name=file, **_counts(examined))}>", *cases, "</testsuite>"])


def _counts(examined: Sequence[Examined]) -> dict[str, str]:
    failures = sum(one.count("fatal", "error") > 0 for one in examined)
    return {"tests": str(len(examined)), "failures": str(failures), "errors": "0"}


def _case(one: Examined) -> str:
    attributes = _attributes(name=one.name, classname=one.file, file=one.file, line=str(one.line))
    told = "\n".join(_told(one))
    if one.count("fatal", "error"):
        message = quoteattr(f"{one.count('fatal', 'error')} errors")
        inner = f'<failure message={message} type="invalid">{_text(told)}</failure>'
    elif told:
        inner = f"<system-out>{_text(told)}</system-out>"
    else:
        return f"<testcase{attributes}/>"
    return f"<testcase{attributes}>{inner}</testcase>"


def _told(one: Examined) -> list[str]:
    return [
        f"{one.file}:{finding.position.line}:{finding.position.column}: {finding.issue.severity}: "
        f"{finding.issue.expression or one.name}: {finding.issue.diagnostics} [{finding.rule}]"
        for finding in one.findings
    ]


def _attributes(**values: str) -> str:
    return "".join(f" {name}={quoteattr(_NOT_XML.sub('?', value))}" for name, value in values.items())


def _text(text: str) -> str:
    return escape(_NOT_XML.sub("?", text))
