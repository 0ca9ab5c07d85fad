"""What every estimate starts from: the merged tables, the records, and who belongs to which group.

The unit of the headline is the child: its first regimen (group ``all``). Later regimens of the
same children are counted apart (group ``later_regimens``), since a child must not count twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar

import dataframely as dy
import polars as pl

from heliotrope.definitions.estimate import DESCRIPTIVE_ESTIMATES, DescriptiveEstimates
from heliotrope.definitions.exposure import IvigExposure
from heliotrope.definitions.load import Rulebook
from heliotrope.definitions.model_free import MODEL_FREE, ModelFreeEstimates
from heliotrope.definitions.response import (
    AGGRAVATION,
    RESPONSE,
    AggravationDefinition,
    ResponseDefinition,
)
from heliotrope.derive.patients import derive_patients
from heliotrope.estimate.rows import Topic
from heliotrope.estimate.wording import worded
from heliotrope.records.canonical import CANONICAL
from heliotrope.records.results import TABLES
from heliotrope.records.shard import Shard

EXPOSURE = "ivig_exposure"

NO_IVIG = worded("no course of intravenous immunoglobulin is recorded in this cohort")

FIRST_REGIMENS = "all"

LATER_REGIMENS = "later_regimens"

# Tables and records with rows of every visit of every child: read in pieces where they are large.
READ_IN_PIECES = ("state", "score", "steroid_outcome", "assessment", "medication")

Derived = TypeVar("Derived")


@dataclass(frozen=True)
class Inputs:
    """The tables of a run, its records and its rulebook.

    ``patients``: one row for every child the records name, with ``observed_until`` and
    ``first_seen``. ``pieces``: of a large cohort the inputs of some children each, read when
    called; tables and records ``READ_IN_PIECES`` are then only there. A piece holds all rows of
    its children, but all of the cohort's ``patients``. ``held``: those of them that were gathered
    all the same, of some children (``of_children``).
    """

    tables: Mapping[str, pl.DataFrame]
    records: Mapping[str, pl.DataFrame]
    rulebook: Rulebook
    patients: pl.DataFrame
    pieces: Sequence[Callable[[], Inputs]] = ()
    held: Mapping[str, pl.DataFrame] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        tables: Mapping[str, pl.DataFrame],
        records: Mapping[str, pl.DataFrame],
        rulebook: Rulebook,
    ) -> Inputs:
        """Put the inputs together; a table or record that is missing counts as empty."""
        patients = derive_children(Shard.from_tables(records))
        return cls(tables=tables, records=records, rulebook=rulebook, patients=patients)

    @property
    def parameters(self) -> DescriptiveEstimates:
        """Return the numbers the estimates use."""
        return self.rulebook.get(DESCRIPTIVE_ESTIMATES, DescriptiveEstimates)

    @property
    def model_free(self) -> ModelFreeEstimates:
        """Return the numbers of the estimates that use no model of the effect."""
        return self.rulebook.get(MODEL_FREE, ModelFreeEstimates)

    @property
    def exposure(self) -> IvigExposure:
        """Return the rule that makes courses and regimens."""
        return self.rulebook.get(EXPOSURE, IvigExposure)

    @property
    def response(self) -> ResponseDefinition:
        """Return the definition of the response."""
        return self.rulebook.get(RESPONSE, ResponseDefinition)

    @property
    def aggravation(self) -> AggravationDefinition:
        """Return the definition of aggravation after discontinuation."""
        return self.rulebook.get(AGGRAVATION, AggravationDefinition)

    def table(self, name: str) -> pl.DataFrame:
        """Return an output table of the run; empty if the run made none."""
        return self._find(name, self.tables, TABLES)

    def record(self, name: str) -> pl.DataFrame:
        """Return a canonical table; empty if the study has none."""
        return self._find(name, self.records, CANONICAL)

    def each_piece(self, derive: Callable[[Inputs], Derived]) -> Iterator[Derived]:
        """Derive something of each child's rows: of all children at once, or piece by piece.

        What ``derive`` makes of a child must not depend on other children.
        """
        if not self.pieces:
            yield derive(self)
        for read in self.pieces:
            yield derive(read())

    def gather(self, derive: Callable[[Inputs], pl.DataFrame]) -> pl.DataFrame:
        """Derive rows as ``each_piece`` does, and put them one after another."""
        return pl.concat(self.each_piece(derive))

    def of_children(self, children: pl.Series, measures: Sequence[str]) -> Inputs:
        """Return inputs that hold, of what is read in pieces, the rows of some children.

        Of their assessments only those of some measures. Of a cohort without pieces all is held.
        """
        if not self.pieces:
            return self
        is_one = pl.col("patient_id").is_in(children.implode())

        def select(piece: Inputs) -> dict[str, pl.DataFrame]:
            assessment = piece.record("assessment").filter(pl.col("measure").is_in(measures))
            return {
                "assessment": assessment.filter(is_one),
                "medication": piece.record("medication").filter(is_one),
                "state": piece.table("state").filter(is_one),
            }

        found = list(self.each_piece(select))
        held = {name: pl.concat([rows[name] for rows in found]) for name in found[0]}
        return replace(self, held=held)

    def _find(
        self, name: str, among: Mapping[str, pl.DataFrame], schemas: Mapping[str, type[dy.Schema]]
    ) -> pl.DataFrame:
        if name in self.held:
            return self.held[name]
        if self.pieces and name in READ_IN_PIECES:
            raise LookupError(f"{name} is too large to be held: derive from it piece by piece")
        return among[name] if name in among else schemas[name].create_empty()

    def topic(self, analysis: str, definition_id: str = DESCRIPTIVE_ESTIMATES) -> Topic:
        """Return the shared columns of an analysis under the definition that decided it."""
        definition = self.rulebook.definitions.get(definition_id)
        return Topic(
            analysis=analysis,
            level=self.parameters.level,
            quantiles=self.parameters.quantiles,
            definition_id=definition_id,
            definition_version=definition.stamp if definition else "",
        )

    def of_group(self, frame: pl.DataFrame, group: str = FIRST_REGIMENS) -> pl.DataFrame:
        """Keep the rows of each child's first regimen, or those of the later ones."""
        first = self.table("regimen").group_by("patient_id").agg(first=pl.col("regimen").min())
        is_first = pl.col("regimen") == pl.col("first")
        return (
            frame.join(first, on="patient_id", how="left", maintain_order="left")
            .filter(is_first if group == FIRST_REGIMENS else is_first.not_())
            .drop("first")
        )

    def first_regimens(self) -> pl.DataFrame:
        """Return each child's first regimen, with when the next one began and cover ended.

        ``next_first_infusion``: first infusion of the child's next regimen, null if none.
        ``cover_end``: the last on-regimen day, the end of planned cover of the last course.
        """
        cover = pl.duration(days=self.exposure.regimen.planned_cover_days)
        regimens = self.table("regimen").sort("patient_id", "regimen")
        return self.of_group(
            regimens.with_columns(
                next_first_infusion=pl.col("first_infusion").shift(-1).over("patient_id"),
                cover_end=pl.col("last_course_start") + cover,
            )
        )


def derive_children(shard: Shard) -> pl.DataFrame:
    """Give every child as ``derive_patients`` does, and the day on which each was first seen.

    ``first_seen``: the first day of any assessment, infusion or medication.
    """
    seen = pl.concat(
        [
            shard.assessment.select("patient_id", "date"),
            shard.infusion.select("patient_id", "date"),
            shard.medication.select("patient_id", date="start_date"),
        ]
    )
    first_seen = seen.group_by("patient_id").agg(first_seen=pl.col("date").min())
    return derive_patients(shard).join(
        first_seen, on="patient_id", how="left", maintain_order="left"
    )


def count_words(words: pl.Series) -> dict[str, int]:
    """Count how often each word occurs; missing words are left out."""
    counted = words.drop_nulls().value_counts(name="n").rows()
    return {str(word): int(n) for word, n in sorted(counted)}
