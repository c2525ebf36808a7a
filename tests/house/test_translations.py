"""Every French text of the pages has an English one, and the compiled catalogue is that of its source."""

from __future__ import annotations

import gettext
from pathlib import Path
from typing import Any

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from fhir_server.auth.language import DOMAIN, LANGUAGES, LOCALES
from tests.house.sources import ROOT

PAGES = ROOT / "fhir_server" / "auth"
TRANSLATED = [language for language in LANGUAGES if language != "fr"]


def used() -> set[str]:
    """The texts of the code and of the templates, singular form."""
    rules = [("**.py", "python"), ("templates/**.html", "jinja2")]
    found: set[str] = set()
    for _, _, message, _, _ in extract_from_dir(str(PAGES), rules, {"jinja2": {"silent": "false"}}):
        found.add(message if isinstance(message, str) else message[0])
    return found


def catalogue(language: str) -> dict[str, Any]:
    path = LOCALES / language / "LC_MESSAGES" / f"{DOMAIN}.po"
    with path.open("rb") as file:
        return {
            message.id if isinstance(message.id, str) else message.id[0]: message
            for message in read_po(file)
            if message.id
        }


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_text_of_the_pages_is_translated_and_none_is_left_over(language: str) -> None:
    messages = catalogue(language)
    assert used() == set(messages)
    for key, message in messages.items():
        texts = [message.string] if isinstance(message.string, str) else list(message.string)
        assert all(texts), key
        assert not message.fuzzy, key


@pytest.mark.parametrize("language", TRANSLATED)
def test_the_compiled_catalogue_says_what_its_source_says(language: str) -> None:
    compiled = gettext.translation(DOMAIN, LOCALES, [language])
    for key, message in catalogue(language).items():
        if isinstance(message.id, str):
            assert compiled.gettext(key) == message.string
        else:
            assert compiled.ngettext(*message.id, 1) == message.string[0]
            assert compiled.ngettext(*message.id, 2) == message.string[1]


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_translation_has_the_placeholders_of_its_text(language: str) -> None:
    for key, message in catalogue(language).items():
        texts = [message.string] if isinstance(message.string, str) else list(message.string)
        assert {tuple(sorted(_placeholders(text))) for text in texts} == {tuple(sorted(_placeholders(key)))}


def _placeholders(text: str) -> list[str]:
    import re

    return re.findall(r"%\(\w+\)s|%s|</?\w+>", text)


def test_the_catalogues_are_those_of_the_languages() -> None:
    assert sorted(path.name for path in Path(LOCALES).iterdir() if path.is_dir()) == sorted(TRANSLATED)
