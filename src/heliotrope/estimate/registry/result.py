"""The rows of the comparison with untreated children: who, how well weighted, how different."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import polars as pl

from heliotrope.definitions.registry_comparison import RegistryComparison
from heliotrope.estimate import wording
from heliotrope.estimate.inputs import Inputs
from heliotrope.estimate.intervals import Interval, compute_normal_quantile
from heliotrope.estimate.registry.comparison import (
    Comparison,
    compare_registry,
    find_refusal_of_children,
)
from heliotrope.estimate.registry.e_value import (
    EValue,
    compute_risk_ratio_of_odds,
    estimate_e_value,
    estimate_e_value_of_difference,
)
from heliotrope.estimate.registry.follow_up import select_children
from heliotrope.estimate.registry.marginal import Contrast
from heliotrope.estimate.registry.person_intervals import (
    PersonIntervals,
    derive_person_intervals,
    hold_compared,
)
from heliotrope.estimate.registry.resampling import find_normal_interval, find_percentiles
from heliotrope.estimate.registry.weight_rows import describe_weights
from heliotrope.estimate.registry_comparison import describe_activity, refuse_comparison
from heliotrope.estimate.rows import Row, Topic
from heliotrope.estimate.wording import worded

NO_CONTRAST = worded("too few visits, or too few became inactive, on one side of the comparison")

NOT_DRAWN = worded(
    "children are drawn anew only in registries of up to {most}; the robust interval stands"
)

NOT_STABLE = worded(
    "in too many of the resamples one side of the comparison has no event; no interval is made"
)


def estimate_comparison_rows(
    inputs: Inputs, topic: Topic, numbers: RegistryComparison
) -> list[Row]:
    """Make every row of the comparison; called where enough children were treated at all."""
    selected = select_children(inputs, numbers)
    held = hold_compared(inputs, numbers, selected)
    table = derive_person_intervals(held, numbers, selected)
    rows = describe_population(topic.of("registry_population"), table, numbers)
    refused = (
        worded("no child could be followed from diagnosis")
        if table.frame.height == 0
        else find_refusal_of_children(table.frame, numbers)
    )
    if refused is not None:
        described = describe_activity(inputs, topic, numbers)
        return [*rows, *refuse_comparison(topic, refused), *described]
    longer = numbers.intervals.model_copy(update={"days": numbers.g_formula.days})
    longer_numbers = numbers.model_copy(update={"intervals": longer})
    steps = derive_person_intervals(held, longer_numbers, selected)
    comparison = compare_registry(table.frame, steps.frame, numbers)
    rows += describe_weights(topic, comparison, numbers)
    if comparison.refused is not None:
        described = describe_activity(inputs, topic, numbers)
        return [*rows, *refuse_comparison(topic, comparison.refused), *described]
    return [*rows, *make_estimate_rows(topic, comparison, numbers)]


def describe_population(
    topic: Topic, table: PersonIntervals, numbers: RegistryComparison
) -> list[Row]:
    """Count who is compared, who could not be, and what was not recorded."""
    frame = table.frame
    ever = frame.group_by("patient_id").agg(pl.col("is_treated").any())["is_treated"]
    rows = [
        topic.count("children:treated", int(ever.sum()), len(ever)),
        topic.count("children:untreated", int((~ever).sum()), len(ever)),
        topic.count("intervals", frame.height),
        topic.count("intervals:with_activity", int(frame["outcome_activity"].count())),
    ]
    rows += [topic.count(f"left_out:{reason}", n) for reason, n in table.left_out.items()]
    after = numbers.intervals.carried_after_days
    for covariate in numbers.covariates:
        name = covariate.id
        missing = int(frame[name].null_count())
        carried = int((frame[f"{name}_age_days"] > after).sum())
        rows.append(make_share(topic, f"missing:{name}", missing, frame.height))
        rows.append(make_share(topic, f"carried:{name}", carried, frame.height))
    return rows


def make_share(topic: Topic, variable: str, count: int, total: int) -> Row:
    """Return a share of intervals; without limits, since those of a child are not independent."""
    if total == 0:
        return topic.refuse(variable, "share", worded("there is no interval"))
    return replace(
        topic.row(variable, "share"),
        value=count / total,
        formatted=f"{count}/{total} ({wording.percent(count / total, total)} %)",
        n_evaluable=total,
    )


def make_estimate_rows(
    topic: Topic, comparison: Comparison, numbers: RegistryComparison
) -> list[Row]:
    """Give differences of activity, odds ratios of inactive disease, the g-formula, E-values."""
    rows: list[Row] = []
    for name, contrast in comparison.activity.items():
        rows += _make_contrast(topic.of("registry_activity"), name, contrast, numbers)
    rows += _make_g_formula(topic.of("registry_activity"), comparison, numbers)
    for name, contrast in comparison.inactive.items():
        rows += _make_contrast(topic.of("registry_inactive"), name, contrast, numbers, is_odds=True)
    return [*rows, *_make_e_values(topic.of("registry_e_value"), comparison, numbers)]


def _make_contrast(
    topic: Topic,
    name: str,
    contrast: Contrast | None,
    numbers: RegistryComparison,
    *,
    is_odds: bool = False,
) -> list[Row]:
    """Return the estimate twice: with the robust interval and with that of the bootstrap."""
    statistic = "odds_ratio" if is_odds else "mean_difference"
    if contrast is None:
        return [topic.refuse(name, statistic, NO_CONTRAST)]
    half = compute_normal_quantile((1 + topic.level) / 2) * contrast.error
    robust = Interval(contrast.value - half, contrast.value + half)
    drawn = find_percentiles(contrast.resampled, topic.level, numbers.bootstrap.most_missing)
    first = replace(topic.row(name, statistic), level=topic.level)
    again = replace(topic.row(name, f"{statistic}_bootstrap"), level=topic.level)
    rows = [_fill(first, contrast, robust, is_odds)]
    if drawn is None:
        reason = NOT_DRAWN.format(most=numbers.bootstrap.most_children)
        reason = NOT_STABLE if len(contrast.resampled) else reason
        return [*rows, replace(again, level=None, refused=reason, n_evaluable=contrast.children)]
    return [*rows, _fill(again, contrast, drawn, is_odds)]


def _fill(row: Row, contrast: Contrast, interval: Interval, is_odds: bool) -> Row:
    ends = (contrast.value, interval.low, interval.high)
    value, low, high = (math.exp(end) for end in ends) if is_odds else ends
    return replace(
        row,
        value=value,
        formatted=say_estimate((value, low, high), "" if is_odds else " cm"),
        low=low,
        high=high,
        n_evaluable=contrast.children,
    )


def _make_g_formula(topic: Topic, comparison: Comparison, numbers: RegistryComparison) -> list[Row]:
    """Return the simulated differences: on average from the start on, and on the days read."""
    rows = []
    children = comparison.registry.children
    missing = numbers.bootstrap.most_missing
    days = numbers.g_formula.read_at_days
    for start, found in comparison.g_formula.items():
        # On a day up to the start nothing can differ yet: such a row would be a certain nothing.
        read = [(place, f":day_{day}") for place, day in enumerate(days) if day > start]
        for column, suffix in [*read, (len(days), "")]:
            value = float(found[0, column])
            row = replace(
                topic.row(f"g_formula:start_by_day_{start}{suffix}", "mean_difference_bootstrap"),
                value=value,
                formatted=worded("{value} (no interval)").format(value=f"{value:.2f} cm"),
                n_evaluable=children,
            )
            resampled = found[1:, column]
            interval = (
                find_percentiles(resampled, topic.level, missing)
                if children <= numbers.bootstrap.most_children
                else find_normal_interval(value, resampled, topic.level, missing)
            )
            if interval is not None:
                ends = (value, interval.low, interval.high)
                text = say_estimate(ends, " cm")
                row = replace(row, formatted=text, low=interval.low, high=interval.high)
                row = replace(row, level=topic.level)
            rows.append(row)
    return rows


def _make_e_values(topic: Topic, comparison: Comparison, numbers: RegistryComparison) -> list[Row]:
    """Return how strong something unrecorded would have to be, for both weighted estimates."""
    rows: list[Row] = []
    activity, inactive = comparison.activity["weighted"], comparison.inactive["weighted"]
    spread = float(np.nanstd(comparison.registry.activity))
    if activity is not None and spread > 0:
        value = estimate_e_value_of_difference(
            activity.value, activity.error, spread, numbers.e_value
        )
        rows += _say_e_value(topic, "activity:weighted", value, activity.children)
    if inactive is not None:
        half = compute_normal_quantile((1 + topic.level) / 2) * inactive.error
        share = inactive.events / inactive.rows
        ratio, low, high = (
            compute_risk_ratio_of_odds(math.exp(end), share, numbers.e_value)
            for end in (inactive.value, inactive.value - half, inactive.value + half)
        )
        value = estimate_e_value(ratio, Interval(low, high))
        rows += _say_e_value(topic, "inactive:weighted", value, inactive.children)
    return rows


def _say_e_value(topic: Topic, variable: str, value: EValue, children: int) -> list[Row]:
    return [
        replace(
            topic.row(variable, statistic),
            value=number,
            formatted=f"{number:.2f}",
            n_evaluable=children,
        )
        for statistic, number in (("e_value", value.estimate), ("e_value_limit", value.limit))
    ]


def say_estimate(ends: tuple[float, float, float], unit: str) -> str:
    """Print an estimate with its interval.

    >>> say_estimate((-0.83, -1.25, -0.41), " cm"), say_estimate((2.5, 1.2, 5.3), "")
    ('-0.83 cm (-1.25 to -0.41)', '2.50 (1.20 to 5.30)')
    """
    value, low, high = (f"{end:.2f}" for end in ends)
    return f"{value}{unit} ({low} to {high})"
