"""Codes of RFC 6238: the vectors of its appendix, and the steps around now."""

from __future__ import annotations

import base64

import pyotp
import pytest

from fhir_server.auth.one_time_codes import (
    RECOVERY_CODES,
    enrolment_picture,
    enrolment_uri,
    matching_step,
    new_key,
    new_recovery_codes,
    recovery_digest,
)

VECTORS = base64.b32encode(b"12345678901234567890").decode()


@pytest.mark.parametrize(
    ("moment", "code"),
    [
        (59, "287082"),
        (1111111109, "081804"),
        (1111111111, "050471"),
        (1234567890, "005924"),
        (2000000000, "279037"),
        (20000000000, "353130"),
    ],
)
def test_the_codes_are_those_of_rfc_6238_appendix_b(moment: int, code: str) -> None:
    assert matching_step(VECTORS, code, moment) == moment // 30


def test_one_step_of_drift_is_accepted_and_two_are_not() -> None:
    key, now = new_key(), 1_800_000_015.0
    codes = pyotp.TOTP(key)
    step = int(now) // 30
    found = [matching_step(key, codes.generate_otp(step + drift), now) for drift in (-2, -1, 0, 1, 2)]
    assert found == [None, step - 1, step, step + 1, None]


@pytest.mark.parametrize(
    "code", ["", "12345", "1234567", "abcdef", "12 34 5", "１２３４５６", "-12345", "+12345"]
)
def test_what_is_no_code_of_six_digits_matches_nothing(code: str) -> None:
    assert matching_step(VECTORS, code, 59) is None


def test_spaces_in_a_code_do_not_matter() -> None:
    assert matching_step(VECTORS, " 287 082 ", 59) == 1


@pytest.mark.parametrize("key", ["", "not base32!", "1"])
def test_a_broken_key_matches_nothing(key: str) -> None:
    assert matching_step(key, "000000", 59) is None


def test_a_key_is_shown_as_a_picture_without_asking_anyone() -> None:
    picture = enrolment_picture("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", "zoé")
    assert picture.startswith("data:image/svg+xml;base64,")
    assert base64.b64decode(picture.partition(",")[2]).startswith(b"<?xml")
    assert enrolment_uri("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP", "zoé") == (
        "otpauth://totp/DMP:zo%C3%A9?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP&issuer=DMP"
    )


def test_recovery_codes_differ_and_are_read_in_any_spelling() -> None:
    codes = new_recovery_codes()
    assert len(set(codes)) == RECOVERY_CODES
    one = codes[0]
    spellings = {one, one.upper(), one.replace("-", ""), one.replace("-", " "), f" {one} "}
    assert len({recovery_digest(spelling) for spelling in spellings}) == 1
    assert one not in recovery_digest(one)
