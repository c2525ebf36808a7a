"""One request → one answer; the audit trail is written between the two. https://hl7.org/fhir/R4/http.html"""

from __future__ import annotations

from collections.abc import Mapping

from fhir_server.errors import FhirError, Unreachable
from fhir_server.interactions import dispatch, transaction
from fhir_server.interactions.dispatch import Interaction, find_interaction, perform
from fhir_server.interactions.messages import Exchange, FhirRequest, FhirResponse

PROCESS = Interaction("transaction", transaction.process)

ROUTES: dict[tuple[str, ...], Mapping[str, Interaction]] = {
    **dispatch.ROUTES,
    (): {**dispatch.ROUTES[()], "POST": PROCESS},
}
"""Every path and method of the FHIR API; the URL rules are made from it."""


def is_open(request: FhirRequest) -> bool:
    """Tells whether a request is answered without a token."""
    interaction = ROUTES.get(request.segments, {}).get("GET" if request.method == "HEAD" else request.method)
    return interaction is not None and interaction.open


def answer(exchange: Exchange) -> FhirResponse:
    """Answers a request; what was accessed is in the audit trail before this returns or raises."""
    try:
        response = _answer(exchange)
    except Unreachable:
        raise  # nothing was shown, and the trail is where the database is: it is not waited for twice
    except FhirError:
        exchange.store.close()
        raise
    exchange.store.close()
    return response


def _answer(exchange: Exchange) -> FhirResponse:
    request = exchange.request
    if not request.segments and request.method == "POST":
        return _process(exchange)
    return perform(exchange, find_interaction(exchange))


def _process(exchange: Exchange) -> FhirResponse:
    try:
        return PROCESS.perform(exchange)
    except FhirError as error:
        exchange.store.note_failure(PROCESS.code, "", error)
        raise
