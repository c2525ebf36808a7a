"""What the guard keeps the door of: handed to it by app.py. docs/decisions/0002-one-door.md"""

from __future__ import annotations

from dataclasses import dataclass

from fhir_server.audit.record import AuditRecorder
from fhir_server.definitions.artefacts import Artefacts
from fhir_server.policy.record_policy import FOREVER
from fhir_server.policy.record_rules import Readable
from fhir_server.storage.record_policies import RecordPolicies
from fhir_server.storage.resources import Resources
from fhir_server.storage.transactions import Transactions


@dataclass(frozen=True, slots=True)
class Database:
    """What the guard keeps the door of."""

    resources: Resources
    transactions: Transactions
    recorder: AuditRecorder
    artefacts: Artefacts
    policies: RecordPolicies
    readable: Readable
    """Profession → the kinds of document that it may read."""
    base_url: str = ""
    authorisation_ms: int = FOREVER
    """How long an authorisation holds that does not say until when."""
