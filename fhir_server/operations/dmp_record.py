"""$dmp-announce, $dmp-open, $dmp-oppose, $dmp-close, $dmp-reopen, $dmp-delete, $dmp-decease: a record lives.

profiles/OperationDefinition-dmp-open.json …, docs/operations/dmp_record.md; CSP L1111-13-1, R1111-36
Each states a Consent of template `record`; `policy/record_states.csv` says which ways there are and whose.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fhir_server.errors import Invalid, Unprocessable
from fhir_server.fhir import Resource
from fhir_server.fhir.instant import format_instant, now_ms
from fhir_server.fhir.logical_id import new_id
from fhir_server.interactions.messages import Exchange, FhirResponse
from fhir_server.interactions.operation import CODE
from fhir_server.operations.parameters import SIMPLE, read_parameters
from fhir_server.policy.actor import acting
from fhir_server.policy.consent_authors import changes, check_author
from fhir_server.policy.consent_templates import read_template
from fhir_server.policy.guard import GuardedStore
from fhir_server.policy.record_policy import (
    ANNOUNCED,
    CLOSED,
    DECEASED,
    DELETING,
    NONE,
    OPEN,
    OPPOSED,
    STATES,
    RecordPolicy,
)
from fhir_server.policy.record_state import build_state

MOST_CHARACTERS = 1000
"""Of a reason."""


@dataclass(frozen=True, slots=True)
class Way:
    """What an operation makes of a record, and from which states it starts."""

    to: str
    origins: frozenset[str] = frozenset(STATES)
    """All but the states that have an operation of another name for the same end."""


WAYS = {
    "dmp-announce": Way(ANNOUNCED),
    "dmp-open": Way(OPEN, frozenset({NONE, ANNOUNCED, OPPOSED, OPEN})),
    "dmp-oppose": Way(OPPOSED),
    "dmp-close": Way(CLOSED),
    "dmp-reopen": Way(OPEN, frozenset({CLOSED, OPEN})),
    "dmp-delete": Way(DELETING),
    "dmp-decease": Way(DECEASED),
}


def going(name: str) -> Callable[[Exchange], FhirResponse]:
    """Returns what performs one of the operations."""
    way = WAYS[name]

    def perform(exchange: Exchange) -> FhirResponse:
        return _go(exchange, way)

    return perform


def _go(exchange: Exchange, way: Way) -> FhirResponse:
    """POST Patient/[id]/$dmp-…: 200 with Parameters; in the state already, nothing is written."""
    reason = _reason(read_parameters(exchange, {"reason": SIMPLE}).one("reason"))
    patient = exchange.request.id
    if not exchange.store.standing(patient).is_represented:
        exchange.store.read("Patient", patient, CODE)
    consent_id = new_id()

    def state(store: GuardedStore) -> int:
        policy = store.standing(patient).policy
        _check_way(policy, way)
        consent = build_state(patient, way.to, now_ms(), reason)
        _check_right(exchange, consent, policy)
        if policy.state == way.to and policy.since:
            return policy.since
        return store.create(consent, consent_id).last_updated

    since = exchange.store.transact({"Consent"}, state)
    rows: list[Resource] = [{"name": "state", "valueCode": way.to}]
    if since:
        rows.append({"name": "since", "valueInstant": format_instant(since)})
    return FhirResponse(200, {"resourceType": "Parameters", "parameter": rows})


def _reason(text: str) -> str:
    if len(text) > MOST_CHARACTERS:
        raise Invalid(f"a reason has at most {MOST_CHARACTERS} characters", "Parameters.parameter")
    if any(ord(character) < 32 and character not in "\t\n\r" for character in text):
        raise Invalid("a reason is text without control characters", "Parameters.parameter")
    return text.strip()


def _check_way(policy: RecordPolicy, way: Way) -> None:
    is_known = policy.state == way.to or (policy.state, way.to) in changes()
    if not is_known or policy.state not in way.origins:
        raise Unprocessable(f"a record that is {policy.state} does not become {way.to} so", "Patient.id")


def _check_right(exchange: Exchange, consent: Resource, policy: RecordPolicy) -> None:
    """Whoever may not state it is refused also where it is stated already."""
    decision = read_template(consent, exchange.base_url)
    if decision is not None:
        check_author(decision, None, acting(exchange.store.context, policy.patient), policy, now_ms())
