"""Activity states: is the disease inactive at this visit, by each published rule."""

from __future__ import annotations

import polars as pl

from heliotrope.classify.presence import make_absent_roots
from heliotrope.classify.rules import (
    RuleContext,
    compute_root_reason,
    evaluate_rule,
    make_rule_nodes,
)
from heliotrope.classify.trace import Classified, empty_nodes, state_of
from heliotrope.definitions.load import Rulebook
from heliotrope.definitions.rule import RuleDefinition
from heliotrope.records.results import ShardFinding, State


def classify_states(
    visit_values: pl.DataFrame, patients: pl.DataFrame, rulebook: Rulebook
) -> Classified:
    """Say at each visit whether the disease was inactive, by the rule of 2013 and that of 2015.

    Input: visit values and the patients (``patient_id``, ``birth_date``). Every rule that looks at
    a visit alone (``reference = "none"``) is evaluated, whatever the population: where none of its
    measures was recorded, each child has one root ``not_evaluable``. Table: the columns of
    ``State`` (``regimen`` null) and ``flags`` (a CMAS under 5 years of age). Missing: a visit is
    not evaluable as long as the measures not recorded could decide it.
    """
    tables, frames = [], []
    values = visit_values.join(
        patients.select("patient_id", "birth_date"), on="patient_id", how="left"
    )
    for definition in rulebook.of_kind(RuleDefinition):
        if definition.reference != "none":
            continue
        visits = evaluate_rule(values, definition, RuleContext(settings=rulebook.settings))
        nodes = make_rule_nodes(visits, definition)
        frames += [nodes, make_absent_roots(patients.select("patient_id"), nodes, definition)]
        tables.append(_make_table(visits, definition))
    empty = State.create_empty().with_columns(flags=pl.lit([], dtype=pl.List(pl.String)))
    return Classified(
        table=pl.concat(tables) if tables else empty,
        nodes=pl.concat(frames) if frames else empty_nodes(),
        findings=ShardFinding.create_empty(),
    )


def _make_table(visits: pl.DataFrame, definition: RuleDefinition) -> pl.DataFrame:
    """Make one row a visit: its state, and the words of caution behind it."""
    words = {leaf.id: leaf.caution.word for leaf in definition.leaves if leaf.caution}
    flags = [
        pl.when(pl.col(f"reason:{leaf}") == word).then(pl.lit(word)) for leaf, word in words.items()
    ]
    return visits.select(
        "patient_id",
        pl.lit(None, pl.Int32).alias("regimen"),
        "date",
        pl.lit(definition.id).alias("definition_id"),
        state_of(pl.col("truth:root")).alias("state"),
        compute_root_reason(definition.root).alias("reason"),
        (
            pl.concat_list(flags).list.drop_nulls() if flags else pl.lit([], pl.List(pl.String))
        ).alias("flags"),
    )
