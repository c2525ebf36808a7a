"""Chooses the record an app will reach: one's own, one that one represents, or a patient of a professional.

https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html#launch-app-standalone-launch
"""

from __future__ import annotations

from flask import request
from werkzeug.wrappers import Response

from fhir_server.audit.activity import read_activity
from fhir_server.auth.emergency import purpose_of
from fhir_server.auth.pages.page import Pages, View, go
from fhir_server.auth.pages.steps import Visit, needs_patient, step
from fhir_server.auth.patients import Candidate, Chooser, Found

_LONGEST = 100


def build_patient(pages: Pages) -> View:
    """Returns the page on which a record is chosen."""

    @step(pages, "patient")
    def patient(visit: Visit) -> Response:
        if not needs_patient(visit.login, visit.pending):
            return go(visit.journey.url("consent"))
        chooser = make_chooser(pages, visit)
        if request.method == "POST":
            return _choose(pages, visit, chooser)
        if visit.login.kind == "professional":
            return _search(pages, visit, chooser)
        own = chooser.own(visit.login.patients)
        if len(own) == 1:
            return _chosen(pages, visit, own[0].id)
        return _form(pages, visit, Found(own))

    return patient


def make_chooser(pages: Pages, visit: Visit) -> Chooser:
    """Returns what reads Patients with the rights of the person."""
    login = visit.login
    return Chooser(
        pages.people.interact,
        login.fhir_user,
        login.session_id,
        request.remote_addr or "",
        read_activity(login.activity),
        purpose_of(visit.pending.parameters),
    )


def _search(pages: Pages, visit: Visit, chooser: Chooser) -> Response:
    text = request.args.get("search", "")[:_LONGEST]
    found = chooser.find(text) if text.strip() else None
    return _form(pages, visit, found, text)


def _choose(pages: Pages, visit: Visit, chooser: Chooser) -> Response:
    patient_id = request.form.get("patient", "")[:64]
    if find_choice(visit, chooser, patient_id) is None:
        return _form(pages, visit, None, problem="none", status=400)
    return _chosen(pages, visit, patient_id)


def find_choice(visit: Visit, chooser: Chooser, patient_id: str) -> Candidate | None:
    """Returns a record if the person may open it, whatever the form says."""
    if visit.login.kind == "professional":
        return chooser.may_choose(patient_id)
    if patient_id not in visit.login.patients:
        return None
    return next(iter(chooser.own([patient_id])), None)


def _chosen(pages: Pages, visit: Visit, patient_id: str) -> Response:
    # An encounter belongs to one record: with another record it is chosen anew.
    chosen = {"patient": patient_id}
    pages.people.requests.choose(
        visit.journey.request_id, visit.login.session_id, chosen, forgotten=("encounter",)
    )
    return go(visit.journey.url("consent"))


def _form(
    pages: Pages,
    visit: Visit,
    found: Found | None,
    text: str = "",
    *,
    problem: str = "",
    status: int = 200,
) -> Response:
    return pages.render(
        "patient",
        visit.journey,
        status,
        login=visit.login,
        found=found,
        search=text,
        problem=problem,
        is_professional=visit.login.kind == "professional",
        purpose=purpose_of(visit.pending.parameters),
    )
