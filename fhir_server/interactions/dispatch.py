"""(method, path) → interaction, for URLs and Bundle entries alike. https://hl7.org/fhir/R4/http.html#3.1.0

The table of what a Bundle entry can ask; `answer.py` adds the base URL, which takes the Bundle
itself. What `capability_statement.json` does not declare is refused here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from fhir_server.errors import FhirError, MethodNotAllowed, NotFound
from fhir_server.fhir.primitives import is_id
from fhir_server.interactions import (
    capabilities,
    create,
    delete,
    history,
    patch,
    read,
    search,
    search_system,
    update,
    vread,
)
from fhir_server.interactions.messages import Exchange, FhirResponse
from fhir_server.interactions.operation import CODE, find_operation, is_operation

Perform = Callable[[Exchange], FhirResponse]


@dataclass(frozen=True, slots=True)
class Interaction:
    """One cell of the table: what is done, and the capability that switches it on."""

    code: str
    """Code of http://hl7.org/fhir/restful-interaction."""
    perform: Perform
    open: bool = False
    """Answers without a token."""


TYPE, ID, VERSION, MEMBER = "<type>", "<id>", "<vid>", "<member>"

ROUTES: dict[tuple[str, ...], Mapping[str, Interaction]] = {
    (): {"GET": Interaction("search-system", search_system.search_system)},
    ("metadata",): {"GET": Interaction("capabilities", capabilities.capabilities, open=True)},
    ("_history",): {"GET": Interaction("history-system", history.history_system)},
    (TYPE,): {
        "GET": Interaction("search-type", search.search_type),
        "POST": Interaction("create", create.create),
        "PUT": Interaction("update", update.update_conditional),
        "PATCH": Interaction("patch", patch.patch_conditional),
        "DELETE": Interaction("delete", delete.delete_conditional),
    },
    ("_search",): {"POST": Interaction("search-system", search_system.search_system)},
    (TYPE, ID, MEMBER): {"GET": Interaction("search-type", search.search_compartment)},
    (TYPE, ID, "*"): {"GET": Interaction("search-system", search_system.search_compartment_all)},
    (TYPE, "_search"): {"POST": Interaction("search-type", search.search_type)},
    (TYPE, "_history"): {"GET": Interaction("history-type", history.history_type)},
    (TYPE, ID): {
        "GET": Interaction("read", read.read),
        "PUT": Interaction("update", update.update),
        "PATCH": Interaction("patch", patch.patch),
        "DELETE": Interaction("delete", delete.delete),
    },
    (TYPE, ID, "_history"): {"GET": Interaction("history-instance", history.history_instance)},
    (TYPE, ID, "_history", VERSION): {"GET": Interaction("vread", vread.vread)},
}


def find_interaction(exchange: Exchange) -> Interaction:
    """Returns the interaction a request asks for; raises NotFound or MethodNotAllowed when there is none."""
    request = exchange.request
    if is_operation(request.segments):
        return Interaction(CODE, find_operation(exchange).perform)
    shape = _shape(request.segments)
    methods = ROUTES.get(shape)
    if methods is None:
        raise NotFound("the URL is none of the FHIR API")
    for position, part in enumerate(shape):
        if part in (TYPE, MEMBER) and request.segments[position] not in exchange.declared.types:
            raise NotFound(f"{request.segments[position][:64]} is no resource type of this server")
        if part == ID and not is_id(request.segments[position]):
            raise NotFound("the URL names something that is no logical id")
    interaction = methods.get("GET" if request.method == "HEAD" else request.method)
    if interaction is None or not _is_declared(exchange, shape, interaction.code):
        raise _not_allowed(exchange, shape, methods)
    return interaction


def perform(exchange: Exchange, interaction: Interaction) -> FhirResponse:
    """Performs an interaction; a failure leaves a trace in the audit trail like a success."""
    try:
        return interaction.perform(exchange)
    except FhirError as error:
        request = exchange.request
        if request.resource_type in exchange.declared.types:
            exchange.store.note_failure(interaction.code, request.resource_type, error, request.id)
        raise


def _shape(segments: tuple[str, ...]) -> tuple[str, ...]:
    """Patient/1/_history → <type>/<id>/_history."""
    if not segments or segments in ROUTES:
        return segments
    rest = [
        part if part == "*" or part.startswith(("_", "$")) else variable
        for part, variable in zip(segments[1:], (ID, MEMBER, VERSION), strict=False)
    ]
    return (TYPE, *rest, *segments[4:])


def _is_declared(exchange: Exchange, shape: tuple[str, ...], code: str) -> bool:
    if TYPE not in shape or code == "search-system":
        return code == "capabilities" or code in exchange.declared.system_interactions
    position = shape.index(MEMBER) if MEMBER in shape else 0
    return code in exchange.declared.types[exchange.request.segments[position]].interactions


def _not_allowed(
    exchange: Exchange, shape: tuple[str, ...], methods: Mapping[str, Interaction]
) -> MethodNotAllowed:
    allowed = [m for m, i in methods.items() if _is_declared(exchange, shape, i.code)]
    error = MethodNotAllowed(f"{exchange.request.method} is not offered here")
    error.headers["Allow"] = ", ".join([*allowed, *(["HEAD"] if "GET" in allowed else [])])
    return error
