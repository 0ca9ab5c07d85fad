"""From visits to a response: improvement, aggravation and pattern under one response definition.

A study may bring a response definition of its own beside the shipped one. The shipped one fills the
tables of a run; every other one is judged the same way and leaves its trace, so that the two can be
compared.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from heliotrope.classify.aggravation import (
    Aggravations,
    PatientWorsening,
    classify_aggravation,
)
from heliotrope.classify.best_state import count_worse_than_best, find_breaks
from heliotrope.classify.escalation import find_escalations
from heliotrope.classify.improvement import Improvement, VisitInputs, classify_improvement
from heliotrope.classify.references import derive_changes_from_best
from heliotrope.classify.response import ResponseInputs, classify_response
from heliotrope.classify.scores import classify_scores
from heliotrope.classify.trace import Classified, make_nodes
from heliotrope.classify.worsening import WorseningRules, find_flares
from heliotrope.definitions.load import Rulebook
from heliotrope.definitions.model import Definition
from heliotrope.definitions.response import RESPONSE, ResponseDefinition
from heliotrope.derive.derived import Derived, derive_all
from heliotrope.records.shard import Shard


@dataclass(frozen=True)
class Judgement:
    """What one response definition says of every visit and regimen."""

    improvement: Improvement
    aggravations: Aggravations
    response: Classified


@dataclass(frozen=True)
class ResponseBackground:
    """What every response definition reads: derived tables, scores and states of the visits."""

    shard: Shard
    derived: Derived
    cohort: pl.DataFrame
    scores: pl.DataFrame
    states: pl.DataFrame
    rulebook: Rulebook


def judge_response(background: ResponseBackground, definition: ResponseDefinition) -> Judgement:
    """Judge visits, worsening after the stop and regimens under one response definition."""
    derived = background.derived
    rules = WorseningRules.of(background.rulebook)
    improvement = classify_improvement(
        VisitInputs(
            changes=derived.changes,
            scores=background.scores.filter(pl.col("definition_id") == definition.tier_a.score),
            courses=derived.courses,
            regimens=derived.regimens,
            measures=derived.measures,
        ),
        definition,
    )
    signs = PatientWorsening(
        escalations=find_escalations(derived, rules.aggravation),
        flares=find_flares(background.shard.event, derived.visit_values, rules),
    )
    visits, states = improvement.visits, background.states
    aggravations = classify_aggravation(derived, visits, states, signs, rules)
    from_best = derive_changes_from_best(derived.changes, derived.baselines, derived.measures)
    inputs = ResponseInputs(
        derived=derived,
        visits=visits,
        aggravations=aggravations,
        breaks=find_breaks(derived, from_best, states, signs, rules),
        worse_than_best=count_worse_than_best(derived, from_best, visits, rules, definition),
    )
    response = classify_response(inputs, background.rulebook, definition)
    return Judgement(improvement, aggravations, response)


def trace_other_responses(background: ResponseBackground) -> Iterator[pl.DataFrame]:
    """Judge by the response definitions that a study brings beside the shipped one; nodes only.

    A definition with another baseline window gets baselines, changes and scores of its own.
    """
    rulebook = background.rulebook
    days = rulebook.get(RESPONSE, ResponseDefinition).baseline.days_before
    for definition in rulebook.of_kind(ResponseDefinition):
        if definition.id == RESPONSE:
            continue
        own = background
        if definition.baseline.days_before != days:
            own = _derive_again(background, definition.baseline.days_before)
        judged = judge_response(own, definition)
        yield judged.response.nodes
        yield judged.improvement.nodes
        yield make_not_reached(own.derived, definition)


def _derive_again(background: ResponseBackground, days_before: int) -> ResponseBackground:
    derived = derive_all(background.shard, background.rulebook, days_before)
    scores = classify_scores(
        derived.changes, derived.baselines, background.rulebook, background.cohort
    )
    return ResponseBackground(
        shard=background.shard,
        derived=derived,
        cohort=background.cohort,
        scores=scores.table,
        states=background.states,
        rulebook=background.rulebook,
    )


def make_not_reached(derived: Derived, definition: Definition) -> pl.DataFrame:
    """Give each child without IVIG one root: the definition does not reach it."""
    without = derived.patients.join(derived.regimens, on="patient_id", how="anti")
    return make_nodes(
        without.select("patient_id"),
        definition,
        node=pl.lit("root"),
        state=pl.lit("not_reached"),
        reason=pl.lit("no_ivig"),
    )
