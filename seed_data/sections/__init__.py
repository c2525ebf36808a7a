"""The sections of a record, in the order in which they refer to one another."""

from __future__ import annotations

from seed_data.sections import (
    care,
    documents,
    history,
    identity,
    imaging,
    measurements,
    reimbursements,
    synthesis,
    treatments,
    wishes,
)

SECTIONS = (
    identity.patient,
    identity.relatives,
    identity.coverage,
    care.care_team,
    care.encounters,
    history.conditions,
    history.procedures,
    history.family,
    history.allergies,
    treatments.statements,
    treatments.prescriptions,
    treatments.immunizations,
    measurements.vital_signs,
    measurements.laboratory,
    imaging.imaging,
    documents.documents,
    reimbursements.reimbursements,
    wishes.opening,
    wishes.emergency,
    wishes.authorizations,
    wishes.organ_donation,
    wishes.advance_directives,
    synthesis.synthesis,
    care.appointments,
)
"""Each takes (record, row of patients.csv, story) and adds what the story tells."""
