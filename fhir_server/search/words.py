"""Words of texts, as :text, _text and _content compare them: folded, without punctuation.

https://hl7.org/fhir/R4/search.html#string
"""

from __future__ import annotations

import re

from fhir_server.search.fold import fold

_WORD = re.compile(r"[^\W_]+")


def words(text: str) -> list[str]:
    """Returns the words of a text in order: runs of letters and figures."""
    return _WORD.findall(fold(text))
