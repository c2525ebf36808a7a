"""Generated expressions, as trees: of what differs the smallest part that differs can be found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

PATIENT: dict[str, Any] = {
    "resourceType": "Patient",
    "id": "p1",
    "active": True,
    "gender": "female",
    "birthDate": "1974-12-25",
    "multipleBirthInteger": 2,
    "name": [
        {"use": "official", "family": "Durand", "given": ["Anne", "Marie"]},
        {"use": "usual", "given": ["Nanou"], "family": "Petit"},
        {"use": "old", "given": ["Anne"], "text": "ANNE  Petit"},
    ],
    "telecom": [
        {"system": "phone", "value": "01", "rank": 1},
        {"system": "email", "value": "a@b.c", "rank": 2},
        {"system": "phone", "value": "02"},
    ],
}
OBSERVATION: dict[str, Any] = {
    "resourceType": "Observation",
    "id": "o1",
    "status": "final",
    "issued": "2020-01-01T10:00:00Z",
    "code": {"text": "Pressure", "coding": [{"system": "http://loinc.org", "code": "85354-9"}]},
    "component": [
        {"code": {"text": "upper"}, "valueInteger": 120, "interpretation": [{"text": "high"}, {"text": "H"}]},
        {"code": {"text": "lower"}, "valueInteger": 80},
        {"code": {"text": "mean"}, "valueString": "95"},
    ],
}
QUESTIONNAIRE: dict[str, Any] = {
    "resourceType": "Questionnaire",
    "id": "q1",
    "status": "draft",
    "subjectType": ["Patient", "Group"],
    "item": [
        {
            "linkId": "1",
            "type": "group",
            "item": [
                {"linkId": "1.1", "type": "string", "text": "Name", "maxLength": 10},
                {"linkId": "1.2", "type": "group", "item": [{"linkId": "1.2.1", "type": "date"}]},
            ],
        },
        {"linkId": "2", "type": "decimal", "text": "Weight", "required": True},
    ],
}


@dataclass(frozen=True)
class Scope:
    """What can be asked of an element: paths to single texts, single numbers, and to many elements."""

    texts: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    many: tuple[tuple[str, str], ...] = ()
    """Path and the scope of what is there."""


SCOPES: dict[str, Scope] = {
    "Patient": Scope(
        ("id", "gender", "name.family.first()", "telecom[1].value", "contact.name.family"),
        ("multipleBirth", "telecom.rank.first()"),
        (
            ("name", "name"),
            ("telecom", "telecom"),
            ("name.given", "text"),
            ("photo", "telecom"),
            ("telecom.rank", "number"),
        ),
    ),
    "name": Scope(("use", "family", "given.first()"), ("given.count()",), (("given", "text"),)),
    "telecom": Scope(("system", "value"), ("rank",), ()),
    "text": Scope(("$this",), ("$this.length()",), ()),
    "number": Scope((), ("$this",), ()),
    "Observation": Scope(
        ("id", "status", "code.text", "code.coding.code.first()"),
        ("component.value.ofType(integer).first()",),
        (("component", "component"), ("component.interpretation.text", "text"), ("category", "telecom")),
    ),
    "component": Scope(
        ("code.text", "value.ofType(string)"), ("value.ofType(integer)",), (("interpretation.text", "text"),)
    ),
    "Questionnaire": Scope(
        ("id", "status", "item.first().linkId"),
        ("item.item.maxLength",),
        (("item", "item"), ("repeat(item)", "item"), ("subjectType", "text"), ("item.item", "item")),
    ),
    "item": Scope(("linkId", "type", "text"), ("maxLength",), (("item", "item"), ("item.linkId", "text"))),
}
RESOURCES = (PATIENT, OBSERVATION, QUESTIONNAIRE)


@dataclass(frozen=True)
class Part:
    """An expression, the parts of it that are asked of the same input, and that which is asked of items."""

    text: str
    name: str
    """Its outermost operator or function."""
    parts: tuple[Part, ...] = ()
    each: tuple[str, Part] | None = None
    """The items, and the criteria or projection that each is asked."""


Draw = st.DrawFn
_DATES = (
    *("@2020", "@2020-01", "@2020-01-01", "@2020-02-01", "@2019-12-31", "@2021-01", "today()"),
    *("(@2020-01-31 + 1 month)", "(@2020-02-29 - 1 year)", "(@2020-01 + 13 months)", "(@2019-12-31 + 1 day)"),
    *("(@2020-01-01 - 24 hours)", "(@2020-01-15 + 2 weeks)", "(@2020 + 24 months)"),
)
_AMOUNTS = ("1 'mg'", "1.0 'mg'", "2 'mg'", "(1 'mg' + 1 'mg')", "1 'cm'", "24 hours", "90 minutes", "1 hour")
_PATTERNS = ("'^[A-Z]'", "'a'", "'[0-9]+'", "'n$'", "'.e'", "'(a|b)+'")


def _pick(draw: Draw, *choices: Any) -> Any:
    return draw(st.sampled_from(choices))


def _leaf(text: str) -> Part:
    return Part(text, "path" if text[:1].isalpha() else "literal")


def _binary(name: str, left: Part, right: Part) -> Part:
    return Part(f"({left.text} {name} {right.text})", name, (left, right))


def _call(name: str, on: Part, *arguments: Part) -> Part:
    listed = ", ".join(argument.text for argument in arguments)
    return Part(f"{on.text}.{name}({listed})", name, (on, *arguments))


def _iif(draw: Draw, scope: str, depth: int, kind: Any) -> Part:
    parts = (_truth(draw, scope, depth - 1), kind(draw, scope, depth - 1), kind(draw, scope, depth - 1))
    return Part(f"iif({', '.join(part.text for part in parts)})", "iif", parts)


def _text(draw: Draw, scope: str, depth: int) -> Part:
    known = SCOPES[scope].texts
    if depth <= 0:
        return _leaf(_pick(draw, *known, "'Anne'", "'a'", "'upper'", "'1.1'", "'phone'", "''"))
    one = _text(draw, scope, depth - 1)
    match _pick(draw, "call", "call", "part", "replace", "join", "number", "iif", "leaf"):
        case "call":
            return _call(_pick(draw, "upper", "lower", "toString"), one)
        case "part":
            return _call(
                "substring", one, *[_leaf(str(draw(st.integers(0, 4)))) for _ in range(_pick(draw, 1, 2))]
            )
        case "replace":
            return _call("replace", one, _leaf("'n'"), _text(draw, scope, 0))
        case "join":
            return _binary(_pick(draw, "&", "+"), one, _text(draw, scope, depth - 1))
        case "number":
            return _call("toString", _number(draw, scope, depth - 1))
        case "iif":
            return _iif(draw, scope, depth, _text)
    return _text(draw, scope, 0)


def _number(draw: Draw, scope: str, depth: int) -> Part:
    if depth <= 0:
        return _leaf(
            _pick(draw, *SCOPES[scope].numbers, "0", "1", "2", "7", "1.5", "2.50", "0.1", "(-3)", "(-1.5)")
        )
    one = _number(draw, scope, depth - 1)
    match _pick(
        draw, "math", "binary", "binary", "length", "count", "index", "round", "power", "iif", "sum", "read"
    ):
        case "math":
            return _call(_pick(draw, "abs", "ceiling", "floor", "truncate", "sqrt", "exp", "ln"), one)
        case "binary":
            return _binary(
                _pick(draw, "+", "-", "*", "/", "div", "mod"), one, _number(draw, scope, depth - 1)
            )
        case "length":
            return _call("length", _text(draw, scope, depth - 1))
        case "count":
            return _call("count", _many(draw, scope, depth - 1)[0])
        case "index":
            return _call("indexOf", _text(draw, scope, depth - 1), _text(draw, scope, 0))
        case "round":
            return _call("round", one, _leaf(_pick(draw, "0", "1", "2")))
        case "power":
            return _call("power", one, _leaf(_pick(draw, "0", "1", "2")))
        case "read":
            return _call(_pick(draw, "toInteger", "toDecimal"), _text(draw, scope, depth - 1))
        case "sum":
            return Part("(1 | 2 | 3).aggregate($this + $total, 0)", "aggregate")
    return _iif(draw, scope, depth, _number)


def _truth(draw: Draw, scope: str, depth: int) -> Part:
    if depth <= 0:
        return _leaf(_pick(draw, "true", "false", "{}"))
    less = depth - 1
    kinds = (
        "texts",
        "numbers",
        "logic",
        "logic",
        "not",
        "many",
        "each",
        "in",
        "string",
        "sets",
        "is",
        "dates",
        "read",
        "amounts",
        "matches",
    )
    match draw(st.sampled_from(kinds)):
        case "texts":
            operator = _pick(draw, "=", "!=", "~", "!~", "<", ">=")
            return _binary(operator, _text(draw, scope, less), _text(draw, scope, less))
        case "numbers":
            operator = _pick(draw, "=", "!=", "~", "!~", "<", ">", "<=", ">=")
            return _binary(operator, _number(draw, scope, less), _number(draw, scope, less))
        case "logic":
            operator = _pick(draw, "and", "or", "xor", "implies")
            return _binary(operator, _truth(draw, scope, less), _truth(draw, scope, less))
        case "not":
            return _call("not", _truth(draw, scope, less))
        case "many":
            return _call(_pick(draw, "exists", "empty", "isDistinct"), _many(draw, scope, less)[0])
        case "each":
            return _each(_pick(draw, "exists", "all"), draw, scope, less, _truth)[0]
        case "in":
            text, many = _text(draw, scope, less), _many(draw, scope, less)[0]
            return _binary("in", text, many) if draw(st.booleans()) else _binary("contains", many, text)
        case "string":
            name = _pick(draw, "startsWith", "endsWith", "contains")
            return _call(name, _text(draw, scope, less), _text(draw, scope, 0))
        case "dates":
            operator = _pick(draw, "=", "!=", "<", ">", "<=", ">=")
            return _binary(operator, _leaf(_pick(draw, *_DATES)), _leaf(_pick(draw, *_DATES)))
        case "amounts":
            operator = _pick(draw, "=", "!=", "<", ">", "<=", ">=")
            return _binary(operator, _leaf(_pick(draw, *_AMOUNTS)), _leaf(_pick(draw, *_AMOUNTS)))
        case "matches":
            return _call("matches", _text(draw, scope, less), _leaf(_pick(draw, *_PATTERNS)))
        case "read":
            kind = _pick(draw, "Integer", "Decimal", "Boolean", "String")
            return _call(f"convertsTo{kind}", _text(draw, scope, less))
        case "sets":
            name = _pick(draw, "subsetOf", "supersetOf")
            return _call(name, _many(draw, scope, less)[0], _many(draw, scope, 0)[0])
    kind = _pick(draw, "Integer", "Decimal", "String", "Boolean")
    one = _number(draw, scope, 0)
    return Part(f"({one.text} is {kind})", "is", (one,))


def _each(name: str, draw: Draw, scope: str, depth: int, kind: Any) -> tuple[Part, str]:
    items, below = _many(draw, scope, depth - 1)
    criteria = kind(draw, below, depth) if below else _truth(draw, "number", 0)
    part = Part(f"{items.text}.{name}({criteria.text})", name, (items,), (items.text, criteria))
    return part, below


def _many(draw: Draw, scope: str, depth: int) -> tuple[Part, str]:
    """Returns a collection, and the scope of its items ("" where they are of several kinds)."""
    known = SCOPES[scope].many
    if not known:
        one = _number(draw, scope, 0) if scope == "number" else _text(draw, scope, 0)
        return one, "number" if scope == "number" else "text"
    path, below = draw(st.sampled_from(known))
    if depth <= 0:
        return _leaf(path), below
    less = depth - 1
    match _pick(
        draw, "subset", "subset", "where", "where", "select", "union", "both", "tree", "index", "take"
    ):
        case "subset":
            one, below = _many(draw, scope, less)
            return _call(_pick(draw, "first", "last", "tail", "distinct"), one), below
        case "where":
            return _each("where", draw, scope, less, _truth)
        case "select":
            return _each("select", draw, scope, less, _text)[0], "text"
        case "union":
            one, other = _many(draw, scope, less)[0], _many(draw, scope, less)[0]
            return _binary("|", one, other), ""
        case "both":
            name = _pick(draw, "union", "combine", "intersect", "exclude")
            one, below = _many(draw, scope, less)
            other, other_below = _many(draw, scope, 0)
            return _call(name, one, other), below if below == other_below or name in (
                "intersect",
                "exclude",
            ) else ""
        case "tree":
            return _call(_pick(draw, "children", "descendants"), _many(draw, scope, 0)[0]), ""
        case "index":
            one, below = _many(draw, scope, less)
            at = draw(st.integers(0, 2))
            return Part(f"{one.text}[{at}]", "index", (one,)), below
    one, below = _many(draw, scope, less)
    return _call(_pick(draw, "take", "skip"), one, _leaf(str(draw(st.integers(0, 2))))), below


@st.composite
def expressions(draw: Draw) -> tuple[dict[str, Any], Part]:
    """Draws a resource and an expression of it."""
    resource = draw(st.sampled_from(RESOURCES))
    scope = resource["resourceType"]
    depth = draw(st.integers(1, 3))
    match _pick(draw, "truth", "many", "text", "number"):
        case "truth":
            return resource, _truth(draw, scope, depth)
        case "many":
            return resource, _many(draw, scope, depth)[0]
        case "text":
            return resource, _text(draw, scope, depth)
    return resource, _number(draw, scope, depth)
