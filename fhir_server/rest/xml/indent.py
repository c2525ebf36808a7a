"""Indents FHIR XML for people; narratives stay as they are, for their spaces count."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from fhir_server.rest.xml.text import find_narratives

_TAG = re.compile(rb"<[^>]*>")
"""In what this server writes, ">" in a value is escaped."""


def indent_xml(text: bytes) -> bytes:
    """Returns a text of this server with one element on each line."""
    lines: list[bytes] = []
    depth = 0
    for part in _parts(text):
        depth -= part.startswith(b"</")
        lines.append(b"  " * depth + part)
        depth += (
            part.startswith(b"<")
            and not part.startswith((b"</", b"<?", b"<div"))
            and not part.endswith(b"/>")
        )
    return b"\n".join(lines) + b"\n"


def _parts(text: bytes) -> Iterator[bytes]:
    """Yields tags, and each narrative as one."""
    spans = find_narratives(text)
    edges = [(0, 0), *spans, (len(text), len(text))]
    for (_, begins), (ends, _) in pairwise(edges):
        yield from _TAG.findall(text, begins, ends)
        after = next((span for span in spans if span[0] == ends), None)
        if after is not None:
            yield text[slice(*after)]
