"""Dates of ISO 8601 as SDTM writes them: partial, in intervals, or only as a study day."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

import polars as pl

from heliotrope.ingest.problems import gather_problems, make_problems
from heliotrope.ingest.sdtm.held import Dataset

Side = Literal["start", "end"]

_WHOLE = r"^\d{4}-\d{2}-\d{2}$"
_DATE = re.compile(
    r"(?P<year>\d{4}|-)(?:-(?P<month>\d{2}|-)(?:-(?P<day>\d{2}|-))?)?"
    r"(?:T(?P<hour>\d{2}|-)?(?::(?P<minute>\d{2}|-))?(?::(?:[\d.]+|-))?(?:Z|[+-]\d{2}:?\d{2})?)?"
)


@dataclass(frozen=True)
class IsoText:
    """What one text says: the date as far as it goes, the time if it has hours and minutes."""

    date: str
    time: str | None = None
    is_interval: bool = False


def read_iso(text: str, side: Side = "start") -> IsoText:
    """Read one text; of an interval its start or its end.

    Rule: a month or day written as a hyphen is not known, and what follows it is not used. What
    is no ISO 8601 is handed on as it stands, and so is a date without a year.

    >>> read_iso("2003---15").date
    '2003'
    >>> read_iso("2003-12-01/2003-12-10", "end")
    IsoText(date='2003-12-10', time=None, is_interval=True)
    >>> read_iso("2013-12-26T14:45").time
    '14:45'
    """
    first, slash, second = text.partition("/")
    chosen = second if slash and side == "end" and not second.startswith("P") else first
    found = _DATE.fullmatch(chosen.strip())
    if found is None or found["year"] == "-":
        return IsoText(text, is_interval=bool(slash))
    parts = [found["year"]]
    for part in (found["month"], found["day"]):
        if part is None or part == "-":
            break
        parts.append(part)
    has_time = bool(found["hour"] and found["minute"]) and "-" not in (
        found["hour"],
        found["minute"],
    )
    time = f"{found['hour']}:{found['minute']}" if has_time else None
    return IsoText("-".join(parts), time, bool(slash))


@dataclass(frozen=True)
class DateColumn:
    """A date of a dataset: its variable, the study day beside it, which side of an interval."""

    dtc: str
    study_day: str | None = None
    side: Side = "start"


@dataclass(frozen=True)
class DateTexts:
    """Dates of all rows as text (``record``, ``date``, ``time``) and the findings about them."""

    texts: pl.DataFrame
    problems: pl.DataFrame


def read_dates(dataset: Dataset, column: DateColumn, reference: pl.DataFrame) -> DateTexts:
    """Read a column of dates; where the day is missing, count it from the study day.

    Rule: day 1 is the reference start (RFSTDTC), day -1 the day before; there is no day 0. A study
    day that contradicts the year or month recorded is not used.
    reference: USUBJID and ``reference`` (Date), of children whose day is known.
    """
    rows = dataset.rows.select("record", "USUBJID", text=dataset.cell(column.dtc))
    distinct = rows["text"].drop_nulls().unique().to_list()
    read = {text: read_iso(text, column.side) for text in distinct}
    table = pl.DataFrame(
        [(text, item.date, item.time, item.is_interval) for text, item in read.items()],
        schema={"text": pl.String, "date": pl.String, "time": pl.String, "interval": pl.Boolean},
        orient="row",
    )
    rows = rows.join(table, on="text", how="left", maintain_order="left")
    number = dataset.numbers.get(column.dtc)
    problems = [
        make_problems(
            rows.filter(pl.col("interval")),
            "interval_date",
            column=number,
            found=pl.format("{}; {} taken", "text", "date"),
        )
    ]
    if column.study_day in dataset.numbers:
        rows, counted = _count_days(rows, dataset, column, reference)
        problems.append(counted)
    return DateTexts(rows.select("record", "date", "time"), gather_problems(problems))


def _count_days(
    rows: pl.DataFrame, dataset: Dataset, column: DateColumn, reference: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame]:
    day = dataset.cell(column.study_day or "").cast(pl.Float64, strict=False)
    rows = rows.with_columns(dataset.column(day).alias("day")).join(
        reference, on="USUBJID", how="left", maintain_order="left"
    )
    offset = pl.when(pl.col("day") > 0).then(pl.col("day") - 1).otherwise(pl.col("day"))
    is_day = (pl.col("day") != 0) & (pl.col("day") == pl.col("day").round())
    counted = (
        pl.when(is_day)
        .then(pl.col("reference") + pl.duration(days=offset.cast(pl.Int64)))
        .dt.to_string("%Y-%m-%d")
    )
    rows = rows.with_columns(counted=counted)
    is_whole = pl.col("date").str.contains(_WHOLE).fill_null(False)
    fits = pl.col("date").is_null() | pl.col("counted").str.starts_with(pl.col("date"))
    rows = rows.with_columns(
        is_counted=(pl.col("counted").is_not_null() & ~is_whole & fits).fill_null(False)
    )
    said = make_problems(
        rows.filter("is_counted"),
        "date_from_study_day",
        column=dataset.numbers[column.study_day or ""],
        found=pl.format(
            "{} {}, study day {}",
            pl.lit(column.dtc),
            pl.col("text").fill_null("blank"),
            pl.col("day").cast(pl.Int64),
        ),
    )
    return rows.with_columns(date=pl.when("is_counted").then("counted").otherwise("date")), said
