"""Content negotiation by itself. https://hl7.org/fhir/R4/http.html#mime-type, RFC 9110 §12.5.1"""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fhir_server.errors import NotAcceptable, UnsupportedMedia
from fhir_server.rest.media import check_accepted, check_sent

FHIR = "application/fhir+json"


@pytest.mark.parametrize(
    "accept",
    ["", "*/*", FHIR, f"{FHIR};q=0.001", f"text/html,{FHIR}", f"{FHIR};q=0,*/*", f'{FHIR};fhirVersion="4.0"'],
)
def test_who_takes_json_is_accepted(accept: str) -> None:
    check_accepted(None, accept)


@pytest.mark.parametrize(
    "accept",
    ["text/html", f"{FHIR};q=0", f"{FHIR};q=0.0", f"{FHIR};q=0.000", f"{FHIR};fhirVersion=4.3", "fhir", "x"],
)
def test_who_takes_no_json_is_not(accept: str) -> None:
    with pytest.raises(NotAcceptable):
        check_accepted(None, accept)


@pytest.mark.parametrize("is_patch", [True, False])
def test_json_patch_is_for_patches(is_patch: bool) -> None:
    check_sent(FHIR, is_patch=is_patch)
    if is_patch:
        check_sent("application/json-patch+json", is_patch=True)
    else:
        with pytest.raises(UnsupportedMedia):
            check_sent("application/json-patch+json", is_patch=False)


@pytest.mark.parametrize("charset", ["utf-8", "UTF-8", '"utf-8"', "utf8", ""])
def test_utf_8_has_several_spellings(charset: str) -> None:
    check_sent(f"{FHIR}; charset={charset}", is_patch=False)


@given(st.text(max_size=60), st.text(max_size=60))
def test_any_text_is_accepted_or_refused(format_: str, header: str) -> None:
    for check in (
        lambda: check_accepted(format_, header),
        lambda: check_accepted(None, header),
        lambda: check_sent(header, is_patch=False),
    ):
        with contextlib.suppress(NotAcceptable, UnsupportedMedia):
            check()
