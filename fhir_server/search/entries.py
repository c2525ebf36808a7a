"""How index entries are spelled, for writing and for asking alike. docs/decisions/0011-index-entries.md

| token of t             | meaning                                                             |
|------------------------|---------------------------------------------------------------------|
| *                      | first of every resource that is not deleted                          |
| code=8480-6|iHyo8Zx2   | coded value, hash of its system; `code=8480-6|` without a system     |
| subject=17|Patient     | local reference; `subject=<url>|url` for others and for canonicals   |
| name=dupont            | string, folded; no `|`                                              |
| name=marie~            | a word inside Anne-Marie: found like a string, but nothing to sort by |
| name^Dupont            | string as written                                                   |
| code~                  | there is a value, but nothing in it that could be looked for        |
| date~+               | the primary date lasts longer than a day                            |
| date~-               | it ends before it starts, or there are several                      |
| subject:identifier=…   | logical reference                                                   |
| subject:contained=m1   | reference to a contained resource                                   |
| code:text=blood pres…  | words of a text or display, side by side; each further word alone   |
| identifier:of-type=…   | type|system of an identifier|value                                  |
| #fractur               | stem of a word of the narrative                                     |
| &fractur               | stem of a word that is elsewhere in the resource                    |
| *Medication            | of a contained resource: its type                                   |
| p=17                   | a compartment, where a resource is in several                       |

| k of r                        | lo, hi                                                       |
|-------------------------------|--------------------------------------------------------------|
| date                          | milliseconds, hi excluded                                    |
| probability                   | number, hi included                                          |
| value-quantity=g.m-3|<system> | quantity in canonical units                                  |
| value-quantity=~mg/dL         | the number as written, beside its code or unit as written    |
| key~+, key~-                  | the same entry again: it is no point; it ends before it starts |

Composites join the values of their components with `$`. In values, `% | $ ~ ^` and controls are
percent-encoded.
"""

from __future__ import annotations

import base64
import re
from functools import lru_cache
from hashlib import blake2b
from typing import Any

LONG = "~+"
"""After the name of the primary date: it lasts longer than a day. After a key of r: so does this entry, which
is there a second time; a number or quantity that is no point counts as long."""

IRREGULAR = "~-"
"""Likewise, where it ends before it starts; of a primary date also where there are several."""

INNER = "~"
"""After a word inside a part of a name or address."""

EVERYTHING = "*"
"""The token of every resource that is not deleted."""

PRESENT = "~"
"""After the name of a parameter: it has a value that cannot be looked for."""

IN_NARRATIVE = "#"
"""Before the stem of a word of the narrative."""

IN_CONTENT = "&"
"""Before the stem of a word that is elsewhere in the resource only."""

CONTAINED_TARGET = ":contained="
"""After the name of a reference parameter, before the id of a contained resource."""

URL = "url"
"""Stands in the place of the type of a reference that is not local."""

MAX_BYTES = 512
"""Longer values are cut and end with a hash."""

_KEPT_BYTES = 480
_SPECIAL = re.compile(r"[%|$~^\x00-\x1f\x7f\ud800-\udfff]")

Filter = dict[str, Any]


@lru_cache(maxsize=4096)
def hash_system(system: str) -> str:
    """Returns the 8 characters that stand for a system URL; "" for no system."""
    if not system:
        return ""
    digest = blake2b(system.encode("utf-8", "replace"), digest_size=6).digest()
    return base64.urlsafe_b64encode(digest).decode("ascii")


def escape(value: str) -> str:
    """Returns a value that cannot forge another entry, of bounded length."""
    if len(value) > MAX_BYTES // 4 and len(value.encode("utf-8", "replace")) > MAX_BYTES:
        kept = value.encode("utf-8", "replace")[:_KEPT_BYTES].decode("utf-8", "ignore")
        value = f"{kept}#{_hash_long(value)}"
    return _SPECIAL.sub(_percent, value) if _SPECIAL.search(value) else value


def escape_prefix(value: str) -> str:
    """Returns the beginning that the escaped forms of all longer values share."""
    kept = value.encode("utf-8", "replace")[:_KEPT_BYTES].decode("utf-8", "ignore")
    return _SPECIAL.sub(_percent, kept)


def _hash_long(value: str) -> str:
    digest = blake2b(value.encode("utf-8", "replace"), digest_size=12).digest()
    return base64.urlsafe_b64encode(digest).decode("ascii")


def _percent(match: re.Match[str]) -> str:
    return f"%{ord(match[0]):02X}"


def narrow(filter_: Filter, condition: Filter) -> Filter:
    """Returns a filter under a further condition, which goes into each of its alternatives.

    MongoDB reads alternatives by their indexes, in order, only where they are outermost.
    """
    if set(filter_) == {"$or"}:
        return {"$or": [{"$and": [f, condition]} for f in filter_["$or"]]}
    return {"$and": [filter_, condition]}


def prefix_range(prefix: str) -> Filter:
    """Returns the bounds of all strings that begin with a prefix; for use inside $elemMatch.

    On an array, bounds outside $elemMatch may be met by two different entries.
    """
    return {"$gte": prefix, "$lt": after(prefix)}


def after(prefix: str) -> str:
    """Returns the first string after all those that begin with a prefix."""
    # Nothing sorts after U+10FFFF, and surrogates are no characters.
    prefix = prefix.rstrip("\U0010ffff")
    last = ord(prefix[-1]) + 1
    return prefix[:-1] + chr(0xE000 if last == 0xD800 else last)
