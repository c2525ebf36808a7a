"""Content negotiation by itself. https://hl7.org/fhir/R4/http.html#mime-type, RFC 9110 §12.5.1"""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.errors import NotAcceptable, UnsupportedMedia
from fhir_server.rest.media import (
    FHIR_JSON,
    FHIR_XML,
    accepts_content,
    check_sent,
    choose_format,
    is_content_wanted,
    is_media_type,
    sent_format,
)


@pytest.mark.parametrize(
    ("accept", "chosen"),
    [
        ("", FHIR_JSON),
        ("*/*", FHIR_JSON),
        (FHIR_JSON, FHIR_JSON),
        (f"{FHIR_JSON};q=0.001", FHIR_JSON),
        (f"text/html,{FHIR_JSON}", FHIR_JSON),
        (f'{FHIR_JSON};fhirVersion="4.0"', FHIR_JSON),
        (f"{FHIR_XML};fhirVersion=5.0, {FHIR_JSON}", FHIR_JSON),
        (f"{FHIR_XML};q=0.9, {FHIR_JSON}", FHIR_JSON),
        (f"{FHIR_XML};q=0.5, */*", FHIR_JSON),
        (f"{FHIR_XML};q=0, */*;q=0.1", FHIR_JSON),
        (f"{FHIR_JSON}, {FHIR_XML}", FHIR_JSON),
        (FHIR_XML, FHIR_XML),
        ("application/xml", FHIR_XML),
        ("text/xml", FHIR_XML),
        ("TEXT/XML ; q=1.000", FHIR_XML),
        (f"{FHIR_XML}, {FHIR_JSON}", FHIR_XML),
        (f"{FHIR_XML}, */*", FHIR_XML),
        (f"*/*, {FHIR_XML}", FHIR_XML),
        (f"{FHIR_JSON};q=0.2, application/xml;q=0.3", FHIR_XML),
        (f"{FHIR_JSON};q=0,*/*", FHIR_XML),
        (f"{FHIR_JSON};q=0, application/json;q=0, application/*;q=0.4", FHIR_XML),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", FHIR_XML),
        (f"{FHIR_JSON};fhirVersion=3.0, {FHIR_XML}", FHIR_XML),
    ],
)
def test_the_heaviest_range_decides_the_first_between_equals(accept: str, chosen: str) -> None:
    assert choose_format(None, accept) == chosen


@pytest.mark.parametrize(
    "accept",
    [
        "text/html",
        f"{FHIR_JSON};q=0",
        f"{FHIR_XML};q=0.0",
        f"{FHIR_JSON};q=0.000, {FHIR_XML};q=0",
        "*/*;q=0",
        f"{FHIR_JSON};fhirVersion=4.3",
        f"{FHIR_XML};fhirVersion=1.0",
        "fhir",
        "json",
        "xml",
        "x",
    ],
)
def test_who_takes_neither_is_refused(accept: str) -> None:
    with pytest.raises(NotAcceptable):
        choose_format(None, accept)


@pytest.mark.parametrize("accept", ["", "*/*", "application/*"])
def test_who_takes_anything_is_answered_as_it_wrote(accept: str) -> None:
    assert choose_format(None, accept, FHIR_XML) == FHIR_XML
    assert choose_format(None, accept, FHIR_JSON) == FHIR_JSON
    assert choose_format(None, accept, "") == FHIR_JSON
    assert choose_format(None, FHIR_JSON, FHIR_XML) == FHIR_JSON


@pytest.mark.parametrize(
    ("format_", "chosen"),
    [
        ("json", FHIR_JSON),
        ("application/fhir json", FHIR_JSON),
        ("text/json", FHIR_JSON),
        ("xml", FHIR_XML),
        ("XML", FHIR_XML),
        ("text/xml", FHIR_XML),
        ("application/xml", FHIR_XML),
        ("application/fhir+xml", FHIR_XML),
        ("application/fhir xml", FHIR_XML),
        ("application/fhir+xml;fhirVersion=4.0", FHIR_XML),
    ],
)
def test_the_parameter_wins_over_the_header(format_: str, chosen: str) -> None:
    for accept in (FHIR_JSON, FHIR_XML, "text/html"):
        assert choose_format(format_, accept) == chosen


