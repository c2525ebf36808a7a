"""Asks the person: who wants what, in whose record, for how long. RFC 6749 §3.1, ASVS 5 §10.7

Only what was offered can be granted: what the form sends is compared with the request that is kept here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from flask import request
from werkzeug.wrappers import Response

from fhir_server.auth.decision import Denied, Granted
from fhir_server.auth.encounters import Stay
from fhir_server.auth.pages.encounter import make_encounter_chooser
from fhir_server.auth.pages.page import Pages, View
from fhir_server.auth.pages.patient import find_choice, make_chooser
from fhir_server.auth.pages.steps import Visit, needs_encounter, needs_patient, remembered, step
from fhir_server.auth.patients import Candidate
from fhir_server.auth.scope_words import KINDS, ScopeLine, describe


def build_consent(pages: Pages) -> View:
    """Returns the page on which a person decides."""

    @step(pages, "consent")
    def consent(visit: Visit) -> Response:
        finish, request_id = pages.people.finish, visit.journey.request_id
        record = _record(pages, visit)
        if visit.patient and record is None:
            return finish(request_id, Denied("access_denied", "the record is not open to the person"))
        stay = _stay(pages, visit)
        if visit.encounter and stay is None:
            return finish(request_id, Denied("access_denied", "the encounter is not open to the person"))
        if request.method != "POST":
            before = remembered(pages.people, visit)
            return finish(request_id, before) if before is not None else _form(pages, visit, record, stay)
        if request.form.get("decision") != "allow":
            return finish(request_id, Denied("access_denied"))
        lines = _lines(pages, visit)
        scopes = granted(lines, request.form.getlist("scope"), request.form.getlist("narrower"))
        if not scopes:
            return _form(pages, visit, record, stay, problem="nothing")
        remember = request.form.get("remember") == "always"
        decided = Granted(visit.login, scopes, visit.patient, visit.encounter, remember=remember)
        return finish(request_id, decided)

    return consent


def _record(pages: Pages, visit: Visit) -> Candidate | None:
    """Returns the record that the app will reach, read with the rights of the person."""
    if not visit.patient:
        return None
    return find_choice(visit, make_chooser(pages, visit), visit.patient)


def _stay(pages: Pages, visit: Visit) -> Stay | None:
    """Returns the chosen encounter, read with the rights of the person: it is one of the record."""
    if not visit.encounter:
        return None
    return make_encounter_chooser(pages, visit).may_choose(visit.encounter)


def _lines(pages: Pages, visit: Visit) -> list[ScopeLine]:
    language = pages.language(visit.journey)
    lines = [describe(scope, language) for scope in visit.pending.scopes]
    everything = {line.kind for line in lines if line.is_everything}
    # Beside a line that gives everything, a limit would promise what it does not hold.
    return [replace(line, narrower=()) if line.kind in everything else line for line in lines]


def granted(lines: Sequence[ScopeLine], ticked: Sequence[str], narrower: Sequence[str]) -> tuple[str, ...]:
    """Returns the scopes that a form grants, in the order asked; () when it grants nothing that is of use."""
    found: list[str] = []
    for line in lines:
        parts = [part.scope for part in line.narrower if part.scope in narrower]
        if line.is_locked:
            found.append(line.scope)
        elif line.scope in ticked:
            found += parts or [line.scope]
    if "openid" not in found:
        found = [scope for scope in found if scope not in ("fhirUser", "profile")]
    kinds = {line.kind for line in lines if line.scope in ticked}
    return tuple(found) if kinds & {"patient", "user", "identity"} else ()


def _form(
    pages: Pages, visit: Visit, record: Candidate | None, stay: Stay | None, problem: str = ""
) -> Response:
    lines = _lines(pages, visit)
    before = {
        scope
        for grant in pages.people.grants.of_account(visit.login.account_id)
        if grant.client_id == visit.pending.client_id and grant.patient == visit.patient
        for scope in grant.scopes
    }
    return pages.render(
        "consent",
        visit.journey,
        400 if problem else 200,
        login=visit.login,
        client=visit.journey.client,
        record=record,
        stay=stay,
        asks_for_stay=needs_encounter(visit.pending),
        own=visit.login.fhir_user == f"Patient/{visit.patient}",
        parts=[(kind, [line for line in lines if line.kind == kind]) for kind in KINDS],
        ticked=set(request.form.getlist("scope")) if problem else set(visit.pending.scopes),
        had_before=bool(before),
        may_change_record=needs_patient(visit.login, visit.pending),
        target=_target(visit.pending.redirect_uri),
        days=pages.people.refresh_days,
        problem=problem,
    )


def _target(redirect_uri: str) -> str:
    """Returns the site to which the person will be led, as she can recognise it."""
    scheme, _, rest = redirect_uri.partition("://")
    return rest.split("/", 1)[0] if scheme in ("http", "https") else f"{redirect_uri.partition(':')[0]}:"
