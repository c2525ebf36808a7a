"""A professional with several activities chooses the one she acts in: it decides what she may see.

Pro Santé Connect, SubjectRefPro.exercices[].activities[]; arrêté du 26 octobre 2023, matrice d'habilitation.
"""

from __future__ import annotations

from flask import request
from werkzeug.wrappers import Response

from fhir_server.auth.pages.page import Pages, View, go
from fhir_server.auth.pages.steps import Visit, step


def build_activity(pages: Pages) -> View:
    """Returns the page on which an activity is chosen."""

    @step(pages, "activity")
    def activity(visit: Visit) -> Response:
        activities = visit.login.activities
        if request.method != "POST":
            return pages.render(
                "activity", visit.journey, login=visit.login, activities=activities, problem=""
            )
        number = request.form.get("activity", "")
        if not number.isdecimal() or len(number) > 3 or int(number) >= len(activities):
            return pages.render(
                "activity", visit.journey, 400, login=visit.login, activities=activities, problem="none"
            )
        sessions = pages.people.logins.sessions
        session = sessions.get(visit.login.session_id)
        if session is not None:
            sessions.change(session, {"set__activity": dict(activities[int(number)])})
        return go(visit.journey.url("consent"))

    return activity
