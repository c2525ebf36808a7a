"""Chooses the encounter in which an app will start, one of the chosen record, or none.

https://hl7.org/fhir/smart-app-launch/STU2.2/scopes-and-launch-context.html#standalone-apps (launch/encounter)
"""

from __future__ import annotations

from flask import request
from werkzeug.wrappers import Response

from fhir_server.auth.encounters import EncounterChooser, FoundStays
from fhir_server.auth.pages.page import Pages, View, go
from fhir_server.auth.pages.patient import find_choice, make_chooser
from fhir_server.auth.pages.steps import Visit, needs_encounter, step

NONE = "/"
"""What the form sends for no encounter: no logical id has this character."""


def build_encounter(pages: Pages) -> View:
    """Returns the page on which an encounter is chosen."""

    @step(pages, "encounter")
    def encounter(visit: Visit) -> Response:
        if not needs_encounter(visit.pending):
            return go(visit.journey.url("consent"))
        if find_choice(visit, make_chooser(pages, visit), visit.patient) is None:
            return go(visit.journey.url("patient"))
        chooser = make_encounter_chooser(pages, visit)
        if request.method == "POST":
            return _choose(pages, visit, chooser)
        found = chooser.newest()
        return _form(pages, visit, found) if found.stays else _chosen(pages, visit, "")

    return encounter


def make_encounter_chooser(pages: Pages, visit: Visit) -> EncounterChooser:
    """Returns what reads the Encounters of the chosen record with the rights of the person."""
    is_professional = visit.login.kind == "professional"
    return EncounterChooser(make_chooser(pages, visit), visit.patient, is_professional=is_professional)


def _choose(pages: Pages, visit: Visit, chooser: EncounterChooser) -> Response:
    given = request.form.get("encounter", "")[:64]
    if given == NONE:
        return _chosen(pages, visit, "")
    if chooser.may_choose(given) is None:
        return _form(pages, visit, chooser.newest(), problem="none")
    return _chosen(pages, visit, given)


def _chosen(pages: Pages, visit: Visit, encounter_id: str) -> Response:
    chosen = {"encounter": encounter_id}
    pages.people.requests.choose(visit.journey.request_id, visit.login.session_id, chosen)
    return go(visit.journey.url("consent"))


def _form(pages: Pages, visit: Visit, found: FoundStays, problem: str = "") -> Response:
    return pages.render(
        "encounter",
        visit.journey,
        400 if problem else 200,
        login=visit.login,
        found=found,
        chosen=visit.encounter,
        problem=problem,
    )
