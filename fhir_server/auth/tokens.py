"""The token response: access token, launch context, id_token, refresh token. RFC 6749 §5.1

https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html#response-5
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from fhir_server.audit.activity import Activity, read_activity
from fhir_server.audit.record import AuditRecorder
from fhir_server.audit.security_event import SecurityEvent
from fhir_server.auth import emergency
from fhir_server.auth.clients import RegisteredClient
from fhir_server.auth.id_token import IdTokens
from fhir_server.auth.parameters import SmartRequest
from fhir_server.auth.scopes import REFRESH
from fhir_server.auth.stores import Stores
from fhir_server.storage.oauth.access_tokens import TokenFacts
from fhir_server.storage.oauth.families import TokenFamily


@dataclass(frozen=True, slots=True)
class TokenIssuer:
    """Issues and records the tokens of one server."""

    stores: Stores
    id_tokens: IdTokens
    audit: AuditRecorder
    app_seconds: int
    system_seconds: int

    def for_authorization(
        self,
        family: TokenFamily,
        client: RegisteredClient,
        request: SmartRequest,
        scope: str,
        nonce: str | None,
    ) -> dict[str, Any]:
        """Returns the response to a code or a refresh token; `nonce` is None where no id_token belongs."""
        scopes = scope.split()
        context = launch_context(family)
        has_id_token = "openid" in str(family.scope).split()
        facts = TokenFacts(
            client_id=client.client_id,
            scope=scope,
            patient=str(family.patient),
            fhir_user=str(family.fhir_user),
            patients=tuple(family.patients),
            encounter=str(family.encounter),
            purpose=str(family.purpose),
            activity=dict(family.activity),
            account_id=str(family.account_id),
            grant_id=str(family.grant_id),
            family_id=str(family.family_id),
            response=context,
            subject=str(family.account_id) if has_id_token else "",
            jkt=request.jkt,
        )
        is_emergency = facts.purpose in emergency.PURPOSES
        seconds = emergency.SECONDS if is_emergency else self.app_seconds
        response = self._issue(facts, request, seconds) | context
        if nonce is not None and "openid" in scopes:
            response["id_token"] = self.id_tokens.write(family, scopes, response["access_token"], nonce)
        if client.check_grant_type("refresh_token") and not set(REFRESH).isdisjoint(
            str(family.scope).split()
        ):
            response["refresh_token"] = self.stores.families.new_refresh_token(family)
        self.stores.grants.used(str(family.grant_id))
        return response

    def for_system(self, client: RegisteredClient, request: SmartRequest, scope: str) -> dict[str, Any]:
        """Returns the response to a system that acts for itself: no person, no refresh token."""
        activity = Activity(organization=str(client.row.organization)).facts()
        facts = TokenFacts(client_id=client.client_id, scope=scope, activity=activity, jkt=request.jkt)
        return self._issue(facts, request, self.system_seconds)

    def _issue(self, facts: TokenFacts, request: SmartRequest, seconds: int) -> dict[str, Any]:
        access_token, token_id = self.stores.tokens.add(facts, seconds)
        self.audit.record_security(
            SecurityEvent(
                "token-issued",
                client_id=facts.client_id,
                fhir_user=facts.fhir_user,
                patient=facts.patient,
                token_id=token_id,
                scope=facts.scope,
                address=request.address,
                request_id=request.request_id,
                activity=read_activity(facts.activity),
            )
        )
        return {
            "access_token": access_token,
            "token_type": "DPoP" if facts.jkt else "Bearer",
            "expires_in": seconds,
            "scope": facts.scope,
        }


def launch_context(family: TokenFamily) -> dict[str, Any]:
    """Returns the launch context parameters of a family, those that are known."""
    context = dict(family.response)
    ids = {"patient": str(family.patient), "encounter": str(family.encounter)}
    if family.purpose in emergency.PURPOSES:  # what the person is shown during the whole access
        context[emergency.PARAMETER] = str(family.purpose)
    return {**{name: value for name, value in ids.items() if value}, **context}
