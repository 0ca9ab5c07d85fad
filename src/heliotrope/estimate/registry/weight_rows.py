"""The rows that say what the weights are worth: their size, the overlap, the balance."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from heliotrope.definitions.registry_comparison import RegistryComparison
from heliotrope.estimate import wording
from heliotrope.estimate.logistic import Numbers
from heliotrope.estimate.registry.comparison import Comparison
from heliotrope.estimate.rows import Row, Topic
from heliotrope.estimate.wording import worded

FEW_EVENTS = worded(
    "fewer than {fewest} such events (or all intervals have one): no model, weight 1"
)


def describe_weights(
    topic: Topic, comparison: Comparison, numbers: RegistryComparison
) -> list[Row]:
    """Give weights, effective children, positivity and balance as rows."""
    return [
        *_describe_size(topic.of("registry_weights"), comparison, numbers),
        *_describe_overlap(topic.of("registry_positivity"), comparison),
        *_describe_balance(topic.of("registry_balance"), comparison, numbers),
    ]


def _describe_size(topic: Topic, comparison: Comparison, numbers: RegistryComparison) -> list[Row]:
    registry, weights = comparison.registry, comparison.weights
    rows: list[Row] = []
    for name, has_model in weights.has_model.items():
        if not has_model:
            reason = FEW_EVENTS.format(fewest=numbers.refusal.fewest_events_of_a_model)
            rows.append(topic.refuse(f"model:{name}", "n", reason))
    truncated = weights.truncated[0]
    rows += _summarise(topic, "weight", truncated)
    rows += _summarise(topic, "weight_before_truncation", weights.before_truncation[0])
    year = np.floor(registry.interval * numbers.intervals.days / numbers.intervals.days_per_year)
    for number in np.unique(year):
        rows += _summarise(topic, f"weight:year_{int(number) + 1}", truncated[year == number])
    for name, effective in (
        ("treated", comparison.effective_treated),
        ("untreated", comparison.effective_untreated),
    ):
        rows.append(_number(topic, f"children:{name}", "effective_children", effective))
    return rows


def _summarise(topic: Topic, variable: str, weight: Numbers) -> list[Row]:
    return [
        replace(_number(topic, variable, name, float(value)), n_evaluable=len(weight))
        for name, value in (
            ("mean", weight.mean()),
            ("minimum", weight.min()),
            ("maximum", weight.max()),
        )
    ]


def _number(topic: Topic, variable: str, statistic: str, value: float) -> Row:
    return replace(topic.row(variable, statistic), value=value, formatted=f"{value:.2f}")


def _describe_overlap(topic: Topic, comparison: Comparison) -> list[Row]:
    rows = []
    for stratum in comparison.strata:
        rows.append(topic.count(f"{stratum.name}:intervals", stratum.at_risk))
        rows.append(topic.count(f"{stratum.name}:starts", stratum.starts, stratum.at_risk))
        if stratum.at_risk:
            share = stratum.extreme / stratum.at_risk
            printed = wording.percent(share, stratum.at_risk)
            rows.append(
                replace(
                    topic.row(f"{stratum.name}:extreme", "share"),
                    value=share,
                    formatted=f"{stratum.extreme}/{stratum.at_risk} ({printed} %)",
                    n_evaluable=stratum.at_risk,
                )
            )
    return rows


def _describe_balance(
    topic: Topic, comparison: Comparison, numbers: RegistryComparison
) -> list[Row]:
    limit = numbers.weights.balance_limit
    rows = []
    for balance in comparison.balance:
        for statistic, value in (
            ("standardised_difference", balance.unweighted),
            ("standardised_difference_weighted", balance.weighted),
        ):
            rows.append(_number(topic, balance.name, statistic, value))
    count = len(comparison.balance)
    for name, over in (
        ("over_limit", sum(abs(item.unweighted) > limit for item in comparison.balance)),
        ("over_limit_weighted", sum(abs(item.weighted) > limit for item in comparison.balance)),
    ):
        rows.append(topic.count(name, over, count))
    return rows
