"""What the datasets are made of: the run's tables and records, and each child's reference day."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import polars as pl

from heliotrope.definitions.adam import ADAM_SET, AdamParameter, AdamSet
from heliotrope.definitions.load import Rulebook
from heliotrope.definitions.measure import measures_of
from heliotrope.derive.patients import derive_patients
from heliotrope.estimate.inputs import Inputs
from heliotrope.records.canonical import CANONICAL
from heliotrope.records.results import TABLES
from heliotrope.records.shard import Shard
from heliotrope.report.read_run import RunTables, look_up

LONGEST_CODE = 8
LONGEST_LABEL = 40


@dataclass(frozen=True)
class AdamInputs:
    """A run as the datasets read it."""

    run: RunTables
    rulebook: Rulebook

    @cached_property
    def book(self) -> AdamSet:
        """The derivation book."""
        return self.rulebook.get(ADAM_SET, AdamSet)

    @cached_property
    def shard(self) -> Shard:
        """The records of every child."""
        children = self.run.traced_children()
        return Shard.from_tables({name: self.run.record(name, children) for name in CANONICAL})

    @cached_property
    def tables(self) -> dict[str, pl.DataFrame]:
        """The tables of the run."""
        return {name: self.run.table(name) for name in TABLES}

    @cached_property
    def estimates(self) -> Inputs:
        """The same, as the estimates read it."""
        return Inputs.of(self.tables, self.shard.tables(), self.rulebook)

    @cached_property
    def patients(self) -> pl.DataFrame:
        """One row a child, with the last day observed."""
        return derive_patients(self.shard)

    @cached_property
    def subjects(self) -> pl.DataFrame:
        """Each child's STUDYID, USUBJID and TRTSDT, by patient_id."""
        study = str(look_up(self.run.manifest, "study", "id"))
        first = self.tables["regimen"].filter(pl.col("regimen") == 1)
        return self.patients.select("patient_id").join(
            first.select("patient_id", TRTSDT="first_infusion"), on="patient_id", how="left"
        ).with_columns(
            STUDYID=pl.lit(study), USUBJID=pl.lit(f"{study}-") + pl.col("patient_id")
        )  # fmt: skip

    @cached_property
    def parameters(self) -> dict[str, AdamParameter]:
        """The code of every measure: of the book, else made of its name, never one twice."""
        found = dict(self.book.parameters)
        taken = {parameter.code for parameter in found.values()}
        for name, measure in sorted(measures_of(self.rulebook).items()):
            if name in found:
                continue
            code = make_code(name, taken)
            taken.add(code)
            found[name] = AdamParameter(code=code, label=measure.title[:LONGEST_LABEL])
        return found


def make_code(name: str, taken: set[str]) -> str:
    """Make a parameter code of a measure's name, with a number at its end where it is taken.

    >>> make_code("facial_rash_extent", set()), make_code("facial_rash_extent", {"FACIALRA"})
    ('FACIALRA', 'FACIALR2')
    """
    letters = "".join(letter for letter in name.upper() if letter.isascii() and letter.isalnum())
    base = letters if letters[:1].isalpha() else f"M{letters}"
    code, number = base[:LONGEST_CODE], 1
    while code in taken:
        number += 1
        code = f"{base[: LONGEST_CODE - len(str(number))]}{number}"
    return code


def count_days_from(day: str, reference: str = "TRTSDT") -> pl.Expr:
    """Count study days: the reference is day 1, the day before -1, and there is no day 0."""
    days = (pl.col(day) - pl.col(reference)).dt.total_days()
    return pl.when(days >= 0).then(days + 1).otherwise(days).cast(pl.Int32)


def name_parameters(frame: pl.DataFrame, column: str, inputs: AdamInputs) -> pl.DataFrame:
    """Add PARAM and PARAMCD to rows that name their measure or quantity in a column."""
    names = frame[column].unique().to_list()
    known = {name: inputs.parameters[name] for name in names}
    return frame.with_columns(
        PARAM=pl.col(column).replace_strict(
            {name: item.label for name, item in known.items()}, return_dtype=pl.String
        ),
        PARAMCD=pl.col(column).replace_strict(
            {name: item.code for name, item in known.items()}, return_dtype=pl.String
        ),
    )
