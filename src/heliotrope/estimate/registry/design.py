"""The table of intervals as the columns of regressions, standardised, with what is missing marked.

Every covariate becomes a standardised column; where it was never recorded so far the column is 0
and an indicator says so, and a second one says that the value was carried for long. Columns without
spread are left out. Time since diagnosis is a parabola in years.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from heliotrope.definitions.registry_comparison import RegistryComparison
from heliotrope.estimate.logistic import Booleans, Integers, Numbers

CHILD = "patient_id"

CARRIED = ":carried"

MISSING = ":missing"

NOT_RECORDED = "not_recorded"


@dataclass(frozen=True)
class Columns:
    """Columns of a design with their names; rows are intervals."""

    values: Numbers
    names: tuple[str, ...]

    def of(self, rows: Booleans) -> Numbers:
        """Return the chosen rows."""
        chosen: Numbers = self.values[rows]
        return chosen


@dataclass(frozen=True)
class Registry:
    """The intervals of all children as arrays: one entry an interval, children one after another.

    ``child`` numbers the children from 0; ``first_row`` is where each begins. ``time``: columns of
    time since diagnosis; ``baseline``: what was known at diagnosis; ``lagged``: what was recorded
    before the decision. ``activity``: the outcome, NaN where it was not measured; ``inactive``:
    1, 0, or NaN.
    """

    child: Integers
    first_row: Integers
    interval: Integers
    is_treated: Booleans
    was_treated: Booleans
    was_ever_treated: Booleans
    is_censored: Booleans
    years_on: Numbers
    time: Columns
    baseline: Columns
    lagged: Columns
    activity: Numbers
    inactive: Numbers

    @property
    def children(self) -> int:
        """How many children."""
        return len(self.first_row)

    @property
    def is_ever_treated(self) -> Booleans:
        """Say of each child whether IVIG was ever started in the comparison."""
        return np.logical_or.reduceat(self.is_treated, self.first_row)

    def cumulate(self, values: Numbers) -> Numbers:
        """Add up values over each child's rows so far; the last axis is the rows."""
        total = np.cumsum(values, axis=-1)
        before = total[..., self.first_row] - values[..., self.first_row]
        summed: Numbers = total - before[..., self.child]
        return summed


def make_registry(frame: pl.DataFrame, numbers: RegistryComparison) -> Registry:
    """Turn the table of intervals (see ``PersonIntervals``) into arrays.

    Rows in any order; they are sorted by child and interval. Errors: an empty table: ValueError.
    """
    if frame.height == 0:
        raise ValueError("a comparison needs at least one interval")
    rows = frame.sort(CHILD, "interval")
    child = rows[CHILD].rank("dense").to_numpy().astype(np.int64) - 1
    first_row = np.flatnonzero(np.diff(child, prepend=-1))
    per_year = numbers.intervals.days / numbers.intervals.days_per_year
    years = rows["interval"].to_numpy() * per_year
    return Registry(
        child=child,
        first_row=first_row,
        interval=rows["interval"].to_numpy().astype(np.int64),
        is_treated=rows["is_treated"].to_numpy(),
        was_treated=rows["was_treated"].to_numpy(),
        was_ever_treated=rows["was_ever_treated"].to_numpy(),
        is_censored=rows["is_censored"].to_numpy(),
        years_on=rows["intervals_on"].to_numpy() * per_year,
        time=_make_time(years),
        baseline=_make_columns(rows, ("baseline_activity", "age_years")),
        lagged=_make_lagged(rows, numbers),
        activity=rows["outcome_activity"].cast(pl.Float64).fill_null(np.nan).to_numpy(),
        inactive=rows["outcome_inactive"].cast(pl.Float64).fill_null(np.nan).to_numpy(),
    )


def _make_time(years: Numbers) -> Columns:
    values = np.column_stack([np.ones(len(years)), years, years**2])
    return Columns(values, ("intercept", "years", "years_squared"))


def _make_lagged(rows: pl.DataFrame, numbers: RegistryComparison) -> Columns:
    """Put together the covariates of decisions: recorded values, carried, missing, antibody."""
    names = [covariate.id for covariate in numbers.covariates]
    values = _make_columns(rows, (*names, "calendar_year"))
    after = numbers.intervals.carried_after_days
    carried = [
        ((pl.col(f"{name}_age_days") > after).fill_null(False)).alias(name + CARRIED)
        for name in names
    ]
    marks = rows.select(carried).with_columns(_mark_antibodies(rows, numbers))
    return _join([values, _keep_spread(marks.cast(pl.Float64))])


def _mark_antibodies(rows: pl.DataFrame, numbers: RegistryComparison) -> list[pl.Series]:
    """Mark each antibody that enough children have; the others, and none recorded, together."""
    antibody = rows["antibody"].fill_null(NOT_RECORDED)
    counted = rows.select(CHILD, antibody=antibody).unique().group_by("antibody").len()
    fewest = numbers.refusal.fewest_children_of_a_category
    common = sorted(counted.filter(pl.col("len") >= fewest)["antibody"])
    return [(antibody == word).alias(f"antibody:{word}") for word in common[1:]]


def _make_columns(rows: pl.DataFrame, names: Sequence[str]) -> Columns:
    """Standardise columns, fill what is missing with the mean (0), and mark it."""
    made = []
    for name in names:
        column = rows[name].cast(pl.Float64)
        spread = column.std()
        if isinstance(spread, float) and spread > 0:
            made.append(((column - column.mean()) / spread).fill_null(0.0).alias(name))
        made.append(column.is_null().cast(pl.Float64).alias(name + MISSING))
    return _keep_spread(pl.DataFrame(made))


def _keep_spread(frame: pl.DataFrame) -> Columns:
    """Leave out columns that are the same in every row, or the same as an earlier one."""
    kept: dict[str, Numbers] = {}
    for name in frame.columns:
        column = frame[name].to_numpy()
        is_same = any(np.array_equal(column, earlier) for earlier in kept.values())
        if not is_same and column.min() < column.max():
            kept[name] = column
    values = np.column_stack([*kept.values()]) if kept else np.zeros((frame.height, 0))
    return Columns(values, tuple(kept))


def _join(parts: Sequence[Columns]) -> Columns:
    return Columns(
        np.column_stack([part.values for part in parts]),
        tuple(name for part in parts for name in part.names),
    )