@pytest.mark.parametrize("format_", ["", "ttl", "html", "*/*", "application/fhir+xml;fhirVersion=3.0"])
def test_a_parameter_that_names_no_format_is_refused(format_: str) -> None:
    with pytest.raises(NotAcceptable):
        choose_format(format_, FHIR_JSON)


@pytest.mark.parametrize("is_patch", [True, False])
def test_json_patch_is_for_patches(is_patch: bool) -> None:
    check_sent(FHIR_JSON, is_patch=is_patch)
    check_sent(FHIR_XML, is_patch=is_patch)
    if is_patch:
        check_sent("application/json-patch+json", is_patch=True)
    else:
        with pytest.raises(UnsupportedMedia):
            check_sent("application/json-patch+json", is_patch=False)


@pytest.mark.parametrize("media_type", [FHIR_JSON, FHIR_XML, "text/xml"])
@pytest.mark.parametrize("charset", ["utf-8", "UTF-8", '"utf-8"', "utf8", ""])
def test_utf_8_has_several_spellings(media_type: str, charset: str) -> None:
    check_sent(f"{media_type}; charset={charset}", is_patch=False)


@pytest.mark.parametrize("charset", ["iso-8859-1", "utf-16", "us-ascii", "utf-7"])
def test_no_other_encoding_is_taken(charset: str) -> None:
    for media_type in (FHIR_JSON, FHIR_XML):
        with pytest.raises(UnsupportedMedia):
            check_sent(f"{media_type}; charset={charset}", is_patch=False)


def test_a_content_type_names_a_format_or_none() -> None:
    assert sent_format("Application/FHIR+XML; charset=utf-8") == FHIR_XML
    assert sent_format("application/json") == FHIR_JSON
    assert sent_format("application/pdf") == ""
    assert sent_format("") == ""


@pytest.mark.parametrize(
    ("format_", "accept", "wanted"),
    [
        (None, "", True),
        (None, "*/*", True),
        (None, "application/pdf", True),
        (None, "application/json", True),
        (None, FHIR_JSON, False),
        (None, f"application/pdf, {FHIR_XML};q=0.1", False),
        (None, f"application/pdf, {FHIR_XML};q=0", True),
        ("json", "application/pdf", False),
    ],
)
def test_a_binary_is_content_unless_a_fhir_format_is_named(
    format_: str | None, accept: str, wanted: bool
) -> None:
    assert is_content_wanted(format_, accept) is wanted


@pytest.mark.parametrize(
    ("accept", "taken"),
    [
        ("", True),
        ("*/*", True),
        ("text/*", True),
        ("text/plain", True),
        ("TEXT/PLAIN;q=0.1", True),
        ("text/plain;q=0, */*", False),
        ("text/*;q=0, */*", False),
        ("application/pdf", False),
        ("application/pdf, */*;q=0.1", True),
    ],
)
def test_the_content_of_a_binary_is_negotiated(accept: str, taken: bool) -> None:
    assert accepts_content(accept, "text/plain; charset=utf-8") is taken


@pytest.mark.parametrize(
    "text", ["text/plain", "text/plain; charset=utf-8", "text/plain;charset=utf-8", "application/a.b+c"]
)
def test_a_media_type_may_stand_in_a_header(text: str) -> None:
    assert is_media_type(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "text",
        "text/",
        "a/b\r\nSet-Cookie: x=1",
        "a/b\n",
        "a/b; c",
        "é/b",
        "a/b c",
        "a/b;c=d" * 5,
        None,
        7,
    ],
)
def test_another_text_may_not(text: object) -> None:
    assert not is_media_type(text)


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_text_is_accepted_or_refused(format_: str, header: str) -> None:
    accepts_content(header, "text/plain")
    is_content_wanted(None, header)
    for check in (
        lambda: choose_format(format_, header),
        lambda: choose_format(None, header),
        lambda: check_sent(header, is_patch=False),
    ):
        with contextlib.suppress(NotAcceptable, UnsupportedMedia):
            check()
