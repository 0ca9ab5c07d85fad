"""Dates as records write them: what was recorded, how much of it, and the rule that placed it.

A date is read from text only if its order of day and month is declared or proven by the column.
A partial date keeps its precision: a month is placed on its 15th, a year on 1 July, and nothing
is ever silently moved to a first of January.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

import polars as pl

Order = Literal["YMD", "DMY", "MDY"]
Precision = Literal["day", "month_placed_on_15th", "year_placed_on_1_july"]

DAY: Precision = "day"
MONTH: Precision = "month_placed_on_15th"
YEAR: Precision = "year_placed_on_1_july"

EXCEL_DAY_ZERO = date(1899, 12, 30)
# Excel counts a 29 February 1900 that never was; serials up to 60 are therefore not dates.
EXCEL_FIRST_SERIAL = 61

_TIME = re.compile(
    r"(?:\s*T\s*|\s+)(\d{1,2}):(\d{2})(?::\d{2}(?:[.,]\d+)?)?\s*(Z|[+-]\d{2}:?\d{2})?$"
)
_YEAR_FIRST = re.compile(r"(\d{4})[-/. ](\w{1,4}|\?{2})[-/. ](\w{1,4}|\?{2})")
_YEAR_MONTH = re.compile(r"(\d{4})[-/. ](\d{1,2})")
_MONTH_YEAR = re.compile(r"(\d{1,2})[-/. ](\d{4})")
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})")
_NUMERIC = re.compile(
    r"(\d{1,2}|\?\?|[a-z]{2})\s?[-/. ]\s?(\d{1,2}|\?\?|[a-z]{2})\s?[-/. ]\s?(\d{4})"
)
_SHORT_YEAR = re.compile(r"\d{1,2}[-/. ]\d{1,2}[-/. ]\d{2}")
_DAY_NAME_YEAR = re.compile(
    r"(\d{1,2}|[a-z?]{2,3})(?:st|nd|rd|th)?\.?[-/ ,]*([^\W\d]{3,})\.?[-/ ,]*(\d{4})"
)
_NAME_DAY_YEAR = re.compile(r"([^\W\d]{3,})\.?[-/ ]*(\d{1,2})(?:st|nd|rd|th)?[-/ ,]+(\d{4})")
_NAME_YEAR = re.compile(r"([^\W\d]{3,})\.?[-/ ,]*(\d{4})")


@dataclass(frozen=True)
class DateWords:
    """Spellings of months and of unknown parts, and the years that are believed."""

    months: Mapping[str, int]
    unknown_parts: frozenset[str]
    first_year: int
    last_year: int


@dataclass(frozen=True)
class PlacedDate:
    """A date, how much of it was recorded, and the minute of the day if a time stood with it."""

    day: date
    precision: Precision = DAY
    minute_of_day: int | None = None


@dataclass(frozen=True)
class DateText:
    """What one text can mean: one date whatever the order, or one date for each order.

    ``problem`` is a word for a text that is no date: unreadable, impossible or short_year.
    """

    certain: PlacedDate | None = None
    day_first: PlacedDate | None = None
    month_first: PlacedDate | None = None
    problem: str | None = None

    def read_as(self, order: Order | None) -> PlacedDate | None:
        """Return the date under an order of day and month."""
        if self.certain is not None:
            return self.certain
        if self.day_first == self.month_first:
            return self.day_first
        return {"DMY": self.day_first, "MDY": self.month_first}.get(order or "")


def parse_date(text: str, words: DateWords) -> DateText:
    """Read one text as a date.

    >>> words = DateWords({"jan": 1}, frozenset({"un"}), 1900, 2199)
    >>> parse_date("2019-03", words).certain
    PlacedDate(day=datetime.date(2019, 3, 15), precision='month_placed_on_15th', minute_of_day=None)
    >>> parse_date("03/04/2020", words).read_as("DMY").day
    datetime.date(2020, 4, 3)
    >>> parse_date("31.02.2020", words).problem
    'impossible'
    """
    plain = text.strip().casefold()
    minute = None
    time = _TIME.search(text.strip())
    if time:
        minute = int(time[1]) * 60 + int(time[2])
        plain = text.strip()[: time.start()].casefold()
        if not 0 <= minute < 24 * 60:
            return DateText(problem="impossible")
        # a date exported with 00:00 has no recorded time
        minute = minute or None
    if numeric := _NUMERIC.fullmatch(plain):
        return _read_numeric(numeric, words, minute)
    if _SHORT_YEAR.fullmatch(plain):
        return DateText(problem="short_year")
    parts = _split(plain, words)
    if parts is None:
        return DateText(problem="unreadable")
    placed = _place(*parts, words, minute)
    return DateText(certain=placed) if placed else DateText(problem="impossible")


def _read_numeric(found: re.Match[str], words: DateWords, minute: int | None) -> DateText:
    first, second, year = found[1], found[2], found[3]
    known = [part for part in (first, second) if part not in words.unknown_parts]
    if any(not part.isdigit() for part in known):
        return DateText(problem="unreadable")
    if len(known) < 2:
        # one of day and month is unknown: the other can only be the month, or nothing is
        placed = _place(year, known[0] if known else "", "", words, minute)
        return DateText(certain=placed) if placed else DateText(problem="impossible")
    day_first = _place(year, second, first, words, minute)
    month_first = _place(year, first, second, words, minute)
    if day_first is None and month_first is None:
        return DateText(problem="impossible")
    return DateText(day_first=day_first, month_first=month_first)


def _split(plain: str, words: DateWords) -> tuple[str, str, str] | None:
    """Split a text whose order is plain into year, month and day; unknown parts are blank."""
    if re.fullmatch(r"\d{4}", plain):
        return plain, "", ""
    for pattern, order in (
        (_COMPACT, (1, 2, 3)),
        (_YEAR_FIRST, (1, 2, 3)),
        (_YEAR_MONTH, (1, 2, 0)),
        (_MONTH_YEAR, (2, 1, 0)),
        (_NAME_DAY_YEAR, (3, 1, 2)),
        (_DAY_NAME_YEAR, (3, 2, 1)),
        (_NAME_YEAR, (2, 1, 0)),
    ):
        if found := pattern.fullmatch(plain):
            year, month, day = (found[number] if number else "" for number in order)
            number = _month_number(month, words)
            if number is None or not (day.isdigit() or day == "" or day in words.unknown_parts):
                continue
            return year, number, "" if day in words.unknown_parts else day
    return None


def _month_number(text: str, words: DateWords) -> str | None:
    if text in words.unknown_parts:
        return ""
    if text.isdigit():
        return text
    return str(words.months[text]) if text in words.months else None


def _place(
    year: str, month: str, day: str, words: DateWords, minute: int | None
) -> PlacedDate | None:
    number = int(year)
    if not words.first_year <= number <= words.last_year:
        return None
    try:
        if not month:
            return PlacedDate(date(number, 7, 1), YEAR)
        if not day:
            return PlacedDate(date(number, int(month), 15), MONTH)
        return PlacedDate(date(number, int(month), int(day)), DAY, minute)
    except ValueError:
        return None


def parse_excel_serial(text: str, words: DateWords) -> PlacedDate | None:
    """Read a whole or decimal number as Excel's count of days from 1900, with the time of day.

    >>> words = DateWords({}, frozenset(), 1900, 2199)
    >>> parse_excel_serial("43831", words).day
    datetime.date(2020, 1, 1)
    """
    if not re.fullmatch(r"\d{5}(?:[.,]\d+)?", text.strip()):
        return None
    serial = float(text.strip().replace(",", "."))
    if serial < EXCEL_FIRST_SERIAL:
        return None
    day = EXCEL_DAY_ZERO + timedelta(days=int(serial))
    if not words.first_year <= day.year <= words.last_year:
        return None
    minute = round((serial - int(serial)) * 24 * 60)
    return PlacedDate(day, DAY, minute if 0 < minute < 24 * 60 else None)


@dataclass(frozen=True)
class ColumnOrder:
    """What a column's texts prove together about the order of day and month.

    ``order`` is None when nothing needed proof. ``ambiguous`` shows texts that stay open,
    ``day_first`` and ``month_first`` those that prove an order; both filled is a contradiction.
    """

    order: Order | None
    ambiguous: tuple[str, ...] = ()
    day_first: tuple[str, ...] = ()
    month_first: tuple[str, ...] = ()


def prove_order(texts: Mapping[str, DateText]) -> ColumnOrder:
    """Prove the order of day and month of a column from all its texts considered together.

    >>> words = DateWords({}, frozenset(), 1900, 2199)
    >>> texts = ["03/04/2020", "25/04/2020"]
    >>> prove_order({text: parse_date(text, words) for text in texts}).order
    'DMY'
    """
    both = [text for text, read in texts.items() if read.day_first and read.month_first]
    day_first = [text for text, read in texts.items() if read.day_first and not read.month_first]
    month_first = [text for text, read in texts.items() if read.month_first and not read.day_first]
    open_texts = [text for text in both if texts[text].day_first != texts[text].month_first]
    order: Order | None = None
    if bool(day_first) != bool(month_first):
        order = "DMY" if day_first else "MDY"
    return ColumnOrder(
        order=order,
        ambiguous=tuple(open_texts) if order is None else (),
        day_first=tuple(day_first),
        month_first=tuple(month_first),
    )


def compute_days_between(start: pl.Expr, end: pl.Expr) -> pl.Expr:
    """Count the days from one date to another (Int64; negative when the end is earlier)."""
    return (end - start).dt.total_days()


def compute_months_between(start: pl.Expr, end: pl.Expr) -> pl.Expr:
    """Count the whole calendar months from one date to another (Int32).

    A month is complete on the same day of the month, or on the month's last day where it is
    shorter: 31 January to 28 February 2021 is one month. Missing: null.
    """
    months = (end.dt.year() - start.dt.year()) * 12 + end.dt.month() - start.dt.month()
    is_complete = (end.dt.day() >= start.dt.day()) | (end == end.dt.month_end())
    return (months - (~is_complete).cast(pl.Int32)).cast(pl.Int32)


def compute_years_between(start: pl.Expr, end: pl.Expr) -> pl.Expr:
    """Count the whole years from one date to another, e.g. an age (Int32)."""
    return compute_months_between(start, end) // 12


def list_orders(texts: Iterable[str], words: DateWords) -> list[str]:
    """Return the candidate readings of ambiguous texts, for a message a person can decide by.

    >>> list_orders(["03/04/2020"], DateWords({}, frozenset(), 1900, 2199))
    ['03/04/2020 = 3 April 2020 (DMY) or 4 March 2020 (MDY)']
    """
    lines = []
    for text in texts:
        read = parse_date(text, words)
        if read.day_first and read.month_first:
            lines.append(
                f"{text} = {_say(read.day_first.day)} (DMY) or {_say(read.month_first.day)} (MDY)"
            )
    return lines


def _say(day: date) -> str:
    return f"{day.day} {day:%B %Y}"
