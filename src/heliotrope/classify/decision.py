"""Criteria and decision tables: from facts about a regimen to the labels of its axes.

A *fact frame* has one row a decision (patient_id, regimen) and one Float64 column a criterion,
named like it. A criterion is met when its value compares with its threshold, not evaluable when
the value is null: so the trace needs no more than value, operator and threshold to be replayed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import polars as pl

from heliotrope.classify.trace import NO_SOURCES, make_nodes, state_of
from heliotrope.definitions.decision import Axis, Choice, Criterion
from heliotrope.definitions.model import Definition
from heliotrope.records.exact import compute_comparison

ROOT = "root"


def is_met(criterion: Criterion) -> pl.Expr:
    """Kleene truth of a criterion over a fact frame: True, False, or null when it is missing."""
    return compute_comparison(pl.col(criterion.name), criterion.operator, criterion.threshold)


def decide_axes(
    facts: pl.DataFrame, criteria: Sequence[Criterion], axes: Sequence[Axis]
) -> pl.DataFrame:
    """Add, for each axis in order, its label (column ``axis``) and reason (``axis.reason``)."""
    met = {criterion.name: pl.col(f"met:{criterion.name}") for criterion in criteria}
    facts = facts.with_columns(
        is_met(criterion).alias(f"met:{criterion.name}") for criterion in criteria
    )
    for axis in axes:
        # which row of the table applies, found once for its label and its reason
        chosen = pl.coalesce(
            pl.when(_applies(choice, met)).then(pl.lit(row, pl.Int64))
            for row, choice in enumerate(axis.choices)
        )
        facts = facts.with_columns(chosen.alias("chosen_row")).with_columns(
            _take("chosen_row", [choice.label for choice in axis.choices]).alias(axis.name),
            _take("chosen_row", [choice.reason for choice in axis.choices]).alias(
                f"{axis.name}.reason"
            ),
        )
    return facts.drop([f"met:{criterion.name}" for criterion in criteria], "chosen_row")


def _applies(choice: Choice, met: dict[str, pl.Expr]) -> pl.Expr:
    """Say whether a row of a decision table applies (never null)."""
    conditions = [
        *(met[name].fill_null(value=False) for name in choice.met),
        *(met[name].not_().fill_null(value=False) for name in choice.not_met),
        *(met[name].not_().fill_null(value=True) for name in choice.not_shown),
        *(pl.col(where).eq_missing(label) for where, label in choice.where.items()),
    ]
    if choice.any_met:
        conditions.append(
            pl.any_horizontal(met[name].fill_null(value=False) for name in choice.any_met)
        )
    return pl.all_horizontal(conditions) if conditions else pl.lit(value=True)


def _take(row: str, values: Sequence[str | None]) -> pl.Expr:
    """Take the value that stands in a row of a decision table."""
    return pl.lit(pl.Series(values, dtype=pl.String)).gather(pl.col(row))


def make_decision_nodes(
    decided: pl.DataFrame,
    definition: Definition,
    criteria: Sequence[Criterion],
    axes: Sequence[Axis],
) -> Iterable[pl.DataFrame]:
    """Make the axis nodes under the root and the criterion nodes under their axes.

    A column ``<criterion>.sources`` of the decided frame, where there is one, gives the cells.
    """
    for axis in axes:
        label = pl.col(axis.name)
        yield make_nodes(
            decided,
            definition,
            node=pl.lit(axis.name),
            parent=pl.lit(ROOT),
            label=label,
            reason=pl.col(f"{axis.name}.reason"),
            state=state_of_label(label),
        )
    for criterion in criteria:
        sources = f"{criterion.name}.sources"
        yield make_nodes(
            decided,
            definition,
            node=pl.lit(criterion.name),
            parent=pl.lit(criterion.axis),
            state=state_of(is_met(criterion)),
            value=pl.col(criterion.name),
            operator=pl.lit(criterion.operator),
            threshold=pl.lit(criterion.threshold, dtype=pl.Float64),
            unit=pl.lit(criterion.unit, dtype=pl.String),
            sources=pl.col(sources) if sources in decided.columns else NO_SOURCES,
        )


def state_of_label(label: pl.Expr) -> pl.Expr:
    """Give the four-state reading of an axis label: decided, not applicable or not evaluable."""
    return (
        pl.when(label == "not_evaluable")
        .then(pl.lit("not_evaluable"))
        .when(label.is_in(["not_applicable", "not_reached"]))
        .then(pl.lit("not_reached"))
        .when(label.is_in(["none", "no", "never", "not_met", "not_lost"]))
        .then(pl.lit("not_met"))
        .otherwise(pl.lit("met"))
    )
