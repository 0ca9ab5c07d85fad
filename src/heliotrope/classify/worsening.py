"""Signs of worsening, limb by limb: deterioration, globals, lost inactivity, escalation, flare.

Every function returns *worsening rows*: patient_id, regimen, date, limb (a to e), detail (a word),
row_ids (the cells).
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from heliotrope.classify.deterioration import classify_deterioration
from heliotrope.definitions.load import Rulebook
from heliotrope.definitions.response import AGGRAVATION, AggravationDefinition
from heliotrope.definitions.rule import RuleDefinition
from heliotrope.records.exact import compute_comparison

# The columns beside patient_id, with their types.
WORSENING: dict[str, pl.DataType | type[pl.DataType]] = {
    "regimen": pl.Int32,
    "date": pl.Date,
    "limb": pl.String,
    "detail": pl.String,
    "row_ids": pl.List(pl.Int64),
}


@dataclass(frozen=True)
class WorseningRules:
    """The two definitions that the limbs are read from."""

    aggravation: AggravationDefinition
    deterioration: RuleDefinition

    @classmethod
    def of(cls, rulebook: Rulebook) -> WorseningRules:
        """Take them from a rulebook."""
        aggravation = rulebook.get(AGGRAVATION, AggravationDefinition)
        return cls(aggravation, rulebook.get(aggravation.deterioration, RuleDefinition))


def judge_deterioration(changes: pl.DataFrame, rules: WorseningRules) -> pl.DataFrame:
    """Judge every visit by the rule of limb a, with its absolute floors."""
    return classify_deterioration(
        changes, rules.deterioration, rules.aggravation.deterioration_floors
    ).table


def find_visit_worsening(
    changes: pl.DataFrame,
    judged: pl.DataFrame,
    lost_inactivity: pl.DataFrame,
    rules: WorseningRules,
) -> pl.DataFrame:
    """Find limbs a, b and c at visits, against the reference in the ``baseline_*`` columns.

    ``judged``: what ``judge_deterioration`` says of the same changes; ``lost_inactivity``:
    patient_id, regimen, date of visits that are no longer inactive where the reference was.
    Limb a is dated on the first of its two visits.
    """
    confirmed = judged.filter("is_confirmed").with_columns(date=pl.col("first_date"))
    return pl.concat(
        [
            _with_cells(_worsening(confirmed, "a", "deterioration"), changes),
            _find_global_rise(changes, rules.aggravation),
            _find_lost_inactivity(changes, lost_inactivity, rules.aggravation),
        ]
    )


def find_escalated_deterioration(
    changes: pl.DataFrame,
    judged: pl.DataFrame,
    escalations: pl.DataFrame,
    rules: WorseningRules,
) -> pl.DataFrame:
    """Find limb a by one visit: worse once, and treatment escalated within 28 days of it."""
    within = pl.duration(days=rules.aggravation.escalation_confirms_days)
    escalated = (
        judged.filter("is_worse")
        .join(escalations.select("patient_id", pl.col("date").alias("escalated")), on="patient_id")
        .filter(pl.col("escalated").is_between(pl.col("date"), pl.col("date") + within))
        .unique(["patient_id", "regimen", "date"])
    )
    return _with_cells(_worsening(escalated, "a", "deterioration_and_escalation"), changes)


def _find_global_rise(changes: pl.DataFrame, rule: AggravationDefinition) -> pl.DataFrame:
    """Limb b: the physician global rose by 2 cm or more."""
    rise = pl.col("value") - pl.col("baseline_value")
    rows = changes.filter(
        (pl.col("measure") == rule.physician_global)
        & compute_comparison(rise, ">=", rule.global_rise)
    )
    return _worsening(
        rows, "b", rule.physician_global, row_ids=pl.concat_list("row_id", "baseline_row_id")
    )


def _find_lost_inactivity(
    changes: pl.DataFrame, lost_inactivity: pl.DataFrame, rule: AggravationDefinition
) -> pl.DataFrame:
    """Limb c: inactive disease lost, with the physician global at least 1.0."""
    rows = changes.filter(
        (pl.col("measure") == rule.physician_global)
        & compute_comparison(pl.col("value"), ">=", rule.inactive_lost_global)
    ).join(lost_inactivity, on=["patient_id", "regimen", "date"], how="semi")
    return _worsening(rows, "c", rule.inactive_definition, row_ids=pl.concat_list("row_id"))


def find_flares(
    event: pl.DataFrame, visit_values: pl.DataFrame, rules: WorseningRules
) -> pl.DataFrame:
    """Find limb e: a flare recorded as an event, or a visit judged worse (regimen null)."""
    rule = rules.aggravation
    flares = event.filter(pl.col("kind") == rule.flare_kind)
    judged = visit_values.filter(
        (pl.col("measure") == rule.judgement) & (pl.col("text") == rule.judgement_word)
    )
    return pl.concat(
        [
            _worsening(rows, "e", detail, row_ids=pl.concat_list("row_id"))
            for rows, detail in ((flares, rule.flare_kind), (judged, rule.judgement))
        ]
    )


def _with_cells(rows: pl.DataFrame, changes: pl.DataFrame) -> pl.DataFrame:
    """Add the cells of the visit and of its reference."""
    cells = (
        changes.group_by("patient_id", "regimen", "date")
        .agg(
            pl.concat([pl.col("row_id"), pl.col("baseline_row_id")])
            .drop_nulls()
            .unique()
            .sort()
            .alias("row_ids")
        )
        .unique(["patient_id", "regimen", "date"])
    )
    return (
        rows.drop("row_ids")
        .join(cells, on=["patient_id", "regimen", "date"], how="left")
        .select("patient_id", *WORSENING)
    )


def _worsening(
    rows: pl.DataFrame, limb: str, detail: str, row_ids: pl.Expr | None = None
) -> pl.DataFrame:
    given = {
        "limb": pl.lit(limb),
        "detail": pl.lit(detail),
        "row_ids": pl.lit([], dtype=pl.List(pl.Int64)) if row_ids is None else row_ids,
        **({} if "regimen" in rows.columns else {"regimen": pl.lit(None)}),
    }
    return rows.select(
        "patient_id",
        *(
            given.get(name, pl.col(name)).cast(dtype).alias(name)
            for name, dtype in WORSENING.items()
        ),
    )
