"""Confirmed deterioration: worse than the reference on two visits in a row."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from heliotrope.classify.presence import make_absent_roots
from heliotrope.classify.rule_nodes import compute_root_reason, make_rule_nodes
from heliotrope.classify.rules import SMALL_REFERENCE, RuleContext, evaluate_rule
from heliotrope.classify.trace import Classified, state_of
from heliotrope.definitions.rule import PREVIOUS_VISIT, RuleDefinition, children
from heliotrope.records.finding_tables import ShardFinding


def classify_deterioration(
    changes: pl.DataFrame,
    definition: RuleDefinition,
    floors: Mapping[str, float] | None = None,
    cohort: pl.DataFrame | None = None,
) -> Classified:
    """Say at each visit whether the child was worse, and whether that was confirmed.

    Input: ``changes``, one row a child, regimen, date and measure with ``value``, ``row_id`` and
    the reference in ``baseline_value``, ``baseline_row_id`` and ``rejected``: the regimen's
    baseline, or any other reference put into these columns (last visit on the regimen, best
    state). ``floors`` (measure to an absolute worsening in its unit) is what the leaves in percent
    also have to reach; where only the floor is missed the visit is flagged ``small_reference``.
    ``cohort`` (patient_id, regimen) names who must have a root even without a visit.

    Table, one row a visit with any of the measures: patient_id, regimen, date, ``is_worse`` (this
    visit alone, nullable), ``is_confirmed`` (nullable), ``first_date`` and ``confirming_date`` (of
    the two visits, null unless confirmed), ``is_small_reference``, and definition_id, state and
    reason as in the table of states.

    Edge cases: the visits that count as consecutive are those that can be judged; a confirmed
    state is not met on the first of its two visits, when the worsening is not yet confirmed, and
    after recovery. Missing: a visit that cannot be judged is not evaluable; a relative change from
    a reference of 0 is not evaluable.
    """
    visits = evaluate_rule(changes, definition, RuleContext(floors=dict(floors or {})))
    absent = None if cohort is None else make_absent_roots(cohort, visits, definition)
    nodes = make_rule_nodes(visits, definition, absent)
    worse = children(definition.root)[0].id
    is_confirmed = pl.col("truth:root")
    small = [pl.col(f"reason:{leaf.id}") == SMALL_REFERENCE for leaf in definition.leaves]
    table = visits.select(
        "patient_id",
        "regimen",
        "date",
        pl.col(f"truth:{worse}").alias("is_worse"),
        is_confirmed.alias("is_confirmed"),
        pl.when(is_confirmed).then(pl.col(f"date:{PREVIOUS_VISIT}")).alias("first_date"),
        pl.when(is_confirmed).then(pl.col("date")).alias("confirming_date"),
        pl.any_horizontal(small).fill_null(False).alias("is_small_reference"),
        pl.lit(definition.id).alias("definition_id"),
        state_of(is_confirmed).alias("state"),
        pl.lit(None, pl.String).alias("label"),
        compute_root_reason(definition).cast(pl.String).alias("reason"),
    )
    return Classified(table=table, parts=(nodes,), findings=ShardFinding.create_empty())
