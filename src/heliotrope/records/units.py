"""The one place where a number changes its unit: exact factors, known spellings, nearest names.

Every unit belongs to one dimension and carries its exact size in the dimension's base unit as a
ratio of integers, so that 11 mm is 1.1 cm and 0.5 ukat/L is 30 U/L without a rounding of ours.
Conversions between a mass and an amount of substance need the molar mass of the measure.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import polars as pl

from heliotrope.errors import UserError


@dataclass(frozen=True)
class Unit:
    """One unit: its dimension, its size in the dimension's base unit, its zero point."""

    name: str
    dimension: str
    size: Fraction
    zero: Fraction = Fraction(0)
    spellings: tuple[str, ...] = ()


def _unit(name: str, dimension: str, size: str, *spellings: str, zero: str = "0") -> Unit:
    return Unit(name, dimension, Fraction(size), Fraction(zero), spellings)


UNITS: tuple[Unit, ...] = (
    _unit("none", "none", "1", "1", "{score}", "score", "points", "point", "[score]", "no unit"),
    _unit("%", "fraction", "1", "percent", "pct", "per cent"),
    _unit("cm", "length", "1", "centimetre", "centimeter", "cms"),
    _unit("mm", "length", "1/10", "millimetre", "millimeter"),
    _unit("m", "length", "100", "metre", "meter"),
    _unit("in", "length", "127/50", "inch", "inches", "[in_i]", "[in_us]"),
    _unit("g", "mass", "1", "gram", "grams", "gm", "gr"),
    _unit("kg", "mass", "1000", "kilogram", "kilograms", "kilo", "kgs"),
    _unit("lb", "mass", "45359237/100000", "[lb_av]", "lbs", "pound", "pounds"),
    _unit("mg", "mass", "1/1000", "milligram", "milligrams", "mgs"),
    _unit("ug", "mass", "1/1000000", "mcg", "microgram", "micrograms"),
    _unit("g/kg", "mass per body mass", "1", "gram/kg", "g per kg", "g/kg bw"),
    _unit("mg/kg", "mass per body mass", "1/1000", "mg per kg", "mg/kg bw", "mg/kg/dose"),
    _unit("mg/day", "mass per day", "1", "mg/d", "mg daily", "mg per day", "mg qd", "mg od"),
    _unit("g/day", "mass per day", "1000", "g/d", "g daily"),
    _unit("ug/day", "mass per day", "1/1000", "ug/d", "mcg/day"),
    _unit("mg/kg/day", "mass per body mass and day", "1", "mg/kg/d", "mg/(kg.d)", "mg/kg daily"),
    _unit("mg/week", "mass per week", "1", "mg/wk", "mg weekly", "mg/w", "mg per week"),
    _unit("mg/m2", "mass per body surface", "1", "mg/m^2", "mg per m2", "mg/m2/dose"),
    _unit("U/L", "catalytic activity", "1", "[iu]/l", "iu/l", "units/l", "unit/l", "[u]/l"),
    _unit("kU/L", "catalytic activity", "1000", "kiu/l"),
    _unit("mU/mL", "catalytic activity", "1", "miu/ml"),
    _unit("ukat/L", "catalytic activity", "60", "microkat/l", "mukat/l"),
    _unit("nkat/L", "catalytic activity", "60/1000", "nanokat/l"),
    _unit("g/L", "mass concentration", "1", "gram/l"),
    _unit("g/dL", "mass concentration", "10", "g/100ml", "g%", "gm/dl"),
    _unit("mg/dL", "mass concentration", "1/100", "mg/100ml", "mg%"),
    _unit("mg/L", "mass concentration", "1/1000"),
    _unit("mmol/L", "substance concentration", "1/1000", "mm/l"),
    _unit("umol/L", "substance concentration", "1/1000000", "micromol/l", "mumol/l"),
    _unit("g/g", "mass ratio", "1", "mg/mg", "mg/mg creatinine", "g/g creatinine"),
    _unit("mg/g", "mass ratio", "1/1000", "mg/g creatinine"),
    _unit("mg/mmol", "mass per substance", "1", "mg/mmol creatinine"),
    _unit("g/mmol", "mass per substance", "1000"),
    _unit("g/24h", "mass in 24 hours", "1", "g/(24.h)", "g/24 h", "g/24hr", "g/24 hours"),
    _unit("mg/24h", "mass in 24 hours", "1/1000", "mg/(24.h)", "mg/24 h", "mg/24hr"),
    _unit("degC", "temperature", "1", "cel", "°c", "c", "celsius", "deg c"),
    _unit("degF", "temperature", "5/9", "[degf]", "°f", "f", "fahrenheit", "deg f", zero="-160/9"),
)

