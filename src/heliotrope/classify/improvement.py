"""Was the child improved at this visit? Tiers A, B and C against the regimen's baseline."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from heliotrope.classify.decision import ROOT
from heliotrope.classify.improvement_items import (
    GROUPS,
    classify_enzyme,
    classify_function,
    classify_global_falls,
    classify_judgement,
    classify_strength,
)
from heliotrope.classify.scores import NOT_EVALUABLE
from heliotrope.classify.trace import CELLS, make_nodes, state_of
from heliotrope.definitions.measure import Measure
from heliotrope.definitions.response import ResponseDefinition
from heliotrope.records.exact import compute_comparison

VISIT_KEY = ["patient_id", "regimen", "date"]
TIERS = ["tier_a", "tier_b", "tier_c"]


@dataclass(frozen=True)
class VisitInputs:
    """What the improvement of a visit is judged on.

    ``scores``: the score rows of the definition that tier A names.
    """

    changes: pl.DataFrame
    scores: pl.DataFrame
    courses: pl.DataFrame
    regimens: pl.DataFrame
    measures: dict[str, Measure]


@dataclass(frozen=True)
class Improvement:
    """Every visit with its state and tier, and the nodes that explain it.

    ``visits``: patient_id, regimen, date, day, course, day_of_course, is_on_regimen, is_improved
    (True, False, null), tier, is_confirmed, straddles, reason, row_ids (the cells that counted).
    """

    visits: pl.DataFrame
    nodes: pl.DataFrame


def classify_improvement(inputs: VisitInputs, definition: ResponseDefinition) -> Improvement:
    """Say for each visit after the first infusion whether the child was improved, and by what.

    Improved when one tier is met; not improved when at least one tier can be evaluated and none
    is met; not evaluable when no tier can. A measure counts only if it was recorded at baseline
    too (a judgement: at the visit).
    """
    items = pl.concat(
        [
            classify_strength(inputs.changes, definition, inputs.measures),
            classify_function(inputs.changes, definition, inputs.measures),
            classify_enzyme(inputs.changes, definition),
            classify_judgement(inputs.changes, definition),
            classify_global_falls(inputs.changes, definition),
        ]
    )
    groups = _combine_items(items, definition)
    visits = (
        _find_visits(inputs, definition)
        .join(_tier_a(inputs.scores, definition), on=VISIT_KEY, how="left")
        .join(_tier_b(groups), on=VISIT_KEY, how="left")
        .join(_tier_c(groups, definition), on=VISIT_KEY, how="left")
        .join(_cells(items), on=VISIT_KEY, how="left")
    )
    visits = _confirm(_decide(visits, definition), definition).sort(VISIT_KEY)
    nodes = _make_nodes(visits, items, groups, definition)
    return Improvement(visits, nodes)


def _find_visits(inputs: VisitInputs, definition: ResponseDefinition) -> pl.DataFrame:
    """List the visits: dates with more than weight, height or temperature.

    A visit on a D0 belongs to the course before.
    """
    silent = set(definition.baseline.domains_without_say) - {"judgement"}
    measures = [name for name, item in inputs.measures.items() if item.domain not in silent]
    visits = (
        inputs.changes.filter(pl.col("measure").is_in(measures))
        .select(*VISIT_KEY, "day")
        .unique()
        .sort("date")
    )
    starts = inputs.courses.select("patient_id", "regimen", "course", "start_date")
    return (
        visits.join_asof(
            starts.sort("start_date"),
            left_on="date",
            right_on="start_date",
            by=["patient_id", "regimen"],
            strategy="backward",
            allow_exact_matches=False,
            check_sortedness=False,
        )
        .join(
            inputs.regimens.select("patient_id", "regimen", "last_course_start"),
            on=["patient_id", "regimen"],
        )
        .with_columns(
            day_of_course=(pl.col("date") - pl.col("start_date")).dt.total_days().cast(pl.Int32),
            is_on_regimen=(pl.col("date") - pl.col("last_course_start")).dt.total_days()
            <= definition.windows.cover_days,
        )
        .drop("start_date", "last_course_start")
    )


def _combine_items(items: pl.DataFrame, definition: ResponseDefinition) -> pl.DataFrame:
    """Combine the comparisons of each group: one row a visit and group, is_met by Kleene logic.

    Strength is met when any scale is; the enzyme when its relative fall is met together with one
    of the other two; a global or index when both its falls are; function and judgement as is.
    """
    key = [*VISIT_KEY, "parent"]
    met = {name: pl.col("is_met").filter(pl.col("node") == name).first() for name in ENZYME_NODES}
    relative, in_limits, in_range = met.values()
    tier_b = [definition.tier_b.essential, *definition.tier_b.alternatives]
    grouped = items.group_by(key).agg(
        pl.col("is_met").any(ignore_nulls=False).alias("any"),
        pl.col("is_met").all(ignore_nulls=False).alias("all"),
        (relative & (in_limits | in_range)).alias("enzyme"),
    )
    return grouped.select(
        *key,
        is_met=pl.when(pl.col("parent") == "enzyme")
        .then("enzyme")
        .when(pl.col("parent").is_in(tier_b))
        .then("all")
        .otherwise("any"),
    )


ENZYME_NODES = ("enzyme_relative_fall", "enzyme_fall_in_upper_limits", "enzyme_in_range")


def _tier_a(scores: pl.DataFrame, definition: ResponseDefinition) -> pl.DataFrame:
    """Read tier A from the score's bounds; bounds on both sides of the threshold decide nothing."""
    at_least = definition.tier_a.at_least
    lower = compute_comparison(pl.col("score_lower"), ">=", at_least)
    upper = compute_comparison(pl.col("score_upper"), ">=", at_least)
    can_score = pl.col("category") != NOT_EVALUABLE
    return scores.select(
        *VISIT_KEY,
        tier_a=pl.when(can_score & lower)
        .then(pl.lit(value=True))
        .when(can_score & ~upper)
        .then(pl.lit(value=False)),
        straddles=can_score & ~lower & upper,
        score_lower=pl.when(can_score).then("score_lower"),
    )


