"""Read a column of dates under the order of day and month that is declared or proven."""

from __future__ import annotations

import polars as pl

from heliotrope.errors import Found, UserError
from heliotrope.ingest.cell import Cell, Read, read_known_texts
from heliotrope.ingest.problems import gather_problems
from heliotrope.records.dates import (
    DAY,
    DateText,
    Order,
    PlacedDate,
    list_orders,
    parse_date,
    parse_excel_serial,
    prove_order,
)

_DATE_PROBLEMS = {
    "unreadable": "unreadable_date",
    "impossible": "impossible_date",
    "short_year": "short_year_date",
}


def read_date_column(cell: Cell) -> Read:
    """Read a column of dates under its declared or proven order.

    Errors: an order that is neither declared nor proven, or proven both ways: UserError.
    """
    rows, declared = read_known_texts(cell), _declared(cell)
    texts = {
        text: parse_date(text, cell.context.date_words)
        for text in rows["text"].drop_nulls().unique(maintain_order=True).to_list()
    }
    order: Order | None = None
    if declared in ("DMY", "MDY"):
        order = "DMY" if declared == "DMY" else "MDY"
    elif declared is None:
        order = _prove(cell, rows, texts)
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


def _declared(cell: Cell) -> str | None:
    return cell.staged.dates.get(cell.spec.name) or cell.staged.format.date_format


def _prove(cell: Cell, rows: pl.DataFrame, texts: dict[str, DateText]) -> Order | None:
    proof = prove_order(texts)
    is_contradiction = bool(proof.day_first and proof.month_first)
    if not is_contradiction and not proof.ambiguous:
        return proof.order
    shown = [proof.day_first[0], proof.month_first[0]] if is_contradiction else proof.ambiguous[:2]
    record = int(rows.filter(pl.col("text") == shown[0])["record"][0])
    place = cell.staged.place(cell.spec.name, record)
    reading = (
        f"{shown[0]} (day first) and {shown[1]} (month first) in one column"
        if is_contradiction
        else "; ".join(list_orders(shown, cell.context.date_words))
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
