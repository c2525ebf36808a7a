"""Canonical form of UCUM quantities, exact: 5 mg and 0.005 g become the same number of the same unit.

https://ucum.org/ucum §2 (grammar), §4 (tables of prefixes, base and derived units)

The tables hold what clinical records use. A unit that is not there, or that has an offset or a scale (Cel,
[degF], [pH], dB), has no canonical form here and stays as it is. Differing from UCUM on purpose: mol, eq, osm
and each arbitrary unit ([iU] …) are dimensions of their own: 1 mol never equals a bare number or 1 eq.
"""

from __future__ import annotations

import re
from decimal import Decimal
from fractions import Fraction
from functools import lru_cache

UCUM_SYSTEM = "http://unitsofmeasure.org"

_MAX_LENGTH = 96
_MAX_EXPONENT = 24
_MAX_POWER_OF_TEN = 48
_MAX_BITS = 2048

Dimensions = dict[str, int]
"""Canonical unit → exponent."""

Unit = tuple[Fraction, Dimensions]

_PREFIXES = {
    "Y": 24, "Z": 21, "E": 18, "P": 15, "T": 12, "G": 9, "M": 6, "k": 3, "h": 2, "da": 1,
    "d": -1, "c": -2, "m": -3, "u": -6, "n": -9, "p": -12, "f": -15, "a": -18, "z": -21, "y": -24,
}  # fmt: skip

_METRIC_DIMENSIONS = ("m", "s", "g", "K", "C", "cd", "mol", "eq", "osm", "[iU]", "rad")
_ARBITRARY = (
    "[arb'U]", "[USP'U]", "[GPL'U]", "[MPL'U]", "[APL'U]", "[beth'U]", "[anti'Xa'U]", "[todd'U]", "[dye'U]",
    "[smgy'U]", "[bdsk'U]", "[ka'U]", "[knk'U]", "[mclg'U]", "[tb'U]", "[CCID_50]", "[TCID_50]", "[EID_50]",
    "[PFU]", "[FFU]", "[CFU]", "[IR]", "[BAU]", "[AU]", "[Amb'a'1'U]", "[PNU]", "[Lf]", "[D'ag'U]", "[FEU]",
    "[ELU]", "[EU]", "[HPF]", "[LPF]",
)  # fmt: skip

_PI = "3.1415926535897932384626433832795028841971693993751"

