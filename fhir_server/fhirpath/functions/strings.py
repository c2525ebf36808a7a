"""5.6 String manipulation. http://hl7.org/fhirpath/N1/#string-manipulation"""

from __future__ import annotations

from collections.abc import Callable

from fhir_server.fhirpath.functions.conversion import text_of, written
from fhir_server.fhirpath.functions.signature import Function, Table, plain
from fhir_server.fhirpath.functions.subsetting import whole_number
from fhir_server.fhirpath.node import EMPTY, Collection, Node, State, Step, boolean, integer, string
from fhir_server.fhirpath.regex import compile_pattern, search, substitute


def _about(name: str, answer: Callable[[str, str], bool]) -> Function:
    """Describes a question about a string and another."""

    def build(other: Step) -> Step:
        def step(state: State, items: Collection) -> Collection:
            text, part = text_of(items, name), text_of(other(state, state.focus), name)
            return EMPTY if text is None or part is None else boolean(answer(text, part))

        return step

    return Function(build, 1, 1)


def _index_of(other: Step) -> Step:
    def step(state: State, items: Collection) -> Collection:
        text, part = text_of(items, "indexOf()"), text_of(other(state, state.focus), "indexOf()")
        return EMPTY if text is None or part is None else integer(text.find(part))

    return step


def _substring(start: Step, length: Step | None = None) -> Step:
    def step(state: State, items: Collection) -> Collection:
        text = text_of(items, "substring()")
        begin = whole_number(start(state, state.focus), "substring()")
        if text is None or begin is None or not 0 <= begin < len(text):
            return EMPTY
        if length is None:
            return string(text[begin:])
        count = whole_number(length(state, state.focus), "substring()")
        return string(text[begin:] if count is None else text[begin : begin + max(count, 0)])

    return step


def _replace(pattern: Step, substitution: Step) -> Step:
    def step(state: State, items: Collection) -> Collection:
        text = text_of(items, "replace()")
        old = text_of(pattern(state, state.focus), "replace()")
        new = text_of(substitution(state, state.focus), "replace()")
        if text is None or old is None or new is None:
            return EMPTY
        count = len(text) + 1 if not old else text.count(old)
        state.spend_text(len(text) + count * len(new))
        return string(text.replace(old, new))

    return step


def _matches(pattern: Step) -> Step:
    def step(state: State, items: Collection) -> Collection:
        text = text_of(items, "matches()")
        expression = text_of(pattern(state, state.focus), "matches()")
        if text is None or expression is None:
            return EMPTY
        return boolean(search(compile_pattern(expression, state.environment.limits.pattern), text, state))

    return step


def _replace_matches(pattern: Step, substitution: Step) -> Step:
    def step(state: State, items: Collection) -> Collection:
        text = text_of(items, "replaceMatches()")
        expression = text_of(pattern(state, state.focus), "replaceMatches()")
        new = text_of(substitution(state, state.focus), "replaceMatches()")
        if text is None or expression is None or new is None:
            return EMPTY
        compiled = compile_pattern(expression, state.environment.limits.pattern)
        return written(state, substitute(compiled, text, new, state))

    return step


def _changed(name: str, change: Callable[[str], str]) -> Function:
    def function(state: State, items: Collection) -> Collection:
        text = text_of(items, name)
        return EMPTY if text is None else written(state, change(text))

    return plain(function)


def _length(state: State, items: Collection) -> Collection:
    text = text_of(items, "length()")
    return EMPTY if text is None else integer(len(text))


def _to_chars(state: State, items: Collection) -> Collection:
    text = text_of(items, "toChars()")
    state.spend(len(text or ""))
    return [Node(letter, "System.String", None) for letter in text or ""]


STRINGS: Table = {
    "indexOf": Function(_index_of, 1, 1),
    "substring": Function(_substring, 1, 2),
    "startsWith": _about("startsWith()", str.startswith),
    "endsWith": _about("endsWith()", str.endswith),
    "contains": _about("contains()", lambda text, part: part in text),
    "upper": _changed("upper()", str.upper),
    "lower": _changed("lower()", str.lower),
    "replace": Function(_replace, 2, 2),
    "matches": Function(_matches, 1, 1),
    "replaceMatches": Function(_replace_matches, 2, 2),
    "length": plain(_length),
    "toChars": plain(_to_chars),
}
