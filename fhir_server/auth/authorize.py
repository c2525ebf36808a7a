"""/authorize: checks the request of an app, hands it to the pages, and answers with a code or an error.

RFC 6749 §4.1, RFC 9207, https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html#obtain-authorization-code
Nothing is sent to a redirect_uri before it and the client are known to belong together.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from authlib.oauth2.rfc6749 import InvalidRequestError, OAuth2Error
from flask import Request, Response, g

from fhir_server.audit.activity import read_activity
from fhir_server.audit.security_event import SecurityEvent
from fhir_server.auth import emergency
from fhir_server.auth.authorization_checks import Checked, check, find_client
from fhir_server.auth.clients import RegisteredClient
from fhir_server.auth.decision import Decision, Denied, Granted, Person
from fhir_server.auth.launch_context import response_context
from fhir_server.auth.parameters import read_query_or_form
from fhir_server.auth.scopes import levels, narrow
from fhir_server.auth.server import SmartServer
from fhir_server.storage.oauth.authorization_requests import AuthorizationRequest
from fhir_server.storage.oauth.families import Authorized
from fhir_server.storage.oauth.grants import GrantParties

CurrentPerson = Callable[[Request], Person | None]
ErrorPage = Callable[[str], Response]
_OWN_RECORD = ("patient", "representative")


class AuthorizationEndpoint:
    """Begins and ends authorization requests; the pages between are elsewhere."""

    def __init__(self, server: SmartServer, current_person: CurrentPerson, error_page: ErrorPage) -> None:
        self._server = server
        self._stores = server.stores
        self._current_person = current_person
        self._error_page = error_page

    def begin(self, request: Request) -> Response:
        """Answers a request of an app: by the login page, an error for the app, or an error page."""
        try:
            parameters = read_query_or_form(request)
            client, parameters = find_client(self._server, parameters)
        except OAuth2Error as error:
            return self._error_page(str(error.description or error.error))
        uri, state = parameters["redirect_uri"], parameters.get("state", "")
        try:
            checked = check(self._server, client, parameters)
            if "none" in parameters.get("prompt", "").split():
                return self._answer_silently(request, client, checked)
            return _go(f"{self._server.issuer}/login?{urlencode({'request': self._keep(checked)})}")
        except OAuth2Error as error:
            return self._redirect(uri, state, {"error": error.error, "error_description": error.description})

    def finish(self, request_id: str, decision: Decision) -> Response:
        """Ends a request with the decision of a person: issues the code and sends the browser back."""
        row = self._stores.requests.finish(request_id)
        if row is None:
            return self._error_page("The request is over; start again from the app.")
        uri, state = str(row.redirect_uri), str(row.parameters.get("state", ""))
        client = self._server.query_client(str(row.client_id))
        if client is None or not client.check_redirect_uri(uri):
            return self._error_page("The app is no longer registered.")
        try:
            if isinstance(decision, Denied):
                raise OAuth2Error(decision.description or None, error=decision.error)
            code = self._authorize(client, row, decision)
        except OAuth2Error as error:
            self._record_refusal(row, decision, str(error.error))
            return self._redirect(uri, state, {"error": error.error, "error_description": error.description})
        return self._redirect(uri, state, {"code": code})

    def _keep(self, checked: Checked) -> str:
        return self._stores.requests.add(
            checked.client_id,
            checked.parameters["redirect_uri"],
            checked.parameters,
            checked.scopes,
            checked.launch,
        )

    def _answer_silently(self, request: Request, client: RegisteredClient, checked: Checked) -> Response:
        """prompt=none: no page may be shown. OpenID Connect Core §3.1.2.6"""
        person = self._current_person(request)
        if person is None:
            raise OAuth2Error(error="login_required")
        if person.activities and not person.activity:
            raise OAuth2Error("An activity is to be chosen.", error="interaction_required")
        if "launch/encounter" in checked.scopes and not checked.launch:
            raise OAuth2Error("An encounter is to be chosen.", error="interaction_required")
        for grant in self._stores.grants.remembered(person.account_id, client.client_id):
            same_record = checked.launch.get("patient", grant.patient) == grant.patient
            if same_record and narrow(checked.scopes, grant.scopes) == checked.scopes:
                decision = Granted(person, tuple(checked.scopes), patient=grant.patient, remember=True)
                return self.finish(self._keep(checked), decision)
        raise OAuth2Error(error="consent_required")

    def _authorize(self, client: RegisteredClient, row: AuthorizationRequest, granted: Granted) -> str:
        person, launch = granted.person, dict(row.launch)
        patient = str(launch.get("patient") or granted.patient)
        scopes = self._scopes(client, row, granted, patient)
        launch_value = row.parameters.get("launch", "")
        if launch and launch["fhirUser"] not in ("", person.fhir_user):
            raise OAuth2Error("The app was opened by somebody else.", error="access_denied")
        if launch and not self._stores.launches.claim(launch_value, client.client_id):
            raise InvalidRequestError("The launch value was used before.")
        grant_id = self._decide(row, granted, patient, scopes)
        is_online = "online_access" in scopes and "offline_access" not in scopes
        family_id = self._stores.families.begin(
            Authorized(
                client_id=client.client_id,
                grant_id=grant_id,
                account_id=person.account_id,
                fhir_user=person.fhir_user,
                scope=" ".join(scopes),
                patients=tuple(person.patients),
                patient=patient,
                encounter=str(launch.get("encounter") or self._chosen_encounter(granted, scopes)),
                response=response_context(launch),
                activity=read_activity(person.activity).facts(),
                purpose=_purpose(row, person),
                session_id=person.session_id if is_online else "",
                auth_time=person.auth_time,
                acr=person.acr,
                amr=tuple(person.amr),
            )
        )
        kind = "emergency-opened" if granted.reason else "grant-given"
        facts = {"purpose": emergency.purpose_of(row.parameters), "reason": granted.reason}
        self._record(row, kind, person, patient=patient, scope=" ".join(scopes), **facts)
        return self._stores.codes.add(
            client_id=client.client_id,
            redirect_uri=str(row.redirect_uri),
            code_challenge=row.parameters["code_challenge"],
            code_challenge_method="S256",
            family_id=family_id,
            nonce=row.parameters.get("nonce", ""),
            jkt=row.parameters.get("dpop_jkt", ""),
        )

    @staticmethod
    def _chosen_encounter(granted: Granted, scopes: list[str]) -> str:
        return granted.encounter if "launch/encounter" in scopes else ""

    def _decide(self, row: AuthorizationRequest, granted: Granted, patient: str, scopes: list[str]) -> str:
        """Keeps what was granted; what was offered and left out is withdrawn, what was not offered stays."""
        person, grants = granted.person, self._stores.grants
        parties = GrantParties(person.account_id, str(row.client_id), patient, person.fhir_user)
        before = grants.find_by(parties)
        offered, earlier = list(row.scopes), [] if before is None else list(before.scopes)
        kept = [scope for scope in earlier if narrow([scope], offered) != [scope]]
        # What was to be asked again each time is not remembered by the way.
        remembered = granted.remember and (not kept or bool(before and before.remembered))
        if granted.reason:  # an emergency changes nothing of what holds at other times
            kept, remembered = earlier, bool(before and before.remembered)
        return grants.decide(parties, list(dict.fromkeys([*kept, *scopes])), remembered=remembered)

    def _scopes(
        self, client: RegisteredClient, row: AuthorizationRequest, granted: Granted, patient: str
    ) -> list[str]:
        """Returns asked ∩ allowed to the client, as it is now ∩ granted; checks that they can be honoured."""
        person = granted.person
        if row.session_id not in ("", person.session_id):
            raise OAuth2Error("The request belongs to another session.", error="access_denied")
        scopes = client.narrow(narrow(list(granted.scopes), list(row.scopes)))
        if not scopes:
            raise OAuth2Error(error="access_denied")
        if "patient" in levels(scopes) and not patient:
            raise OAuth2Error("No record was chosen.", error="access_denied")
        if patient and person.kind in _OWN_RECORD and patient not in person.patients:
            raise OAuth2Error("The record is not one that this person opens.", error="access_denied")
        if person.activities and not person.activity:
            raise OAuth2Error("No activity was chosen.", error="access_denied")
        if emergency.purpose_of(row.parameters):
            self._check_emergency(granted, patient)
        if person.kind == "administrator":
            raise OAuth2Error("An administrator opens no record.", error="access_denied")
        return scopes

    @staticmethod
    def _check_emergency(granted: Granted, patient: str) -> None:
        if granted.person.kind != "professional" or not granted.reason or not patient:
            raise OAuth2Error(
                "An emergency access is a professional's, with a reason.", error="access_denied"
            )

    def _record_refusal(self, row: AuthorizationRequest, decision: Decision, error: str) -> None:
        person = decision.person if isinstance(decision, Granted) else None
        self._record(row, "grant-refused", person, denied=error)

    def _record(self, row: AuthorizationRequest, kind: str, person: Person | None, **facts: Any) -> None:
        self._server.audit.record_security(
            SecurityEvent(
                kind,
                client_id=str(row.client_id),
                fhir_user=person.fhir_user if person is not None else "",
                activity=read_activity(person.activity if person is not None else {}),
                request_id=g.get("request_id", ""),
                **facts,
            )
        )

    def _redirect(self, uri: str, state: str, answer: dict[str, str | None]) -> Response:
        """Sends the browser back to the app, with its state and who answers. RFC 9207"""
        fields = {**answer, "state": state, "iss": self._server.issuer}
        query = urlencode({name: value for name, value in fields.items() if value})
        return _go(f"{uri}{'&' if '?' in uri else '?'}{query}")


def _purpose(row: AuthorizationRequest, person: Person) -> str:
    """Returns the code of v3-ActReason that the tokens carry."""
    return emergency.purpose_of(row.parameters) or ("PATRQT" if person.kind in _OWN_RECORD else "TREAT")


def _go(address: str) -> Response:
    """Returns a redirect that nobody keeps and that tells the next site nothing of this one."""
    headers = {"Location": address, "Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
    return Response("", 303, headers)
