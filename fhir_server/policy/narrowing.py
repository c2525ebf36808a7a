"""The intersection of scopes: what is asked, allowed to the client, and granted by the person.

https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html, docs/security/scopes.md
A rule stands for the pairs of interaction and resource it permits, so the intersection of two rules is one
rule or none; nothing here reads more into scopes than their rules say.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from fhir_server.errors import Invalid
from fhir_server.policy.granular import Parameters
from fhir_server.policy.scopes import MAX_SCOPES, URI_PREFIX, Rule, Scopes, join_scopes, spell
from fhir_server.search.escapes import split

_ORDER = "cruds"


def narrow(asked: Scopes, *bounds: Scopes) -> Scopes:
    """Returns what is asked as far as every bound permits it, in the form in which it was asked.

    A scope that is permitted as a whole comes back to the letter. Where nothing is left the text is empty.
    Raises Invalid where what is left cannot be said within the limits of a scope string.
    """
    found: list[Rule | str] = []
    for rule in asked.rules:
        left = [rule]
        for bound in bounds:
            left = _union(m for one in left for other in bound.rules if (m := _meet(one, other)) is not None)
        found += [_as_asked(one, rule) for one in left]
    for text in asked.text.split(" "):
        name = text.removeprefix(URI_PREFIX)
        if name in asked.context and all(name in bound.context for bound in bounds):
            found.append(text)
    return join_scopes(found, asked.base_url)


def is_within(scopes: Scopes, bound: Scopes) -> bool:
    """Tells whether every one of the scopes is permitted as a whole: what a refresh may ask (RFC 6749 §6)."""
    return narrow(scopes, bound).text == scopes.text


def _meet(a: Rule, b: Rule) -> Rule | None:
    """Returns what both rules permit."""
    letters = "".join(letter for letter in _ORDER if letter in a.letters and letter in b.letters)
    if a.level != b.level or not letters:
        return None
    if b.covers(a.resource_type):
        resource_type = a.resource_type
    elif a.resource_type == "*":
        resource_type = b.resource_type
    else:
        return None
    return replace(
        a, resource_type=resource_type, letters=letters, parameters=_join(a.parameters, b.parameters)
    )


def _join(a: Parameters, b: Parameters) -> Parameters:
    """Returns the conditions of both, without those that another one implies."""
    joined = list(a)
    for one in b:
        if not any(_implies(other, one) for other in joined):
            joined = [other for other in joined if not _implies(one, other)] + [one]
    return tuple(joined)


def _implies(a: tuple[str, str], b: tuple[str, str]) -> bool:
    """True where each of the values of a is one of those of b."""
    return a[0] == b[0] and set(split(a[1], ",")) <= set(split(b[1], ","))


def _union(rules: Iterable[Rule]) -> list[Rule]:
    """Returns rules that permit the same: letters joined, without those that another one includes."""
    merged: dict[tuple[str, frozenset[tuple[str, str]]], Rule] = {}
    for rule in rules:
        key = rule.resource_type, frozenset(rule.parameters)
        known = merged.get(key, rule)
        letters = "".join(letter for letter in _ORDER if letter in known.letters + rule.letters)
        merged[key] = replace(known, letters=letters)
        if len(merged) > MAX_SCOPES:
            raise Invalid("the scopes that are asked meet those that are allowed in too many ways", "scope")
    kept: list[Rule] = []
    for rule in merged.values():
        if not any(_includes(other, rule) for other in kept):
            kept = [other for other in kept if not _includes(rule, other)] + [rule]
    return kept


def _includes(a: Rule, b: Rule) -> bool:
    """True where all that b permits is permitted by a, as far as their text tells."""
    return (
        a.covers(b.resource_type)
        and set(b.letters) <= set(a.letters)
        and all(any(_implies(narrower, wider) for narrower in b.parameters) for wider in a.parameters)
    )


def _as_asked(rule: Rule, asked: Rule) -> Rule:
    same = rule.resource_type == asked.resource_type and rule.letters == asked.letters
    if same and frozenset(rule.parameters) == frozenset(asked.parameters):
        return asked
    return replace(rule, text=spell(rule, asked))
