"""Read the cells of a column as what they are: words, dates, numbers, times; note each fault."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from heliotrope.ingest.cell import Cell, Read, read_known_texts
from heliotrope.ingest.context import Lookup
from heliotrope.ingest.date_cells import read_date_column
from heliotrope.ingest.drug_cells import ROUTE, read_drug_texts
from heliotrope.ingest.numerals import Decimal, parse_numbers
from heliotrope.ingest.problems import gather_problems

_FORMULA_OR_MARKUP = r"^[=@]|^[+-][^\d.,\s+-]|<\s*/?\s*[A-Za-z!]"


def read_column(cell: Cell) -> Read:
    """Read one column by what it holds; a missing cell that is needed is a problem."""
    read = _READERS[cell.spec.reads](cell)
    if not cell.spec.is_required:
        return read
    rows = read_known_texts(cell) if cell.spec.reads in ("date", "number") else cell.rows
    blank = rows.filter(pl.col("text").is_null())
    problems = cell.problem(
        blank, "missing_required_cell", found="an empty cell", effect="quarantine_row"
    )
    return Read(read.values, gather_problems([read.problems, problems]))


def _named(cell: Cell, column: pl.Expr) -> pl.DataFrame:
    return cell.rows.select("record", column.alias(cell.spec.target))


def _read_text(cell: Cell) -> Read:
    risky = cell.rows.filter(pl.col("text").str.contains(_FORMULA_OR_MARKUP))
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
    """Read a drug by its names, brands and codes, else out of a free text that names it."""
    lookup = cell.context.drug_lookup
    names = translate(cell.rows["text"], lookup.find)
    texts = read_drug_texts(cell, names)
    drugs = pl.select(pl.coalesce(names, texts.values["drug"])).to_series()
    is_left = drugs.is_null() & texts.values["is_left_out"].not_().fill_null(True)
    unknown = cell.rows.filter(is_left & cell.rows["text"].is_not_null())
    near = suggest(unknown["text"], lookup)
    unclear = pl.col("text").replace_strict(texts.unclear, default=None, return_dtype=pl.String)
    problems = cell.problem(unknown, "unknown_drug", suggestion=pl.coalesce(unclear, near))
    values = _named(cell, pl.lit(drugs)).hstack([texts.values[ROUTE]])
    return Read(values, gather_problems([texts.problems, problems]))


def _read_by_lookup(cell: Cell, lookup: Lookup, rule: str) -> Read:
    words = translate(cell.rows["text"], lookup.find)
    if lookup.is_open:
        return Read(_named(cell, pl.coalesce(words, pl.col("text"))), gather_problems([]))
    unknown = cell.rows.filter(words.is_null() & cell.rows["text"].is_not_null())
    problems = cell.problem(unknown, rule, suggestion=suggest(unknown["text"], lookup))
    return Read(_named(cell, pl.lit(words)), problems)


def read_number_column(cell: Cell) -> pl.DataFrame:
    """Return record, text, value and value_qualifier of a column of numbers, faults unjudged."""
    rows = read_known_texts(cell)
    decimal: Decimal = "," if (cell.staged.format.decimal or cell.proven) == "," else "."
    numbers = parse_numbers(rows["text"], decimal, cell.staged.place(cell.spec.name))
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
    words = translate(read_known_texts(cell)["text"], lookup.find)
    unknown = read_known_texts(cell).filter(pl.col("text").is_not_null() & words.is_null())
    problems = cell.problem(unknown, "unknown_word", suggestion="write yes or no")
    return Read(_named(cell, pl.lit(words) == "yes"), problems)


def _read_time(cell: Cell) -> Read:
    rows = read_known_texts(cell)
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


_READERS: dict[str, Callable[[Cell], Read]] = {
    "patient_id": _read_plain,
    "text": _read_text,
    "word": _read_word,
    "drug": _read_drug,
    "measure": _read_measure,
    "unit": _read_plain,
    "date": read_date_column,
    "number": _read_number,
    "integer": _read_integer,
    "time": _read_time,
    "yes_no": _read_yes_no,
}
