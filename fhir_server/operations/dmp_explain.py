"""$dmp-explain: why an access was allowed or refused, by the decisions that held at that time.

profiles/OperationDefinition-dmp-explain.json, docs/operations/dmp_explain.md
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from fhir_server.audit.event import EPOCH_DETAIL, RULE_POLICY
from fhir_server.audit.rules import rules
from fhir_server.audit.told import tell_in_french
from fhir_server.errors import Forbidden, Unprocessable
from fhir_server.fhir import Resource
from fhir_server.fhir.instant import format_instant
from fhir_server.fhir.json import parse_json
from fhir_server.interactions.messages import Exchange, FhirResponse
from fhir_server.interactions.operation import CODE
from fhir_server.operations.parameters import read_parameters
from fhir_server.policy.actor import HOLDER, SYSTEM, acting
from fhir_server.policy.record_policy import FOREVER, RecordPolicy, Span


def dmp_explain(exchange: Exchange) -> FhirResponse:
    """GET or POST AuditEvent/[id]/$dmp-explain: 200 with Parameters."""
    read_parameters(exchange, {})
    stored = exchange.store.read("AuditEvent", exchange.request.id, CODE)
    if not stored.patient:
        raise Unprocessable("the event tells of no access to one record", "AuditEvent.entity")
    if acting(exchange.store.context, stored.patient).kind not in (HOLDER, SYSTEM):
        raise Forbidden("an access is explained to the holder of the record and to the operator")
    event: Resource = parse_json(stored.raw)
    epoch = _epoch(event)
    policy = exchange.store.policy_at(stored.patient, epoch) if epoch else None
    rows = [*_decision(event, epoch), *(_facts(policy, _actors(event)) if policy is not None else ())]
    return FhirResponse(200, {"resourceType": "Parameters", "parameter": rows})


def _decision(event: Resource, epoch: int) -> Iterator[Resource]:
    decision = "allowed" if event.get("outcome") == "0" else "denied"
    yield {"name": "decision", "valueCode": decision}
    yield {"name": "event-fr", "valueString": tell_in_french(event)}
    rule = rules().get(_rule(event))
    if rule is not None:
        yield {"name": "rule", "valueCode": rule.code}
        yield {"name": "sentence-fr", "valueString": rule.fr}
        yield {"name": "sentence-en", "valueString": rule.en}
        yield {"name": "article", "valueString": rule.article}
    if epoch:
        yield {"name": "epoch", "valueInteger": epoch}


def _rule(event: Resource) -> str:
    """Returns the code of the rule that decided; a client's own event may say anything."""
    policies = [uri for agent in event.get("agent", []) for uri in agent.get("policy", [])]
    codes = [uri.removeprefix(RULE_POLICY) for uri in policies if uri.startswith(RULE_POLICY)]
    return codes[0] if codes else ""


def _epoch(event: Resource) -> int:
    for entity in event.get("entity", []):
        for detail in entity.get("detail", []):
            text = detail.get("valueString", "")
            if detail.get("type") == EPOCH_DETAIL and text.isascii() and text.isdigit() and len(text) < 10:
                return int(text)
    return 0


def _actors(event: Resource) -> list[str]:
    """Returns the person who asked and the structure, as the decisions name them."""
    whos = [agent.get("who", {}) for agent in event.get("agent", [])]
    names = [who.get("reference") or who.get("identifier", {}).get("value") for who in whos]
    return list(dict.fromkeys(name for name in names if name))


def _facts(policy: RecordPolicy, actors: list[str]) -> Iterator[Resource]:
    """Yields what was decided about these actors, the state of the record and the switches; nobody else's."""
    yield _fact("state", policy.state)
    for switch in sorted(policy.emergency):
        yield _fact("emergency", switch)
    if policy.masks_everything:
        yield _fact("mask-everything", "true")
    for actor in actors:
        yield from _facts_of(policy, actor)


def _facts_of(policy: RecordPolicy, actor: str) -> Iterator[Resource]:
    spans: Mapping[str, Mapping[str, Span]] = {
        "permit": policy.permits,
        "treating": policy.treating,
        "care-team": policy.care_team,
    }
    for name, held in spans.items():
        if actor in held:
            yield _fact(name, actor, held[actor])
    if actor in policy.blocked:
        yield _fact("blocked", actor)
    for reference in policy.hidden.get(actor, ()):
        yield _fact("hidden-document", reference)
    standing = policy.representatives.get(actor)
    if standing is not None:
        kind = "representative" if standing.kind == "legal" else "caregiver"
        yield _fact(kind, actor, (standing.since, standing.until))


def _fact(name: str, value: str, span: Span | None = None) -> Resource:
    part: list[dict[str, Any]] = [
        {"name": "name", "valueCode": name},
        {"name": "value", "valueString": value},
    ]
    if span is not None:
        period = {"start": format_instant(span[0])} if span[0] > 0 else {}
        if span[1] < FOREVER:
            period["end"] = format_instant(span[1])
        if period:
            part.append({"name": "period", "valuePeriod": period})
    return {"name": "fact", "part": part}
