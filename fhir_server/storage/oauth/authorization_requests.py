"""The authorization request while a person logs in and decides. RFC 6749 §4.1.1

It lives ten minutes, belongs to one browser session from the moment somebody logs in, and is finished once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import mongoengine

from fhir_server.storage.documents import Documents, Stored, expiry
from fhir_server.storage.mongo import translated
from fhir_server.storage.opaque import digest, new_value


class AuthorizationRequest(Stored):
    """One checked request of /authorize that waits for a person."""

    digest = mongoengine.StringField(primary_key=True)
    client_id = mongoengine.StringField(required=True)
    redirect_uri = mongoengine.StringField(required=True)
    parameters = mongoengine.DictField()
    """As the client sent them: scope, state, nonce, code_challenge, prompt, max_age, ui_locales …"""
    scopes = mongoengine.ListField(mongoengine.StringField())
    """Asked and allowed to the client: what the person may be offered."""
    launch = mongoengine.DictField()
    """Context of an EHR launch (patient, encounter, fhirContext …); empty when the app started alone."""
    session_id = mongoengine.StringField(default="")
    """The browser session that answers it; set by `bind`."""
    chosen = mongoengine.DictField()
    """What the person has chosen on the pages so far: activity, patient, encounter."""
    created_at = mongoengine.DateTimeField(required=True)
    expires_at = mongoengine.DateTimeField(required=True)
    finished_at = mongoengine.DateTimeField()
    COLLECTION: ClassVar[str] = "oauth_authorization_requests"
    INDEXES: ClassVar[list[Any]] = [expiry("expires_at", 3600)]
    meta = {"abstract": True}  # noqa: RUF012


class PushedRequest(Stored):
    """The parameters a client pushed before the browser comes. RFC 9126"""

    digest = mongoengine.StringField(primary_key=True)
    client_id = mongoengine.StringField(required=True)
    parameters = mongoengine.DictField()
    expires_at = mongoengine.DateTimeField(required=True)
    COLLECTION: ClassVar[str] = "oauth_pushed_requests"
    INDEXES: ClassVar[list[Any]] = [expiry("expires_at")]
    meta = {"abstract": True}  # noqa: RUF012


class AuthorizationRequests:
    """Keeps authorization requests; the opaque id is known to the browser only."""

    def __init__(self, documents: Documents, lifetime: int = 600) -> None:
        self._documents = documents
        self._lifetime = lifetime

    def add(
        self,
        client_id: str,
        redirect_uri: str,
        parameters: Mapping[str, str],
        scopes: Sequence[str],
        launch: Mapping[str, Any],
    ) -> str:
        """Returns the opaque id of a new request, for the `request` parameter of the pages."""
        request_id = new_value()
        now = datetime.now(UTC)
        with translated():
            self._documents.rows(AuthorizationRequest)(
                digest=digest(request_id),
                client_id=client_id,
                redirect_uri=redirect_uri,
                parameters=dict(parameters),
                scopes=list(scopes),
                launch=dict(launch),
                created_at=now,
                expires_at=now + timedelta(seconds=self._lifetime),
            ).save(force_insert=True)
        return request_id

    def find(self, request_id: str) -> AuthorizationRequest | None:
        """Returns a request that still waits."""
        with translated():
            row: AuthorizationRequest | None = self._waiting(request_id).first()
        return row

    def bind(self, request_id: str, session_id: str) -> bool:
        """Gives the request to a browser session; False when another session has it, or it is over."""
        with translated():
            changed = self._waiting(request_id, session_id__in=["", session_id]).modify(
                set__session_id=session_id, new=True
            )
        return changed is not None

    def release(self, request_id: str, session_id: str) -> None:
        """Takes the request from a session that ends, with all that was chosen: others may answer it."""
        with translated():
            self._waiting(request_id, session_id=session_id).update(set__session_id="", set__chosen={})

    def choose(
        self,
        request_id: str,
        session_id: str,
        chosen: Mapping[str, str],
        forgotten: Sequence[str] = (),
    ) -> bool:
        """Keeps what the person chose on a page; False when the session does not have the request.

        `forgotten` are choices that depend on this one and are to be made again.
        """
        with translated():
            row = self._waiting(request_id, session_id=session_id).first()
            if row is None:
                return False
            merged = {name: value for name, value in row.chosen.items() if name not in forgotten}
            merged |= chosen
            changed = self._waiting(request_id, session_id=session_id).modify(set__chosen=merged, new=True)
        return changed is not None

    def finish(self, request_id: str) -> AuthorizationRequest | None:
        """Ends the request and returns it: to exactly one caller."""
        with translated():
            row: AuthorizationRequest | None = self._waiting(request_id).modify(
                set__finished_at=datetime.now(UTC), new=True
            )
        return row

    def _waiting(self, request_id: str, **conditions: Any) -> Any:
        return self._documents.rows(AuthorizationRequest).objects(
            digest=digest(request_id), finished_at=None, expires_at__gt=datetime.now(UTC), **conditions
        )


class PushedRequests:
    """Keeps pushed requests; each is used once."""

    def __init__(self, documents: Documents, lifetime: int = 90) -> None:
        self._documents = documents
        self.lifetime = lifetime

    def add(self, client_id: str, parameters: Mapping[str, str]) -> str:
        """Returns the reference of new parameters, the end of their request_uri."""
        reference = new_value()
        with translated():
            self._documents.rows(PushedRequest)(
                digest=digest(reference),
                client_id=client_id,
                parameters=dict(parameters),
                expires_at=datetime.now(UTC) + timedelta(seconds=self.lifetime),
            ).save(force_insert=True)
        return reference

    def take(self, reference: str, client_id: str) -> dict[str, str] | None:
        """Returns and removes the parameters of a reference, for the client that pushed them."""
        with translated():
            row = (
                self._documents.rows(PushedRequest)
                .objects(digest=digest(reference), client_id=client_id, expires_at__gt=datetime.now(UTC))
                .modify(remove=True)
            )
        return None if row is None else dict(row.parameters)
