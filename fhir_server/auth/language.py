"""French first, English second: texts are written in French and looked up in gettext catalogues.

https://www.gnu.org/software/gettext/manual/
"""

from __future__ import annotations

import gettext as catalogues
from datetime import datetime
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_datetime
from flask import Request, g

LANGUAGES = ("fr", "en")
DOMAIN = "pages"
LOCALES = Path(__file__).parent / "locales"
COOKIE = "auth-language"
_MOMENTS = {"fr": "d MMMM y 'à' HH:mm", "en": "d MMMM y 'at' HH:mm"}
_PARIS = ZoneInfo("Europe/Paris")


def choose_language(request: Request, ui_locales: str = "") -> str:
    """Returns the language of a page: ?lang=, what was chosen before, ui_locales, Accept-Language, French."""
    asked = request.args.get("lang", "")
    if asked in LANGUAGES:
        g.auth_language_cookie = asked
        return asked
    kept = request.cookies.get(COOKIE, "")
    if kept in LANGUAGES:
        return kept
    for tag in ui_locales.split():
        if tag.partition("-")[0].lower() in LANGUAGES:
            return tag.partition("-")[0].lower()
    return request.accept_languages.best_match(LANGUAGES, "fr") or "fr"


@cache
def translations(language: str) -> catalogues.NullTranslations:
    """Returns the catalogue of a language; French needs none."""
    if language == "fr":
        return catalogues.NullTranslations()
    return catalogues.translation(DOMAIN, LOCALES, [language])


def in_words(moment: datetime, language: str, *, time: bool = False) -> str:
    """Returns a date as people say it, at the time of mainland France."""
    if time:
        return format_datetime(moment, _MOMENTS[language], tzinfo=_PARIS, locale=language)
    return format_date(moment.astimezone(_PARIS), "long", locale=language)