# Unit → (factor, unit it is defined by); "" is the dimensionless unit.
_METRIC = {
    "L": ("1/1000", "m3"), "l": ("1/1000", "m3"), "t": ("1000000", "g"), "u": ("1.66053906660e-24", "g"),
    "N": ("1000", "g.m/s2"), "Pa": ("1000", "g/m/s2"), "J": ("1000", "g.m2/s2"), "W": ("1000", "g.m2/s3"),
    "Hz": ("1", "s-1"), "Bq": ("1", "s-1"), "Ci": ("37000000000", "s-1"), "Gy": ("1", "m2/s2"),
    "Sv": ("1", "m2/s2"), "A": ("1", "C/s"), "V": ("1000", "g.m2/s2/C"), "Ohm": ("1000", "g.m2/s/C2"),
    "F": ("1/1000", "C2.s2/g/m2"), "S": ("1/1000", "C2.s/g/m2"), "T": ("1000", "g/s/C"), "lm": ("1", "cd"),
    "lx": ("1", "cd/m2"), "kat": ("1", "mol/s"), "U": ("1/60000000", "mol/s"), "cal": ("4184", "g.m2/s2"),
    "m[Hg]": ("133322000", "g/m/s2"), "m[H2O]": ("9806650", "g/m/s2"), "bar": ("100000000", "g/m/s2"),
    "eV": ("1.602176634e-16", "g.m2/s2"), "[IU]": ("1", "[iU]"), "g%": ("10000", "g/m3"),
    "dyn": ("1", "g.cm/s2"), "erg": ("1", "g.cm2/s2"), "P": ("1", "g/cm/s"), "St": ("1", "cm2/s"),
    "Wb": ("1", "V.s"), "H": ("1", "V.s/A"),
}  # fmt: skip
_NON_METRIC = {
    "%": ("1/100", ""), "[ppth]": ("1/1000", ""), "[ppm]": ("1/1000000", ""), "[ppb]": ("1/1000000000", ""),
    "[pptr]": ("1/1000000000000", ""), "10*": ("10", ""), "10^": ("10", ""),
    "min": ("60", "s"), "h": ("3600", "s"), "d": ("86400", "s"), "wk": ("604800", "s"),
    "a": ("31557600", "s"),
    "a_j": ("31557600", "s"), "mo": ("2629800", "s"), "mo_j": ("2629800", "s"),
    "atm": ("101325000", "g/m/s2"),
    "[in_i]": ("0.0254", "m"), "[ft_i]": ("0.3048", "m"), "[yd_i]": ("0.9144", "m"),
    "[mi_i]": ("1609.344", "m"),
    "[sin_i]": ("0.00064516", "m2"), "[sft_i]": ("0.09290304", "m2"), "[cin_i]": ("0.000016387064", "m3"),
    "[in_i'H2O]": ("249088.91", "g/m/s2"), "[in_i'Hg]": ("3386378.8", "g/m/s2"),
    "[lb_av]": ("453.59237", "g"), "[oz_av]": ("28.349523125", "g"), "[gr]": ("0.06479891", "g"),
    "[stone_av]": ("6350.29318", "g"), "[car_m]": ("0.2", "g"), "[oz_tr]": ("31.1034768", "g"),
    "[gal_us]": ("0.003785411784", "m3"), "[qt_us]": ("0.000946352946", "m3"),
    "[pt_us]": ("0.000473176473", "m3"), "[foz_us]": ("0.0000295735295625", "m3"),
    "[tbs_us]": ("0.00001478676478125", "m3"), "[tsp_us]": ("0.00000492892159375", "m3"),
    "[cup_us]": ("0.0002365882365", "m3"), "[tbs_m]": ("0.000015", "m3"), "[tsp_m]": ("0.000005", "m3"),
    "[cup_m]": ("0.00024", "m3"), "[foz_m]": ("0.00003", "m3"), "[drp]": ("0.00000005", "m3"),
    "deg": (_PI + "/180", "rad"), "'": (_PI + "/10800", "rad"), "''": (_PI + "/648000", "rad"),
    "gon": (_PI + "/200", "rad"), "circ": (_PI + "/0.5", "rad"),
    "[g]": ("9.80665", "m/s2"), "[lbf_av]": ("4448.2216152605", "g.m/s2"),
    "[psi]": ("1", "[lbf_av]/[in_i]2"), "[dr_av]": ("1/16", "[oz_av]"), "[syd_i]": ("0.83612736", "m2"),
    "[ft_us]": ("1200/3937", "m"), "[in_us]": ("100/3937", "m"), "[nmi_i]": ("1852", "m"),
    "[kn_i]": ("1", "[nmi_i]/h"), "[MET]": ("3.5", "mL/min/kg"),
    "[diop]": ("1", "m-1"), "[Ch]": ("1/3000", "m"), "[hnsf'U]": ("1", "[hnsf'U]"),
}  # fmt: skip

_TOKEN = re.compile(
    r"(?P<open>\()|(?P<close>\))(?P<power_of_group>[+-]?\d{1,3})?|(?P<operator>[./])|(?P<annotation>\{[^{}]*\})"
    r"|(?P<ten>10[*^])(?P<power_of_ten>[+-]?\d{1,3})?|(?P<number>\d{1,24})"
    r"|(?P<symbol>(?:[A-Za-z%'_]|\[[^\[\]]*\])+)(?P<power>[+-]?\d{1,3})?",
    re.ASCII,
)


class _Unknown(ValueError):
    """Not UCUM, or not in the tables."""


def canonicalize(value: Decimal, code: str) -> tuple[Fraction, str] | None:
    """Returns a quantity in canonical units, None when the unit has no canonical form here."""
    unit = canonical_unit(code)
    return None if unit is None else (Fraction(value) * unit[0], unit[1])


@lru_cache(maxsize=4096)
def canonical_unit(code: str) -> tuple[Fraction, str] | None:
    """Returns (factor, canonical unit) of a UCUM code; the dimensionless unit is "1"."""
    if not code or len(code) > _MAX_LENGTH:
        return None
    try:
        factor, dimensions = _parse(code)
    except _Unknown:
        return None
    parts = [f"{u}{'' if n == 1 else n}" for u, n in sorted(dimensions.items()) if n]
    return factor, ".".join(parts) or "1"


