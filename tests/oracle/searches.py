"""Random valid searches: every type of parameter, modifier and result, drawn mostly from what is stored.

https://hl7.org/fhir/R4/search.html
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass, replace
from decimal import Decimal
from random import Random
from typing import Any
from urllib.parse import urlencode

from tests.oracle import pools, readings
from tests.oracle.parameter_paths import IMPLIED, TYPES, Parameter, at, parameters
from tests.oracle.records import CONTAINABLE, COUNTS
from tests.oracle.reference_search import DEFINITIONS, Key, World

PREFIXES = ["", "", "", "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap"]
SORTED = ("date", "string", "number", "uri")
PATIENTS = COUNTS["Patient"]
COMPARTMENTS = ("Patient", "Patient", "Patient", "Encounter", "Practitioner")


@dataclass(frozen=True)
class Search:
    """One search, whoever answers it."""

    types: tuple[str, ...]
    criteria: tuple[tuple[str, str], ...] = ()
    compartment: Key | None = None
    patient: str = ""
    """The patient to whom the caller's token is bound."""
    scopes: str = ""
    """The scopes of the caller's token; "" for reading everything."""
    results: tuple[tuple[str, str], ...] = ()
    includes: tuple[tuple[str, str], ...] = ()
    http: bool = False

    @property
    def is_of_system(self) -> bool:
        return len(self.types) != 1

    @property
    def path(self) -> str:
        member = "" if self.is_of_system else self.types[0]
        if self.compartment is None:
            return member
        return "/".join((*self.compartment, member or "*"))

    @property
    def pairs(self) -> list[tuple[str, str]]:
        types = [("_type", ",".join(self.types))] if self.is_of_system and self.types else []
        return [*types, *self.criteria, *self.results, *self.includes]

    def result(self, name: str) -> str:
        return dict(self.results).get(name, "")

    def __str__(self) -> str:
        caller = f" by a token of Patient/{self.patient}" if self.patient else ""
        query = urlencode(self.pairs, safe="/:|,$")
        scopes = f" with {self.scopes}" if self.scopes else ""
        return f"GET {self.path}?{query}{caller}{scopes}{' over HTTP' if self.http else ''}"


def escape(text: str) -> str:
    """ "prepending a \\\\ character": commas, dollars, pipes and the backslash itself."""
    return "".join("\\" + c if c in "\\,|$" else c for c in text)