def _tier_b(groups: pl.DataFrame) -> pl.DataFrame:
    """Tier B: the physician global or an index beside it fell by both amounts."""
    return (
        groups.filter(~pl.col("parent").is_in(GROUPS))
        .group_by(VISIT_KEY)
        .agg(tier_b=pl.col("is_met").any(ignore_nulls=False))
    )


def _tier_c(groups: pl.DataFrame, definition: ResponseDefinition) -> pl.DataFrame:
    """Tier C: enough of the recorded items are met; it needs as many recorded."""
    at_least = definition.tier_c.at_least
    return (
        groups.filter(pl.col("parent").is_in(GROUPS))
        .group_by(VISIT_KEY)
        .agg(
            items_met=pl.col("is_met").sum().cast(pl.Float64),
            items_recorded=pl.col("is_met").count().cast(pl.Float64),
        )
        .with_columns(
            tier_c=pl.when(compute_comparison(pl.col("items_recorded"), ">=", at_least)).then(
                compute_comparison(pl.col("items_met"), ">=", at_least)
            )
        )
    )


def _cells(items: pl.DataFrame) -> pl.DataFrame:
    """Collect the cells that counted at a visit."""
    return (
        pl.concat(items.select(*VISIT_KEY, row_id=cell) for cell in CELLS)
        .drop_nulls("row_id")
        .group_by(VISIT_KEY)
        .agg(pl.col("row_id").unique().sort().alias("row_ids"))
    )


def _decide(visits: pl.DataFrame, definition: ResponseDefinition) -> pl.DataFrame:
    """Put the tiers together: state of the visit, best tier met, reason when not evaluable."""
    counts = pl.col("day") >= definition.tier_a.ignored_before_day
    return visits.with_columns(
        tier_a=pl.when(counts).then("tier_a"),
        straddles=counts & pl.col("straddles").fill_null(value=False),
    ).with_columns(
        is_improved=pl.when(pl.any_horizontal(pl.col(TIERS).fill_null(value=False)))
        .then(pl.lit(value=True))
        .when(pl.any_horizontal(pl.col(TIERS).is_not_null()))
        .then(pl.lit(value=False)),
        tier=pl.when("tier_a")
        .then(pl.lit("A"))
        .when("tier_b")
        .then(pl.lit("B"))
        .when("tier_c")
        .then(pl.lit("C")),
        reason=pl.when(pl.any_horizontal(pl.col(TIERS).is_not_null()))
        .then(pl.lit(None, pl.String))
        .when("straddles")
        .then(pl.lit("bounds_straddle"))
        .otherwise(pl.lit("too_little_recorded")),
    )


