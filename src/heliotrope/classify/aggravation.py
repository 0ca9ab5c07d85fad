"""Did the child worsen after the regimen stopped? Population, limbs, date and trace."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from heliotrope.classify.decision import ROOT, decide_axes, make_decision_nodes
from heliotrope.classify.references import derive_changes_since
from heliotrope.classify.trace import make_nodes, used_all
from heliotrope.classify.worsening import (
    WorseningRules,
    find_escalated_deterioration,
    find_visit_worsening,
    judge_deterioration,
)
from heliotrope.definitions.decision import Criterion
from heliotrope.definitions.response import AggravationDefinition
from heliotrope.derive.derived import Derived
from heliotrope.records.exact import compute_comparison
from heliotrope.records.judgement_tables import Aggravation

REGIMEN = ["patient_id", "regimen"]
ESCALATION_LIMB = "d"
ESCALATION_ONLY = "escalation_only"
LIMBS = ("a", "b", "c", "d", "e")


@dataclass(frozen=True)
class PatientWorsening:
    """Signs that belong to a child, not to a visit of one regimen: limbs d and e."""

    escalations: pl.DataFrame
    flares: pl.DataFrame


@dataclass(frozen=True)
class Aggravations:
    """The table, its trace, and the facts about stopping that the response also needs."""

    table: pl.DataFrame
    nodes: pl.DataFrame
    facts: pl.DataFrame
    window_days: int


def classify_aggravation(
    derived: Derived,
    visits: pl.DataFrame,
    states: pl.DataFrame,
    signs: PatientWorsening,
    rules: WorseningRules,
) -> Aggravations:
    """Say for each regimen whether the child worsened within 180 days of the last infusion.

    Population: improved at the last evaluable visit on the regimen, stopped for another reason
    than inefficacy or a reaction; outside it the state is ``not_reached``. Events count after
    that visit and after the last infusion; the earliest counts, ties in the order a to e. Limb d
    alone is ``escalation_only``. An event after the window keeps its date, the state is not_met.
    """
    rule = rules.aggravation
    facts = _stop_facts(derived, visits, rule)
    events, small = _find_events(derived, facts, states, signs, rules)
    facts = (
        facts.join(_earliest(events, rule), on=REGIMEN, how="left", maintain_order="left")
        .join(small, on=REGIMEN, how="left", maintain_order="left")
        .with_columns(
            pl.col("is_small_reference").fill_null(value=False),
            event_in_window=pl.col("days_after").cast(pl.Float64),
        )
    )
    criteria = rule.criteria
    is_reached = pl.col("state") != "not_reached"
    decided = decide_axes(facts, criteria, rule.axes).with_columns(
        *(pl.when(is_reached).then(name).alias(name) for name in ("limb", "event_date")),
        days_after=pl.when(is_reached).then("days_after"),
        is_small_reference=is_reached & pl.col("is_small_reference"),
        aggravated_in_window=pl.when(pl.col("state") == "met").then("event_in_window"),
    )
    table = decided.select(
        *REGIMEN,
        "state",
        date=pl.col("event_date"),
        days_after_last_infusion=pl.col("days_after").cast(pl.Int32),
        limb=pl.col("limb"),
        reason=pl.col("state.reason"),
        flags=pl.when("is_small_reference")
        .then(pl.lit(["small_reference"]))
        .otherwise(pl.lit([], dtype=pl.List(pl.String))),
    ).select(Aggravation.column_names())
    nodes = _make_nodes(decided, events, criteria, rule)
    return Aggravations(table, nodes, decided, rule.window_days)


def _stop_facts(
    derived: Derived, visits: pl.DataFrame, rule: AggravationDefinition
) -> pl.DataFrame:
    """Say whether, why and in what state each regimen stopped, and how long the child was seen.

    The child is seen until the end of observation or the first infusion of the next regimen.
    """
    shard = derived.shard
    recorded = (
        pl.concat(
            [
                table.select("patient_id")
                for table in (shard.assessment, shard.medication, shard.event)
            ]
        )
        .group_by("patient_id")
        .agg(pl.len().cast(pl.Float64).alias("anything_recorded"))
    )
    last_visit = (
        visits.filter(pl.col("is_on_regimen") & pl.col("is_improved").is_not_null())
        .sort("date")
        .group_by(REGIMEN)
        .agg(
            pl.col("date").last().alias("since_date"),
            pl.col("is_improved").last().cast(pl.Float64).alias("improved_at_stop"),
        )
    )
    next_start = pl.col("first_infusion").shift(-1).over("patient_id")
    return (
        derived.regimens.sort(REGIMEN)
        .select(
            *REGIMEN,
            "last_infusion",
            seen_after_stop=(
                pl.min_horizontal("observed_until", next_start) - pl.col("last_infusion")
            )
            .dt.total_days()
            .cast(pl.Float64),
            treatment_purpose=(pl.col("purpose") == "treatment").cast(pl.Float64),
            stopped=(pl.col("status") == "discontinued").cast(pl.Float64),
            on_treatment=(pl.col("status") == "ongoing").cast(pl.Float64),
            stop_reason_allows=pl.col("reason")
            .is_in(rule.stop_reasons_excluded)
            .not_()
            .fill_null(value=True)
            .cast(pl.Float64),
        )
        .join(recorded, on="patient_id", how="left", maintain_order="left")
        .join(last_visit, on=REGIMEN, how="left", maintain_order="left")
        .with_columns(pl.col("anything_recorded").fill_null(0.0))
    )


def _find_events(
    derived: Derived,
    facts: pl.DataFrame,
    states: pl.DataFrame,
    signs: PatientWorsening,
    rules: WorseningRules,
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Find every sign of worsening after the last on-regimen visit and the last infusion.

    Returns the events (with ``days_after``) and the regimens whose reference was too small for a
    percent to mean worsening.
    """
    since = facts.select(*REGIMEN, "since_date")
    changes = derive_changes_since(derived.changes, since)
    judged = judge_deterioration(changes, rules)
    lost = _lost_inactivity(changes, states, since, rules.aggravation)
    of_child = pl.concat([signs.escalations, signs.flares]).drop("regimen")
    after = facts.select(*REGIMEN, "since_date", "last_infusion")
    events = pl.concat(
        [
            find_visit_worsening(changes, judged, lost, rules),
            find_escalated_deterioration(changes, judged, signs.escalations, rules),
            of_child.join(after.select(REGIMEN), on="patient_id").select(
                "patient_id", "regimen", "date", "limb", "detail", "row_ids"
            ),
        ]
    )
    next_start = derived.regimens.sort(REGIMEN).select(
        *REGIMEN, next_start=pl.col("first_infusion").shift(-1).over("patient_id")
    )
    events = (
        events.join(after, on=REGIMEN)
        .join(next_start, on=REGIMEN)
        .filter(
            (pl.col("date") > pl.col("since_date"))
            & (pl.col("date") > pl.col("last_infusion"))
            & (pl.col("next_start").is_null() | (pl.col("date") <= pl.col("next_start")))
        )
        .with_columns(days_after=(pl.col("date") - pl.col("last_infusion")).dt.total_days())
        .drop("since_date", "last_infusion", "next_start")
    )
    small = (
        judged.filter("is_small_reference")
        .select(REGIMEN)
        .unique()
        .with_columns(is_small_reference=pl.lit(value=True))
    )
    return events, small


