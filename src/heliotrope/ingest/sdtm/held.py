"""A dataset as it is held: the rows that are used, under the names of their variables."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import polars as pl

from heliotrope.ingest.archive import Files
from heliotrope.ingest.raw import RawTable, no_refusals
from heliotrope.ingest.sdtm.contents import Content, read_in_encoding

SUBJECT = "USUBJID"

# Of a block of rows under their variables' names: which rule leaves each row, null where it stays.
Choose = Callable[[pl.DataFrame], pl.Series]


@dataclass(frozen=True)
class Dataset:
    """One dataset: its rows held, as text, with ``record`` in front; blank cells are null.

    domain: LB for LBCH, too. numbers: the column number of each variable. keys: a hash of the
    subject and sequence number of every row, those passed over included. unnamed: ``record`` of
    the rows with a blank USUBJID, which are not among the rows.
    """

    name: str
    domain: str
    raw: RawTable
    rows: pl.DataFrame
    keys: pl.Series = field(repr=False)
    unnamed: pl.DataFrame = field(
        default_factory=lambda: pl.DataFrame(schema={"record": pl.Int64}), repr=False
    )

    @property
    def numbers(self) -> Mapping[str, int]:
        """Return the column number of each variable of the file."""
        return {name: number for number, name in enumerate(self.raw.header)}

    def cell(self, name: str) -> pl.Expr:
        """Return a variable's cells, or nulls where the dataset does not have it.

        A null for each row: of a single one Polars makes a column of any length, or none.
        """
        if name in self.rows.columns:
            return pl.col(name)
        return pl.repeat(None, pl.len(), dtype=pl.String)

    def column(self, expression: pl.Expr) -> pl.Series:
        """Work out one column of all rows."""
        return self.rows.select("record", found=expression)["found"]

    def own(self, suffix: str) -> str:
        """Return a variable's name in this domain: DTC is LBDTC in LB."""
        return f"{self.domain}{suffix}"

    def used(self, *names: str) -> frozenset[int]:
        """Return the column numbers of those of the variables that are there."""
        return frozenset(self.numbers[name] for name in names if name in self.numbers)


def hash_keys(rows: pl.DataFrame, domain: str) -> pl.Series:
    """Return a number for subject and sequence number of each row."""
    names = ["USUBJID", f"{domain}SEQ"]
    there = [pl.col(n) if n in rows.columns else pl.lit(None, pl.String).alias(n) for n in names]
    return rows.select(pl.struct(there).hash(0).alias("key"))["key"]


def hold_dataset(files: Files, content: Content, domain: str, choose: Choose) -> Dataset:
    """Read a dataset block by block and hold the rows chosen; the others are counted by rule."""
    names = [name.upper() for name, _ in content.columns]
    kept: list[pl.DataFrame] = []
    keys: list[pl.Series] = []
    passed: dict[str, int] = {}
    seen = [0]
    refused = no_refusals() if content.refused is None else content.refused

    def take(block: pl.DataFrame) -> None:
        block.columns = names
        numbered = block.with_row_index("record", offset=seen[0]).with_columns(
            pl.col("record").cast(pl.Int64)
        )
        seen[0] += block.height
        is_row = ~numbered["record"].is_in(refused["record"].implode())
        rules = pl.select(pl.when(pl.lit(is_row)).then(pl.lit(choose(block)))).to_series()
        keys.append(hash_keys(block, domain))
        for rule, rows in rules.drop_nulls().value_counts().iter_rows():
            passed[rule] = passed.get(rule, 0) + rows
        kept.append(numbered.filter(rules.is_null()))

    def begin_again() -> None:
        kept.clear()
        keys.clear()
        passed.clear()
        seen[0] = 0

    notes = read_in_encoding(content, take, begin_again)
    schema = {"record": pl.Int64, **dict.fromkeys(names, pl.String)}
    rows = pl.concat([pl.DataFrame(schema=schema), *kept])
    cells = rows.drop("record")
    cells.columns = [str(number) for number in range(len(names))]
    raw = RawTable(
        *files.place(content.member),
        sha256=files.hash(content.member),
        header=tuple(names),
        cells=cells,
        first_row=content.first_row,
        refused=refused,
        notes=notes,
        records=rows["record"],
        passed_over=tuple(sorted(passed.items())),
    )
    is_unnamed = pl.lit(False)
    if SUBJECT in names:
        is_refused = pl.col("record").is_in(refused["record"].implode())
        is_unnamed = pl.col(SUBJECT).is_null() & ~is_refused
    return Dataset(
        content.name,
        domain,
        raw,
        rows.filter(~is_unnamed),
        pl.concat([pl.Series("key", [], dtype=pl.UInt64), *keys]),
        rows.filter(is_unnamed).select("record"),
    )


def count_dataset(files: Files, content: Content, rule: str) -> RawTable:
    """Count the rows of a dataset that is left out whole, without reading them."""
    names = tuple(name.upper() for name, _ in content.columns)
    return RawTable(
        *files.place(content.member),
        sha256=files.hash(content.member),
        header=names,
        cells=pl.DataFrame(schema={str(number): pl.String for number in range(len(names))}),
        first_row=content.first_row,
        notes=content.notes,
        records=pl.Series([], dtype=pl.Int64),
        passed_over=((rule, content.rows),) if content.rows else (),
    )
