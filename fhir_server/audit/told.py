"""An AuditEvent in a sentence of French: who, as what, where, when, what, by which app, why, and the outcome.

https://hl7.org/fhir/R4/auditevent.html
"""

from __future__ import annotations

from typing import Any

from fhir_server.fhir import Resource

_VERBS = {"C": "a ajouté", "R": "a lu", "U": "a modifié", "D": "a supprimé", "E": "a cherché"}
_EVENTS = {
    "110127": "a ouvert",
    "grant-given": "a donné à l'application un accès à",
    "grant-revoked": "a retiré à l'application son accès à",
    "ITI-71": "a reçu un jeton d'accès à",
    "record-purged": "a détruit",
}
"""Verbs of what is no reading or writing, by subtype."""
_PURPOSES = {
    "TREAT": "pour des soins",
    "BTG": "en urgence (bris de glace)",
    "ETREAT": "en régulation d'un appel au SAMU (centre 15)",
    "PATRQT": "à la demande du patient",
    "HSYSADMIN": "pour l'administration du système",
}
_MOST_NAMED = 3


def tell_in_french(event: Resource) -> str:
    """Returns the sentence; of a client's own event, what the client says."""
    when = str(event.get("recorded", ""))
    parts = [f"Le {when[:10]} à {when[11:16]} ({when[19:] if when[19:20] in '+-' else 'UTC'}),"]
    parts.append(_who(event.get("agent", [])))
    parts.append(f"{_verb(event)} {_what(event)}".strip())
    purpose = event.get("purposeOfEvent", [{}])[0]
    parts.append(_PURPOSES.get(_code(purpose), ""))
    if purpose.get("text"):
        parts.append(f"(motif : {purpose['text']})")
    outcome = "accès permis." if event.get("outcome") == "0" else "accès refusé."
    return f"{' '.join(filter(None, parts))} : {outcome}"


def _verb(event: Resource) -> str:
    if event.get("outcome") != "0":
        return "a tenté d'accéder à"
    kinds = [str(one.get("code", "")) for one in event.get("subtype", [])]
    told = next((_EVENTS[kind] for kind in kinds if kind in _EVENTS), "")
    return told or _VERBS.get(event.get("action", ""), "a agi sur")


def _who(agents: list[Resource]) -> str:
    apps = [agent for agent in agents if "reference" not in agent.get("who", {}) and "who" in agent]
    persons = [agent for agent in agents if agent.get("requestor") and "reference" in agent.get("who", {})]
    places = [agent for agent in agents if _code(agent.get("type", {})) == "PROV"]
    app = next((_name(one["who"]) for one in apps if "identifier" in one["who"]), "")
    if not persons:
        structure = f" de {_name(places[0].get('who', {}))}" if places else ""
        return (f"l'application {app}" if app else "une application") + structure
    roles = [_display(role) for role in persons[0].get("role", [])]
    who = _name(persons[0]["who"]) + (f" ({roles[0]})" if roles and roles[0] else "")
    place = f", {_name(places[0].get('who', {}))}," if places else ""
    return f"{who}{place}" + (f" par l'application {app}" if app else "")


def _what(event: Resource) -> str:
    whats = [entity.get("what", {}).get("reference", "") for entity in event.get("entity", [])]
    names = list(dict.fromkeys(one.partition("/_history/")[0] for one in whats if one))
    named = [one for one in names if not one.startswith("Patient/")] or names
    more = len(named) - _MOST_NAMED
    return ", ".join(named[:_MOST_NAMED]) + (f" et {more} autres" if more > 0 else "")


def _name(who: Resource) -> str:
    return str(who.get("display") or who.get("reference") or who.get("identifier", {}).get("value") or "?")


def _code(concept: Resource) -> str:
    codings: list[Any] = concept.get("coding", [])
    return str(codings[0].get("code", "")) if codings else ""


def _display(concept: Resource) -> str:
    codings: list[Any] = concept.get("coding", [])
    return str(codings[0].get("display") or codings[0].get("code") or "") if codings else ""