class Searches:
    """Draws searches over a world."""

    def __init__(self, world: World, seed: int, modifiers: frozenset[str]) -> None:
        """`modifiers`: those the server offers; Patient stands for every type."""
        self.world = world
        self.modifiers = modifiers
        self.random = Random(seed)

    def maybe(self, chance: float) -> bool:
        return self.random.random() < chance

    def pick(self, values: Any) -> Any:
        return self.random.choice(values)

    def draw(self) -> Search:
        """Returns the next search."""
        form = self.random.random()
        if form < 0.06:
            search = self._system_search()
        else:
            type_ = self._type()
            criteria = tuple(self.criterion(type_) for _ in range(self.pick((0, 1, 1, 1, 2, 2, 3))))
            search = Search((type_,), criteria, self._compartment(type_) if form < 0.14 else None)
        if self.maybe(0.2):
            search = replace(search, patient=f"x{self.random.randrange(PATIENTS)}")
        if not search.is_of_system and self.maybe(0.2):
            search = replace(search, includes=self._includes(search.types[0]))
        search = replace(search, results=self._results(search), http=self.maybe(0.02))
        if not search.is_of_system and self.maybe(0.06):
            search = self._of_contained(search)
        return search

    def _of_contained(self, search: Search) -> Search:
        """Asks for what is contained; its types are few."""
        type_ = self.pick((*CONTAINABLE, *CONTAINABLE, search.types[0]))
        criteria = search.criteria
        if type_ != search.types[0]:
            criteria = tuple(self.criterion(type_) for _ in range(self.pick((0, 1, 1, 1, 2))))
        results = tuple((n, t) for n, t in search.results if n != "_sort")
        more = (("_contained", self.pick(("true", "true", "both"))),)
        if self.maybe(0.7):
            more += (("_containedType", self.pick(("container", "contained", "contained"))),)
        return replace(
            search, types=(type_,), criteria=criteria, compartment=None, includes=(), results=results + more
        )

    def _type(self) -> str:
        return self.random.choices(TYPES, [COUNTS[t] ** 0.7 for t in TYPES])[0]

    def _system_search(self) -> Search:
        types = tuple(self.random.sample(TYPES, self.random.randint(2, 4)))
        kinds = [{(c, p.type) for c, p in parameters(t).items() if p.type != "composite"} for t in types]
        codes = sorted(c for c, _ in set.intersection(*kinds))
        criteria = tuple(
            self.clause(self.pick(types), self.pick(codes)) for _ in range(self.random.randint(0, 2))
        )
        # A type modifier or an implied system would have to suit all the types.
        criteria = tuple((n, t) for n, t in criteria if ":" not in n and "|" not in t)
        compartment = None
        if self.maybe(0.2):
            members = tuple(t for t in types if t != "Patient" and t in DEFINITIONS.compartment("Patient"))
            if len(members) > 1:
                types, compartment = members, ("Patient", f"x{self.random.randrange(PATIENTS)}")
        return Search(types, criteria, compartment)

    def _compartment(self, type_: str) -> Key | None:
        kind = self.pick(COMPARTMENTS)
        if type_ == kind or type_ not in DEFINITIONS.compartment(kind):
            return None
        return kind, f"x{self.random.randrange(COUNTS[kind])}"

    def _results(self, search: Search) -> tuple[tuple[str, str], ...]:
        if self.maybe(0.05):
            return (self.pick((("_summary", "count"), ("_count", "0"))),)
        found = []
        if self.maybe(0.35):
            sortable = self._sortable(search)
            keys = self.random.sample(sortable, min(len(sortable), 2 if self.maybe(0.3) else 1))
            found.append(("_sort", ",".join(self.pick(("", "-")) + k for k in keys)))
        found.append(("_count", str(self.pick((3, 7, 20, 50, 200, 1000, 1000, 1000)))))
        if self.maybe(0.05):
            found.append(("_maxresults", str(self.pick((1, 3, 10, 60)))))
        if self.maybe(0.2):
            found.append(("_total", self.pick(("accurate", "accurate", "none", "estimate"))))
        return tuple(found)

    def _sortable(self, search: Search) -> list[str]:
        # The page gives the versions of a canonical no order.
        sortable = [
            {(p.code, p.type) for p in parameters(t).values() if p.type in SORTED and p.code != "_profile"}
            for t in search.types
        ]
        return ["_id", *sorted(code for code, _ in set.intersection(*sortable))]

    def _includes(self, type_: str) -> tuple[tuple[str, str], ...]:
        return tuple(self._include(type_) for _ in range(self.random.randint(1, 3)))

    def _include(self, type_: str) -> tuple[str, str]:
        iterate = ":iterate" if self.maybe(0.3) else ""
        if self.maybe(0.03):
            return "_revinclude", "*"
        if self.maybe(0.4):
            source, code = self._referrer(type_)
            if code:
                return f"_revinclude{iterate}", f"{source}:{code}" + (f":{type_}" if self.maybe(0.3) else "")
        if self.maybe(0.1):
            return "_include", "*"
        source = self._type() if iterate else type_
        references = [c for c, p in parameters(source).items() if p.type == "reference"]
        if not references or self.maybe(0.15):
            return f"_include{iterate}", f"{source}:*"
        code = self.pick(references)
        targets = [t for t in TYPES if t in DEFINITIONS.search_parameters(source)[code].target]
        return f"_include{iterate}", f"{source}:{code}" + (
            f":{self.pick(targets)}" if targets and self.maybe(0.3) else ""
        )

    def _referrer(self, type_: str) -> tuple[str, str]:
        found = [
            (t, c)
            for t in TYPES
            for c, p in parameters(t).items()
            if p.type == "reference" and type_ in DEFINITIONS.search_parameters(t)[c].target
        ]
        return self.pick(found) if found else (type_, "")

    # --- criteria --------------------------------------------------------------------------------

    def criterion(self, type_: str, depth: int = 0) -> tuple[str, str]:
        """Returns name and value of a clause, chain, reverse chain or list."""
        form = self.random.random() if depth < 2 else 1.0
        if form < 0.14:
            return self._chain(type_, depth)
        if form < 0.24:
            source, code = self._referrer(type_)
            if code:
                name, text = self.criterion(source, depth + 1)
                return f"_has:{source}:{code}:{name}", text
        if form < 0.26 and depth == 0:
            return "_list", ",".join(
                {f"x{self.random.randrange(COUNTS['List'])}" for _ in range(self.pick((1, 1, 2)))}
            )
        return self.clause(type_, self.pick(list(parameters(type_))))

    def _chain(self, type_: str, depth: int) -> tuple[str, str]:
        references = [c for c, p in parameters(type_).items() if p.type == "reference"]
        if not references:
            return self.clause(type_, "_id")
        code = self.pick(references)
        declared = DEFINITIONS.search_parameters(type_)[code].target
        targets = [t for t in declared if t in TYPES]
        if not targets:
            return self.clause(type_, code)
        target = self.pick(targets)
        name, text = self.criterion(target, depth + 1)
        if self.maybe(0.35) and len(declared) < 12 and self._suits_all(target, targets, name):
            return f"{code}.{name}", text
        return f"{code}:{target}.{name}", text

    def _suits_all(self, target: str, targets: list[str], name: str) -> bool:
        """True where a criterion means the same to all the targets of a chain that names none of them."""
        if name.startswith("_has:") or ":" in name or name == "_list":
            return len(targets) == 1
        code = name.partition(".")[0]
        kind = parameters(target)[code].type
        for type_ in targets:
            known, declared = parameters(type_).get(code), DEFINITIONS.search_parameters(type_).get(code)
            if declared is not None and (known is None or known.type != kind or (type_, code) in IMPLIED):
                return len(targets) == 1
        return True

    def clause(self, type_: str, code: str) -> tuple[str, str]:
        """Returns one parameter with modifier and values."""
        parameter = parameters(type_)[code]
        # The page has no word on when a composite is missing; an _id and a time of change never are.
        if self.maybe(0.06) and parameter.type != "composite" and code not in ("_id", "_lastUpdated"):
            return f"{code}:missing", self.pick(("true", "false"))
        modifier = self._modifier(type_, parameter)
        count = self.pick((1, 1, 1, 2, 3))
        texts = [self._text(type_, parameter, modifier) for _ in range(count)]
        return code + (f":{modifier}" if modifier else ""), ",".join(dict.fromkeys(texts))

    def _modifier(self, type_: str, parameter: Parameter) -> str:
        if parameter.code in ("_id", "_lastUpdated") or self.maybe(0.55):
            return ""
        offered = [m for m in self._modifiers(type_, parameter) if m in self.modifiers or m in TYPES]
        return str(self.pick(offered)) if offered else ""

    def _modifiers(self, type_: str, parameter: Parameter) -> list[str]:
        if parameter.type == "token":
            # Only what is coded has a text, and only identifiers have a type.
            text = ["text"] if self._has_text(type_, parameter) else []
            return ["not", *text, "of-type"] if parameter.code == "identifier" else ["not", *text]
        if parameter.type == "reference":
            targets = DEFINITIONS.search_parameters(type_)[parameter.code].target
            return ["identifier", *(t for t in targets if t in TYPES)]
        return {"string": ["exact", "contains"], "uri": ["below", "above"]}.get(parameter.type, [])

    def _has_text(self, type_: str, parameter: Parameter) -> bool:
        values = [v for r in self.world.of_type(type_) for v in self.world.values(r, parameter)]
        return any(isinstance(v, dict) and not readings.is_contact_point(v) for v in values)

    def _stored(self, type_: str, parameter: Parameter) -> Any:
        """A value that some resource has; None where none was found in a few tries."""
        for _ in range(6):
            values = self.world.values(self.pick(self.world.of_type(type_)), parameter)
            if values:
                return self.pick(values)
        return None

    def _text(self, type_: str, parameter: Parameter, modifier: str) -> str:
        value = self._stored(type_, parameter) if self.maybe(0.85) else None
        if parameter.type == "composite":
            element = value if value is not None else {}
            parts = []
            for kind, path in parameter.components:
                found = at(element, path)
                one = self.pick(found) if found and self.maybe(0.9) else None
                parts.append(self._typed(type_, kind, one, "", ""))
            return "$".join(parts)
        return self._typed(type_, parameter.type, value, modifier, parameter.code)

    def _typed(self, type_: str, kind: str, value: Any, modifier: str, code: str) -> str:
        if kind == "token":
            return self._token(type_, value, modifier, code)
        if kind == "reference" and modifier == "identifier":
            return self._token(
                type_, value.get("identifier") if isinstance(value, dict) else None, "", "identifier"
            )
        draw = {"string": self._string, "uri": self._uri, "reference": self._reference, "date": self._date}
        if kind in draw:
            return draw[kind](value, modifier)
        if kind == "special":
            return self._near(value)
        return self._number(value) if kind == "number" else self._quantity(value)

    def _token(self, type_: str, value: Any, modifier: str, code: str) -> str:
        if modifier == "text":
            texts = readings.token_texts(value) or pools.DISPLAYS
            return self._string(self.pick(self.pick(texts).split(" ") if self.maybe(0.4) else texts), "")
        if modifier == "of-type":
            system, number = pools.LOCAL, (value or {}).get("value", "1")
            return "|".join(map(escape, (system, self.pick(("MR", "SS")), number)))
        implied = IMPLIED.get((type_, code), "")
        known = readings.tokens(value, implied) if value is not None else []
        if not known:
            known = [(self.pick(pools.SYSTEMS[:4]), self.pick(pools.CODES))]
        system, text = self.pick(known)
        if isinstance(value, dict) and readings.is_contact_point(value):
            return escape(text)
        if isinstance(value, bool | str):
            return f"{system}|{escape(text)}" if implied and self.maybe(0.3) else escape(text)
        form = self.random.random()
        if form < 0.5:
            return escape(text)
        if form < 0.6 and system:
            return f"{escape(system)}|"
        return f"{escape(system)}|{escape(text)}"

    def _string(self, value: Any, modifier: str) -> str:
        strings = readings.strings(value) if value is not None else []
        text = self.pick(strings or pools.FAMILIES)
        if modifier == "exact":
            return escape(text if self.maybe(0.8) else text.lower())
        if self.maybe(0.7):
            end = self.random.randint(1, len(text))
            text = text[self.random.randrange(end) if modifier == "contains" else 0 : end]
        change = self.pick((str, str, str.lower, str.upper, _without_accents))
        text = change(text)
        return escape(text) if readings.fold(text) else "a"

    def _uri(self, value: Any, modifier: str) -> str:
        text = str(value if value is not None else self.pick(pools.URLS + pools.CANONICALS))
        if modifier and text.startswith("urn:"):
            # "the :above and :below modifiers only apply to URLs, and not URNs such as OIDs"
            text = self.pick(pools.CANONICALS)
        if modifier == "below" and self.maybe(0.7):
            text = text[: self.random.randint(5, len(text))]
        if modifier == "above" and self.maybe(0.7):
            text = text.partition("|")[0] + self.pick(("/a", "/a/b", "2"))
        elif self.maybe(0.3):
            text = text.partition("|")[0]
        return escape(text)

    def _reference(self, value: Any, modifier: str) -> str:
        literal = value if isinstance(value, str) else (value or {}).get("reference", "")
        target = readings.target(value, self.world.base_url) if value else None
        if target is None and "://" in literal:
            return escape(literal if self.maybe(0.6) else literal.partition("|")[0])
        type_, id_ = target or (self.pick(TYPES), f"x{self.random.randrange(20)}")
        if modifier:
            return id_
        return str(
            self.pick((id_, f"{type_}/{id_}", f"{type_}/{id_}", f"{self.world.base_url}/{type_}/{id_}"))
        )

    def _near(self, value: Any) -> str:
        latitude, longitude = self.pick(pools.PLACES)
        if value is not None and self.maybe(0.5):
            latitude, longitude = value["latitude"], value["longitude"]
        if self.maybe(0.2):
            latitude = min(Decimal(90), latitude + Decimal("0.01"))
        distance = self.pick(
            ("", "|0|km", "|1", "|2|km", "|1500|m", "|1|mi", "|30|km", "|400||", "|9000", "|30000|km")
        )
        return f"{latitude}|{longitude}{distance.rstrip('|')}"

    def _date(self, value: Any, modifier: str) -> str:
        ends = (
            [value]
            if isinstance(value, str)
            else [v for k, v in (value or {}).items() if k in ("start", "end")]
        )
        own = [e for e in ends if e[:4].isdigit()]
        text = (
            self.pick(own)
            if own and self.maybe(0.5)
            else self.pick(pools.DAYS + pools.MOMENTS + pools.MINUTES)
        )
        return f"{self.pick(PREFIXES)}{text}"

    def _number(self, value: Any) -> str:
        if isinstance(value, int | Decimal) and self.maybe(0.7):
            return f"{self.pick(PREFIXES)}{value}"
        return f"{self.pick(PREFIXES)}{self.pick([*pools.NUMBERS, *pools.ASKED_NUMBERS])}"

    def _quantity(self, value: Any) -> str:
        value = (value or {}).get("low", value or {})
        number = self._number(value.get("value"))
        form = self.random.random()
        if form < 0.3:
            return number
        if form < 0.45:
            return f"{number}||{value.get('unit') or value.get('code') or 'mg'}"
        if value.get("system") == pools.UCUM:
            same = [c for c, (_, d) in readings.UNITS.items() if d == readings.UNITS[value["code"]][1]]
            return f"{number}|{pools.UCUM}|{self.pick(same)}"
        system, code = self.pick(pools.UNITS)
        return f"{number}|{system}|{code}"


def _without_accents(text: str) -> str:
    return "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))