def _confirm(visits: pl.DataFrame, definition: ResponseDefinition) -> pl.DataFrame:
    """Mark improved visits that are confirmed: the same or a better tier again later.

    Later means at least 14 days, or after the next course. The last visit with the same or a
    better tier settles it, since nothing later can do better.
    """
    regimen = ["patient_id", "regimen"]
    improved = visits.filter("is_improved")
    frames = [
        improved.filter(pl.col("tier") <= tier)
        .group_by(regimen)
        .agg(pl.col("date", "course").max().name.prefix("last_"))
        .with_columns(tier=pl.lit(tier))
        for tier in ("A", "B", "C")
    ]
    again = (pl.col("last_date") - pl.col("date")).dt.total_days()
    return (
        visits.join(pl.concat(frames), on=[*regimen, "tier"], how="left")
        .with_columns(
            days_to_last_as_good=pl.when("is_improved").then(again).cast(pl.Float64),
            is_confirmed=pl.when("is_improved").then(
                (again >= definition.windows.confirmation_days)
                | (pl.col("last_course") > pl.col("course"))
            ),
        )
        .drop("last_date", "last_course")
    )


def _make_nodes(
    visits: pl.DataFrame,
    items: pl.DataFrame,
    groups: pl.DataFrame,
    definition: ResponseDefinition,
) -> pl.DataFrame:
    """Make the tree of each visit: root, tiers, groups and comparisons."""
    seen = visits.select(VISIT_KEY)
    root = make_nodes(
        visits,
        definition,
        node=pl.lit(ROOT),
        state=state_of(pl.col("is_improved")),
        label=pl.col("tier"),
        reason=pl.col("reason"),
    )
    group_nodes = make_nodes(
        groups.join(seen, on=VISIT_KEY, how="semi"),
        definition,
        node=pl.col("parent"),
        parent=pl.when(pl.col("parent").is_in(GROUPS))
        .then(pl.lit("tier_c"))
        .otherwise(pl.lit("tier_b")),
        state=state_of(pl.col("is_met")),
    )
    shown = ("node", "parent", "value", "operator", "threshold", "unit", "sources", *CELLS)
    item_nodes = make_nodes(
        items.join(seen, on=VISIT_KEY, how="semi"),
        definition,
        state=state_of(pl.col("is_met")),
        **{name: pl.col(name) for name in shown},
    )
    return pl.concat([root, *_make_tier_nodes(visits, definition), group_nodes, item_nodes])


def _make_tier_nodes(
    visits: pl.DataFrame, definition: ResponseDefinition
) -> Iterator[pl.DataFrame]:
    """Make one node a tier; a tier that cannot be evaluated has no value."""
    is_early = pl.col("day") < definition.tier_a.ignored_before_day
    reasons = {
        "tier_a": pl.when("straddles")
        .then(pl.lit("bounds_straddle"))
        .when(is_early)
        .then(pl.lit("recall_before_infusion"))
    }
    compared = {
        "tier_a": ("score_lower", definition.tier_a.at_least),
        "tier_c": ("items_met", definition.tier_c.at_least),
    }
    for tier in TIERS:
        columns = {}
        if tier in compared:
            value, at_least = compared[tier]
            columns = {
                "value": pl.when(pl.col(tier).is_not_null()).then(value),
                "operator": pl.lit(">="),
                "threshold": pl.lit(float(at_least)),
            }
        yield make_nodes(
            visits,
            definition,
            node=pl.lit(tier),
            parent=pl.lit(ROOT),
            state=state_of(pl.col(tier)),
            reason=reasons.get(tier, pl.lit(None)),
            **columns,
        )
