"""Read a column of dates under the order of day and month that is declared or proven."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from heliotrope.errors import Found, UserError
from heliotrope.ingest.cell import Cell, Read, read_known_texts
from heliotrope.ingest.problems import gather_problems
from heliotrope.records.dates import (
    DAY,
    DateWords,
    Order,
    PlacedDate,
    list_orders,
    parse_date,
    parse_excel_serial,
    prove_order,
)

# How many dates of an open order a message shows.
AMBIGUOUS_SHOWN = 2

_YEAR_FIRST = r"^\s*\d{4}"

_DATE_PROBLEMS = {
    "unreadable": "unreadable_date",
    "impossible": "impossible_date",
    "short_year": "short_year_date",
}


def read_date_column(cell: Cell) -> Read:
    """Read a column of dates under its declared or proven order."""
    rows, declared = read_known_texts(cell), find_declared_order(cell) or cell.proven
    texts = {
        text: parse_date(text, cell.context.date_words)
        for text in rows["text"].drop_nulls().unique(maintain_order=True).to_list()
    }
    order: Order | None = None
    if declared in ("DMY", "MDY"):
        order = "DMY" if declared == "DMY" else "MDY"
    placed: dict[str, PlacedDate] = {}
    faults: dict[str, str] = {}
    for text, read in texts.items():
        date = read.read_as(order)
        if (date is None and read.problem == "unreadable") or declared == "excel":
            date = parse_excel_serial(text, cell.context.date_words) or date
        if date is not None:
            placed[text] = date
        else:
            faults[text] = _DATE_PROBLEMS[read.problem or "impossible"]
    return _place_dates(cell, rows, placed, faults)


def find_declared_order(cell: Cell) -> str | None:
    """Return the order of day and month that the study declares for a column."""
    return cell.staged.dates.get(cell.spec.name) or cell.staged.format.date_format


def find_telling_dates(texts: pl.Series, words: DateWords) -> list[str]:
    """Return the texts that alone prove the order of day and month of a column.

    What they prove is what the whole column proves, with the same message. A text that begins
    with its year proves nothing.

    >>> words = DateWords({}, frozenset(), 1900, 2199)
    >>> texts = pl.Series(["2019-01-05", "03/04/2020", "25/04/2020", "26/04/2020"])
    >>> find_telling_dates(texts, words)
    ['03/04/2020', '25/04/2020']
    """
    open_texts = texts.filter(~texts.str.contains(_YEAR_FIRST)).drop_nulls()
    read = {text: parse_date(text, words) for text in open_texts.unique(maintain_order=True)}
    both = [text for text, item in read.items() if item.day_first and item.month_first]
    ambiguous = [text for text in both if read[text].day_first != read[text].month_first]
    proof = prove_order(read)
    return [*ambiguous[:AMBIGUOUS_SHOWN], *proof.day_first[:1], *proof.month_first[:1]]


def prove_date_order(shown: Mapping[str, int], cell: Cell) -> Order:
    """Prove the order of day and month of a column from its telling texts and their records.

    Where nothing needs proof the dates begin with their year. Errors: an order that is not
    proven, or proven both ways: UserError.
    """
    words = cell.context.date_words
    proof = prove_order({text: parse_date(text, words) for text in shown})
    is_contradiction = bool(proof.day_first and proof.month_first)
    if not is_contradiction and not proof.ambiguous:
        return proof.order or "YMD"
    texts = (
        [proof.day_first[0], proof.month_first[0]]
        if is_contradiction
        else proof.ambiguous[:AMBIGUOUS_SHOWN]
    )
    place = cell.staged.place(cell.spec.name, shown[texts[0]])
    reading = (
        f"{texts[0]} (day first) and {texts[1]} (month first) in one column"
        if is_contradiction
        else "; ".join(list_orders(texts, words))
    )
    raise UserError(
        "dates whose order of day and month is declared or proven by the column",
        Found(reading, place.file, place.sheet, place.row, place.column),
        'declare date_format = "DMY" or "MDY" in study.toml, or write dates as 2020-04-03',
    )


def _place_dates(
    cell: Cell, rows: pl.DataFrame, placed: dict[str, PlacedDate], faults: dict[str, str]
) -> Read:
    name = cell.spec.target
    table = pl.DataFrame(
        {
            "text": list(placed),
            name: [item.day for item in placed.values()],
            f"{name}_precision": [item.precision for item in placed.values()],
            f"{name}_minute": [item.minute_of_day for item in placed.values()],
        },
        schema={
            "text": pl.String,
            name: pl.Date,
            f"{name}_precision": pl.String,
            f"{name}_minute": pl.Int32,
        },
    )
    joined = rows.join(table, on="text", how="left", maintain_order="left")
    fault = pl.col("text").replace_strict(faults, default=None, return_dtype=pl.String)
    faulty = joined.with_columns(fault=fault).filter(pl.col("fault").is_not_null())
    is_partial = pl.col(f"{name}_precision") != DAY
    partial = joined.filter(is_partial)
    said = pl.format("{} placed on {}", pl.col("text"), pl.col(name).dt.to_string("%Y-%m-%d"))
    problems = [cell.problem(faulty, pl.col("fault"))] if faulty.height else []
    if cell.spec.is_placed:
        problems.append(cell.problem(partial, "partial_date_placed", found=said, effect="keep"))
    else:
        problems.append(cell.problem(partial, "partial_date_needs_day"))
        joined = joined.with_columns(pl.when(~is_partial).then(pl.col(name)).alias(name))
    return Read(joined.drop("text"), gather_problems(problems))
