"""After IVIG stopped, weighted for loss to follow-up that depends on activity, beside unweighted.

The curves are those of ``after_stopping`` (not worse) and ``after_stopping_first`` (worse first);
only how much each child counts differs. Lost is who was no longer seen though observation of others
went on: not who died, had IVIG again, or is followed up to the end of the records.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import polars as pl

from heliotrope.definitions.model_free import Loss
from heliotrope.estimate import wording
from heliotrope.estimate.after_stopping import NOBODY, NOBODY_AT_RISK, derive_population
from heliotrope.estimate.events.aalen_johansen import (
    CompetingCurves,
    estimate_competing_curves,
    estimate_share_interval,
)
from heliotrope.estimate.events.after_stopping_first import CAUSES, derive_first_events
from heliotrope.estimate.events.loss_weights import LossWeights, estimate_loss_weights
from heliotrope.estimate.inputs import Inputs
from heliotrope.estimate.intervals import Interval
from heliotrope.estimate.rows import Figure, Row, Topic

CHILD = "patient_id"

NOT_WORSE = "survival_weighted"

WORSE_FIRST = "cumulative_incidence_weighted"


def estimate_after_stopping_weighted(inputs: Inputs) -> list[Row]:
    """Give the weights and, on the printed days, both curves with them; or why there are none."""
    topic = inputs.topic("after_stopping_loss", inputs.model_free.id)
    times = derive_loss_times(inputs, inputs.model_free.loss)
    weights = estimate_loss_weights(
        times, derive_activity(inputs, inputs.model_free.loss), inputs.model_free.loss
    )
    rows = [
        topic.count("children", weights.children, weights.children),
        topic.count("lost", weights.losses, weights.children),
    ]
    reason = weights.refused
    if weights.children == 0:
        reason = NOBODY_AT_RISK if times.height else NOBODY
    if reason is not None:
        return [*rows, topic.refuse("weight", "mean", reason, weights.children)]
    rows += _weight_rows(topic, weights)
    days = [float(day) for day in inputs.parameters.after_stopping.printed_days]
    worse = times.select(CHILD, "exit", cause=pl.col("is_event").cast(pl.Int64))
    curve = estimate_competing_curves(weights.cut(worse), 1)
    rows += _share_rows(topic.of("aggravation_time"), curve, days, NOT_WORSE)
    first = estimate_competing_curves(weights.cut(derive_first_events(inputs)), len(CAUSES))
    return rows + _share_rows(topic.of("after_stopping_first"), first, days, WORSE_FIRST)


def derive_loss_times(inputs: Inputs, rule: Loss) -> pl.DataFrame:
    """Give the times of the curve after stopping, and who was lost.

    Columns: patient_id, entry, exit (days from the last infusion), is_event (worsened), is_lost.
    """
    population = derive_population(inputs, inputs.of_group(inputs.table("aggravation")))
    last = inputs.first_regimens().select(CHILD, "last_infusion")
    end = pl.col("observed_until")
    still = pl.duration(days=rule.still_followed_days)
    observed = inputs.patients.select(
        CHILD,
        "observed_until",
        may_be_lost=(end < end.max() - still)
        & (pl.col("death_date").is_null() | (pl.col("death_date") > end)),
    )
    exit_day = pl.coalesce("event_day", "seen")
    is_end = (pl.col("observed_until") - pl.col("last_infusion")).dt.total_days() <= exit_day
    return (
        population.join(last, on=CHILD, how="left", maintain_order="left")
        .join(observed, on=CHILD, how="left", maintain_order="left")
        .select(
            CHILD,
            "entry",
            exit=exit_day,
            is_event=pl.col("event_day").is_not_null(),
            is_lost=pl.col("event_day").is_null() & is_end & pl.col("may_be_lost"),
        )
        .drop_nulls(["entry", "exit"])
        .with_columns(pl.col("is_lost").fill_null(False))
    )


def derive_activity(inputs: Inputs, rule: Loss) -> pl.DataFrame:
    """Give every value of the activity measure, in days from the last infusion."""
    last = inputs.first_regimens().select(CHILD, "last_infusion")
    is_activity = (pl.col("measure") == rule.activity_measure) & pl.col("value").is_not_null()
    recorded = inputs.gather(
        lambda piece: (
            piece.record("assessment")
            .filter(is_activity)
            .join(last, on=CHILD)
            .select(CHILD, "row_id", "date", "value", "last_infusion")
        )
    )
    return (
        recorded.sort("row_id")
        .select(CHILD, "value", day=(pl.col("date") - pl.col("last_infusion")).dt.total_days())
        .unique([CHILD, "day"], keep="last", maintain_order=True)
    )


def _weight_rows(topic: Topic, weights: LossWeights) -> list[Row]:
    """Give the weights' mean and range, and how loss went with activity."""
    column, n = weights.rows["weight"].to_numpy(), weights.children
    found = (
        ("weight", "mean", float(column.mean())),
        ("weight", "minimum", float(column.min())),
        ("weight", "maximum", float(column.max())),
        ("lost_by_activity", "odds_ratio", math.exp(weights.log_odds or 0.0)),
    )
    return [
        topic.figure(variable, statistic, Figure(number, wording.number(number), n))
        for variable, statistic, number in found
    ]


def _share_rows(
    topic: Topic, curves: CompetingCurves, days: Sequence[float], statistic: str
) -> list[Row]:
    """Give the share not worse, or worse first, on the printed days on which somebody was seen."""
    rows: list[Row] = []
    for day in days:
        at_risk, step = curves.times.at_risk(day), curves.step_at(day)
        is_depleted = curves.depleted_day is not None and day >= curves.depleted_day
        if at_risk == 0 or is_depleted:
            continue
        share = 0.0 if step is None else float(curves.shares[step, 0])
        error = 0.0 if step is None else float(curves.errors[step, 0])
        interval = estimate_share_interval(share, error, topic.level)
        if statistic == NOT_WORSE:
            share = 1 - share
            interval = interval and Interval(1 - interval.high, 1 - interval.low)
            printed = wording.survival(share, interval)
        else:
            printed = wording.share(share, interval)
        name = f"day_{day:.0f}" if statistic == NOT_WORSE else f"{CAUSES[0]}:day_{day:.0f}"
        rows.append(topic.figure(name, statistic, Figure(share, printed, at_risk, interval)))
    return rows
