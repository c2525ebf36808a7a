"""/userinfo: the claims of the id_token, for who holds the access token. OpenID Connect Core §5.3"""

from __future__ import annotations

from typing import Any

from fhir_server.auth.server import SmartServer
from fhir_server.errors import Forbidden
from fhir_server.policy.context import AccessContext


def userinfo(server: SmartServer, context: AccessContext) -> dict[str, Any]:
    """Returns who stands behind a token that was granted openid."""
    if "openid" not in context.named_scopes or not context.account_id:
        raise Forbidden("the token needs the scope openid")
    return server.id_tokens.claims(context.account_id, context.fhir_user, list(context.named_scopes))
