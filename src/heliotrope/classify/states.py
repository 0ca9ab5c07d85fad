"""States of a visit: what each published rule of activity, improvement or worsening says of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import polars as pl

from heliotrope.classify.presence import make_absent_roots
from heliotrope.classify.references import derive_changes_from_best
from heliotrope.classify.rule_nodes import compute_root_reason, make_rule_nodes
from heliotrope.classify.rules import RuleContext, judge_visits
from heliotrope.classify.trace import Classified, state_of
from heliotrope.classify.visit_nodes import VisitNodes
from heliotrope.definitions.load import Rulebook
from heliotrope.definitions.measure import measures_of
from heliotrope.definitions.rule import CutOffStates, RuleDefinition
from heliotrope.definitions.score import ScoreDefinition
from heliotrope.derive.wide_visits import widen_visits
from heliotrope.records.coded_words import STATE, WORD, word
from heliotrope.records.finding_tables import ShardFinding
from heliotrope.records.judgement_tables import State

# Words of the table, kept as numbers of a dictionary.
CODED = pl.Schema({"definition_id": WORD, "state": STATE, "label": WORD, "reason": WORD})

NO_VISIT_IN_WINDOW = "no_visit_in_window"


def classify_states(
    visit_values: pl.DataFrame,
    patients: pl.DataFrame,
    rulebook: Rulebook,
    treatment_spans: pl.DataFrame | None = None,
) -> Classified:
    """Say at each visit what every rule says that looks at the child's visits alone.

    Input: visit values and the patients (``patient_id``, ``birth_date``). Every rule with
    ``reference = "none"`` is evaluated, whatever the population: where none of its measures was
    recorded, each child has one root ``not_evaluable``. Without ``treatment_spans`` only the rules
    that one visit alone can answer are. Table: the columns of ``State`` (``regimen`` null) and
    ``flags`` (a CMAS under 5 years of age). Missing: a visit is not evaluable as long as the
    measures not recorded could decide it.
    """
    values = visit_values.join(
        patients.select("patient_id", "birth_date"), on="patient_id", how="left"
    )
    definitions = [
        item
        for item in rulebook.of_kind(RuleDefinition)
        if item.reference == "none" and (treatment_spans is not None or not item.needs_history)
    ]
    context = RuleContext(settings=rulebook.settings, treatment_spans=treatment_spans)
    return _classify(values, definitions, context, patients.select("patient_id"))


@dataclass(frozen=True)
class RegimenVisits:
    """The visits after a first infusion, with what rules compare them with.

    ``changes``: values beside the regimen's baseline; ``baselines``: these alone; ``patients``
    (patient_id, birth_date); ``scores``: the improvement scores of the visits;
    ``treatment_spans``; ``cohort`` (patient_id, regimen): who must have a root even without a
    visit.
    """

    changes: pl.DataFrame
    baselines: pl.DataFrame
    patients: pl.DataFrame
    scores: pl.DataFrame
    treatment_spans: pl.DataFrame
    cohort: pl.DataFrame


def classify_changes(visits: RegimenVisits, rulebook: Rulebook) -> Classified:
    """Say at each visit after the first infusion what every rule says that needs a reference.

    The reference is fixed (``regimen_baseline``: the last values before the regimen) or moves
    (``best_so_far``: the best each measure had been at baseline or any visit before). A rule with
    a milestone is read once a regimen; where no visit lies near it, its root says so.
    Table and trace as in ``classify_states``, with the regimen.
    """
    scores = {item.id: item for item in rulebook.of_kind(ScoreDefinition)}
    context = RuleContext(
        settings=rulebook.settings,
        scores=visits.scores,
        score_definitions=scores,
        treatment_spans=visits.treatment_spans,
        baselines=visits.baselines,
    )
    born = visits.patients.select("patient_id", "birth_date")
    fixed = visits.changes.join(born, on="patient_id", how="left")
    by_reference: dict[str, list[RuleDefinition]] = {}
    for definition in rulebook.of_kind(RuleDefinition):
        by_reference.setdefault(definition.reference, []).append(definition)
    parts = [_classify(fixed, by_reference.get("regimen_baseline", []), context, visits.cohort)]
    if "best_so_far" in by_reference:
        moving = derive_changes_from_best(visits.changes, visits.baselines, measures_of(rulebook))
        moving = moving.join(born, on="patient_id", how="left")
        parts.append(_classify(moving, by_reference["best_so_far"], context, visits.cohort))
    return Classified(
        table=pl.concat([part.table for part in parts]),
        parts=tuple(nodes for part in parts for nodes in part.parts),
        findings=ShardFinding.create_empty(),
    )


def _classify(
    values: pl.DataFrame,
    definitions: Iterable[RuleDefinition],
    context: RuleContext,
    cohort: pl.DataFrame,
) -> Classified:
    """Widen the visits once, then judge them by one rule after the other."""
    rules = list(definitions)
    wide = widen_visits(values, dict.fromkeys(name for rule in rules for name in rule.measures))
    empty = (
        State.create_empty()
        .cast({"patient_id": values["patient_id"].dtype})
        .cast(CODED)
        .with_columns(flags=pl.lit([], dtype=pl.List(pl.String)))
    )
    tables, parts = [empty], list[pl.DataFrame | VisitNodes]()
    recorded = set(values["measure"].unique())
    for rule in rules:
        nothing = NO_VISIT_IN_WINDOW if rule.milestone is not None else None
        if rule.reads_measures_only and recorded.isdisjoint(rule.measures):
            parts.append(make_absent_roots(cohort, cohort.clear(), rule, nothing=nothing))
            continue
        visits = judge_visits(wide, rule, context)
        absent = make_absent_roots(cohort, visits, rule, nothing=nothing)
        parts.append(make_rule_nodes(visits, rule, absent))
        tables.append(make_state_table(visits, rule).select(empty.columns))
    return Classified(
        table=pl.concat(tables), parts=tuple(parts), findings=ShardFinding.create_empty()
    )


def make_state_table(visits: pl.DataFrame, definition: RuleDefinition) -> pl.DataFrame:
    """Make one row a visit: its state and class, and the words of caution behind it."""
    has_regimen = "regimen" in visits.columns
    return visits.select(
        "patient_id",
        (pl.col("regimen") if has_regimen else pl.lit(None)).cast(pl.Int32).alias("regimen"),
        "date",
        word(definition.id).alias("definition_id"),
        state_of(pl.col("truth:root"), STATE).alias("state"),
        (pl.col("label:root") if isinstance(definition.root, CutOffStates) else word(None)).alias(
            "label"
        ),
        compute_root_reason(definition).alias("reason"),
        _list_cautions(definition).alias("flags"),
    )


def _list_cautions(definition: RuleDefinition) -> pl.Expr:
    """List the words of caution of a visit, in the order of the leaves."""
    flags = [
        (pl.col(f"reason:{leaf.id}") == caution, caution)
        for leaf in definition.leaves
        for caution in leaf.cautions
    ]
    none = pl.lit([], pl.List(pl.String))
    if len(flags) == 1:
        # The usual case; to join lists at each of many visits costs fifty times as much.
        (is_flagged, caution), *_ = flags
        return pl.when(is_flagged).then(pl.lit([caution])).otherwise(none)
    found = [pl.when(is_flagged).then(pl.lit(caution)) for is_flagged, caution in flags]
    return pl.concat_list(found).list.drop_nulls() if found else none
