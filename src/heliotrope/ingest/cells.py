"""Read the cells of a column as what they are: words, dates, numbers, times; note each fault."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from heliotrope.errors import Found, UserError
from heliotrope.ingest.columns import ColumnSpec
from heliotrope.ingest.context import Lookup, ReadContext
from heliotrope.ingest.numerals import parse_numbers
from heliotrope.ingest.problems import gather_problems, make_problems
from heliotrope.ingest.staging import Staged
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

_FORMULA_OR_MARKUP = r"^[=@]|^[+-][^\d.,\s+-]|<\s*/?\s*[A-Za-z!]"

_DATE_PROBLEMS = {
    "unreadable": "unreadable_date",
    "impossible": "impossible_date",
    "short_year": "short_year_date",
}


@dataclass(frozen=True)
class Read:
    """Typed columns (beside ``record``) and the problems met on the way."""

    values: pl.DataFrame
    problems: pl.DataFrame


@dataclass(frozen=True)
class Cell:
    """One column being read: where it stands and what a fault costs."""

    staged: Staged
    spec: ColumnSpec
    context: ReadContext

    @property
    def rows(self) -> pl.DataFrame:
        """Return record and text of the column."""
        return self.staged.rows.select("record", text=pl.col(self.spec.name))

    def problem(
        self, rows: pl.DataFrame, rule: str | pl.Expr, **columns: pl.Expr | str | None
    ) -> pl.DataFrame:
        """Make the problems of faulty cells; the cost is the column's."""
        return make_problems(
            rows,
            rule,
            **{
                "column": self.staged.numbers.get(self.spec.name, self.staged.value_column),
                "effect": f"quarantine_{self.spec.fault}",
                "found": pl.col("text"),
                **columns,
            },
        )


def read_column(cell: Cell) -> Read:
    """Read one column by what it holds; a missing cell that is needed is a problem."""
    read = _READERS[cell.spec.reads](cell)
    if not cell.spec.is_required:
        return read
    rows = _in_numbers(cell) if cell.spec.reads in ("date", "number") else cell.rows
    blank = rows.filter(pl.col("text").is_null())
    problems = cell.problem(
        blank, "missing_required_cell", found="an empty cell", effect="quarantine_row"
    )
    return Read(read.values, gather_problems([read.problems, problems]))


def _named(cell: Cell, column: pl.Expr) -> pl.DataFrame:
    return cell.rows.select("record", column.alias(cell.spec.target))


def _read_text(cell: Cell) -> Read:
    risky = cell.rows.filter(
        pl.col("text").str.contains(r"^[=@]|^[+-][^\d.,\s+-]|<\s*/?\s*[A-Za-z!]")
    )
    problems = cell.problem(risky, "formula_or_markup", effect=None)
    return Read(_named(cell, pl.col("text")), problems)


def _read_plain(cell: Cell) -> Read:
    return Read(_named(cell, pl.col("text")), gather_problems([]))


def translate(texts: pl.Series, find: Callable[[str], str | None]) -> pl.Series:
    """Translate the texts of a column word by word, each distinct text once."""
    table = {text: find(text) for text in texts.drop_nulls().unique().to_list()}
    return texts.replace_strict(table, default=None, return_dtype=pl.String)


def suggest(texts: pl.Series, lookup: Lookup) -> pl.Expr:
    """Return an expression over ``text`` that says which known words are near."""
    table = {}
    for text in texts.drop_nulls().unique().to_list():
        near = lookup.nearest(text)
        if near:
            table[text] = f"nearest known names: {', '.join(near)}"
        elif len(lookup.names) <= 12:
            table[text] = f"known words: {', '.join(lookup.names)}"
        else:
            table[text] = "no known name is near; `heliotrope definitions list` shows all"
    return pl.col("text").replace_strict(table, default=None, return_dtype=pl.String)


def _read_word(cell: Cell) -> Read:
    return _read_by_lookup(cell, cell.context.words[cell.spec.vocabulary or ""], "unknown_word")


def _read_measure(cell: Cell) -> Read:
    return _read_by_lookup(cell, cell.context.measure_lookup, "unknown_measure")


def _read_drug(cell: Cell) -> Read:
    return _read_by_lookup(cell, cell.context.drug_lookup, "unknown_drug")


