"""Weights for children who remain in view when others like them were lost to follow-up.

A curve takes it that who is lost would have fared as those who remain. Where loss depends on
activity that is wrong: if active children stop coming, too few are seen to worsen. Follow-up is cut
into short intervals; in each the chance of being lost is modelled by time and by the activity last
measured (pooled logistic regression). A child counts in an interval by one over its chance of
having remained until it, times the same chance without activity, which keeps weights near 1
(stabilised). What was not measured is not weighted for.

Source: Robins and Finkelstein, Biometrics 2000;56:779-788, doi 10.1111/j.0006-341X.2000.00779.x
(recalled).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from heliotrope.definitions.model_free import Loss
from heliotrope.estimate.events.aalen_johansen import CENSORED, CompetingTimes
from heliotrope.estimate.logistic import compute_chance, fit_logistic
from heliotrope.estimate.registry.weights import truncate
from heliotrope.estimate.wording import worded

CHILD = "patient_id"

FEW_CHILDREN = worded(
    "{found} children were followed after stopping; under {least} loss is not modelled"
)

FEW_LOSSES = worded("{found} of them were lost to follow-up; under {least} loss is not modelled")

FEW_MEASURED = worded("activity was measured before in {found} of {children} children only")

OFF_MEAN = worded(
    "the weights average {mean:.2f}, not between {low:g} and {high:g}: the model of loss does not "
    "fit these records"
)

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class LossWeights:
    """The weights, or why there are none.

    ``rows``: patient_id, start, stop (days, ``start < day <= stop``) and weight. ``log_odds``: of
    being lost, for one more of the activity measure, at the same time since the last infusion.
    """

    rows: pl.DataFrame
    children: int
    losses: int
    log_odds: float | None = None
    refused: str | None = None

    def cut(self, times: pl.DataFrame) -> CompetingTimes:
        """Cut children's times (patient_id, exit, cause) at the intervals, each with its weight.

        ``exit`` may lie before the end of the child's rows, never after it.
        """
        rows = (
            self.rows.join(times.select(CHILD, "exit", "cause"), on=CHILD)
            .filter(pl.col("start") < pl.col("exit"))
            .with_columns(stop=pl.min_horizontal("stop", "exit"))
            .with_columns(
                cause=pl.when(pl.col("stop") == pl.col("exit"))
                .then(pl.col("cause"))
                .otherwise(CENSORED)
            )
            .sort(CHILD, "start")
        )
        return CompetingTimes(
            rows["start"].to_numpy().astype(np.float64),
            rows["stop"].to_numpy().astype(np.float64),
            rows["cause"].to_numpy().astype(np.int64),
            rows["weight"].to_numpy().astype(np.float64),
            rows[CHILD].rle_id().to_numpy().astype(np.int64),
        )


def estimate_loss_weights(times: pl.DataFrame, activity: pl.DataFrame, rule: Loss) -> LossWeights:
    """Model the chance of being lost and weight those who remain.

    ``times``: patient_id, entry, exit (days) and ``is_lost``, one row a child; children who leave
    on the day they enter are left out. ``activity``: patient_id, day and value, on the same days.
    Ties: a value of the day on which an interval begins counts as measured before it. Missing: a
    child not measured yet has a mark of its own. The weight of an interval is that of having
    remained until it began; everybody's first is 1.
    """
    seen = times.filter(pl.col("exit") > pl.col("entry"))
    rows = _cut_into_intervals(seen, activity, rule.interval_days)
    children, losses = seen.height, int(seen["is_lost"].sum())
    measured = rows.filter(pl.col("value").is_not_null())[CHILD].n_unique()
    found = LossWeights(rows.select(CHILD, "start", "stop", weight=1.0), children, losses)
    refused = None
    if children < rule.fewest_children:
        refused = FEW_CHILDREN.format(found=children, least=rule.fewest_children)
    elif losses < rule.fewest_losses:
        refused = FEW_LOSSES.format(found=losses, least=rule.fewest_losses)
    elif measured < rule.fewest_measured * children:
        refused = FEW_MEASURED.format(found=measured, children=children)
    if refused is not None:
        return LossWeights(found.rows, children, losses, refused=refused)
    weight, log_odds = _weight(rows, rule)
    weighted = found.rows.with_columns(weight=pl.Series(weight))
    low, high = rule.mean_weight
    if not low <= weight.mean() <= high:
        refused = OFF_MEAN.format(mean=weight.mean(), low=low, high=high)
    return LossWeights(weighted, children, losses, log_odds, refused)


def _cut_into_intervals(times: pl.DataFrame, activity: pl.DataFrame, days: int) -> pl.DataFrame:
    """Give a row for each child and interval: start, stop, whether it was lost in it, activity."""
    starts = pl.int_ranges("entry", "exit", days)
    rows = (
        times.with_columns(pl.col("entry").cast(pl.Int64), pl.col("exit").cast(pl.Int64))
        .with_columns(start=starts)
        .explode("start")
        .with_columns(stop=pl.min_horizontal(pl.col("start") + days, "exit"))
        .with_columns(is_lost=pl.col("is_lost") & (pl.col("stop") == pl.col("exit")))
        .sort("start")
    )
    measured = activity.select(CHILD, pl.col("day").cast(pl.Int64), "value").drop_nulls()
    return rows.join_asof(
        measured.sort("day"),
        left_on="start",
        right_on="day",
        by=CHILD,
        strategy="backward",
        check_sortedness=False,
    ).sort(CHILD, "start")


def _weight(rows: pl.DataFrame, rule: Loss) -> tuple[Numbers, float]:
    """Fit the chance of loss without and with activity; give weights and the log odds a unit."""
    lost = rows["is_lost"].to_numpy().astype(np.float64)
    day = rows["start"].to_numpy().astype(np.float64)
    value = rows["value"].to_numpy().astype(np.float64)
    is_measured = np.isfinite(value)
    spread = float(value[is_measured].std())
    middle = float(value[is_measured].mean())
    unit = spread if spread > 0 else 1.0
    activity = np.where(is_measured, (value - middle) / unit, 0.0)
    time = np.column_stack([_standardise(day), _standardise(np.sqrt(day))])
    common = np.column_stack([np.ones(len(day)), time])
    lacking = [(~is_measured).astype(np.float64)] if not is_measured.all() else []
    full = np.column_stack([common, activity, *lacking])
    once = np.ones((1, len(lost)))
    remained, coefficients = [], np.zeros(0)
    for design in (common, full):
        penalty = np.full(design.shape[1], rule.coefficient_sd**-2)
        penalty[0] = 0.0
        coefficients = fit_logistic(design, lost, once, penalty).coefficients[0]
        remained.append(compute_chance(-(design @ coefficients)))
    step = pl.Series(np.log(remained[0]) - np.log(remained[1]))
    until = rows.select(CHILD, step=step).select(
        total=pl.col("step").cum_sum().over(CHILD) - pl.col("step")
    )
    weight = np.exp(until["total"].to_numpy())
    cut = truncate(weight[None], once, rule.truncation)[0]
    return cut, float(coefficients[common.shape[1]] / unit)


def _standardise(column: Numbers) -> Numbers:
    spread = float(column.std())
    return np.asarray((column - column.mean()) / (spread if spread > 0 else 1.0))
