"""The table of operations: name → module. https://hl7.org/fhir/R4/operations.html

`app.py` hands the table to the interactions, which find and refuse; `capability_statement.json`
declares for which types an operation is offered.
"""

from __future__ import annotations

from collections.abc import Mapping

from fhir_server.interactions.messages import Operation
from fhir_server.operations import dmp_access, dmp_explain, dmp_record, validate

OPERATIONS: Mapping[str, Operation] = {
    "validate": Operation(
        definition="http://hl7.org/fhir/OperationDefinition/Resource-validate",
        perform=validate.validate,
        levels=frozenset({"type", "instance"}),
    ),
    "dmp-access": Operation(
        definition="https://dmp-fhir.example.org/fhir/OperationDefinition/dmp-access",
        perform=dmp_access.dmp_access,
        levels=frozenset({"instance"}),
    ),
    "dmp-explain": Operation(
        definition="https://dmp-fhir.example.org/fhir/OperationDefinition/dmp-explain",
        perform=dmp_explain.dmp_explain,
        levels=frozenset({"instance"}),
    ),
    **{
        name: Operation(
            definition=f"https://dmp-fhir.example.org/fhir/OperationDefinition/{name}",
            perform=dmp_record.going(name),
            levels=frozenset({"instance"}),
            affects_state=True,
        )
        for name in dmp_record.WAYS
    },
}