def _lost_inactivity(
    changes: pl.DataFrame,
    states: pl.DataFrame,
    since: pl.DataFrame,
    rule: AggravationDefinition,
) -> pl.DataFrame:
    """Find visits that are not inactive, after a last on-regimen visit that was."""
    inactivity = states.filter(pl.col("definition_id") == rule.inactive_definition).select(
        "patient_id", "date", inactivity="state"
    )
    was_inactive = (
        since.join(
            inactivity, left_on=["patient_id", "since_date"], right_on=["patient_id", "date"]
        )
        .filter(pl.col("inactivity") == "met")
        .select(REGIMEN)
    )
    return (
        changes.select(*REGIMEN, "date")
        .unique()
        .join(was_inactive, on=REGIMEN, how="semi")
        .join(inactivity, on=["patient_id", "date"])
        .filter(pl.col("inactivity") == "not_met")
    )


def _earliest(events: pl.DataFrame, rule: AggravationDefinition) -> pl.DataFrame:
    """Take the earliest event of each regimen; d without another limb is an escalation only.

    Another limb counts within the window; where the first event lies after it, at any time.
    """
    in_window = compute_comparison(pl.col("days_after"), "<=", rule.window_days)
    first = (
        _in_order(events)
        .group_by(REGIMEN, maintain_order=True)
        .agg(
            pl.col("date", "days_after", "limb", "row_ids").first(),
            in_window.any().alias("any_in_window"),
            (pl.col("limb") != ESCALATION_LIMB).any().alias("has_other"),
            ((pl.col("limb") != ESCALATION_LIMB) & in_window).any().alias("has_other_in_window"),
        )
    )
    has_other = pl.when("any_in_window").then("has_other_in_window").otherwise("has_other")
    return first.select(
        *REGIMEN,
        "days_after",
        event_date="date",
        event_row_ids="row_ids",
        limb=pl.when((pl.col("limb") == ESCALATION_LIMB) & ~has_other)
        .then(pl.lit(ESCALATION_ONLY))
        .otherwise("limb"),
    )


def _in_order(events: pl.DataFrame) -> pl.DataFrame:
    """Sort events so that the first is the same whatever order they were found in.

    Two signs of one limb on one day: the first word, then the first cell.
    """
    return events.sort("date", "limb", "detail", pl.col("row_ids").list.first())


def _make_nodes(
    decided: pl.DataFrame,
    events: pl.DataFrame,
    criteria: Sequence[Criterion],
    rule: AggravationDefinition,
) -> pl.DataFrame:
    """Make the tree of each regimen: root, state table, criteria, and a node a limb with events."""
    reached = decided.filter(pl.col("state") != "not_reached").select(REGIMEN)
    by_limb = (
        _in_order(events.join(reached, on=REGIMEN, how="semi"))
        .group_by([*REGIMEN, "limb"], maintain_order=True)
        .agg(pl.col("days_after", "detail", "row_ids").first())
    )
    days = pl.col("days_after").cast(pl.Float64)
    in_window = compute_comparison(days, "<=", rule.window_days)
    return pl.concat(
        [
            make_nodes(
                decided,
                rule,
                node=pl.lit(ROOT),
                state=pl.col("state"),
                reason=pl.col("state.reason"),
                label=pl.col("limb"),
                sources=used_all(pl.when(pl.col("limb").is_not_null()).then("event_row_ids")),
            ),
            *make_decision_nodes(decided, rule, criteria, rule.axes),
            make_nodes(
                by_limb,
                rule,
                node=pl.format("limb_{}", pl.col("limb")),
                parent=pl.lit(ROOT),
                state=pl.when(in_window).then(pl.lit("met")).otherwise(pl.lit("not_met")),
                reason=pl.col("detail"),
                value=days,
                unit=pl.lit("days"),
                operator=pl.lit("<="),
                threshold=pl.lit(float(rule.window_days)),
                sources=used_all(pl.col("row_ids")),
            ),
        ]
    )
