"""Matricule INS of a fictitious person: NIR, then the key 97 − (N mod 97), with 2A → 19 and 2B → 18.

Order numbers are 99x: no town used here has seen 990 births in a month, so no real NIR is met.
"""

from __future__ import annotations

TEST_SYSTEM = "urn:oid:1.2.250.1.213.1.4.10"
"""INS-NIR of test. Production would be 1.2.250.1.213.1.4.8."""

SEX_DIGIT = {"M": "1", "F": "2"}


def key(number: str) -> str:
    """The two digits which end a matricule, from its first 13 characters."""
    digits = number.replace("2A", "19").replace("2B", "18")
    return f"{97 - int(digits) % 97:02d}"


def matricule(sex: str, birth_date: str, birth_place: str, order: str) -> str:
    """15 characters; `birth_place` is the five characters of the official geographic code (99xxx abroad)."""
    year, month, _day = birth_date.split("-")
    number = f"{SEX_DIGIT[sex]}{year[2:]}{month}{birth_place}{order}"
    return number + key(number)
