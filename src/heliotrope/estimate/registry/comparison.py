"""The comparison with untreated children put together: estimates, or why they are refused."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import polars as pl

from heliotrope.definitions.registry_comparison import RegistryComparison
from heliotrope.estimate.logistic import Numbers
from heliotrope.estimate.registry.design import Registry, make_registry
from heliotrope.estimate.registry.diagnostics import (
    Balance,
    Stratum,
    compare_balance,
    count_effective,
    list_strata,
)
from heliotrope.estimate.registry.g_formula import Steps, make_steps, simulate_differences
from heliotrope.estimate.registry.marginal import (
    Contrast,
    Weighting,
    contrast_activity,
    contrast_inactive,
)
from heliotrope.estimate.registry.resampling import draw_children
from heliotrope.estimate.registry.trials import contrast_trials
from heliotrope.estimate.registry.weights import Weights, estimate_weights
from heliotrope.estimate.wording import worded

FEW_TREATED = worded(
    "{children} children started IVIG after diagnosis and could be compared; under {least} no "
    "comparison is made"
)

FEW_UNTREATED = worded(
    "{children} children never received IVIG and could be compared; under {least} no comparison is "
    "made"
)

UNRECORDED = worded(
    "activity before the start was not recorded in {unrecorded} of {children} children; what led "
    "to IVIG cannot be adjusted for"
)

FEW_EFFECTIVE = worded(
    "after weighting the {which} children are worth {number:.1f} equally weighted ones; under "
    "{least:g} no comparison is made"
)

WEIGHTS_ASTRAY = worded(
    "the weights average {mean:.2f}, not between {low:g} and {high:g}: their models do not fit, or "
    "treated and untreated children hardly overlap"
)


@dataclass(frozen=True)
class Comparison:
    """Everything the comparison found; ``refused`` says in words why there is no estimate.

    ``activity``: differences of the physician global, cm (unadjusted, weighted,
    sequential_trials); ``inactive``: log odds ratios (unadjusted, weighted); None where one could
    not be made. ``g_formula``: for each start a matrix of resamples (the first row the estimate)
    by days read and the mean from the start on.
    """

    registry: Registry
    weights: Weights
    effective_treated: float
    effective_untreated: float
    strata: list[Stratum]
    balance: list[Balance]
    activity: dict[str, Contrast | None]
    inactive: dict[str, Contrast | None]
    g_formula: dict[int, Numbers]
    refused: str | None


def find_refusal_of_children(frame: pl.DataFrame, numbers: RegistryComparison) -> str | None:
    """Say in words why these children cannot be compared, before any model is fitted."""
    limits = numbers.refusal
    children = frame.group_by("patient_id").agg(pl.col("is_treated").any())["is_treated"]
    treated = int(children.sum())
    untreated = len(children) - treated
    if treated < limits.fewest_treated:
        return FEW_TREATED.format(children=treated, least=limits.fewest_treated)
    if untreated < limits.fewest_untreated:
        return FEW_UNTREATED.format(children=untreated, least=limits.fewest_untreated)
    starts = frame.filter(pl.col("is_treated") & pl.col("was_ever_treated").not_())
    unrecorded = int(starts["activity"].null_count())
    if unrecorded > limits.most_unrecorded_at_start * starts.height:
        return UNRECORDED.format(unrecorded=unrecorded, children=starts.height)
    measured = frame.filter(pl.col("outcome_activity").is_not_null())
    if measured.filter("is_treated").height == 0 or measured["is_treated"].all():
        return worded("activity was not measured both with and without IVIG")
    if measured["outcome_activity"].n_unique() == 1:
        return worded("every recorded activity is the same; there is no difference to find")
    return None


def find_refusal_of_weights(
    weight: Numbers, effective: tuple[float, float], numbers: RegistryComparison
) -> str | None:
    """Say in words why the weights are not to be trusted.

    effective: effective number of children, treated and untreated.
    """
    limits = numbers.refusal
    low, high = limits.mean_weight
    for words, number in zip((worded("treated"), worded("untreated")), effective, strict=True):
        if number < limits.fewest_effective:
            return FEW_EFFECTIVE.format(which=words, number=number, least=limits.fewest_effective)
    if not low <= weight.mean() <= high:
        return WEIGHTS_ASTRAY.format(mean=weight.mean(), low=low, high=high)
    return None


def compare_registry(
    frame: pl.DataFrame, steps: pl.DataFrame, numbers: RegistryComparison
) -> Comparison:
    """Compare treated and untreated children by weights, trials and the g-formula.

    frame: the table of intervals; steps: the same cut at the g-formula's length. Where the weights
    are refused, no estimate is made, but what was found about them is kept.
    """
    registry = make_registry(frame, numbers)
    everyone = np.ones((1, registry.children))
    weights = estimate_weights(registry, numbers, everyone)
    weight = weights.truncated[0]
    effective = (
        count_effective(registry, weight, treated=True),
        count_effective(registry, weight, treated=False),
    )
    refused = find_refusal_of_weights(weight, effective, numbers)
    found = _Found() if refused else _estimate(registry, steps, numbers, weights)
    return Comparison(
        registry=registry,
        weights=weights,
        effective_treated=effective[0],
        effective_untreated=effective[1],
        strata=list_strata(registry, weights, numbers),
        balance=compare_balance(registry, weights),
        activity=found.activity,
        inactive=found.inactive,
        g_formula=found.g_formula,
        refused=refused,
    )


@dataclass(frozen=True)
class _Found:
    """The estimates; empty where they are refused."""

    activity: dict[str, Contrast | None] = field(default_factory=dict)
    inactive: dict[str, Contrast | None] = field(default_factory=dict)
    g_formula: dict[int, Numbers] = field(default_factory=dict)


def _estimate(
    registry: Registry, steps: pl.DataFrame, numbers: RegistryComparison, of_all: Weights
) -> _Found:
    """Make every estimate, with resamples of the children unless there are very many.

    ``of_all``: the weights of the children as they are. The g-formula has no interval but that of
    resamples, and is always resampled.
    """
    few = registry.children <= numbers.bootstrap.most_children
    draws = draw_children(
        registry.children, numbers.bootstrap.draws if few else 0, numbers.bootstrap.seed
    )
    everyone = np.vstack([np.ones((1, registry.children)), draws])
    weights = estimate_weights(registry, numbers, everyone) if few else of_all
    weighting = Weighting(weights.truncated[0], weights.truncated[1:])
    return _Found(
        activity={
            "unadjusted": contrast_activity(registry, None, draws),
            "weighted": contrast_activity(registry, weighting, draws),
            "sequential_trials": contrast_trials(registry, numbers, weights, draws),
        },
        inactive={
            "unadjusted": contrast_inactive(registry, None, draws, numbers),
            "weighted": contrast_inactive(registry, weighting, draws, numbers),
        },
        g_formula=simulate_resampled(registry, make_steps(steps, numbers), numbers, draws),
    )


def simulate_resampled(
    registry: Registry, steps: Steps, numbers: RegistryComparison, draws: Numbers
) -> dict[int, Numbers]:
    """Simulate the children as they are and resampled, in a large registry less often."""
    if len(draws) == 0:
        rule = numbers.g_formula
        affordable = max(rule.most_drawn_steps // len(steps.child), rule.fewest_draws)
        count = min(affordable, numbers.bootstrap.draws)
        draws = draw_children(registry.children, count, rule.seed)
    everyone = np.vstack([np.ones((1, registry.children)), draws])
    return simulate_differences(steps, numbers, everyone)
