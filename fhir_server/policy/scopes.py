"""SMART scopes, version 1, version 2 and granular: parsed once into frozen rules.

https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html, docs/security/scopes.md
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote, unquote

from fhir_server.errors import Invalid
from fhir_server.policy.granular import OF_EVERY_TYPE, Parameters, compile_parameters

LEVELS = ("patient", "user", "system")

URI_PREFIX = "http://smarthealthit.org/fhir/scopes/"
"""A scope may be written as a URI."""

CONTEXT_SCOPES = frozenset(
    {"openid", "fhirUser", "profile", "launch", "launch/patient", "launch/encounter"}
    | {"offline_access", "online_access"}
)
"""What asks for an identity, a context or a lasting token, and grants no access to a resource."""

MAX_CHARACTERS = 8_192
MAX_SCOPES = 200
MAX_PARAMETERS = 10
"""Of one scope."""

_SCOPE = re.compile(r"(patient|user|system)/(\*|[A-Z][A-Za-z]{1,63})\.(read|write|\*|c?r?u?d?s?)(?:\?(.*))?")
_TOKEN = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]+")
"""scope-token of RFC 6749 §3.3"""

_LAUNCH = re.compile(r"launch/([a-z]{2,64})(?:\?role=\S+)?")
_VERSION_1 = {"read": "rs", "write": "cud", "*": "cruds"}
_WORDS = {letters: word for word, letters in _VERSION_1.items()}
_WRITTEN_OUT = ":/|,$.;@!*'()+-_~=<>?[]^`{}"
"""Besides letters and figures, what a value of a scope need not percent-encode."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One scope on resources."""

    level: str
    """patient, user or system."""
    resource_type: str
    """A type, or "*" for every one, now and in the future."""
    letters: str
    """Of "cruds", in this order."""
    parameters: Parameters
    """Only resources that meet all of them; empty for no condition."""
    text: str
    """The scope in the form it was asked in."""

    def covers(self, resource_type: str) -> bool:
        """Tells whether the rule is about a resource type."""
        return self.resource_type in (resource_type, "*")


@dataclass(frozen=True, slots=True)
class Scopes:
    """What a token grants, or what a client asks for."""

    rules: tuple[Rule, ...]
    text: str
    context: tuple[str, ...] = ()
    """Scopes of identity, launch and refresh, without URI prefix."""
    base_url: str = ""
    """References in values of granular scopes are local below it."""

    def levels(self, resource_type: str, letter: str) -> frozenset[str]:
        """Returns the levels that grant an interaction letter on some resources of a type."""
        return frozenset(r.level for r in self.rules if letter in r.letters and r.covers(resource_type))

    @property
    def needs_patient(self) -> bool:
        """True where the scopes mean nothing without a patient to whom they are bound."""
        return "launch/patient" in self.context or any(r.level == "patient" for r in self.rules)


def parse_scopes(text: str, resource_types: tuple[str, ...], base_url: str = "") -> Scopes:
    """Parses a scope string; raises Invalid, with the reason, for what this server cannot honour."""
    return _parse(text, resource_types, base_url)


@lru_cache(maxsize=512)  # scopes may be as long as MAX_CHARACTERS
def _parse(text: str, resource_types: tuple[str, ...], base_url: str) -> Scopes:
    words = sorted({word for word in text.split(" ") if word})
    if not words:
        raise Invalid("at least one scope is needed, for example system/*.rs", "scope")
    _check_size(len(words), text)
    return join_scopes((parse_scope(word, resource_types, base_url) for word in words), base_url)


def sift_scopes(
    text: str, resource_types: tuple[str, ...], base_url: str = ""
) -> tuple[Scopes, dict[str, str]]:
    """Returns what this server can honour of a scope string, and why not the rest (RFC 6749 §3.3)."""
    _check_size(0, text)
    known: list[Rule | str] = []
    refused: dict[str, str] = {}
    for word in sorted({word for word in text.split(" ") if word}):
        try:
            known.append(parse_scope(word, resource_types, base_url))
        except Invalid as error:
            refused[word] = error.diagnostics
    return join_scopes(known, base_url), refused


def join_scopes(scopes: Iterable[Rule | str], base_url: str) -> Scopes:
    """Returns scopes as one grant, each in the form it was asked in; order and repetition mean nothing."""
    found = {scope.text if isinstance(scope, Rule) else scope: scope for scope in scopes}
    texts = sorted(found)
    rules = tuple(rule for text in texts if isinstance(rule := found[text], Rule))
    joined = " ".join(texts)
    _check_size(len(texts), joined)
    names = dict.fromkeys(text.removeprefix(URI_PREFIX) for text in texts if isinstance(found[text], str))
    return Scopes(rules, joined, tuple(names), base_url)


