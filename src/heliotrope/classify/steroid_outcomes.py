"""Steroid-resistant, steroid-dependent, stopped: each child, and each regimen before it began."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from heliotrope.classify.decision import ROOT, decide_axes, make_decision_nodes, state_of_label
from heliotrope.classify.indication_steroid import find_failed_reductions, find_lasting_steroid
from heliotrope.classify.steroid_facts import (
    ANCHOR,
    ONE_DAY,
    WHOLE_RECORD,
    find_anchors,
    find_discontinuation,
    find_ever_steroid,
)
from heliotrope.classify.steroid_response import find_steroid_response
from heliotrope.classify.trace import Classified, make_nodes
from heliotrope.definitions.load import Rulebook
from heliotrope.definitions.steroid import (
    SteroidConcept,
    SteroidDependenceConcept,
    SteroidDiscontinuation,
    SteroidResistance,
)
from heliotrope.derive.derived import Derived
from heliotrope.records.finding_tables import ShardFinding
from heliotrope.records.judgement_tables import SteroidOutcome

DATES = ("judged_from", "judged_to", "steroid_stopped")


def classify_steroid_outcomes(derived: Derived, rulebook: Rulebook) -> Classified:
    """Judge the steroid concepts: over each child's whole record, and before each regimen.

    Rule: see the definitions ``steroid_resistant``, ``steroid_dependent`` and ``steroid_stopped``
    (the last over the whole record only). Missing: no medication row at all is not evaluable; a
    child never on a steroid is not reached. Table: the columns of ``SteroidOutcome``.
    """
    anchors = find_anchors(derived)
    ever = find_ever_steroid(derived, anchors)
    tables, nodes = [], []
    for definition in _concepts(rulebook):
        facts = ever.join(_find_facts(derived, anchors, definition, rulebook), on=ANCHOR)
        facts = facts.with_columns(pl.selectors.ends_with(".sources").fill_null([]))
        decided = decide_steroid(facts, definition)
        tables.append(_make_table(decided, definition))
        nodes += _make_nodes(decided, definition)
    return Classified(pl.concat(tables), tuple(nodes), ShardFinding.create_empty())


def decide_steroid(facts: pl.DataFrame, definition: SteroidConcept) -> pl.DataFrame:
    """Read the state of each row of facts from the table of the concept."""
    decided = decide_axes(facts, definition.criteria, definition.axes)
    return decided.with_columns(
        state=state_of_label(pl.col(definition.axis)),
        state_reason=pl.col(f"{definition.axis}.reason"),
    )


def _concepts(rulebook: Rulebook) -> list[SteroidConcept]:
    kinds = (SteroidResistance, SteroidDependenceConcept, SteroidDiscontinuation)
    return [item for kind in kinds for item in rulebook.of_kind(kind)]


def _find_facts(
    derived: Derived, anchors: pl.DataFrame, definition: SteroidConcept, rulebook: Rulebook
) -> pl.DataFrame:
    match definition:
        case SteroidResistance():
            return find_steroid_response(derived, anchors, definition, rulebook)
        case SteroidDependenceConcept():
            return _find_dependence(derived, anchors, definition)
        case SteroidDiscontinuation():
            whole = anchors.filter(pl.col("regimen") == WHOLE_RECORD)
            return find_discontinuation(derived, whole, definition)
        case _:
            raise TypeError(f"{definition.id}: no facts for this concept")


def _find_dependence(
    derived: Derived, anchors: pl.DataFrame, definition: SteroidDependenceConcept
) -> pl.DataFrame:
    """Find the facts of the indication's rule, with the end of the record as one more anchor.

    Over the whole record the dose after twelve months is that of that day; without twelve months
    of observation it is not known.
    """
    rule = definition.steroid
    is_whole = pl.col("regimen") == WHOLE_RECORD
    after_a_year = pl.col("first_steroid") + pl.duration(days=rule.after_days) + ONE_DAY
    is_seen = after_a_year <= pl.col("first_infusion")
    year_anchors = anchors.with_columns(
        first_infusion=pl.when(is_whole & is_seen)
        .then(after_a_year)
        .otherwise(pl.col("first_infusion"))
    )
    unknown = anchors.filter(is_whole & is_seen.not_()).select(ANCHOR)
    failed = find_failed_reductions(replace(derived, regimens=anchors), rule)
    lasting = find_lasting_steroid(replace(derived, regimens=year_anchors), rule)
    too_short = lasting.join(unknown, on=ANCHOR).with_columns(
        steroid_for_long=pl.lit(None, pl.Float64)
    )
    lasting = pl.concat([lasting.join(unknown, on=ANCHOR, how="anti"), too_short])
    return anchors.select(
        *ANCHOR, judged_from="first_steroid", judged_to=pl.col("first_infusion") - ONE_DAY
    ).join(failed.join(lasting, on=ANCHOR, how="left"), on=ANCHOR, how="left")


def _make_table(decided: pl.DataFrame, definition: SteroidConcept) -> pl.DataFrame:
    dates = [
        pl.col(name) if name in decided.columns else pl.lit(None, pl.Date).alias(name)
        for name in DATES
    ]
    return (
        decided.with_columns(dates)
        .select(
            "patient_id",
            _real_regimen(),
            pl.lit(definition.id).alias("definition_id"),
            "state",
            pl.col("state_reason").alias("reason"),
            *DATES,
        )
        .select(SteroidOutcome.column_names())
    )


def _make_nodes(decided: pl.DataFrame, definition: SteroidConcept) -> list[pl.DataFrame]:
    rows = decided.with_columns(_real_regimen())
    root = make_nodes(
        rows,
        definition,
        node=pl.lit(ROOT),
        state=pl.col("state"),
        reason=pl.col("state_reason"),
    )
    return [
        root,
        *make_decision_nodes(rows, definition, definition.criteria, definition.axes),
    ]


def _real_regimen() -> pl.Expr:
    """Give the regimen; null over the whole record."""
    regimen = pl.col("regimen")
    return pl.when(regimen != WHOLE_RECORD).then(regimen).cast(pl.Int32).alias("regimen")
