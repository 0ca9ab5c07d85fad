"""Units and dates: the exact conversions, the spellings, what is placed and what is refused."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

import polars as pl
import pytest

from heliotrope.definitions.load import read_rulebook
from heliotrope.definitions.vocabulary import CellFormats
from heliotrope.errors import UserError
from heliotrope.records.dates import (
    DateWords,
    compute_days_between,
    compute_months_between,
    parse_date,
    parse_excel_serial,
    prove_order,
)
from heliotrope.records.units import (
    compute_daily_mean,
    compute_mg_per_day,
    find_conversion,
    find_unit,
    nearest_units,
)

CONVERSIONS = [
    (1, "g", "mg", 1000.0),
    (11, "mm", "cm", 1.1),
    (0.5, "ukat/L", "U/L", 30.0),
    (150, "U/L", "µkat/L", 2.5),
    (12.3, "g/dL", "g/L", 123.0),
    (1500, "mg/dL", "g/L", 15.0),
    (2000, "mg/kg", "g/kg", 2.0),
    (1.5, "g/day", "mg/day", 1500.0),
    (98.6, "degF", "degC", 37.0),
    (250, "mg/24h", "g/24h", 0.25),
    (500, "mg/g", "g/g", 0.5),
    (1, "m", "cm", 100.0),
    (18000, "g", "kg", 18.0),
]


@pytest.mark.parametrize(("value", "source", "target", "result"), CONVERSIONS)
def test_conversions(value, source, target, result):
    assert find_conversion(source, target).convert(value) == pytest.approx(result, rel=1e-14)


def test_the_factor_of_an_enzyme_is_exactly_sixty():
    assert find_conversion("ukat/L", "U/L").factor == Fraction(60)
    assert find_conversion("nkat/L", "U/L").factor == Fraction(6, 100)


def test_moles_need_the_molar_mass():
    assert find_conversion("mg/mmol", "g/g") is None
    assert find_conversion("mg/mmol", "g/g", 113.12).convert(113.12) == pytest.approx(1.0)
    assert find_conversion("umol/L", "mg/dL", 113.12).convert(88.4) == pytest.approx(1.0, rel=1e-4)
    assert find_conversion("mmol/L", "g/dL", 16114.5).convert(7.5) == pytest.approx(
        12.086, rel=1e-4
    )


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("IU/l", "U/L"),
        ("[IU]/L", "U/L"),
        ("U / L", "U/L"),
        ("µkat/l", "ukat/L"),
        ("μkat/L", "ukat/L"),
        ("Cel", "degC"),
        ("°C", "degC"),
        ("[degF]", "degF"),
        ("mg/g{creat}", "mg/g"),
        ("{score}", "none"),
        ("g/(24.h)", "g/24h"),
        ("mg/kg/d", "mg/kg/day"),
        ("mg/m²", "mg/m2"),
        ("MG/DAY", "mg/day"),
        ("[lb_av]", "lb"),
        ("pounds", "lb"),
        ("[in_i]", "in"),
    ],
)
def test_spellings(text, name):
    unit = find_unit(text)
    assert unit is not None
    assert unit.name == name


def test_pounds_and_inches_are_exact():
    pounds, inches = find_conversion("lb", "kg"), find_conversion("in", "cm")
    assert pounds is not None
    assert inches is not None
    assert pounds.convert(100) == 45.359237
    assert inches.convert(50) == 127.0


def test_no_conversion_across_dimensions():
    assert find_conversion("kg", "cm") is None
    assert find_conversion("g/kg", "g") is None


def test_an_unknown_unit_names_the_nearest():
    assert find_unit("furlong") is None
    assert nearest_units("ukatl/L")[0] == "ukat/L"
    with pytest.raises(UserError, match="mg/day"):
        find_conversion("mg/dya", "mg")


def test_doses_per_day():
    rows = pl.DataFrame(
        {
            "dose": [20.0, 1.0, 15.0, 5.0, 1.0],
            "unit": ["mg/day", "mg/kg/day", "mg/week", "mg", "mg/kg/day"],
            "weight": [30.0, 30.0, None, 30.0, None],
        }
    )
    got = rows.select(compute_mg_per_day(pl.col("dose"), pl.col("unit"), pl.col("weight")))
    assert got["dose"].to_list() == [20.0, 30.0, pytest.approx(15 / 7), None, None]
    spread = rows.select(compute_daily_mean(pl.col("dose"), pl.lit(2)))
    assert spread["dose"].to_list()[0] == 10.0


@pytest.fixture(scope="module")
def words() -> DateWords:
    (formats,) = read_rulebook().of_kind(CellFormats)
    return DateWords(
        formats.month_names,
        frozenset(formats.unknown_date_parts),
        formats.first_year,
        formats.last_year,
    )


CERTAIN = [
    ("2019-04-23", date(2019, 4, 23), "day", None),
    ("2019-04-23 14:30", date(2019, 4, 23), "day", 870),
    ("2019-04-23T14:30:05Z", date(2019, 4, 23), "day", 870),
    ("2019-04-23 00:00:00", date(2019, 4, 23), "day", None),
    ("20190423", date(2019, 4, 23), "day", None),
    ("23 April 2019", date(2019, 4, 23), "day", None),
    ("23-APR-2019", date(2019, 4, 23), "day", None),
    ("23. März 2019", date(2019, 3, 23), "day", None),
    ("April 23, 2019", date(2019, 4, 23), "day", None),
    ("23rd Apr 2019", date(2019, 4, 23), "day", None),
    ("2019-04", date(2019, 4, 15), "month_placed_on_15th", None),
    ("04/2019", date(2019, 4, 15), "month_placed_on_15th", None),
    ("Apr 2019", date(2019, 4, 15), "month_placed_on_15th", None),
    ("UN-APR-2019", date(2019, 4, 15), "month_placed_on_15th", None),
    ("2019-04-XX", date(2019, 4, 15), "month_placed_on_15th", None),
    ("2019", date(2019, 7, 1), "year_placed_on_1_july", None),
    ("2019-XX-XX", date(2019, 7, 1), "year_placed_on_1_july", None),
    ("??/??/2019", date(2019, 7, 1), "year_placed_on_1_july", None),
]


@pytest.mark.parametrize(("text", "day", "precision", "minute"), CERTAIN)
def test_dates_that_need_no_proof(words, text, day, precision, minute):
    read = parse_date(text, words).certain
    assert (read.day, read.precision, read.minute_of_day) == (day, precision, minute)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("31/02/2019", "impossible"),
        ("2019-02-30", "impossible"),
        ("2019-13-01", "impossible"),
        ("1066-10-14", "impossible"),
        ("23/04/19", "short_year"),
        ("soon", "unreadable"),
        ("12", "unreadable"),
        ("before 2019-04-23", "unreadable"),
    ],
)
def test_texts_that_are_no_dates(words, text, problem):
    assert parse_date(text, words).problem == problem


def test_a_column_proves_its_order_with_one_cell(words):
    def order(*texts: str):
        return prove_order({text: parse_date(text, words) for text in texts})

    assert order("03/04/2020", "13/04/2020").order == "DMY"
    assert order("03/04/2020", "04/13/2020").order == "MDY"
    assert order("03/04/2020").ambiguous == ("03/04/2020",)
    assert order("04/04/2020").ambiguous == ()
    assert order("13/04/2020", "04/13/2020").order is None


def test_excel_serials(words):
    assert parse_excel_serial("43831", words).day == date(2020, 1, 1)
    assert parse_excel_serial("43831.75", words).minute_of_day == 18 * 60
    assert parse_excel_serial("2020", words) is None
    assert parse_excel_serial("99999999", words) is None


@pytest.mark.parametrize(
    ("start", "end", "months"),
    [
        (date(2020, 1, 31), date(2020, 2, 29), 1),
        (date(2021, 1, 31), date(2021, 2, 28), 1),
        (date(2020, 1, 15), date(2020, 2, 14), 0),
        (date(2020, 1, 15), date(2020, 2, 15), 1),
        (date(2008, 2, 29), date(2009, 2, 28), 12),
        (date(2020, 3, 1), date(2020, 2, 1), -1),
    ],
)
def test_months_between(start, end, months):
    frame = pl.DataFrame({"a": [start], "b": [end]})
    assert frame.select(compute_months_between(pl.col("a"), pl.col("b"))).item() == months
    days = frame.select(compute_days_between(pl.col("a"), pl.col("b"))).item()
    assert days == (end - start).days
