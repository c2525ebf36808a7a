"""The AuditEvents of one professional: each sees the trail of the own actions. R1111-43, R1111-54"""

from __future__ import annotations

from fhir_server.search.entries import Filter, escape


def own_events_filter(reference: str) -> Filter:
    """Returns the filter of the events in which a person is an agent, as in Practitioner/7."""
    resource_type, _, resource_id = reference.partition("/")
    return {"t": {"$eq": f"agent={escape(resource_id)}|{resource_type}"}}
