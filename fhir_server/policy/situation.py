"""All that a decision looks at: who asks, the policies of the records, the time, and the habilitations."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from fhir_server.policy.context import AccessContext
from fhir_server.policy.record_policy import RecordPolicy
from fhir_server.policy.record_rules import Moment


def _read_nothing(_profession: str) -> frozenset[str]:
    return frozenset()


@dataclass(frozen=True, slots=True)
class Situation:
    """One caller at one moment."""

    context: AccessContext
    policy_of: Callable[[str], RecordPolicy] = RecordPolicy
    """Patient → the policy of the record; without a database nothing was ever decided."""
    moment: Moment = field(default=Moment(0, _read_nothing))
    decided: dict[str, str] = field(default_factory=dict)
    """Patient → the rule that decided last, for the audit trail."""