_SUBSTANCE = {
    # (from, to): moles are multiplied by the molar mass, or divided by it
    ("substance concentration", "mass concentration"): 1,
    ("mass concentration", "substance concentration"): -1,
    ("mass per substance", "mass ratio"): -1,
    ("mass ratio", "mass per substance"): 1,
}


@dataclass(frozen=True)
class Conversion:
    """``value * factor + offset``, both exact."""

    factor: Fraction
    offset: Fraction = Fraction(0)

    def compute(self, value: pl.Expr) -> pl.Expr:
        """Convert a column of numbers; one rounding, to the nearest double."""
        scaled = value.cast(pl.Float64)
        if self.factor.numerator != 1:
            scaled = scaled * self.factor.numerator
        if self.factor.denominator != 1:
            scaled = scaled / self.factor.denominator
        return scaled + float(self.offset) if self.offset else scaled

    def convert(self, value: float) -> float:
        """Convert one number.

        >>> find_conversion("mm", "cm").convert(11)
        1.1
        """
        scaled = value * self.factor.numerator / self.factor.denominator
        return scaled + float(self.offset) if self.offset else scaled


def _normalise(text: str) -> str:
    spelled = re.sub(r"\s+", " ", text.strip().casefold())
    for found, plain in (("µ", "u"), ("μ", "u"), ("²", "2"), ("·", "."), ("litre", "l")):
        spelled = spelled.replace(found, plain)
    spelled = re.sub(r"\s*/\s*", "/", spelled)
    return re.sub(r"(?<=.)\{[^}]*\}", "", spelled).removesuffix(".").strip()


@lru_cache(maxsize=1)
def _by_spelling() -> dict[str, Unit]:
    return {
        _normalise(spelling): unit for unit in UNITS for spelling in (unit.name, *unit.spellings)
    }


def find_unit(text: str) -> Unit | None:
    """Return the unit a spelling means (case, spaces, micro sign and UCUM braces aside), or None.

    >>> find_unit("µkat/l").name, find_unit("[IU]/L").name, find_unit("mg/g{creat}").name
    ('ukat/L', 'U/L', 'mg/g')
    """
    return _by_spelling().get(_normalise(text))


def nearest_units(text: str, among: Iterable[str] | None = None) -> list[str]:
    """Return up to three unit names that look like an unknown one.

    >>> nearest_units("mg/dy")
    ['mg/day', 'ug/day', 'mg/dL']
    """
    names = {
        spelling: unit.name
        for spelling, unit in _by_spelling().items()
        if among is None or unit.name in among
    }
    close = difflib.get_close_matches(_normalise(text), list(names), n=9, cutoff=0.5)
    return list(dict.fromkeys(names[spelling] for spelling in close))[:3]


def find_conversion(
    source: str, target: str, grams_per_mole: float | None = None
) -> Conversion | None:
    """Return how to turn a value from one unit into another, or None if that is impossible.

    A mass and an amount of substance are converted only with the measure's molar mass.

    >>> find_conversion("ukat/L", "U/L").convert(2.5)
    150.0
    >>> find_conversion("kg", "cm") is None
    True
    """
    start, end = _known(source), _known(target)
    if start.dimension == end.dimension:
        factor = start.size / end.size
        return Conversion(factor, (start.zero - end.zero) / end.size)
    power = _SUBSTANCE.get((start.dimension, end.dimension))
    if power is None or grams_per_mole is None:
        return None
    return Conversion(start.size / end.size * Fraction(str(grams_per_mole)) ** power)


def _known(text: str) -> Unit:
    unit = find_unit(text)
    if unit is None:
        near = nearest_units(text)
        raise UserError(
            "a unit this program knows",
            text,
            f"write one of {', '.join(near)}" if near else "see the list of units in the manual",
        )
    return unit


def compute_daily_mean(dose: pl.Expr, every_n_days: pl.Expr) -> pl.Expr:
    """Spread a dose given every n days over the days: 20 mg every 2 days is 10 mg/day."""
    return dose.cast(pl.Float64) / every_n_days.cast(pl.Float64)


def compute_mg_per_day(dose: pl.Expr, unit: pl.Expr, weight_kg: pl.Expr) -> pl.Expr:
    """Turn mg/day, mg/kg/day and mg/week into mg/day; other units, or no weight, give null."""
    return (
        pl.when(unit == "mg/day")
        .then(dose)
        .when(unit == "mg/kg/day")
        .then(dose * weight_kg)
        .when(unit == "mg/week")
        .then(dose / 7)
        .otherwise(None)
    )
