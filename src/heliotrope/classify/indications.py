"""Why immunoglobulin was started: as recorded, as the records show, and whether they agree."""

from __future__ import annotations

import polars as pl

from heliotrope.classify.decision import ROOT, decide_axes, make_decision_nodes
from heliotrope.classify.indication_facts import (
    find_deterioration,
    find_global_rise,
    find_lost_cytotoxic,
    find_severity,
    find_steroid_escalation,
)
from heliotrope.classify.indication_steroid import find_failed_reductions, find_lasting_steroid
from heliotrope.classify.recorded_reasons import assign_recorded_reasons
from heliotrope.classify.trace import Classified, make_nodes, used
from heliotrope.definitions.indication import IvigIndication
from heliotrope.definitions.load import Rulebook
from heliotrope.definitions.rule import RuleDefinition
from heliotrope.derive.derived import Derived
from heliotrope.records.finding_tables import ShardFinding
from heliotrope.records.judgement_tables import IndicationFinding

REGIMEN = ["patient_id", "regimen"]

MET = "met"


def classify_indications(derived: Derived, rulebook: Rulebook) -> Classified:
    """Say for each regimen which reasons were recorded, which the records show, and if they agree.

    Rule: see the definition ``ivig_indication``. A recorded reason belongs to the first regimen
    that was not over on its date, without a date to the first; the order of the file is kept, so
    that the primary reason stands first. They agree when a recorded reason is also derived; null
    where none is derived or none that could be is recorded.

    Table: the columns of ``IndicationFinding``. Missing: a reason that cannot be excluded is not
    evaluable in the trace and not in ``derived``.
    """
    definition = rulebook.get("ivig_indication", IvigIndication)
    criteria = definition.criteria
    decided = decide_axes(_find_facts(derived, definition, rulebook), criteria, definition.axes)
    recorded = assign_recorded_reasons(derived)
    names = [axis.name for axis in definition.axes]
    table = _make_table(decided, recorded, names)
    root = _make_roots(decided, table, names)
    without = derived.patients.join(derived.regimens, on="patient_id", how="anti")
    nodes = [
        make_nodes(
            root,
            definition,
            node=pl.lit(ROOT),
            state=pl.col("state"),
            label=pl.col("label"),
        ),
        *make_decision_nodes(decided, definition, criteria, definition.axes),
        _make_recorded_nodes(recorded, definition),
        make_nodes(
            without.select("patient_id"),
            definition,
            node=pl.lit(ROOT),
            state=pl.lit("not_reached"),
            reason=pl.lit("no_ivig"),
        ),
    ]
    return Classified(table, tuple(nodes), ShardFinding.create_empty())


def _find_facts(derived: Derived, definition: IvigIndication, rulebook: Rulebook) -> pl.DataFrame:
    worse = definition.exacerbation
    deterioration = rulebook.get(worse.deterioration, RuleDefinition)
    facts = derived.regimens.select(REGIMEN).sort(REGIMEN)
    for found in (
        find_global_rise(derived, worse),
        find_deterioration(derived, worse, deterioration),
        find_steroid_escalation(derived, worse),
        find_failed_reductions(derived, definition.steroid),
        find_lasting_steroid(derived, definition.steroid),
        find_lost_cytotoxic(derived, definition.cytotoxic),
        find_severity(derived, definition.induction),
    ):
        facts = facts.join(found, on=REGIMEN, how="left", maintain_order="left")
    return facts.with_columns(pl.selectors.ends_with(".sources").fill_null([]))


def _make_table(decided: pl.DataFrame, recorded: pl.DataFrame, names: list[str]) -> pl.DataFrame:
    derived_reasons = pl.concat_list(
        pl.when(pl.col(name) == MET).then(pl.lit(name)) for name in names
    ).list.drop_nulls()
    listed = recorded.group_by(REGIMEN, maintain_order=True).agg(
        recorded=pl.col("reason").unique(maintain_order=True)
    )
    can_be_derived = pl.col("recorded").list.set_intersection(names)
    shared = pl.col("recorded").list.set_intersection(pl.col("derived"))
    is_comparable = (can_be_derived.list.len() > 0) & (pl.col("derived").list.len() > 0)
    return (
        decided.select(*REGIMEN, derived=derived_reasons)
        .join(listed, on=REGIMEN, how="left", maintain_order="left")
        .with_columns(pl.col("recorded").fill_null([]))
        .with_columns(agree=pl.when(is_comparable).then(shared.list.len() > 0))
        .select(IndicationFinding.column_names())
        .sort(REGIMEN)
    )


def _make_roots(decided: pl.DataFrame, table: pl.DataFrame, names: list[str]) -> pl.DataFrame:
    """Say of each regimen whether any reason is derived, or all are excluded."""
    is_met = pl.any_horizontal(pl.col(name) == MET for name in names)
    is_excluded = pl.all_horizontal(pl.col(name) == "not_met" for name in names)
    state = (
        pl.when(is_met)
        .then(pl.lit(MET))
        .when(is_excluded)
        .then(pl.lit("not_met"))
        .otherwise(pl.lit("not_evaluable"))
    )
    label = pl.col("derived").list.join(" + ")
    return decided.select(*REGIMEN, state=state).join(
        table.select(*REGIMEN, label=pl.when(label != "").then(label)), on=REGIMEN, how="left"
    )


def _make_recorded_nodes(recorded: pl.DataFrame, definition: IvigIndication) -> pl.DataFrame:
    return make_nodes(
        recorded,
        definition,
        node=pl.concat_str(pl.lit("recorded_"), pl.col("place").cast(pl.String)),
        parent=pl.lit(ROOT),
        state=pl.lit(MET),
        label=pl.col("reason"),
        sources=used(pl.col("row_id")),
    )
