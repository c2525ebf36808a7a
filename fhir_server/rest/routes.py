"""The URLs of the FHIR API. https://hl7.org/fhir/R4/http.html#root

One rule takes every path below the base: `interactions/answer.ROUTES` is the one table that says
what there is, so that a URL and a Bundle entry cannot differ.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial

from flask import Blueprint, Request, Response, g, request
from werkzeug.exceptions import HTTPException

from fhir_server.auth.bearer import Authenticator
from fhir_server.errors import FhirError, Internal, Invalid, MethodNotAllowed, NotFound, TooLarge
from fhir_server.interactions.answer import is_open
from fhir_server.interactions.messages import FhirRequest, FhirResponse
from fhir_server.policy.context import AccessContext
from fhir_server.policy.scopes import Scopes
from fhir_server.rest.request import read_request, wanted_of_refused
from fhir_server.rest.response import render, render_error

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
_log = logging.getLogger("fhir_server")

_REFUSALS: dict[int, type[FhirError]] = {404: NotFound, 405: MethodNotAllowed, 413: TooLarge}

ANONYMOUS = AccessContext(client_id="", token_id="", scopes=Scopes((), ""))
"""A caller without token: no scope, so nothing stored is within reach."""

Interact = Callable[[AccessContext, FhirRequest], FhirResponse]


def build_fhir_api(
    url_prefix: str, base_url: str, authenticator: Authenticator, interact: Interact
) -> Blueprint:
    """Returns the blueprint that answers below the FHIR base."""
    blueprint = Blueprint("fhir", __name__, url_prefix=url_prefix)

    def answer(path: str = "") -> Response:
        http: Request = request._get_current_object()  # type: ignore[attr-defined]  # a proxy is slow
        try:
            fhir_request, wanted = read_request(http, path)
            context = ANONYMOUS
            if not is_open(fhir_request):
                context = authenticator.authenticate(http, http.remote_addr or "", g.request_id)
                g.client_id = context.client_id
            return render(interact(context, fhir_request), base_url, wanted)
        except FhirError as error:
            return render_error(error, wanted_of_refused(http))
        except RecursionError:
            return render_error(Invalid("the request is nested too deeply"), wanted_of_refused(http))
        except HTTPException:
            raise
        except Exception:
            _log.exception("request failed", extra={"fields": {"request_id": g.request_id}})
            failure = Internal(f"the server failed; its log has the reason under {g.request_id}")
            return render_error(failure, wanted_of_refused(http))

    for rule in ("", "/", "/<path:path>"):
        blueprint.add_url_rule(
            rule, "answer", answer, methods=METHODS, strict_slashes=False, provide_automatic_options=False
        )
    blueprint.app_errorhandler(HTTPException)(partial(_refuse, url_prefix))
    # "//" is a mistake to name, not to repair by a redirect that drops the body.
    blueprint.record(lambda state: setattr(state.app.url_map, "merge_slashes", False))
    return blueprint


def _refuse(url_prefix: str, error: HTTPException) -> Response | HTTPException:
    """Tells in FHIR what Flask refuses before `answer` is asked."""
    if not f"{request.path}/".startswith(f"{url_prefix}/") or error.code is None or error.code >= 500:
        return error
    refusal = _REFUSALS.get(error.code, Invalid)(f"{error.name}: {request.method[:16]} is not answered here")
    refusal.headers.update({k: v for k, v in error.get_headers() if k == "Allow"})
    return render_error(refusal, wanted_of_refused(request))
