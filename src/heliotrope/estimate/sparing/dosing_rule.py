"""Was the steroid dose set by measured activity, or by the calendar? A stated criterion.

While a child is on a steroid, each visit is a decision: the dose goes on, falls or rises. Under a
calendar taper its course is a function of time and of the dose itself; under a rule that reacts, a
child's dose falls less at a visit with more activity. The association is therefore taken within
the child (each child's own means taken off), at a given dose and time, and its interval counts
children. Simulated tapers by a fixed share, by a fixed step and after a fixed time are told from a
rule that reacts; the association of the logarithm of the dose is not used here, since it takes
fixed steps for a reaction where the dose is small.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl

from heliotrope.definitions.steroid_sparing import DosingRule
from heliotrope.estimate.inputs import Inputs
from heliotrope.estimate.intervals import Interval, compute_student_quantile
from heliotrope.estimate.sparing.solvers import Array, fit_linear
from heliotrope.estimate.steroid_dose import DOSES
from heliotrope.records.exact import compute_comparison

CHILD = "patient_id"

Verdict = Literal["by_activity", "by_calendar", "not_shown"]

CHANGED = 1e-6  # a dose is the same when it is so to the precision of the records


@dataclass(frozen=True)
class Association:
    """Change of the next dose, as a share of the dose, for one unit of a measure, in a child."""

    slope: float
    interval: Interval


@dataclass(frozen=True)
class RuleFacts:
    """What the records show of the way the dose was set.

    ``decisions``: visits of a child on a steroid; ``changes``: those after which the dose differed
    or was stopped; ``activity``: the association with activity, ``beyond``: that with IVIG, both
    in one fit; None where too few children or decisions are there. ``gaps`` between falls of dose,
    and those as long as the child's median gap.
    """

    children: int
    decisions: int
    changes: int
    activity: Association | None
    beyond: Association | None
    gaps: int
    regular_gaps: int

    def judge(self, rule: DosingRule) -> Verdict | None:
        """Give the verdict of the criterion; None where the association cannot be taken.

        By activity: the interval lies above 0, and the association is no trifle. Else by the
        calendar, if most gaps between falls are regular; else not shown either way.
        """
        if self.activity is None:
            return None
        is_reacting = (
            self.activity.interval.low > 0 and self.activity.slope >= rule.smallest_association
        )
        if is_reacting:
            return "by_activity"
        is_regular = self.gaps > 0 and self.regular_gaps >= rule.regular_share * self.gaps
        return "by_calendar" if is_regular else "not_shown"


def find_rule_facts(
    inputs: Inputs, pairs: pl.DataFrame, rule: DosingRule, level: float
) -> RuleFacts:
    """Find how the dose was set, from the visit pairs of all children with IVIG."""
    on = pairs.filter(compute_comparison(pl.col("dose_before"), ">", 0))
    going_on = on.filter(compute_comparison(pl.col("dose"), ">", 0)).with_columns(
        change=pl.min_horizontal(pl.col("dose") / pl.col("dose_before") - 1, rule.largest_rise)
    )
    repeated = going_on.filter(pl.len().over(CHILD) > 1)
    children = repeated[CHILD].n_unique()
    is_enough = children >= rule.fewest_children and repeated.height >= rule.fewest_decisions
    activity, beyond = estimate_associations(repeated, level) if is_enough else (None, None)
    stopped = on.height - going_on.height
    changed = int((going_on["change"].abs() > CHANGED).sum())
    gaps, regular = _count_gaps(inputs, rule)
    return RuleFacts(
        children=children,
        decisions=on.height,
        changes=stopped + changed,
        activity=activity,
        beyond=beyond,
        gaps=gaps,
        regular_gaps=regular,
    )


def estimate_associations(
    decisions: pl.DataFrame, level: float
) -> tuple[Association | None, Association | None]:
    """Fit the relative change of dose on activity and IVIG, in children, at a given dose and time.

    ``decisions``: patient_id, change, activity, covered, dose_before, days_from_first_infusion.
    The dose enters as its logarithm and as its inverse, time as it is: taking off a fixed step of
    milligrams, or a fixed share, at each date is then no association with activity, however
    activity falls meanwhile. Standard errors count children (sandwich with the correction for few
    of them), Student's quantile. None where a measure does not vary within any child.
    """
    child = decisions[CHILD].rank("dense").to_numpy().astype(np.int64) - 1
    dose = decisions["dose_before"].to_numpy()
    columns = [
        decisions["activity"].to_numpy(),
        decisions["covered"].to_numpy(),
        np.log(dose),
        1.0 / dose,
        decisions["days_from_first_infusion"].to_numpy().astype(np.float64),
    ]
    counts = np.bincount(child)
    within = [_take_off_means(column, child, counts) for column in columns]
    outcome = _take_off_means(decisions["change"].to_numpy(), child, counts)
    varies = [float(np.abs(column).max()) > CHANGED for column in within]
    design = np.column_stack([c for c, kept in zip(within, varies, strict=True) if kept] or within)
    fit = fit_linear(design, outcome, np.ones(len(outcome)))
    errors = _compute_errors(design, fit.residuals, child)
    quantile = compute_student_quantile((1 + level) / 2, len(counts) - 1)
    places = np.cumsum(varies) - 1
    made: list[Association | None] = []
    for number in range(2):
        if not varies[number]:
            made.append(None)
            continue
        slope, half = fit.coefficients[places[number]], quantile * errors[places[number]]
        made.append(Association(float(slope), Interval(float(slope - half), float(slope + half))))
    return made[0], made[1]


def _take_off_means(column: Array, child: np.ndarray, counts: np.ndarray) -> Array:
    return np.asarray(column - (np.bincount(child, weights=column) / counts)[child])


def _compute_errors(design: Array, residuals: Array, child: np.ndarray) -> Array:
    """Standard errors that count children: one child's residuals may hang together."""
    rows, width = design.shape
    children = int(child.max()) + 1
    bread = np.linalg.pinv(design.T @ design)
    scores = np.column_stack(
        [np.bincount(child, weights=design[:, k] * residuals) for k in range(width)]
    )
    correction = children / (children - 1) * (rows - 1) / max(rows - width, 1)
    return np.asarray(np.sqrt(np.diag(bread @ (scores.T @ scores) @ bread) * correction))


def _count_gaps(inputs: Inputs, rule: DosingRule) -> tuple[int, int]:
    """Count the gaps between a child's falls of dose, and those near to its median gap."""
    falls = (
        inputs.table("steroid_period")
        .join(inputs.first_regimens().select(CHILD), on=CHILD, how="semi")
        .sort(CHILD, "start_date")
        .with_columns(previous=pl.col(DOSES[0]).shift(1).over(CHILD))
        .filter(compute_comparison(pl.col(DOSES[0]), "<", pl.col("previous")))
    )
    gaps = (
        falls.with_columns(gap=pl.col("start_date").diff().over(CHILD).dt.total_days())
        .drop_nulls("gap")
        .filter(pl.len().over(CHILD) >= rule.fewest_gaps)
        .with_columns(off=(pl.col("gap") - pl.col("gap").median().over(CHILD)).abs())
    )
    return gaps.height, gaps.filter(pl.col("off") <= rule.regular_gap_days).height
