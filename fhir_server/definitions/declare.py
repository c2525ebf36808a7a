"""Writes the first draft of `capability_statement.json` from the R4 tables: everything the engine can do.

The file in the repository is the truth that the server obeys; switch things off there.
https://hl7.org/fhir/R4/capabilitystatement.html
"""

from __future__ import annotations

import json
import re
from typing import Any

from fhir_server.definitions.registry import Definitions

Json = dict[str, Any]

_LOCAL = "http://127.0.0.1:8000/fhir"
"""Stands in the file; a running server says its own URL."""

_INTERACTIONS = (
    "read",
    "vread",
    "update",
    "patch",
    "delete",
    "history-instance",
    "history-type",
    "create",
    "search-type",
)
# The audit trail takes new events (IHE ITI-20) and never changes or loses one.
_APPEND_ONLY = {"AuditEvent": ("read", "vread", "history-instance", "history-type", "create", "search-type")}
_SYSTEM_INTERACTIONS = ("transaction", "batch", "history-system", "search-system")
_EVERYWHERE = ("_filter", "_id", "_lastUpdated", "_profile", "_security", "_source", "_tag")
_OPERATIONS = (
    {"name": "validate", "definition": "http://hl7.org/fhir/OperationDefinition/Resource-validate"},
)
"""Of every resource type."""
_OPERATIONS_OF = {
    "AuditEvent": (
        {
            "name": "dmp-explain",
            "definition": "https://dmp-fhir.example.org/fhir/OperationDefinition/dmp-explain",
        },
    ),
    "Patient": tuple(
        {"name": name, "definition": f"https://dmp-fhir.example.org/fhir/OperationDefinition/{name}"}
        for name in (
            "dmp-access",
            "dmp-announce",
            "dmp-open",
            "dmp-oppose",
            "dmp-close",
            "dmp-reopen",
            "dmp-delete",
            "dmp-decease",
        )
    ),
}
_NOT_OF = {
    # The trail is not read by words: its index is written on every access.
    "AuditEvent": frozenset({"_content", "_text"}),
    # No DomainResource, so no narrative.
    **dict.fromkeys(("Binary", "Bundle", "Parameters"), frozenset({"_text"})),
}


def build_declaration(definitions: Definitions, version: str, date: str) -> Json:
    """Returns the CapabilityStatement of all R4 resource types."""
    first = definitions.search_parameters("Patient")
    return {
        "resourceType": "CapabilityStatement",
        "id": "dmp-fhir-server",
        "url": f"{_LOCAL}/metadata",
        "version": version,
        "name": "DmpFhirServer",
        "title": "Serveur FHIR du dossier médical partagé",
        "status": "active",
        "date": date,
        "kind": "instance",
        "software": {"name": "fhir-server-dmp", "version": version},
        "implementation": {
            "description": "HL7 FHIR R4 server for the dossier médical partagé",
            "url": _LOCAL,
        },
        "fhirVersion": "4.0.1",
        "format": ["application/fhir+json", "application/fhir+xml", "json", "xml"],
        "patchFormat": ["application/json-patch+json", "application/fhir+json", "application/fhir+xml"],
        "rest": [
            {
                "mode": "server",
                "security": _SECURITY,
                "resource": [_resource(definitions, name) for name in definitions.resource_types],
                "interaction": [{"code": code} for code in _SYSTEM_INTERACTIONS],
                "searchParam": [_search_parameter(first[code]) for code in _EVERYWHERE],
            }
        ],
    }


_SECURITY = {
    "cors": True,
    "service": [
        {
            "coding": [
                {
                    "system": "http://terminology.hl7.org/CodeSystem/restful-security-service",
                    "code": "SMART-on-FHIR",
                }
            ],
            "text": "OAuth2 using SMART-on-FHIR profile (see http://docs.smarthealthit.org)",
        }
    ],
}


def _resource(definitions: Definitions, name: str) -> Json:
    interactions = _APPEND_ONLY.get(name, _INTERACTIONS)
    changes = "update" in interactions
    parameters = definitions.search_parameters(name)
    codes = sorted(set(parameters) - set(_EVERYWHERE) - _NOT_OF.get(name, frozenset()))
    row = {
        "type": name,
        "interaction": [{"code": code} for code in interactions],
        "versioning": "versioned",
        "readHistory": True,
        "updateCreate": changes,
        "conditionalCreate": True,
        "conditionalRead": "full-support",
        "conditionalUpdate": changes,
        "conditionalDelete": "multiple" if changes else "not-supported",
        "referencePolicy": ["literal", "logical"],
        # Every reference of every type may be included the other way round: one row for 12,625.
        "searchRevInclude": ["*"],
        "searchInclude": ["*", *(f"{name}:{code}" for code in codes if parameters[code].type == "reference")],
        "searchParam": [_search_parameter(parameters[code]) for code in codes],
        "operation": [dict(operation) for operation in (*_OPERATIONS, *_OPERATIONS_OF.get(name, ()))],
    }
    return {key: value for key, value in row.items() if value != []}


def _search_parameter(parameter: Any) -> Json:
    return {"name": parameter.code, "definition": parameter.url, "type": parameter.type}


_SMALL_OBJECT = re.compile(r'\{\s+("(?:name|code)": "[^"]*"(?:,\s+"[a-z]+": "[^"]*")*)\s+\}')


def format_declaration(statement: Json) -> str:
    """Formats the statement with one search parameter or interaction per line, so that a diff can be read."""
    text = json.dumps(statement, ensure_ascii=False, indent=1)
    return _SMALL_OBJECT.sub(lambda match: "{" + " ".join(match[1].split()) + "}", text) + "\n"
