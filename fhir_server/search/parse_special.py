"""Parameters that are of no type: words, lists, positions. https://hl7.org/fhir/R4/search.html#special"""

from __future__ import annotations

from collections.abc import Callable

from fhir_server.definitions.registry import load_definitions
from fhir_server.errors import Invalid, NotSupported, TooCostly
from fhir_server.fhir.primitives import is_id
from fhir_server.search.escapes import split
from fhir_server.search.functional_lists import FUNCTIONAL_LISTS
from fhir_server.search.parameters import WORDS
from fhir_server.search.parameters.full_text import MARKS, read_value
from fhir_server.search.parameters.position import NEAR, has_position, match_circle, read_circle
from fhir_server.search.parse_context import Context, NotSupportedHere, not_supported
from fhir_server.search.query import Among, Clause, Condition, Members

MAX_ALTERNATIVES = 8
"""Values of one parameter, each of which costs a search of its own."""


def _check_declared(name: str, context: Context, *modifiers: str) -> None:
    code, _, modifier = name.partition(":")
    known = load_definitions().search_parameters(context.resource_type)
    if code not in known or code not in context.declared(context.resource_type):
        reason = "is not supported" if code in known else "is not known"
        error = NotSupported(f"search parameter {code!r} of {context.resource_type} {reason}", f"http.{name}")
        raise NotSupportedHere(error)
    if modifier not in modifiers or name.endswith(":"):
        raise not_supported(name, f"the modifier {modifier[:64]!r} is not supported")


def _split(name: str, text: str) -> tuple[str, ...]:
    texts = tuple(split(text, ","))
    if len(texts) > MAX_ALTERNATIVES:
        raise TooCostly(f"{name}: at most {MAX_ALTERNATIVES} values", f"http.{name}")
    return texts


def _read_words(name: str, text: str, context: Context) -> Clause:
    """_text and _content."""
    _check_declared(name, context, "")
    texts = _split(name, text)
    return Clause(name, WORDS, "", tuple(read_value(name, t) for t in texts), (name,), name, texts)


def _read_list(name: str, text: str, context: Context) -> Members:
    """Ids of Lists, or what lists are for."""
    if name != "_list":
        raise not_supported(name, "_list has no modifiers")
    lists = _split(name, text)
    for list_ in lists:
        if list_.startswith("$") and list_ not in FUNCTIONAL_LISTS:
            names = ", ".join(FUNCTIONAL_LISTS)
            raise not_supported(name, f"{list_[:64]!r} is no functional list of this server: {names}")
    if not all(is_id(list_) or list_ in FUNCTIONAL_LISTS for list_ in lists):
        raise Invalid("_list: ids of Lists, or names of functional lists", "http._list")
    return Members(lists, name, lists)


def _read_near(name: str, text: str, context: Context) -> Among:
    """A circle around a place, or whether there is a place at all."""
    _check_declared(name, context, "", "missing")
    if name.endswith(":missing"):
        if text not in ("true", "false"):
            raise Invalid(f"{name}: true or false", f"http.{name}")
        return Among(has_position(missing=text == "true"), name, (text,), is_bound=False)
    texts = _split(name, text)

    def refuse(reason: str) -> Invalid:
        return Invalid(f"{name}: {reason}", f"http.{name}")

    circles = [read_circle(t, refuse) for t in texts]
    filters = [match_circle(circle) for circle in circles]
    filter_ = filters[0] if len(filters) == 1 else {"$or": filters}
    is_small = all(circle.is_small for circle in circles)
    return Among(filter_, name, texts, is_bound=is_small, leads=True)


Read = Callable[[str, str, Context], Condition]

SPECIAL: dict[str, Read] = {
    **dict.fromkeys(MARKS, _read_words),
    "_list": _read_list,
    NEAR: _read_near,
}
"""Parameter → what reads its name and value."""