def _read_by_lookup(cell: Cell, lookup: Lookup, rule: str) -> Read:
    words = translate(cell.rows["text"], lookup.find)
    if lookup.is_open:
        return Read(_named(cell, pl.coalesce(words, pl.col("text"))), gather_problems([]))
    unknown = cell.rows.filter(words.is_null() & cell.rows["text"].is_not_null())
    problems = cell.problem(unknown, rule, suggestion=suggest(unknown["text"], lookup))
    return Read(_named(cell, pl.lit(words)), problems)


def _in_numbers(cell: Cell) -> pl.DataFrame:
    missing = [word.casefold() for word in cell.context.formats.missing_in_numbers_and_dates]
    is_missing = pl.col("text").str.to_lowercase().is_in(missing)
    return cell.rows.with_columns(pl.when(~is_missing).then(pl.col("text")).alias("text"))


def read_number_column(cell: Cell) -> pl.DataFrame:
    """Return record, text, value and value_qualifier of a column of numbers, faults unjudged."""
    rows = _in_numbers(cell)
    first = rows.filter(pl.col("text").str.contains(",", literal=True)).head(1)
    record = int(first["record"][0]) if first.height else None
    place = cell.staged.place(cell.spec.name, record)
    numbers = parse_numbers(rows["text"], cell.staged.format.decimal, place)
    return rows.join(numbers, on="text", how="left", maintain_order="left")


def _read_number(cell: Cell) -> Read:
    rows = read_number_column(cell)
    faulty = rows.filter(pl.col("text").is_not_null() & pl.col("value").is_null())
    values = rows.select(
        "record",
        pl.col("value").alias(cell.spec.target),
        pl.col("value_qualifier").alias(f"{cell.spec.target}_qualifier"),
        pl.col("text").alias(f"{cell.spec.target}_text"),
    )
    return Read(values, cell.problem(faulty, "unreadable_number"))


def _read_integer(cell: Cell) -> Read:
    rows = read_number_column(cell)
    is_whole = (pl.col("value") == pl.col("value").round()) & pl.col("value_qualifier").is_null()
    faulty = rows.filter(pl.col("text").is_not_null() & ~is_whole.fill_null(False))
    values = rows.select(
        "record",
        pl.when(is_whole)
        .then(pl.col("value"))
        .cast(pl.Int32, strict=False)
        .alias(cell.spec.target),
    )
    return Read(values, cell.problem(faulty, "not_a_whole_number"))


def _read_yes_no(cell: Cell) -> Read:
    lookup = cell.context.words["yes_no"]
    words = translate(_in_numbers(cell)["text"], lookup.find)
    unknown = _in_numbers(cell).filter(pl.col("text").is_not_null() & words.is_null())
    problems = cell.problem(unknown, "unknown_word", suggestion="write yes or no")
    return Read(_named(cell, pl.lit(words) == "yes"), problems)


def _read_time(cell: Cell) -> Read:
    rows = _in_numbers(cell)
    pattern = r"^(?:\d{4}-\d{2}-\d{2}[T ])?(\d{1,2})[:.hH](\d{2})?(?::\d{2}(?:\.\d+)?)?$"
    parts = pl.col("text").str.extract_groups(pattern)
    hour = parts.struct[0].cast(pl.Int32, strict=False)
    minute = parts.struct[1].cast(pl.Int32, strict=False).fill_null(0)
    of_day = hour * 60 + minute
    rows = rows.with_columns(
        pl.when((hour < 24) & (minute < 60)).then(of_day).cast(pl.Int32).alias("minute")
    )
    faulty = rows.filter(pl.col("text").is_not_null() & pl.col("minute").is_null())
    values = rows.select("record", pl.col("minute").alias(cell.spec.target))
    return Read(values, cell.problem(faulty, "unreadable_time"))


def _read_date(cell: Cell) -> Read:
    """Read a column of dates under its declared or proven order.

    Errors: an order that is neither declared nor proven, or proven both ways: UserError.
    """
    rows, declared = _in_numbers(cell), _declared(cell)
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
    return cell.staged.mapping.dates.get(cell.spec.name) or cell.staged.format.date_format


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


_READERS: dict[str, Callable[[Cell], Read]] = {
    "patient_id": _read_plain,
    "text": _read_text,
    "word": _read_word,
    "drug": _read_drug,
    "measure": _read_measure,
    "unit": _read_plain,
    "date": _read_date,
    "number": _read_number,
    "integer": _read_integer,
    "time": _read_time,
    "yes_no": _read_yes_no,
}
