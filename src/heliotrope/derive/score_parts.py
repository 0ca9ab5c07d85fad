"""The components of a score at every visit: which measure stands for each, and its points."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import polars as pl

from heliotrope.definitions.score import Candidate, Component, Scale
from heliotrope.definitions.settings import Settings
from heliotrope.records.exact import DECIMALS, compute_comparison

MOST_ABNORMAL = "most_abnormal_at_baseline"

# What is said of a component at a visit: columns are named ``points:<component>`` and so on.
SAID = (
    "measure",
    "row_id",
    "baseline_row_id",
    "rejected",
    "percent_change",
    "reason",
    "mark",
    "points",
    "operator",
    "edge",
)

# A candidate that cannot be graded, or may not stand for the component, comes after all that can.
_BEHIND = 100


@dataclass(frozen=True)
class Graded:
    """A component of a score under a study's settings.

    Its expressions read visits with the cells of measures side by side; where the component takes
    the enzyme that was most abnormal, also the columns ``most_abnormal`` and ``is_at_floor``.
    """

    component: Component
    scales: tuple[Scale, ...]

    @classmethod
    def under(cls, component: Component, settings: Settings) -> Graded:
        """Settle the scales of the candidates."""
        scales = (item.scale(settings.measures.get(item.measure)) for item in component.candidates)
        return cls(component, tuple(scales))

    @property
    def candidates(self) -> tuple[Candidate, ...]:
        """The measures that may stand for the component, the preferred one first."""
        return self.component.candidates

    @property
    def is_by_abnormality(self) -> bool:
        """Say whether only the enzyme that was most abnormal at baseline counts."""
        return self.component.choice == MOST_ABNORMAL

    def name(self, what: str) -> str:
        """Name a column of the component."""
        return f"{what}:{self.component.id}"

    @property
    def most_abnormal(self) -> pl.Expr:
        """The enzyme that was most abnormal at baseline; null where none has a limit."""
        return pl.col(self.name("most_abnormal"))

    def compare(self) -> list[pl.Expr]:
        """Say of each candidate why it cannot be graded, and which place it takes among all.

        Of those recorded, one that can be graded comes first, one that may not stand for the
        component last; those alike come in the order of the definition.
        """
        reasons = [self._find_reason(place) for place in range(len(self.candidates))]
        places = []
        for place, reason in enumerate(reasons):
            behind = reason.is_not_null().cast(pl.Int32)
            if self.is_by_abnormality:
                behind = behind + self._is_eligible(place).not_().cast(pl.Int32)
            is_recorded = self._cell("value", place).is_not_null()
            places.append(pl.when(is_recorded).then(behind * _BEHIND + place))
        return [
            *(reason.alias(self._of("reason", n)) for n, reason in enumerate(reasons)),
            pl.min_horizontal(places).alias(self.name("place")),
        ]

    def choose(self) -> list[pl.Expr]:
        """Take the cells of the candidate that comes first, its change, its reason and its flag."""
        can_be_graded = pl.col(self.name("place")) < _BEHIND
        cells = ("row_id", "baseline_row_id", "rejected")
        chosen = {name: self._pick(partial(self._cell, name), only_eligible=True) for name in cells}
        chosen["measure"] = self._pick(
            lambda n: pl.lit(self.candidates[n].measure), only_eligible=True
        )
        chosen["percent_change"] = pl.when(can_be_graded).then(self._pick(self._compute_change))
        chosen["mark"] = pl.when(can_be_graded).then(self._pick(self._find_mark))
        recorded_reason = self._pick(lambda n: pl.col(self._of("reason", n)))
        chosen["reason"] = (
            pl.when(pl.col(self.name("place")).is_null())
            .then(pl.lit("not_recorded"))
            .otherwise(recorded_reason)
        )
        return [expression.alias(self.name(name)) for name, expression in chosen.items()]

    def grade(self) -> list[pl.Expr]:
        """Turn the percent change into points: bands open below, closed above."""
        change = pl.col(self.name("percent_change"))
        edges, points = self.component.edges, self.component.points
        graded = [pl.lit(points[0]), pl.lit(edges[0]), pl.lit("<=")]
        for edge, reached in zip(edges, points[1:], strict=True):
            above = compute_comparison(change, ">", edge)
            graded = [
                pl.when(above).then(new).otherwise(old)
                for new, old in zip(
                    (pl.lit(reached), pl.lit(edge), pl.lit(">")), graded, strict=True
                )
            ]
        return [
            pl.when(change.is_not_null()).then(expression).alias(self.name(name))
            for name, expression in zip(("points", "edge", "operator"), graded, strict=True)
        ]

    @cached_property
    def passed_over(self) -> tuple[tuple[str, pl.Expr], ...]:
        """The measures that may be recorded and not count, with the reason where they do not."""
        said = []
        for n, candidate in enumerate(self.candidates):
            reason = (
                pl.lit("not_most_abnormal")
                if self.is_by_abnormality
                else pl.coalesce(self._of("reason", n), pl.lit("another_measure_preferred"))
            )
            is_recorded = self._cell("value", n).is_not_null()
            is_used = self._is_chosen(n)
            if self.is_by_abnormality:
                is_used = is_used & self._is_eligible(n)
            if len(self.candidates) > 1 or self.is_by_abnormality:
                said.append((candidate.measure, pl.when(is_recorded & ~is_used).then(reason)))
        return tuple(said)

    def _of(self, what: str, place: int) -> str:
        return f"{self.name(what)}:{self.candidates[place].measure}"

    def _cell(self, name: str, place: int) -> pl.Expr:
        return pl.col(f"{name}:{self.candidates[place].measure}")

    def _is_chosen(self, place: int) -> pl.Expr:
        return (pl.col(self.name("place")) % _BEHIND == place).fill_null(False)

    def _is_eligible(self, place: int) -> pl.Expr:
        return (self.most_abnormal == self.candidates[place].measure).fill_null(False)

    def _pick(self, make: Callable[[int], pl.Expr], *, only_eligible: bool = False) -> pl.Expr:
        """Take what is made for the candidate that was chosen."""
        picked: pl.Expr = pl.lit(None)
        for n in reversed(range(len(self.candidates))):
            is_it = self._is_chosen(n)
            if only_eligible and self.is_by_abnormality:
                is_it = is_it & self._is_eligible(n)
            picked = pl.when(is_it).then(make(n)).otherwise(picked)
        return picked

    def _find_denominator(self, place: int) -> pl.Expr:
        scale = self.scales[place]
        limit = self._cell("baseline_upper_limit", place)
        if scale.denominator is not None:
            return pl.lit(scale.denominator)
        return pl.when(limit > 0).then(pl.lit(scale.upper_limits, pl.Float64) * limit)

    def _find_reason(self, place: int) -> pl.Expr:
        """Say why a candidate cannot be graded; null where it can."""
        reason: pl.Expr = pl.when(self._find_denominator(place).is_null()).then(
            pl.lit("no_upper_limit")
        )
        if self.scales[place].refused is not None:
            reason = pl.lit(self.scales[place].refused)
        has_no_baseline = self._cell("baseline_value", place).is_null()
        reason = pl.when(has_no_baseline).then(pl.lit("no_baseline")).otherwise(reason)
        if self.is_by_abnormality:
            is_another = self.most_abnormal != self.candidates[place].measure
            reason = (
                pl.when(is_another).then(pl.lit("chosen_enzyme_not_recorded")).otherwise(reason)
            )
        return reason

    def _compute_change(self, place: int) -> pl.Expr:
        """Compute the change in percent of the denominator; improvement is positive."""
        now, before = self._cell("value", place), self._cell("baseline_value", place)
        better = before - now if self.candidates[place].better == "low" else now - before
        return (better / self._find_denominator(place) * 100).round(DECIMALS)

    def _find_mark(self, place: int) -> pl.Expr:
        mark = pl.lit(self.candidates[place].mark, pl.String)
        if not self.is_by_abnormality:
            return mark
        is_at_floor = self._is_eligible(place) & pl.col(self.name("is_at_floor"))
        floor = pl.when(is_at_floor).then(pl.lit(self.component.floor_mark, pl.String))
        return pl.coalesce(mark, floor)


def find_most_abnormal(baselines: pl.DataFrame, graded: Sequence[Graded]) -> pl.DataFrame:
    """Find the enzyme that was the most abnormal at baseline, by its own upper limit of normal.

    One row a regimen that has such a baseline, with ``most_abnormal:<component>`` and
    ``is_at_floor:<component>``: even that enzyme was within its limit, so there is little to gain.
    Ties: the order of the definition. An enzyme without a limit is no candidate.
    """
    key = ["patient_id", "regimen"]
    ratio = (pl.col("baseline_value") / pl.col("baseline_upper_limit")).round(DECIMALS)
    limited = baselines.filter(
        pl.col("baseline_upper_limit") > 0, pl.col("baseline_value").is_not_null()
    ).with_columns(ratio=ratio)
    found = baselines.select(key).unique()
    for item in graded:
        order = {candidate.measure: n for n, candidate in enumerate(item.candidates)}
        first = (
            limited.filter(pl.col("measure").is_in(list(order)))
            .with_columns(rank=pl.col("measure").replace_strict(order, return_dtype=pl.Int32))
            .sort("ratio", "rank", descending=[True, False])
            .unique(key, keep="first", maintain_order=True)
            .select(
                *key,
                pl.col("measure").alias(item.name("most_abnormal")),
                compute_comparison(pl.col("ratio"), "<=", 1).alias(item.name("is_at_floor")),
            )
        )
        found = found.join(first, on=key, how="left", nulls_equal=True)
    return found
