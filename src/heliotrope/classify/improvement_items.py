"""The single comparisons behind tiers B and C of an improved visit.

Every function returns item rows (``ITEM_COLUMNS``): a node with its comparison, its parent and
the cells it used. Items whose measure was not recorded both at the visit and at baseline have no
row, which is what "not recorded" means to the tiers.
"""

from __future__ import annotations

import polars as pl

from heliotrope.classify.trace import SOURCE
from heliotrope.definitions.measure import Measure
from heliotrope.definitions.response import ResponseDefinition
from heliotrope.definitions.response_parameters import ImprovementStep
from heliotrope.records.exact import Operator, compute_comparison

ITEM_COLUMNS = [
    "patient_id",
    "regimen",
    "date",
    "node",
    "parent",
    "is_met",
    "value",
    "operator",
    "threshold",
    "unit",
    "cell",
    "reference",
    "sources",
]

GROUPS = ["strength", "function", "enzyme", "judgement"]
"""The items of tier C, each counted once."""


def classify_strength(
    changes: pl.DataFrame, definition: ResponseDefinition, measures: dict[str, Measure]
) -> pl.DataFrame:
    """Compare each strength measure with its step; together they are one item."""
    return pl.concat(
        [
            _improved_by_step(changes, step, measures[step.measure], "strength")
            for step in definition.tier_c.strength
        ]
    )


def classify_function(
    changes: pl.DataFrame, definition: ResponseDefinition, measures: dict[str, Measure]
) -> pl.DataFrame:
    """Compare activities of daily living with one grade; unused while the scale is undeclared."""
    step = definition.tier_c.function
    return _improved_by_step(changes, step, measures[step.measure], "function")


def _improved_by_step(
    changes: pl.DataFrame, step: ImprovementStep, measure: Measure, parent: str
) -> pl.DataFrame:
    sign = 1 if measure.better == "high" else -1
    rows = _recorded(changes, step.measure).with_columns(
        improvement=(pl.col("value") - pl.col("baseline_value")) * sign
    )
    return _items(
        rows, step.measure, parent, pl.col("improvement"), (">=", step.step), measure.unit
    )


def classify_enzyme(changes: pl.DataFrame, definition: ResponseDefinition) -> pl.DataFrame:
    """Compare creatine kinase: down 30 %, and down by one upper limit or back in range.

    A value without a limit counts as not recorded. The baseline's limit serves for the fall, the
    visit's own for the range.
    """
    tier = definition.tier_c
    rows = _recorded(changes, tier.enzyme).filter(
        pl.col("baseline_upper_limit").is_not_null() & pl.col("upper_limit").is_not_null()
    )
    fall = pl.col("baseline_value") - pl.col("value")
    comparisons: list[tuple[str, pl.Expr, tuple[Operator, float], str]] = [
        (
            "enzyme_relative_fall",
            pl.when(pl.col("baseline_value") > 0).then(100 * fall / pl.col("baseline_value")),
            (">=", tier.enzyme_relative_fall_percent),
            "%",
        ),
        (
            "enzyme_fall_in_upper_limits",
            fall / pl.col("baseline_upper_limit"),
            (">=", tier.enzyme_fall_in_upper_limits),
            "x ULN",
        ),
        ("enzyme_in_range", pl.col("value") / pl.col("upper_limit"), ("<=", 1), "x ULN"),
    ]
    return pl.concat(
        [
            _items(rows, node, "enzyme", value, comparison, unit)
            for node, value, comparison, unit in comparisons
        ]
    )


def classify_judgement(changes: pl.DataFrame, definition: ResponseDefinition) -> pl.DataFrame:
    """Read the physician's judgement of the visit: 1 for improved, 0 for unchanged or worse."""
    tier = definition.tier_c
    rows = changes.filter((pl.col("measure") == tier.judgement) & pl.col("text").is_not_null())
    said_improved = (pl.col("text") == tier.judgement_word).cast(pl.Float64)
    return _items(rows, tier.judgement, "judgement", said_improved, (">=", 1), None)


def classify_global_falls(changes: pl.DataFrame, definition: ResponseDefinition) -> pl.DataFrame:
    """Compare the physician global, and composite indices beside it, with tier B's two falls.

    An index counts only where the physician global is recorded too. A relative fall from zero is
    not evaluable (and the absolute fall then decides).
    """
    tier = definition.tier_b
    essential = _recorded(changes, tier.essential).select("patient_id", "regimen", "date")
    frames = []
    for measure in (tier.essential, *tier.alternatives):
        rows = _recorded(changes, measure).join(essential, on=["patient_id", "regimen", "date"])
        fall = pl.col("baseline_value") - pl.col("value")
        relative = pl.when(pl.col("baseline_value") > 0).then(100 * fall / pl.col("baseline_value"))
        frames += [
            _items(
                rows,
                f"{measure}_relative_fall",
                measure,
                relative,
                (">=", tier.relative_fall_percent),
                "%",
            ),
            _items(
                rows,
                f"{measure}_absolute_fall",
                measure,
                fall,
                (">=", tier.absolute_fall),
                None,
            ),
        ]
    return pl.concat(frames)


def _recorded(changes: pl.DataFrame, measure: str) -> pl.DataFrame:
    """Keep the rows of a measure recorded at the visit and at baseline."""
    return changes.filter(
        (pl.col("measure") == measure)
        & pl.col("value").is_not_null()
        & pl.col("baseline_value").is_not_null()
    )


def _items(
    rows: pl.DataFrame,
    node: str,
    parent: str,
    value: pl.Expr,
    comparison: tuple[Operator, float],
    unit: str | None,
) -> pl.DataFrame:
    """Make item rows with the cells of the visit, of the baseline and the rejected candidates."""
    operator, threshold = comparison
    return rows.with_columns(
        node=pl.lit(node),
        parent=pl.lit(parent),
        is_met=compute_comparison(value, operator, threshold),
        value=value.cast(pl.Float64),
        operator=pl.lit(operator),
        threshold=pl.lit(threshold, dtype=pl.Float64),
        unit=pl.lit(unit, dtype=pl.String),
        cell="row_id",
        reference="baseline_row_id",
        sources=pl.col("rejected").fill_null(pl.lit([], dtype=pl.List(SOURCE))),
    ).select(ITEM_COLUMNS)
