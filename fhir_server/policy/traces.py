"""What the audit trail keeps of an access to a stored resource. https://hl7.org/fhir/R4/auditevent.html"""

from __future__ import annotations

from fhir_server.audit.event import Access
from fhir_server.storage.stored import Stored


def access_to(interaction: str, stored: Stored) -> Access:
    """Returns the access to one version; who may not see it does not see the trace of it either."""
    return Access(
        interaction,
        stored.resource_type,
        stored.patient,
        (f"{stored.reference}/_history/{stored.version}",),
        labels=stored.labels,
        hidden_until=stored.hidden_until,
    )
