"""References and canonicals, parsed and written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.fhir.reference import (
    Canonical,
    Reference,
    format_canonical,
    format_reference,
    parse_canonical,
    parse_reference,
)

BASE_URL = "https://example.org/fhir"


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("Patient/1", Reference("local", "Patient", "1")),
        ("Patient/1/_history/2", Reference("local", "Patient", "1", "2")),
        ("Patient/1#c", Reference("local", "Patient", "1", fragment="c")),
        (f"{BASE_URL}/Patient/1", Reference("local", "Patient", "1")),
        (f"{BASE_URL}/Patient/1/_history/3", Reference("local", "Patient", "1", "3")),
        (
            "http://a.org/fhir/Patient/1",
            Reference("absolute", "Patient", "1", "", "http://a.org/fhir/Patient/1"),
        ),
        (
            "http://a.org/fhir/Patient/1/_history/2",
            Reference("absolute", "Patient", "1", "2", "http://a.org/fhir/Patient/1"),
        ),
        ("http://a.org/page#top", Reference("absolute", url="http://a.org/page", fragment="top")),
        (f"{BASE_URL}/page", Reference("absolute", url=f"{BASE_URL}/page")),
        (f"{BASE_URL}x/Patient/1", Reference("absolute", "Patient", "1", "", f"{BASE_URL}x/Patient/1")),
        ("urn:uuid:0c6d8f00", Reference("urn", url="urn:uuid:0c6d8f00")),
        ("URN:oid:1.2", Reference("urn", url="URN:oid:1.2")),
        ("#p1", Reference("contained", id="p1")),
        ("#", Reference("contained")),
        ("http:x", Reference("absolute", url="http:x")),
    ],
)
def test_a_reference_has_its_parts(text: str, reference: Reference) -> None:
    assert parse_reference(text, BASE_URL) == reference


@pytest.mark.parametrize(
    "text",
    ["", "1", "Patient", "Patient/", "Patient/a b", "patient/1", "Patient/1/", "Patient/1/_history/",
    "/Patient/1",
     "Patient/1/history/2", "Patient/1/_history/2/3", "../Patient/1", "# a", "x" * 10_000],
)  # fmt: skip
def test_what_is_no_reference_has_no_parts(text: str) -> None:
    assert parse_reference(text, BASE_URL) is None


@given(st.text(max_size=40))
def test_any_text_is_a_reference_or_none(text: str) -> None:
    reference = parse_reference(text, BASE_URL)
    assert reference is None or isinstance(reference, Reference)


@pytest.mark.parametrize(
    "text",
    ["Patient/1", "Patient/1/_history/2", "Patient/1#c", "http://a.org/fhir/Patient/1/_history/2",
    "urn:oid:1.2", "#p"],
)  # fmt: skip
def test_a_reference_is_written_as_it_was_read(text: str) -> None:
    reference = parse_reference(text)
    assert reference is not None
    assert format_reference(reference) == text


def test_a_local_reference_is_written_absolute_with_a_base_url() -> None:
    reference = Reference("local", "Patient", "1", "2")
    assert format_reference(reference, BASE_URL + "/") == f"{BASE_URL}/Patient/1/_history/2"


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("http://a.org/x", Canonical("http://a.org/x")),
        ("http://a.org/x|1.0", Canonical("http://a.org/x", "1.0")),
        ("http://a.org/x|1.0#f", Canonical("http://a.org/x", "1.0", "f")),
        ("http://a.org/x#f", Canonical("http://a.org/x", "", "f")),
    ],
)
def test_a_canonical_has_url_version_and_fragment(text: str, canonical: Canonical) -> None:
    assert parse_canonical(text) == canonical
    assert format_canonical(canonical) == text
