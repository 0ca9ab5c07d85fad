"""Steroid sparing in result rows: the association always, the estimate only where it may stand."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from heliotrope.definitions.steroid_sparing import (
    STEROID_SPARING,
    SparingModel,
    SteroidSparing,
)
from heliotrope.estimate import wording
from heliotrope.estimate.inputs import NO_IVIG, Inputs
from heliotrope.estimate.intervals import Interval
from heliotrope.estimate.rows import Row, Topic
from heliotrope.estimate.sparing.dosing_rule import Association, RuleFacts, find_rule_facts
from heliotrope.estimate.sparing.drugs_stopped import estimate_drugs_stopped
from heliotrope.estimate.sparing.published_cut import estimate_published_cut
from heliotrope.estimate.sparing.slope import estimate_steroid_slopes
from heliotrope.estimate.sparing.visit_pairs import derive_visit_pairs
from heliotrope.estimate.wording import worded
from heliotrope.records.exact import compute_comparison

CHILD = "patient_id"

IVIG_IN_RULE = "ivig_in_dosing_rule"

VERDICTS = {
    "by_activity": worded("set by measured activity"),
    "by_calendar": worded("set by the calendar"),
    "not_shown": worded("not shown to be set by measured activity"),
}

NO_STEROID = worded("no steroid dose is recorded in these children")

NO_ACTIVITY = worded(
    "no value of {measure} is recorded in these children: activity was not measured"
)

FEW_CHILDREN = worded(
    "children with IVIG who can be followed from a visit before it: {found} (asked for: {needed})"
)

FEW_DECISIONS = worded(
    "only {children} children, with {decisions} visits on a steroid at a known dose, were followed "
    "from visit to visit; {needed_children} and {needed_decisions} are asked for"
)

UNVARIED = worded("{what} did not vary within any child")

NO_VISITS_ON_IVIG = worded(
    "only {found} pairs of visits have IVIG between them ({needed} are asked for): no visit lies "
    "between the infusions"
)

ALWAYS_ON_IVIG = worded(
    "only {found} pairs of visits have no IVIG between them ({needed} are asked for): what would "
    "have happened without it cannot be learnt"
)

NEVER_CHANGED = worded(
    "the dose was changed at {found} visits only ({needed} are asked for): it shows no rule by "
    "which it was set"
)

NO_DOSE_LEFT = worded(
    "the model gives no steroid without IVIG in most samples: it has no share to give"
)

BY_CALENDAR = worded(
    "the steroid dose fell by the calendar, not by measured activity: what IVIG changed in "
    "activity could not change the dose; only the association is reported"
)

NOT_BY_ACTIVITY = worded(
    "it is not shown that the steroid dose was set by measured activity: only the association is "
    "reported"
)


def estimate_steroid_sparing(inputs: Inputs) -> list[Row]:
    """Describe slopes, the published cut and stopped drugs, then the dosing rule; then estimate.

    The estimate is that of the parametric g-formula: the mean dose simulated without IVIG less
    that with the IVIG given, over the children's own visits of the first year. It assumes that
    activity and dose at a visit hold all that decided on IVIG and on the dose; that IVIG acts on
    the dose through measured activity alone; that the model's lines are straight, and the same for
    all children; that visits, other drugs and pulses would have been the same.
    """
    return [
        *estimate_steroid_slopes(inputs),
        *estimate_published_cut(inputs),
        *estimate_drugs_stopped(inputs),
        *estimate_rule_and_spared(inputs),
    ]


def estimate_rule_and_spared(inputs: Inputs) -> list[Row]:
    """Give the rows of the dosing rule, and the steroid spared or the reason why there is none."""
    definition = inputs.rulebook.get(STEROID_SPARING, SteroidSparing)
    rule_topic = inputs.topic("steroid_dosing_rule", STEROID_SPARING)
    topic = inputs.topic("steroid_sparing", STEROID_SPARING)
    nothing = _find_nothing(inputs, definition)
    if nothing is not None:
        return [
            rule_topic.refuse("activity", "slope", nothing),
            topic.refuse("spared_mg_kg_day", "mean_difference", nothing),
        ]
    pairs = derive_visit_pairs(inputs, definition.dosing_rule)
    facts = find_rule_facts(inputs, pairs, definition.dosing_rule, rule_topic.level)
    rows = _write_rule(rule_topic, facts, definition)
    reason = _find_reason(pairs, facts, definition)
    if reason is not None:
        return [*rows, topic.refuse("spared_mg_kg_day", "mean_difference", reason)]
    return rows + _estimate(inputs, topic, pairs, definition)


def _find_nothing(inputs: Inputs, definition: SteroidSparing) -> str | None:
    """Say what is wholly missing, before anything is computed."""
    children = inputs.first_regimens().select(CHILD)
    if children.height == 0:
        return NO_IVIG
    steroids = inputs.table("steroid_period").join(children, on=CHILD, how="semi")
    if steroids.filter(compute_comparison(pl.col("prednisone_mg_day"), ">", 0)).height == 0:
        return NO_STEROID
    measure = definition.dosing_rule.activity_measure
    is_measure = pl.col("measure") == measure

    def find_measured(piece: Inputs) -> bool:
        measured = piece.record("assessment").filter(is_measure)
        return measured.join(children, on=CHILD, how="semi").height > 0

    if not any(inputs.each_piece(find_measured)):
        return NO_ACTIVITY.format(measure=measure.replace("_", " "))
    return None


def _write_rule(topic: Topic, facts: RuleFacts, definition: SteroidSparing) -> list[Row]:
    """Give what the records show of the way the dose was set."""
    rule = definition.dosing_rule
    rows = [
        topic.count("decisions", facts.decisions, facts.children),
        topic.count("dose_changes", facts.changes, facts.decisions),
        topic.count("regular_gaps", facts.regular_gaps, facts.gaps),
    ]
    verdict = facts.judge(rule)
    if verdict is None and facts.activity is None:
        few = FEW_DECISIONS.format(
            children=facts.children,
            decisions=facts.decisions,
            needed_children=rule.fewest_children,
            needed_decisions=rule.fewest_decisions,
        )
        is_enough = (
            facts.children >= rule.fewest_children and facts.decisions >= rule.fewest_decisions
        )
        reason = UNVARIED.format(what=rule.activity_measure) if is_enough else few
        return [*rows, topic.refuse("activity", "slope", reason, facts.children)]
    rows.append(_slope(topic, "activity", facts.activity, facts.children))
    rows.append(_slope(topic, "ivig_beyond_activity", facts.beyond, facts.children))
    if verdict is not None:
        row = replace(
            topic.row("dose", "verdict"),
            value=float(verdict == "by_activity"),
            formatted=VERDICTS[verdict],
            n_evaluable=facts.children,
        )
        rows.append(row)
    return rows


def _slope(topic: Topic, variable: str, found: Association | None, children: int) -> Row:
    if found is None:
        what = UNVARIED.format(what="IVIG")
        return topic.refuse(variable, "slope", what, children)
    return _with_interval(topic, (variable, "slope"), found.slope, found.interval, children)


def _find_reason(pairs: pl.DataFrame, facts: RuleFacts, definition: SteroidSparing) -> str | None:
    """Say why no estimate may stand; None where it may."""
    numbers = definition.model
    verdict = facts.judge(definition.dosing_rule)
    covered = pairs.filter(compute_comparison(pl.col("covered"), ">", 0)).height
    asked: Sequence[tuple[str, int, int]] = (
        (FEW_CHILDREN, _count_followed(pairs), numbers.fewest_children),
        (NO_VISITS_ON_IVIG, covered, numbers.fewest_pairs_on_ivig),
        (ALWAYS_ON_IVIG, pairs.height - covered, numbers.fewest_pairs_without_ivig),
        (NEVER_CHANGED, facts.changes, numbers.fewest_dose_changes),
    )
    for words, found, needed in asked:
        if found < needed:
            return words.format(found=found, needed=needed)
    if verdict == "by_activity":
        return None
    return BY_CALENDAR if verdict == "by_calendar" else NOT_BY_ACTIVITY


def _count_followed(pairs: pl.DataFrame) -> int:
    """Count the children with a pair of visits that begins before, or on the day of, IVIG."""
    return pairs.filter(pl.col("days_from_first_infusion") <= 0)[CHILD].n_unique()


def _estimate(
    inputs: Inputs, topic: Topic, pairs: pl.DataFrame, definition: SteroidSparing
) -> list[Row]:
    """Give the steroid spared, with what it was simulated from."""
    from heliotrope.estimate.sparing.g_formula import (
        FIGURES,
        change_rules,
        draw_samples,
        estimate_spared,
        prepare,
    )

    fit, schedules = prepare(inputs, pairs, definition)
    numbers: SparingModel = definition.model
    if len(schedules.child) < numbers.fewest_children:
        reason = FEW_CHILDREN.format(found=len(schedules.child), needed=numbers.fewest_children)
        return [topic.refuse("spared_mg_kg_day", "mean_difference", reason)]
    samples = draw_samples(fit)
    spared = estimate_spared(numbers, samples, schedules, topic.level)
    statistics = dict.fromkeys(FIGURES, "mean")
    statistics |= dict.fromkeys(FIGURES[:3], "mean_difference") | {FIGURES[-1]: "slope"}
    rows = [
        _with_interval(topic, (name, statistics[name]), float(value), interval, spared.children)
        if math.isfinite(value) and math.isfinite(interval.low)
        else topic.refuse(name, statistics[name], NO_DOSE_LEFT, spared.children)
        for name, value, interval in zip(FIGURES, spared.figures, spared.intervals, strict=True)
    ]
    for name, statistic, number in (
        ("observed_mg_kg_day", "mean", spared.observed_mg_kg_day),
        ("days_followed", "mean", spared.mean_days),
        ("spared_mg_kg_day", "monte_carlo_error", spared.monte_carlo_error),
    ):
        row = replace(topic.row(name, statistic), value=number, formatted=wording.number(number))
        rows.append(replace(row, n_evaluable=spared.children))
    rows.append(topic.count("visit_pairs", pairs.height, spared.children))
    samples = change_rules(replace(fit, has_direct_path=True), samples)
    direct = estimate_spared(numbers, samples, schedules, topic.level)
    names = (FIGURES[0], statistics[FIGURES[0]])
    topic = topic.of(group=IVIG_IN_RULE)
    value, interval = float(direct.figures[0]), direct.intervals[0]
    return [*rows, _with_interval(topic, names, value, interval, direct.children)]


def _with_interval(
    topic: Topic, names: tuple[str, str], value: float, interval: Interval, children: int
) -> Row:
    middle, low, high = wording.numbers(value, interval.low, interval.high)
    between = " to " if interval.low < 0 else "-"
    return replace(
        topic.row(*names),
        value=value,
        formatted=f"{middle} ({low}{between}{high})",
        low=interval.low,
        high=interval.high,
        level=topic.level,
        n_evaluable=children,
    )
