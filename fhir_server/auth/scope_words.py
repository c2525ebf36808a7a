"""A scope in the words of the person who grants it. SMART App Launch 2.2, scopes; OWASP ASVS 5 §10.7

The texts are French and are looked up in the catalogue of the page; the words for resource types are a table.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from urllib.parse import unquote

from fhir_server.auth.language import translations
from fhir_server.auth.scopes import CONTEXT, IDENTITY, REFRESH
from fhir_server.definitions.registry import load_definitions
from fhir_server.errors import Invalid
from fhir_server.policy.scopes import parse_scopes

Translate = Callable[[str], str]
KINDS = ("patient", "user", "system", "identity", "duration", "context")
"""The order in which lines are told."""

_PREFIX = "http://smarthealthit.org/fhir/scopes/"
_RESOURCE = re.compile(r"(patient|user|system)/(\*|[A-Za-z]+)\.([a-z*]+)(?:\?(.+))?")
_VERSION_1 = {"read": "rs", "write": "cud", "*": "cruds"}
_OBSERVATION = "http://terminology.hl7.org/CodeSystem/observation-category"
_CONDITION = "http://terminology.hl7.org/CodeSystem/condition-category"
_US_CORE = "http://hl7.org/fhir/us/core/CodeSystem/us-core-category"
_US_CORE_CONDITION = "http://hl7.org/fhir/us/core/CodeSystem/condition-category"


@dataclass(frozen=True, slots=True)
class Narrower:
    """A part of a scope that may be granted instead of it."""

    scope: str
    title: str


@dataclass(frozen=True, slots=True)
class ScopeLine:
    """One line of the consent page."""

    scope: str
    kind: str
    """identity, patient, user, context or duration."""
    title: str
    detail: str = ""
    is_locked: bool = False
    """Without it the launch does not work at all: it is told, not asked."""
    is_everything: bool = False
    is_sensitive: bool = False
    writes: bool = False
    narrower: tuple[Narrower, ...] = ()


def describe(scope: str, language: str) -> ScopeLine:
    """Returns the line of a scope."""
    _ = translations(language).gettext
    match = _RESOURCE.fullmatch(scope.removeprefix(_PREFIX))
    if match is not None:
        return _describe_resource(scope, match, language)
    if scope in IDENTITY:
        return ScopeLine(scope, "identity", _identity_words(_)[scope])
    if scope in REFRESH:
        title, detail = _duration_words(_)[scope]
        return ScopeLine(scope, "duration", title, detail)
    words = _context_words(_) if scope in CONTEXT else {}
    title = words.get(scope, _("Savoir quel élément est ouvert dans votre logiciel"))
    return ScopeLine(scope, "context", title, is_locked=True)


def _identity_words(_: Translate) -> dict[str, str]:  # a table that needs the catalogue
    return {
        "openid": _("Reconnaître que c’est vous d’une fois à l’autre"),
        "fhirUser": _("Savoir quelle est votre fiche (votre nom et vos coordonnées)"),
        "profile": _("Savoir quelle est votre fiche (votre nom et vos coordonnées)"),
    }


def _duration_words(_: Translate) -> dict[str, tuple[str, str]]:
    return {
        "offline_access": (
            _("Garder cet accès quand vous n’utilisez pas l’application"),
            _("Sans cette autorisation, l’accès s’arrête au bout de quelques minutes."),
        ),
        "online_access": (_("Garder cet accès tant que vous restez connecté"), ""),
    }


def _context_words(_: Translate) -> dict[str, str]:
    return {
        "launch": _("Savoir quel dossier est ouvert dans votre logiciel"),
        "launch/patient": _("Savoir de quel dossier il s’agit"),
        "launch/encounter": _("Savoir de quelle consultation ou de quel séjour il s’agit"),
    }


def _describe_resource(scope: str, match: re.Match[str], language: str) -> ScopeLine:
    level, type_, spelled, query = match.groups()
    _ = translations(language).gettext
    letters = _VERSION_1.get(spelled, spelled)
    row = resource_words().get(type_, {})
    what = _("Toutes les données de santé, maintenant et à l’avenir") if type_ == "*" else row[language]
    return ScopeLine(
        scope,
        level,
        f"{verbs(letters, _)} : {what}" if language == "fr" else f"{verbs(letters, _)}: {what}",
        " ; ".join(_limit(part, _) for part in (query or "").split("&") if part),
        is_everything=type_ == "*",
        is_sensitive=row.get("sensitive") == "yes",
        writes=bool(set(letters) & set("cud")),
        narrower=tuple(_narrower(scope, type_, letters, _)) if query is None else (),
    )


def verbs(letters: str, _: Translate) -> str:
    """Returns what the letters of a scope allow, as a list of verbs."""
    found = [_("consulter")] if set(letters) & set("rs") else []
    words = (("c", _("ajouter")), ("u", _("modifier")), ("d", _("supprimer")))
    found += [word for letter, word in words if letter in letters]
    *most, last = found
    and_ = _("et")
    text = f"{', '.join(most)} {and_} {last}" if most else last
    return text[:1].upper() + text[1:]


def _limit(part: str, _: Translate) -> str:
    """category=system|laboratory → Seulement : analyses de laboratoire."""
    name, _equals, value = part.partition("=")
    value = unquote(value)
    code = value.rpartition("|")[2]
    words = category_words(_).get(code) if name == "category" else None
    return _("Seulement : %s") % (words or f"{name} = {value}")


def category_words(_: Translate) -> dict[str, str]:
    """Returns the categories by which observations and conditions are told apart, in words."""
    return {
        "laboratory": _("analyses de laboratoire"),
        "vital-signs": _("signes vitaux (tension, poids, température…)"),
        "social-history": _("mode de vie (tabac, travail, logement…)"),
        "survey": _("questionnaires et scores"),
        "exam": _("examen clinique"),
        "imaging": _("imagerie"),
        "procedure": _("mesures pendant un acte"),
        "therapy": _("suivi de traitement"),
        "activity": _("activité physique"),
        "sdoh": _("situation sociale"),
        "clinical-test": _("tests cliniques"),
        "encounter-diagnosis": _("diagnostics d’une consultation ou d’un séjour"),
        "problem-list-item": _("problèmes de santé suivis"),
        "health-concern": _("préoccupations de santé"),
    }


_CATEGORIES = {
    "Observation": (
        (_OBSERVATION, ("laboratory", "vital-signs", "social-history", "survey", "exam", "imaging")),
        (_US_CORE, ("sdoh", "clinical-test")),
    ),
    "Condition": (
        (_CONDITION, ("encounter-diagnosis", "problem-list-item")),
        (_US_CORE_CONDITION, ("health-concern",)),
    ),
}
"""Resource type → the categories to which its scope may be narrowed."""


def _narrower(scope: str, type_: str, letters: str, _: Translate) -> Iterator[Narrower]:
    if not set(letters) & set("rs"):
        return
    words = category_words(_)
    for system, codes in _CATEGORIES.get(type_, ()):
        for code in codes:
            narrower = f"{scope}?category={system}|{code}"
            if _is_offered(narrower):
                yield Narrower(narrower, words[code])


@cache
def _is_offered(scope: str) -> bool:
    """Asks the policy whether it can honour a scope before a person is offered it."""
    try:
        parse_scopes(scope.removeprefix(_PREFIX), load_definitions().resource_types)
    except Invalid:
        return False
    return True


@cache
def resource_words() -> dict[str, dict[str, str]]:
    """Returns the table: resource type → fr, en, sensitive."""
    text = Path(__file__).with_name("resource_words.csv").read_text("utf-8")
    rows = csv.DictReader(line for line in text.splitlines() if not line.startswith("#"))
    return {row["resource_type"]: row for row in rows}
