"""Launch values: the context in which an EHR or a portal opens an app. Single use, five minutes.

https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html#launch-app-ehr-launch
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, ClassVar

import mongoengine

from fhir_server.storage.documents import Documents, Stored, expiry
from fhir_server.storage.mongo import translated
from fhir_server.storage.opaque import digest, new_value


class Launch(Stored):
    """The context behind one launch value."""

    digest = mongoengine.StringField(primary_key=True)
    client_id = mongoengine.StringField(required=True)
    fhir_user = mongoengine.StringField(default="")
    """Who opened the app; nobody else may answer the request."""
    context = mongoengine.DictField()
    """patient, encounter, fhirContext, intent, need_patient_banner, smart_style_url, tenant"""
    expires_at = mongoengine.DateTimeField(required=True)
    used_at = mongoengine.DateTimeField()
    COLLECTION: ClassVar[str] = "oauth_launches"
    INDEXES: ClassVar[list[Any]] = [expiry("expires_at")]
    meta = {"abstract": True}  # noqa: RUF012


class Launches:
    """Makes launch values and gives each away once."""

    def __init__(self, documents: Documents, lifetime: int) -> None:
        self._documents = documents
        self.lifetime = lifetime

    def add(self, client_id: str, fhir_user: str, context: Mapping[str, Any]) -> str:
        """Returns a new launch value."""
        value = new_value()
        with translated():
            self._documents.rows(Launch)(
                digest=digest(value),
                client_id=client_id,
                fhir_user=fhir_user,
                context=dict(context),
                expires_at=datetime.now(UTC) + timedelta(seconds=self.lifetime),
            ).save(force_insert=True)
        return value

    def find(self, value: str, client_id: str) -> Launch | None:
        """Returns the launch behind a value that this client has not used yet."""
        with translated():
            found: Launch | None = self._open(value, client_id).first()
        return found

    def claim(self, value: str, client_id: str) -> bool:
        """Uses a launch value: True for exactly one caller."""
        with translated():
            claimed = self._open(value, client_id).modify(set__used_at=datetime.now(UTC), new=True)
        return claimed is not None

    def _open(self, value: str, client_id: str) -> Any:
        return self._documents.rows(Launch).objects(
            digest=digest(value), client_id=client_id, used_at=None, expires_at__gt=datetime.now(UTC)
        )
