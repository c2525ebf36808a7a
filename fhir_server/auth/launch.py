"""/launch: an EHR or a portal opens an app in the context of a patient. Ours: SMART leaves it to the EHR.

https://hl7.org/fhir/smart-app-launch/STU2.2/app-launch.html#launch-app-ehr-launch
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from fhir_server.auth.launch_context import read_launch
from fhir_server.auth.scopes import LAUNCH
from fhir_server.auth.server import SmartServer
from fhir_server.errors import Forbidden, Invalid
from fhir_server.policy.context import AccessContext


def open_app(server: SmartServer, context: AccessContext, document: Any) -> dict[str, Any]:
    """Returns the launch value and the URL to open; the caller needs the scope __launch."""
    if LAUNCH not in context.named_scopes:
        raise Forbidden(f"the token needs the scope {LAUNCH}")
    asked = read_launch(document)
    client_id, person = asked.pop("client_id"), asked.pop("fhirUser", context.fhir_user)
    if context.fhir_user and person != context.fhir_user:
        raise Forbidden("the token opens apps for its own person only")
    if context.patient and asked.get("patient", context.patient) != context.patient:
        raise Forbidden("the token opens apps for its own patient only")
    client = server.query_client(client_id)
    if client is None or not client.row.launch_uri:
        raise Invalid("the app is not registered here, or has no launch_uri", "client_id")
    value = server.stores.launches.add(client_id, person, asked)
    query = urlencode({"iss": server.base_url, "launch": value})
    uri = str(client.row.launch_uri)
    return {
        "launch": value,
        "url": f"{uri}{'&' if '?' in uri else '?'}{query}",
        "expires_in": server.stores.launches.lifetime,
    }