def _check_size(number: int, text: str) -> None:
    if number > MAX_SCOPES or len(text) > MAX_CHARACTERS:
        raise Invalid(f"at most {MAX_SCOPES} scopes of {MAX_CHARACTERS} characters together", "scope")


def parse_scope(scope: str, resource_types: tuple[str, ...], base_url: str = "") -> Rule | str:
    """Parses one scope: a rule on resources, or the text of one of identity, launch or refresh."""
    if not _TOKEN.fullmatch(scope):
        raise Invalid(f"{scope[:100]!r} has characters that no scope has; write %20 for a space", "scope")
    text = scope.removeprefix(URI_PREFIX)
    if text in CONTEXT_SCOPES or _is_launch(text, resource_types):
        return scope
    match = _SCOPE.fullmatch(text)
    if match is None or not match[3]:
        raise Invalid(_refusal(scope, text), "scope")
    level, resource_type, letters, query = match.groups()
    if resource_type != "*" and resource_type not in resource_types:
        raise Invalid(f"{resource_type} is no resource type of FHIR R4", "scope")
    parameters = _read_parameters(scope, query)
    if parameters:
        _check_parameters(scope, resource_type, parameters, base_url)
    return Rule(level, resource_type, _VERSION_1.get(letters, letters), parameters, scope)


def spell(rule: Rule, asked: Rule) -> str:
    """Returns a rule as a scope in the form in which a wider one was asked: version 1 or 2, URI or not."""
    prefix = URI_PREFIX if asked.text.startswith(URI_PREFIX) else ""
    word = asked.text.removeprefix(URI_PREFIX).partition("?")[0].rpartition(".")[2]
    letters = _WORDS.get(rule.letters, rule.letters) if word in _VERSION_1 else rule.letters
    query = "&".join(f"{name}={quote(value, _WRITTEN_OUT)}" for name, value in rule.parameters)
    return f"{prefix}{rule.level}/{rule.resource_type}.{letters}{'?' if query else ''}{query}"


def _is_launch(text: str, resource_types: tuple[str, ...]) -> bool:
    """launch/questionnaire?role=…: a context of any resource type, in lower case."""
    match = _LAUNCH.fullmatch(text)
    return match is not None and any(match[1] == name.lower() for name in resource_types)


def _refusal(scope: str, text: str) -> str:
    shown = repr(scope[:100])
    letters = text.partition("?")[0].rpartition(".")[2]
    if text.startswith(tuple(f"{level}/" for level in LEVELS)) and "".join(sorted(letters)) in _SORTED:
        return f"{shown}: the letters of a scope are in the order cruds, each once"
    return f"{shown} is no SMART scope of the form system/Type.cruds, and none of identity or launch"


_SORTED = frozenset(
    "".join(sorted(c for i, c in enumerate("cruds") if bits >> i & 1)) for bits in range(1, 32)
)


def _read_parameters(scope: str, query: str | None) -> Parameters:
    """Reads name=value&name=value; + is itself, as in times of day, and %20 a space."""
    if query is None:
        return ()
    pairs: dict[tuple[str, str], None] = {}
    for part in query.split("&"):
        name, sign, value = part.partition("=")
        try:
            pair = unquote(name, errors="strict"), unquote(value, errors="strict")
        except UnicodeDecodeError:
            raise Invalid(f"{scope[:100]!r}: the search parameters are not UTF-8", "scope") from None
        if not sign or not all(pair):
            raise Invalid(f"{scope[:100]!r}: search parameters are name=value, joined by &", "scope")
        pairs[pair] = None
    if len(pairs) > MAX_PARAMETERS:
        raise Invalid(f"{scope[:100]!r}: at most {MAX_PARAMETERS} search parameters in a scope", "scope")
    return tuple(pairs)


def _check_parameters(scope: str, resource_type: str, parameters: Parameters, base_url: str) -> None:
    try:
        if resource_type == "*" and not OF_EVERY_TYPE.issuperset(name for name, _ in parameters):
            names = ", ".join(sorted(OF_EVERY_TYPE))
            raise Invalid(f"a scope on every type takes only {names}", "scope")
        compile_parameters("Patient" if resource_type == "*" else resource_type, parameters, base_url)
    except Invalid as error:
        raise Invalid(f"{scope[:100]!r}: {error.diagnostics}", "scope") from error
