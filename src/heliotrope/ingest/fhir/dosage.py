"""From a dosage to a daily dose: how much, how often, of what strength; nothing made up."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

import polars as pl

from heliotrope.records.units import find_unit

NO_DOSAGE = "dosage_missing"
AS_NEEDED = "taken_as_needed"
RANGE = "dose_is_a_range"
NO_UNIT = "dose_without_unit"
NO_STRENGTH = "strength_unknown"
NO_TIMING = "timing_missing"
UNREAD_TIMING = "timing_not_read"
BY_STRENGTH = "dose_from_strength"

TABLET = "tablet"

_PER_DAY = {"d": Decimal(1), "h": Decimal(24)}
_DAYS = {"d": 1, "wk": 7}

# HL7 codes of timing (GTSAbbreviation): how often, in how many of which unit.
_TIMINGS = {
    "QD": "1 per 1 d", "AM": "1 per 1 d", "PM": "1 per 1 d", "BED": "1 per 1 d",
    "BID": "2 per 1 d", "TID": "3 per 1 d", "QID": "4 per 1 d", "QOD": "1 per 2 d",
    "WK": "1 per 1 wk",
}  # fmt: skip

_COUNTED = re.compile(r"^\{?(?:tbl|tab|tabs|tablets?|caps?|capsules?)\}?(?:_.*)?$", re.IGNORECASE)
_STRENGTH = re.compile(
    r"(?<![\d.])(\d+(?:\.\d+)?)\s*(mg|mcg|ug|g)(?:\s*/\s*(\d+(?:\.\d+)?)?\s*(ml))?(?![\w/])",
    re.IGNORECASE,
)
_SOLID = re.compile(r"\b(?:tablets?|capsules?)\b", re.IGNORECASE)
_RATIO = re.compile(r"^([\d.]+) (mg|ug|g) per ([\d.]+) ?(.*)$")
_TIMING = re.compile(r"^([\d.]+) per ([\d.]+) (\w+)(?: on \w+)?$")

_MG = {"mg": Decimal(1), "g": Decimal(1000), "ug": Decimal("0.001"), "mcg": Decimal("0.001")}


@dataclass(frozen=True)
class Amount:
    """One dose: a number and its unit, mg or a unit of ours; or the rule why there is none."""

    value: Decimal | None = None
    unit: str | None = None
    rule: str | None = None


@dataclass(frozen=True)
class DailyDose:
    """What the columns dose, dose_unit and every_n_days are to say, and what was found."""

    dose: str | None = None
    unit: str | None = None
    every_n_days: str | None = None
    rule: str | None = None


def find_amount(dose: str | None, unit: str | None, strength: str | None, name: str) -> Amount:
    """Work out one dose: a mass as it stands; tablets and millilitres by their strength.

    >>> find_amount("2", "{tbl}", None, "predniSONE 5 MG Oral Tablet")
    Amount(value=Decimal('10'), unit='mg', rule='dose_from_strength')
    >>> find_amount("1", None, None, "predniSONE 5 MG Oral Tablet").rule
    'dose_without_unit'
    """
    if dose is None:
        return Amount(rule=NO_DOSAGE)
    try:
        number = Decimal(dose)
    except InvalidOperation:
        return Amount(rule=RANGE)
    if unit is None:
        return Amount(rule=NO_UNIT)
    is_counted = _COUNTED.match(unit) is not None
    if is_counted or unit.casefold() == "ml":
        one = _find_strength(TABLET if is_counted else "ml", strength, name)
        return Amount(number * one, "mg", BY_STRENGTH) if one else Amount(rule=NO_STRENGTH)
    known = find_unit(unit)
    if known is not None and known.name in _MG:
        return Amount(number * _MG[known.name], "mg")
    return Amount(number, known.name if known else unit)


def _find_strength(per: str, strength: str | None, name: str) -> Decimal | None:
    """Return the mg of one tablet or of one millilitre; None where it is not said once."""
    if strength is not None and (ratio := _RATIO.match(strength)):
        unit = TABLET if not ratio[4] or _COUNTED.match(ratio[4]) else ratio[4].casefold()
        if unit in (per, "1") and Decimal(ratio[3]):
            return Decimal(ratio[1]) * _MG[ratio[2]] / Decimal(ratio[3])
        return None
    found = list(_STRENGTH.finditer(name))
    if len(found) != 1:
        return None
    number, unit, volume, is_liquid = found[0].groups()
    if (per == "ml") != (is_liquid is not None) or (per == TABLET and not _SOLID.search(name)):
        return None
    return Decimal(number) * _MG[unit.casefold()] / Decimal(volume or 1)


def find_daily_dose(amount: Amount, timing: str | None, *, is_as_needed: bool = False) -> DailyDose:
    """Work out what is taken in a day, or on each day that it is taken.

    Rule: several times a day add up; once in n days is a dose every n days; in one week a dose a
    week. As needed, a range, and a timing that is more than that give no dose.

    >>> find_daily_dose(Amount(Decimal("5"), "mg"), "BID")
    DailyDose(dose='10', unit='mg/day', every_n_days='1', rule=None)
    >>> find_daily_dose(Amount(Decimal("5"), "mg"), "1 per 2 d").every_n_days
    '2'
    """
    if is_as_needed:
        return DailyDose(rule=AS_NEEDED)
    if amount.value is None:
        return DailyDose(rule=amount.rule)
    if amount.unit is not None and amount.unit.endswith(("/day", "/week")):
        return DailyDose(_say(amount.value), amount.unit, rule=amount.rule)
    if timing is None:
        return DailyDose(rule=NO_TIMING)
    found = _TIMING.match(_TIMINGS.get(timing.upper(), timing))
    if found is None:
        return DailyDose(rule=UNREAD_TIMING)
    often, period, unit = Decimal(found[1]), Decimal(found[2]), found[3]
    if not often or not period:
        return DailyDose(rule=UNREAD_TIMING)
    return _spread(amount, often, period, unit)


def _spread(amount: Amount, often: Decimal, period: Decimal, unit: str) -> DailyDose:
    assert amount.value is not None
    a_day = {"mg": "mg/day", "mg/kg": "mg/kg/day", "mg/m2": "mg/m2"}.get(amount.unit or "")
    if a_day is None:
        return DailyDose(_say(amount.value), amount.unit, rule=amount.rule)
    times = often * _PER_DAY[unit] / period if unit in _PER_DAY else Decimal(0)
    if times >= 1 and (times == 1 or amount.unit != "mg/m2"):
        return DailyDose(_say(amount.value * times), a_day, "1", amount.rule)
    if unit == "wk" and period == 1 and amount.unit == "mg":
        return DailyDose(_say(amount.value * often), "mg/week", "1", amount.rule)
    days = period * _DAYS.get(unit, 0)
    if often == 1 and days >= 1 and days == int(days):
        return DailyDose(_say(amount.value), a_day, str(int(days)), amount.rule)
    return DailyDose(rule=UNREAD_TIMING)


def _say(number: Decimal) -> str:
    return format(number.normalize(), "f")


DOSE_COLUMNS = ("dose", "dose_unit", "every_n_days", "dose_rule")


def add_daily_doses(rows: pl.DataFrame, tablets: bool) -> pl.DataFrame:
    """Add the daily dose of each distinct dosage.

    Reads dose_text, unit_text, timing, as_needed, strength and name. ``tablets``: a number
    without a unit counts tablets, as the study says.
    """
    key = ["dose_text", "unit_text", "timing", "as_needed", "strength", "name"]
    distinct = rows.select(key).unique()
    found = []
    for dose, unit, timing, needed, strength, name in distinct.iter_rows():
        unit = TABLET if tablets and unit is None else unit
        amount = find_amount(dose, unit, strength, name or "")
        daily = find_daily_dose(amount, timing, is_as_needed=needed is not None)
        found.append((daily.dose, daily.unit, daily.every_n_days, daily.rule))
    return _join_found(rows, distinct, found, key)


def add_single_doses(rows: pl.DataFrame) -> pl.DataFrame:
    """Add the dose of each distinct administration: mg, or its own unit."""
    key = ["dose_text", "unit_text", "strength", "name"]
    distinct = rows.select(key).unique()
    found: list[tuple[str | None, ...]] = []
    for dose, unit, strength, name in distinct.iter_rows():
        amount = find_amount(dose, unit, strength, name or "")
        said = _say(amount.value) if amount.value is not None else None
        found.append((said, amount.unit, None, amount.rule))
    return _join_found(rows, distinct, found, key)


def _join_found(
    rows: pl.DataFrame,
    distinct: pl.DataFrame,
    found: Sequence[tuple[str | None, ...]],
    key: list[str],
) -> pl.DataFrame:
    table = pl.DataFrame(found, schema=dict.fromkeys(DOSE_COLUMNS, pl.String), orient="row")
    return rows.join(
        distinct.hstack(table), on=key, how="left", nulls_equal=True, maintain_order="left"
    )
