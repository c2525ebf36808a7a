"""Words by their stems, so that a search for `fracture` finds `fracturés`: the French Snowball algorithm.

https://snowballstem.org/algorithms/french/stemmer.html, docs/decisions/0013-text-search.md
"""

from __future__ import annotations

import threading
from functools import lru_cache

import snowballstemmer

from fhir_server.search.words import words

_MAX_LETTERS = 40
_MIN_FIGURES = 5
"""Shorter numbers are doses, hours, years and lines of tables."""

_SHORT_TEXT = 256
_ROUNDS = 3

_STOP_WORDS = frozenset(
    """a ai au aux avec c ce ces cet cette d dans de des du elle elles en est et eu il ils j je l la le les
    leur leurs lui m ma mais me mes moi mon n ne nos notre nous on ont ou par pas pour qu que qui s
    sa sans se ses si son sont sur t ta te tes toi ton tu un une vos votre vous y etait ete etre
    sera the of and or in to is for with on at by an as be was were this that from""".split()  # noqa: SIM905 - words are read best as a text
)
"""Without accents; English ones too, because many displays are English."""

_stemmer = snowballstemmer.stemmer("french")
_lock = threading.Lock()


@lru_cache(maxsize=65_536)
def stem(word: str) -> str:
    """Returns the stem of a folded word; "" for one that is not looked for."""
    if len(word) < 2 or word in _STOP_WORDS or (word.isdigit() and len(word) < _MIN_FIGURES):
        return ""
    found = word[:_MAX_LETTERS]
    with _lock:  # the stemmer keeps its word in itself
        for _ in range(_ROUNDS):
            # Without accents an ending may hide another: operee, opere, oper.
            shorter = str(_stemmer.stemWord(found))
            if shorter == found:
                break
            found = shorter
    return found


def stems(text: str) -> tuple[str, ...]:
    """Returns the stems of a text, each once and in order."""
    return _stems_of_short(text) if len(text) <= _SHORT_TEXT else _stems(text)


def _stems(text: str) -> tuple[str, ...]:
    found = dict.fromkeys(stem(word) for word in words(text))
    found.pop("", None)
    return tuple(found)


_stems_of_short = lru_cache(maxsize=8192)(_stems)
