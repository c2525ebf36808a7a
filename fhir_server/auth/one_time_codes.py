"""Time-based one-time codes, and the recovery codes that replace a lost phone. RFC 6238, RFC 4226"""

from __future__ import annotations

import base64
import binascii
import hmac
import io
import secrets
import time

import pyotp
import segno

from fhir_server.storage.opaque import digest

ISSUER = "DMP"
RECOVERY_CODES = 8
_INTERVAL = 30
_DRIFT = 1
"""Steps before and after now: clocks of phones differ."""
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


def new_key() -> str:
    """Returns 160 random bits in base32. RFC 4226 §4 R6"""
    return pyotp.random_base32(32)


def matching_step(key: str, code: str, now: float | None = None) -> int | None:
    """Returns the time step that a code belongs to, None when it belongs to none near now."""
    digits = "".join(code.split())
    if len(digits) != 6 or not digits.isascii() or not digits.isdigit():
        return None
    current = int((time.time() if now is None else now) // _INTERVAL)
    try:
        codes = pyotp.TOTP(key, interval=_INTERVAL)
        steps = range(current - _DRIFT, current + _DRIFT + 1)
        matches = [step for step in steps if hmac.compare_digest(codes.generate_otp(step), digits)]
    except (binascii.Error, ValueError):
        return None
    return matches[-1] if matches else None


def enrolment_uri(key: str, username: str) -> str:
    """Returns what an authenticator app reads from the picture."""
    return pyotp.TOTP(key, interval=_INTERVAL).provisioning_uri(name=username, issuer_name=ISSUER)


def enrolment_picture(key: str, username: str) -> str:
    """Returns the QR code of the key as a data: URL, drawn here: the key goes to nobody else."""
    picture = io.BytesIO()
    segno.make(enrolment_uri(key, username), error="m").save(picture, kind="svg", scale=5, border=4)
    return "data:image/svg+xml;base64," + base64.b64encode(picture.getvalue()).decode()


def new_recovery_codes() -> list[str]:
    """Returns codes that work once each; 50 bits, told to the person once."""
    return [_recovery_code() for _ in range(RECOVERY_CODES)]


def _recovery_code() -> str:
    letters = "".join(secrets.choice(_ALPHABET) for _ in range(10))
    return f"{letters[:5]}-{letters[5:]}"


def recovery_digest(code: str) -> str:
    """Returns what is kept of a recovery code."""
    return digest("".join(code.casefold().replace("-", " ").split())[:64])
