"""The one evaluation: a shard of children in, their tables, trace and findings out.

A pure function of the shard and the rulebook. The local run, and any cluster, calls this and
nothing else; there is no second implementation.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import polars as pl

from heliotrope.classify.exposure import trace_exposure
from heliotrope.classify.haemolysis import classify_haemolysis
from heliotrope.classify.improvement import Improvement
from heliotrope.classify.indications import classify_indications
from heliotrope.classify.reactions import classify_reactions
from heliotrope.classify.response_chain import (
    Judgement,
    ResponseBackground,
    judge_response,
    make_not_reached,
    trace_other_responses,
)
from heliotrope.classify.scores import classify_scores
from heliotrope.classify.states import RegimenVisits, classify_changes, classify_states
from heliotrope.classify.steroid_outcomes import classify_steroid_outcomes
from heliotrope.classify.trace import Classified
from heliotrope.classify.trace_rows import NumberedTrace, number_trace, spell_words
from heliotrope.classify.worsening import WorseningRules
from heliotrope.definitions.load import Rulebook
from heliotrope.definitions.response import RESPONSE, ResponseDefinition
from heliotrope.derive.derived import Derived, derive_all
from heliotrope.derive.findings import find_in_derived
from heliotrope.records.finding_tables import ShardFinding
from heliotrope.records.judgement_tables import State
from heliotrope.records.results import SORT_KEYS, TABLES
from heliotrope.records.row_order import sort_rows
from heliotrope.records.shard import Shard, list_children

REGIMEN = ["patient_id", "regimen"]


@dataclass(frozen=True)
class Evaluation:
    """What a run keeps of a shard: the tables of ``TABLES``, the trace, and findings.

    ``coded`` and ``numbered`` are tables and trace as they are written: identifiers and words as
    numbers of a dictionary.
    """

    coded: dict[str, pl.DataFrame]
    numbered: NumberedTrace
    findings: pl.DataFrame

    @cached_property
    def tables(self) -> dict[str, pl.DataFrame]:
        """The tables, their words spelt."""
        return {name: spell_words(table) for name, table in self.coded.items()}

    @cached_property
    def trace(self) -> pl.DataFrame:
        """The trace, its words spelt."""
        return spell_words(self.numbered.whole.rows)

    @cached_property
    def trace_source(self) -> pl.DataFrame:
        """The cells behind the trace, their words spelt."""
        return spell_words(self.numbered.whole.sources)


def evaluate(shard: Shard, rulebook: Rulebook, first_trace_id: int = 0) -> Evaluation:
    """Derive, classify and trace every child of a shard under every definition.

    Trace rows are numbered from ``first_trace_id`` on in the order of their key, so that equal
    shards give equal numbers whoever evaluates them.
    """
    shard = _number_children(shard)
    definition = rulebook.get(RESPONSE, ResponseDefinition)
    derived = derive_all(shard, rulebook, definition.baseline.days_before)
    found = find_in_derived(derived, rulebook)  # now, while little is held beside it
    cohort = _cohort(derived)
    scores = classify_scores(derived.changes, derived.baselines, rulebook, cohort)
    states = classify_states(
        derived.visit_values, derived.patients, rulebook, derived.treatment_spans
    )
    changes = _classify_changes(derived, cohort, scores, rulebook)
    background = ResponseBackground(
        shard=shard,
        derived=derived,
        cohort=cohort,
        scores=scores.table,
        states=states.table,
        rulebook=rulebook,
    )
    judged = judge_response(background, definition)
    response = judged.response
    reactions = classify_reactions(derived.infusion_days, derived.courses, shard, rulebook)
    indications = classify_indications(derived, rulebook)
    haemolysis = classify_haemolysis(derived, rulebook)
    outcomes = classify_steroid_outcomes(derived, rulebook)
    parts = [scores, states, changes, response, reactions, indications, haemolysis, outcomes]
    nodes = [*(nodes for part in parts for nodes in part.parts), *_list_nodes(judged, background)]
    numbered = number_trace(nodes, first_trace_id, derived.visit_values)
    tables = {
        **_derived_tables(derived),
        "score": scores.table,
        "state": pl.concat([part.table.select(State.column_names()) for part in (states, changes)]),
        "visit": _visit_table(judged.improvement),
        "response": response.table,
        "indication": indications.table,
        "aggravation": judged.aggravations.table,
        "reaction": reactions.table,
        "haemolysis": haemolysis.table,
        "steroid_outcome": outcomes.table,
    }
    return Evaluation(
        _in_schema(tables),
        numbered,
        _put_findings_together([found, *(part.findings for part in parts)]),
    )


def _list_nodes(judged: Judgement, background: ResponseBackground) -> Iterator[pl.DataFrame]:
    """List the nodes that do not come with a table, and those of children without IVIG."""
    derived, rulebook = background.derived, background.rulebook
    definition = rulebook.get(RESPONSE, ResponseDefinition)
    yield trace_exposure(derived, rulebook)
    yield judged.improvement.nodes
    yield judged.aggravations.nodes
    for not_reached in (definition, WorseningRules.of(rulebook).aggravation):
        yield make_not_reached(derived, not_reached)
    yield from trace_other_responses(background)


def _number_children(shard: Shard) -> Shard:
    """Turn the identifiers of children into numbers of a dictionary, in their order."""
    tables = shard.tables()
    children = pl.Enum(list_children(tables).sort())
    return Shard.from_tables(
        {name: table.cast({"patient_id": children}) for name, table in tables.items()}
    )


def _in_schema(tables: dict[str, pl.DataFrame]) -> dict[str, pl.DataFrame]:
    """Keep the columns of each table's schema and sort by its key."""
    return {
        name: sort_rows(tables[name].select(schema.column_names()), SORT_KEYS[name])
        for name, schema in TABLES.items()
    }


def _classify_changes(
    derived: Derived, cohort: pl.DataFrame, scores: Classified, rulebook: Rulebook
) -> Classified:
    """Judge every rule that needs a reference or a time since the first infusion."""
    visits = RegimenVisits(
        changes=derived.changes,
        baselines=derived.baselines,
        patients=derived.patients,
        scores=scores.table,
        treatment_spans=derived.treatment_spans,
        cohort=cohort,
    )
    return classify_changes(visits, rulebook)


def _derived_tables(derived: Derived) -> dict[str, pl.DataFrame]:
    return {
        "infusion_day": derived.infusion_days,
        "course": derived.courses,
        "regimen": derived.regimens,
        "steroid_period": derived.steroid_periods,
        "steroid_pulse": derived.steroid_pulses,
        "drug_period": derived.drug_periods,
    }


def _cohort(derived: Derived) -> pl.DataFrame:
    """List every child and regimen; a child without IVIG has one row with a null regimen."""
    return derived.patients.select("patient_id").join(
        derived.regimens.select(REGIMEN), on="patient_id", how="left"
    )


def _visit_table(improvement: Improvement) -> pl.DataFrame:
    is_improved = pl.col("is_improved")
    return improvement.visits.with_columns(
        state=pl.when(is_improved)
        .then(pl.lit("met"))
        .when(is_improved.not_())
        .then(pl.lit("not_met"))
        .otherwise(pl.lit("not_evaluable"))
    )


def _put_findings_together(findings: list[pl.DataFrame]) -> pl.DataFrame:
    columns = ShardFinding.column_names()
    together = pl.concat([found.select(columns) for found in findings])
    return together.unique().sort("severity", "rule", "row_id")
