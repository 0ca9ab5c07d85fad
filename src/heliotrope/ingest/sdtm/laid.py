"""What all layouts share: the terms, the first study days, the columns being laid out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import polars as pl

from heliotrope.definitions.codes import CodeBook
from heliotrope.definitions.sdtm import SdtmTerms
from heliotrope.ingest.context import ReadContext
from heliotrope.ingest.delivery import Joined, Note, RowsOf
from heliotrope.ingest.mapping import Format
from heliotrope.ingest.problems import gather_problems
from heliotrope.ingest.sdtm.held import Dataset
from heliotrope.ingest.sdtm.iso_dates import DateColumn, read_dates
from heliotrope.ingest.staged import Staged, no_ignored_records

# SDTM writes dates as ISO 8601 and numbers with a point.
FORMAT = Format(decimal=".", date_format="YMD")
# Columns that were joined to a dataset from its supplement begin with this.
SUPPLEMENT = "supplement "


@dataclass(frozen=True)
class Known:
    """What every layout looks things up in.

    reference: USUBJID and the day that study days count from. treats_with_immunoglobulin: the
    treatment of the study is immunoglobulin.
    """

    terms: SdtmTerms
    context: ReadContext
    codes: CodeBook
    reference: pl.DataFrame
    treats_with_immunoglobulin: bool = False

    def means(self, part: str, column: pl.Expr) -> pl.Expr:
        """Return what the terms of a column mean, null where they are not known."""
        table = self.terms.term_table(part)
        return column.str.to_uppercase().replace_strict(table, default=None, return_dtype=pl.String)


@dataclass(frozen=True)
class LaidOut:
    """What became of some datasets: rows for our tables, rows joined, left out, findings."""

    staged: tuple[Staged, ...] = ()
    joined: tuple[Joined, ...] = ()
    left_out: tuple[RowsOf, ...] = ()
    notes: tuple[Note, ...] = ()


@dataclass
class Columns:
    """Our columns being laid out of one dataset: their texts, where they stand, what was found."""

    dataset: Dataset
    rows: pl.DataFrame
    numbers: dict[str, int] = field(default_factory=dict)
    also_read: set[int] = field(default_factory=set)
    problems: list[pl.DataFrame] = field(default_factory=list)

    @classmethod
    def of(cls, dataset: Dataset) -> Columns:
        """Begin with the subject; every row of the dataset is there."""
        rows = dataset.rows.select("record", patient_id=dataset.cell("USUBJID"))
        return cls(dataset, rows, dict(_places(dataset, {"patient_id": "USUBJID"})))

    def take(self, **columns: str) -> None:
        """Take variables as they are: our column = theirs; absent ones are left out."""
        there = {our: their for our, their in columns.items() if their in self.dataset.numbers}
        self.numbers |= dict(_places(self.dataset, there))
        self.add(**{our: self.dataset.cell(their) for our, their in there.items()})

    def add(self, **columns: pl.Expr | str) -> None:
        """Add columns worked out of the dataset's own variables; a text is the same for all."""
        exprs = {n: pl.lit(e) if isinstance(e, str) else e for n, e in columns.items()}
        self.rows = self.rows.hstack(
            [self.dataset.column(expr).alias(name) for name, expr in exprs.items()]
        )

    def read(self, *variables: str) -> None:
        """Note that variables were read on the way."""
        self.also_read |= self.dataset.used(*variables)

    def take_date(self, name: str, column: DateColumn, known: Known, time: str = "") -> None:
        """Take a date, counted from the study day where its day is missing."""
        if column.dtc not in self.dataset.numbers and column.study_day not in self.dataset.numbers:
            return
        dates = read_dates(self.dataset, column, known.reference)
        named = dates.texts.select(pl.col("date").alias(name), pl.col("time").alias(time or "_"))
        self.rows = self.rows.hstack(named if time else named.drop("_"))
        number = self.dataset.numbers.get(
            column.dtc, self.dataset.numbers.get(column.study_day or "")
        )
        self.numbers[name] = int(number or 0)
        self.read(column.dtc, column.study_day or "")
        self.problems.append(dates.problems)

    def stage(
        self,
        table: str,
        value_column: str,
        ignored: pl.DataFrame | None = None,
        keep: pl.Series | None = None,
    ) -> Staged:
        """Make the rows ready for the common way; ``keep``: the records that are of this table."""
        left = no_ignored_records() if ignored is None else ignored
        rows, problems = self.rows, gather_problems(self.problems)
        if keep is not None:
            rows = rows.filter(pl.col("record").is_in(keep.implode()))
        rows = rows.join(left, on="record", how="anti", maintain_order="left")
        rows = rows.join(self.dataset.raw.refused, on="record", how="anti", maintain_order="left")
        problems = problems.join(rows.select("record"), on="record", how="semi")
        return Staged(
            table=table,
            raw=self.dataset.raw,
            rows=rows,
            numbers=self.numbers,
            value_column=self.dataset.numbers[value_column],
            format=FORMAT,
            also_read=frozenset(self.also_read),
            ignored=left,
            problems=problems,
        )


def _places(dataset: Dataset, columns: Mapping[str, str]) -> list[tuple[str, int]]:
    return [
        (our, dataset.numbers[their]) for our, their in columns.items() if their in dataset.numbers
    ]


def leave_out(rows: pl.DataFrame, rule: str) -> pl.DataFrame:
    """Return records with the rule that leaves them out."""
    return rows.select("record", pl.lit(rule).alias("rule"))


def find_not_occurred(dataset: Dataset, known: Known) -> pl.DataFrame:
    """Return the records that say that something was not done, not taken, or did not happen."""
    status = dataset.cell(dataset.own("STAT")).str.to_uppercase().is_in(known.terms.not_done)
    occurred = dataset.cell(dataset.own("OCCUR")).str.to_uppercase() == "N"
    return leave_out(
        dataset.rows.filter(status.fill_null(False) | occurred.fill_null(False)), "did_not_occur"
    )


def join_supplement(dataset: Dataset, meaning: str) -> pl.Expr:
    """Return what the supplement says under one of our words; nulls where it says nothing."""
    return dataset.cell(f"{SUPPLEMENT}{meaning}")


def merge(parts: Sequence[LaidOut]) -> LaidOut:
    """Put layouts together."""
    return LaidOut(
        tuple(item for part in parts for item in part.staged),
        tuple(item for part in parts for item in part.joined),
        tuple(item for part in parts for item in part.left_out),
        tuple(item for part in parts for item in part.notes),
    )
