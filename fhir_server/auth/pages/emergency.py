"""Opens a record in an emergency: a professional says why, and that the law allows it. CSP L1111-17 I

docs/security/emergency.md
"""

from __future__ import annotations

from flask import request
from werkzeug.wrappers import Response

from fhir_server.auth.decision import Denied, Granted
from fhir_server.auth.emergency import LONGEST_TEXT, SHORTEST_TEXT, is_proved, purpose_of, reasons
from fhir_server.auth.pages.page import Pages, View
from fhir_server.auth.pages.patient import find_choice, make_chooser
from fhir_server.auth.pages.steps import EMERGENCY, Visit, step
from fhir_server.auth.patients import Candidate


def build_emergency(pages: Pages) -> View:
    """Returns the page on which the reason is given."""

    @step(pages, EMERGENCY)
    def emergency(visit: Visit) -> Response:
        finish, request_id = pages.people.finish, visit.journey.request_id
        if visit.login.kind != "professional" or not is_proved(visit.login):
            text = "an emergency access is a professional's, who has proved two factors"
            return finish(request_id, Denied("access_denied", text))
        chooser = make_chooser(pages, visit)
        record = find_choice(visit, chooser, visit.patient)
        if request.method == "POST" and request.form.get("decision") != "open":
            return finish(request_id, Denied("access_denied"))
        if record is None or (request.method == "POST" and not chooser.stands(record.id)):
            # Opposed, blocked, closed: which of them is not told.
            return finish(request_id, Denied("access_denied", "the record is not open to the person"))
        if request.method != "POST":
            return _form(pages, visit, record)
        reason, problem = _reason(purpose_of(visit.pending.parameters))
        if problem:
            return _form(pages, visit, record, problem)
        scopes = tuple(visit.pending.scopes)
        return finish(request_id, Granted(visit.login, scopes, visit.patient, visit.encounter, reason=reason))

    return emergency


def _reason(purpose: str) -> tuple[str, str]:
    """Returns the reason as the trail keeps it, and what is wrong with the form."""
    known = {one.code: one.fr for one in reasons(purpose)}
    code, text = request.form.get("reason", ""), " ".join(request.form.get("text", "").split())
    if code not in known:
        return "", "reason"
    if not SHORTEST_TEXT <= len(text) <= LONGEST_TEXT or not text.isprintable():
        return "", "text"
    if request.form.get("declared") != "yes":
        return "", "declared"
    return f"{known[code]} : {text}", ""


def _form(pages: Pages, visit: Visit, record: Candidate, problem: str = "") -> Response:
    purpose = purpose_of(visit.pending.parameters)
    return pages.render(
        "emergency",
        visit.journey,
        400 if problem else 200,
        login=visit.login,
        client=visit.journey.client,
        record=record,
        purpose=purpose,
        reasons=reasons(purpose),
        shortest=SHORTEST_TEXT,
        longest=LONGEST_TEXT,
        chosen=request.form.get("reason", ""),
        text=request.form.get("text", "")[:LONGEST_TEXT],
        problem=problem,
    )