def _parse(code: str) -> Unit:
    """Reads a term with a stack of groups: no recursion, so no depth to exhaust."""
    stack: list[_Group] = []
    group = _Group()
    position = 0
    while position < len(code):
        match = _TOKEN.match(code, position)
        if match is None:
            raise _Unknown(code)
        position = match.end()
        if match["open"]:
            stack.append(group)
            group = _Group()
        elif match["close"]:
            if not stack:
                raise _Unknown(code)
            inner, group = group.close(), stack.pop()
            group.add(_raise(inner, int(match["power_of_group"] or 1)))
        else:
            group.read(match)
    if stack:
        raise _Unknown(code)
    return group.close()


class _Group:
    """The product read so far between two parentheses."""

    __slots__ = ("after_component", "divide", "unit")

    def __init__(self) -> None:
        self.unit: Unit = (Fraction(1), {})
        self.divide: bool | None = False
        """Whether the next component divides; None when no operator allows one."""
        self.after_component = False

    def read(self, match: re.Match[str]) -> None:
        if match["operator"]:
            self.operator(match["operator"])
        elif match["annotation"]:
            self.annotate()
        else:
            self.add(_component(match))

    def operator(self, symbol: str) -> None:
        # Only `/` may begin a term: /min.
        if self.divide is not None and (self.after_component or symbol == "." or self.divide):
            raise _Unknown(symbol)
        self.divide = symbol == "/"

    def add(self, unit: Unit) -> None:
        if self.divide is None:
            raise _Unknown("two units without an operator")
        self.unit = _multiply(self.unit, unit, -1 if self.divide else 1)
        self.divide = None
        self.after_component = True

    def annotate(self) -> None:
        """An annotation belongs to the unit before it, or stands for 1."""
        if self.divide is not None:
            self.add((Fraction(1), {}))

    def close(self) -> Unit:
        if self.divide is not None:
            raise _Unknown("a term that ends with an operator")
        return self.unit


def _component(match: re.Match[str]) -> Unit:
    if match["number"]:
        number = int(match["number"])
        if not number:
            raise _Unknown("0")
        return Fraction(number), {}
    if match["ten"]:
        exponent = int(match["power_of_ten"] or 1)
        if abs(exponent) > _MAX_POWER_OF_TEN:
            raise _Unknown(match["ten"])
        return Fraction(10) ** exponent, {}
    return _raise(_symbol(match["symbol"]), int(match["power"] or 1))


@lru_cache(maxsize=1024)
def _symbol(symbol: str) -> Unit:
    """Returns a unit by its symbol, with or without a metric prefix."""
    unit = _atom(symbol, metric=False) or _atom(symbol, metric=True)
    if unit is not None:
        return unit
    for length in (1, 2):
        exponent = _PREFIXES.get(symbol[:length])
        unit = _atom(symbol[length:], metric=True) if exponent is not None else None
        if unit is not None and exponent is not None:
            return unit[0] * Fraction(10) ** exponent, unit[1]
    raise _Unknown(symbol)


def _atom(symbol: str, *, metric: bool) -> Unit | None:
    dimensions, table = (_METRIC_DIMENSIONS, _METRIC) if metric else (_ARBITRARY, _NON_METRIC)
    if symbol in dimensions:
        return Fraction(1), {symbol: 1}
    row = table.get(symbol)
    if row is None:
        return None
    factor, definition = row
    if definition == symbol:
        return _fraction(factor), {symbol: 1}
    unit = _parse(definition) if definition else (Fraction(1), {})
    return _fraction(factor) * unit[0], unit[1]


def _fraction(text: str) -> Fraction:
    """Reads 1/16 or 3.14/180: both parts may be decimals."""
    numerator, _, denominator = text.partition("/")
    return Fraction(numerator) / Fraction(denominator or 1)


def _multiply(left: Unit, right: Unit, sign: int) -> Unit:
    dimensions = dict(left[1])
    for name, exponent in right[1].items():
        dimensions[name] = dimensions.get(name, 0) + sign * exponent
    return (left[0] * right[0] if sign > 0 else left[0] / right[0]), dimensions


def _raise(unit: Unit, exponent: int) -> Unit:
    # Powers of powers would grow without end.
    bits = max(unit[0].numerator.bit_length(), unit[0].denominator.bit_length())
    highest = max(map(abs, unit[1].values()), default=1)
    if abs(exponent) * bits > _MAX_BITS or abs(exponent) * highest > _MAX_EXPONENT:
        raise _Unknown("exponent")
    return unit[0] ** exponent, {n: e * exponent for n, e in unit[1].items()}
