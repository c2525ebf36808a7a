"""Formats, ranges and lengths of the primitive types. https://hl7.org/fhir/R4/datatypes.html#primitive"""

from __future__ import annotations

import binascii
import re
from calendar import monthrange
from collections.abc import Callable
from decimal import Decimal
from typing import Any

from fhir_server.validation.context import Context
from fhir_server.validation.fault import Check, Fault, Position, fault, remark, show, wrong_type

MAX_STRING = 1024 * 1024

_YEAR = "(?!0000)[0-9]{4}"
_MONTH = "(?:0[1-9]|1[0-2])"
_DAY = "(?:0[1-9]|[12][0-9]|3[01])"
_TIME = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:\.[0-9]+)?"
_ZONE = r"(?:Z|[+-](?:(?:0[0-9]|1[0-3]):[0-5][0-9]|14:00))"
_DATE = f"{_YEAR}(?:-{_MONTH}(?:-{_DAY})?)?"
_DATE_TIME = f"{_YEAR}(?:-{_MONTH}(?:-{_DAY}(?:T{_TIME}{_ZONE})?)?)?"
_INSTANT = f"{_YEAR}-{_MONTH}-{_DAY}T{_TIME}{_ZONE}"
_OID = r"urn:oid:[0-2](?:\.(?:0|[1-9][0-9]*))+"
_UUID = "urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
_SPACE = " \t\r\n"
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")

# The published regexes, same language, in linear time. Their \s is that of XML Schema: ASCII.
_PATTERNS: dict[str, tuple[str, str]] = {
    # Its regex allows any white space inside, its definition only single spaces.
    "code": (r"\S+(?: \S+)*", "a code without spaces at its ends or doubled inside"),
    "id": (r"[A-Za-z0-9\-.]{1,64}", "1 to 64 letters, digits, '-' and '.'"),
    "uri": (
        # An OID or UUID that a URN names is one.
        rf"(?!urn:oid:|urn:uuid:)\S+|{_OID}|{_UUID}",
        "a URI without spaces, with a whole OID or UUID where it names one",
    ),
    "url": (r"\S+", "a URL without spaces"),
    "canonical": (r"\S+", "a canonical URL without spaces"),
    "oid": (_OID, "urn:oid: and an OID"),
    "uuid": (_UUID, "urn:uuid: and a UUID in lower case"),
    "time": (_TIME, "hh:mm:ss"),
}
_DATES: dict[str, tuple[str, str]] = {
    "date": (_DATE, "YYYY, YYYY-MM or YYYY-MM-DD"),
    "dateTime": (_DATE_TIME, "YYYY, YYYY-MM, YYYY-MM-DD or YYYY-MM-DDThh:mm:ss+zz:zz"),
    "instant": (_INSTANT, "YYYY-MM-DDThh:mm:ss+zz:zz"),
}
_INTEGERS = {"integer": -(2**31), "positiveInt": 1, "unsignedInt": 0}


def build(position: Position, check: Check) -> Check:
    """Returns the check of a primitive type, or the one given when the type is not primitive."""
    is_resource_id = position.element.name == "id" and position.owner.kind == "resource"
    # The snapshot types Resource.id as a system string; its definition says id.
    return CHECKS.get("id" if is_resource_id else position.type, check)


def _build_pattern(pattern: str, meaning: str, type_: str) -> Check:
    matches = re.compile(pattern, re.ASCII).fullmatch

    def check_pattern(value: Any, _owner: dict[str, Any], _context: Context) -> list[Fault] | None:
        if type(value) is not str:
            return wrong_type("a string", value)
        if matches(value) and value.isprintable():
            return None
        return _judge_text(value) or (None if matches(value) else _malformed(value, type_, meaning))

    return check_pattern


def _build_date(pattern: str, meaning: str, type_: str) -> Check:
    matches = re.compile(pattern).fullmatch

    def check_date(value: Any, _owner: dict[str, Any], _context: Context) -> list[Fault] | None:
        if type(value) is not str:
            return wrong_type("a string", value)
        if not matches(value):
            return _judge_text(value) or _malformed(value, type_, meaning)
        day = value[8:10]
        if day > "28" and int(day) > monthrange(int(value[:4]), int(value[5:7]))[1]:
            return fault("value", f"{show(value)} is not a day of the calendar.")
        return None

    return check_date


def _build_integer(minimum: int, type_: str) -> Check:
    def check_integer(value: Any, _owner: dict[str, Any], _context: Context) -> list[Fault] | None:
        if type(value) is int:
            if minimum <= value < 2**31:
                return None
            return fault("value", f"{type_} is a number from {minimum} to {2**31 - 1}.")
        if isinstance(value, Decimal):
            return fault("value", f"{type_} is a whole number, written without point or exponent.")
        return wrong_type("a number", value)

    return check_integer


def _check_text(value: Any, _owner: dict[str, Any], _context: Context) -> list[Fault] | None:
    if type(value) is not str:
        return wrong_type("a string", value)
    if value.isprintable() and len(value) <= MAX_STRING and value.strip(_SPACE):
        return None
    return _judge_text(value) or (None if value.strip(_SPACE) else _blank())


def _blank() -> list[Fault]:
    # Legal in JSON, nothing in XML: https://hl7.org/fhir/R4/datatypes.html#string
    text = "A string should not be made of white space only."
    return remark("warning", "value", text, id="string:blank")


def _judge_text(value: str) -> list[Fault] | None:
    if not value:
        return fault("value", "A string must not be empty.")
    if len(value) > MAX_STRING:
        return fault("value", f"A string must not have more than {MAX_STRING} characters.")
    if _CONTROL.search(value):
        return fault("value", "A string must not contain control characters.")
    return None


def _check_base64(value: Any, _owner: dict[str, Any], _context: Context) -> list[Fault] | None:
    if type(value) is not str:
        return wrong_type("a string", value)
    return None if value and (_is_base64(value) or _is_base64("".join(value.split()))) else _not_base64(value)


def _is_base64(value: str) -> bool:
    try:
        binascii.a2b_base64(value, strict_mode=True)
    except ValueError:
        return False
    return bool(value)


def _not_base64(value: str) -> list[Fault]:
    return _judge_text(value[:MAX_STRING]) or _malformed(value, "base64Binary", "base64 text")


def _check_boolean(value: Any, _owner: dict[str, Any], _context: Context) -> list[Fault] | None:
    return None if type(value) is bool else wrong_type("a boolean", value)


def _check_decimal(value: Any, _owner: dict[str, Any], _context: Context) -> list[Fault] | None:
    if type(value) is int or (isinstance(value, Decimal) and value.is_finite()):
        return None
    return wrong_type("a number", value)


def _malformed(value: str, type_: str, meaning: str) -> list[Fault]:
    text = f"{show(value)} is not of type {type_}: expected {meaning}."
    return fault("value", text, id=f"primitive:{type_}")


def _build_checks() -> dict[str, Check]:
    builders: tuple[tuple[Callable[[str, str, str], Check], dict[str, tuple[str, str]]], ...] = (
        (_build_pattern, _PATTERNS),
        (_build_date, _DATES),
    )
    checks: dict[str, Check] = {
        "boolean": _check_boolean,
        "decimal": _check_decimal,
        "base64Binary": _check_base64,
        "string": _check_text,
        "markdown": _check_text,
    }
    for build_check, rows in builders:
        checks |= {t: build_check(pattern, meaning, t) for t, (pattern, meaning) in rows.items()}
    return checks | {t: _build_integer(minimum, t) for t, minimum in _INTEGERS.items()}


CHECKS: dict[str, Check] = _build_checks()
"""Primitive type → check of one value."""
