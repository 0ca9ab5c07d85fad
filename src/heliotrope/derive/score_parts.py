"""The components of a score at every visit: which measure stands for each, and its points."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from functools import cached_property, partial

import polars as pl

from heliotrope.definitions.score import Candidate, Component, Scale
from heliotrope.definitions.settings import Settings
from heliotrope.records.coded_words import WORD, word
from heliotrope.records.exact import DECIMALS, compute_comparison

MOST_ABNORMAL = "most_abnormal_at_baseline"

# The cells behind a component, as columns of the visits.
_CELLS = ("row_id", "baseline_row_id")

# A candidate that cannot be graded, or may not stand for the component, comes after all that can.
_BEHIND = 100


@dataclass(frozen=True)
class Graded:
    """A component of a score under a study's settings, and its candidates that were recorded.

    Its expressions read visits with the cells of measures side by side, and where the component
    takes the enzyme that was most abnormal, ``most_abnormal:<number>`` and
    ``is_at_floor:<number>``. They make columns of such names, step by step: ``compare``,
    ``choose``, ``compute_change``, ``find_band`` and ``grade``; then ``describe`` for the trace.
    """

    component: Component
    number: int
    candidates: tuple[Candidate, ...]
    scales: tuple[Scale, ...]

    @classmethod
    def under(
        cls, component: Component, number: int, settings: Settings, recorded: Container[str]
    ) -> Graded:
        """Settle which of the candidates were ever recorded, and their scales."""
        candidates = tuple(item for item in component.candidates if item.measure in recorded)
        scales = (item.scale(settings.measures.get(item.measure)) for item in candidates)
        return cls(component, number, candidates, tuple(scales))

    @property
    def is_by_abnormality(self) -> bool:
        """Say whether only the enzyme that was most abnormal at baseline counts."""
        return self.component.choice == MOST_ABNORMAL

    def name(self, what: str) -> str:
        """Name a column of the component."""
        return f"{what}:{self.number}"

    def column(self, what: str) -> pl.Expr:
        """Give a column of the component."""
        return pl.col(self.name(what))

    def compare(self) -> list[pl.Expr]:
        """Say of each candidate why it cannot be graded, and the order of the one that is first.

        Of those recorded, one that can be graded comes first, one that may not stand for the
        component last; those alike come in the order of the definition.
        """
        reasons = [self._find_reason(place) for place in range(len(self.candidates))]
        orders: list[pl.Expr] = [pl.lit(None, pl.Int32)]
        for place, reason in enumerate(reasons):
            behind = reason.is_not_null().cast(pl.Int32)
            if self.is_by_abnormality:
                behind = behind + self._is_eligible(place).not_().cast(pl.Int32)
            is_recorded = self._cell("value", place).is_not_null()
            orders.append(pl.when(is_recorded).then(behind * _BEHIND + place))
        return [
            *(reason.alias(self._of("reason", n)) for n, reason in enumerate(reasons)),
            pl.min_horizontal(orders).alias(self.name("order")),
        ]

    def choose(self) -> pl.Expr:
        """Take the place of the candidate that comes first; null where none was recorded."""
        return (self.column("order") % _BEHIND).alias(self.name("place"))

    def compute_change(self) -> pl.Expr:
        """Compute the percent change of the candidate, if it can be graded."""
        change = self._pick(self._compute_change, pl.Float64())
        return pl.when(self._can_be_graded).then(change).alias(self.name("percent_change"))

    def find_band(self) -> pl.Expr:
        """Count the edges that the percent change is above: bands are open below."""
        change = self.column("percent_change")
        above = [compute_comparison(change, ">", edge) for edge in self.component.edges]
        return pl.when(change.is_not_null()).then(pl.sum_horizontal(above)).alias(self.name("band"))

    def grade(self) -> pl.Expr:
        """Turn the band into points; null where the component cannot be graded."""
        return self._by_band(self.component.points).alias(self.name("points"))

    def describe(self) -> list[pl.Expr]:
        """Say what stood for the component, from which cells, and what its change was held to."""
        is_recorded = self.column("place").is_not_null()
        said = {
            name: self._pick(partial(self._cell, name), pl.Int64(), only_eligible=True)
            for name in _CELLS
        }
        measure = self._pick(self._name_measure, WORD, only_eligible=True)
        said["measure"] = pl.when(is_recorded).then(measure)
        mark = self._pick(self._find_mark, WORD)
        said["mark"] = pl.when(self._can_be_graded).then(mark)
        reason = self._pick(lambda n: pl.col(self._of("reason", n)), WORD)
        said["reason"] = pl.when(is_recorded).then(reason).otherwise(word("not_recorded"))
        edges = self.component.edges
        said["edge"] = self._by_band((edges[0], *edges))
        said["operator"] = self._by_band(("<=", *(">" for _ in edges)))
        used = [self._is_used(n).alias(self._of("is_used", n)) for n in range(len(self.candidates))]
        return [*(expression.alias(self.name(name)) for name, expression in said.items()), *used]

    @property
    def rejected(self) -> list[tuple[str, str]]:
        """The columns with cells rejected as baseline, and those that say where they count."""
        return [
            (f"rejected:{candidate.measure}", self._of("is_used", n))
            for n, candidate in enumerate(self.candidates)
        ]

    @cached_property
    def passed_over(self) -> tuple[tuple[str, pl.Expr], ...]:
        """The measures that may be recorded and not count, with the reason where they do not."""
        if len(self.candidates) == 1 and not self.is_by_abnormality:
            return ()
        said = []
        for n, candidate in enumerate(self.candidates):
            reason = pl.coalesce(self._of("reason", n), word("another_measure_preferred"))
            if self.is_by_abnormality:
                reason = word("not_most_abnormal")
            is_recorded = self._cell("value", n).is_not_null()
            is_used = pl.col(self._of("is_used", n))
            said.append((candidate.measure, pl.when(is_recorded & ~is_used).then(reason)))
        return tuple(said)

    @property
    def _can_be_graded(self) -> pl.Expr:
        return self.column("order") < _BEHIND

    def _of(self, what: str, place: int) -> str:
        return f"{self.name(what)}:{self.candidates[place].measure}"

    def _cell(self, name: str, place: int) -> pl.Expr:
        return pl.col(f"{name}:{self.candidates[place].measure}")

    def _name_measure(self, place: int) -> pl.Expr:
        return word(self.candidates[place].measure)

    def _is_chosen(self, place: int) -> pl.Expr:
        return self.column("place") == place

    def _is_used(self, place: int) -> pl.Expr:
        """Say whether a candidate stands for the component; one that was chosen may not."""
        is_it = self._is_chosen(place)
        if self.is_by_abnormality:
            is_it = is_it & self._is_eligible(place)
        return is_it.fill_null(False)

    def _is_eligible(self, place: int) -> pl.Expr:
        return (self.column("most_abnormal") == self.candidates[place].measure).fill_null(False)

    def _pick(
        self,
        make: Callable[[int], pl.Expr],
        dtype: pl.DataType,
        *,
        only_eligible: bool = False,
    ) -> pl.Expr:
        """Take what is made for the candidate that was chosen; what is made without one is null."""
        if len(self.candidates) == 1 and not self.is_by_abnormality:
            return make(0)
        picked: pl.Expr = pl.lit(None, dtype)
        for n in reversed(range(len(self.candidates))):
            is_it = self._is_used(n) if only_eligible else self._is_chosen(n)
            picked = pl.when(is_it).then(make(n)).otherwise(picked)
        return picked

    def _by_band(self, said: Sequence[float | str]) -> pl.Expr:
        """Take what is said of the band that the change lies in."""
        band = self.column("band")
        literals = [word(one) if isinstance(one, str) else pl.lit(one) for one in said]
        picked = literals[-1]
        for n, one in enumerate(literals[:-1]):
            picked = pl.when(band == n).then(one).otherwise(picked)
        return pl.when(band.is_not_null()).then(picked)

    def _find_denominator(self, place: int) -> pl.Expr:
        scale = self.scales[place]
        limit = self._cell("baseline_upper_limit", place)
        if scale.denominator is not None:
            return pl.lit(scale.denominator)
        return pl.when(limit > 0).then(pl.lit(scale.upper_limits, pl.Float64) * limit)

    def _find_reason(self, place: int) -> pl.Expr:
        """Say why a candidate cannot be graded; null where it can."""
        reason: pl.Expr = pl.when(self._find_denominator(place).is_null()).then(
            word("no_upper_limit")
        )
        if self.scales[place].refused is not None:
            reason = word(self.scales[place].refused)
        has_no_baseline = self._cell("baseline_value", place).is_null()
        reason = pl.when(has_no_baseline).then(word("no_baseline")).otherwise(reason)
        if self.is_by_abnormality:
            is_another = self.column("most_abnormal") != self.candidates[place].measure
            reason = pl.when(is_another).then(word("chosen_enzyme_not_recorded")).otherwise(reason)
        return reason

    def _compute_change(self, place: int) -> pl.Expr:
        """Compute the change in percent of the denominator; improvement is positive."""
        now, before = self._cell("value", place), self._cell("baseline_value", place)
        better = before - now if self.candidates[place].better == "low" else now - before
        return (better / self._find_denominator(place) * 100).round(DECIMALS)

    def _find_mark(self, place: int) -> pl.Expr:
        mark = word(self.candidates[place].mark)
        if not self.is_by_abnormality:
            return mark
        is_at_floor = self._is_eligible(place) & self.column("is_at_floor")
        floor = pl.when(is_at_floor).then(word(self.component.floor_mark))
        return pl.coalesce(mark, floor)


def find_most_abnormal(baselines: pl.DataFrame, graded: Sequence[Graded]) -> pl.DataFrame:
    """Find the enzyme that was the most abnormal at baseline, by its own upper limit of normal.

    One row a regimen that has such a baseline, with ``most_abnormal:<number>`` and
    ``is_at_floor:<number>``: even that enzyme was within its limit, so there is little to gain.
    Ties: the order of the definition. An enzyme without a limit is no candidate.
    """
    key = ["patient_id", "regimen"]
    ratio = (pl.col("baseline_value") / pl.col("baseline_upper_limit")).round(DECIMALS)
    limited = baselines.filter(
        pl.col("baseline_upper_limit") > 0, pl.col("baseline_value").is_not_null()
    ).with_columns(ratio=ratio)
    found = baselines.select(key).unique()
    for item in graded:
        order = {candidate.measure: n for n, candidate in enumerate(item.component.candidates)}
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
