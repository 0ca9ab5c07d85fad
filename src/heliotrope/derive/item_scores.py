"""Forms scored from their items: a CMAS from fourteen maneuvers, an MMT-8 from eight muscles."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from heliotrope.definitions.item_form import ItemForm, forms_of
from heliotrope.definitions.load import Rulebook
from heliotrope.definitions.measure import Measure, measures_of
from heliotrope.records.exact import DECIMALS, compute_comparison

MADE = "made"
RECORDED = "recorded"
DIFFERS = "differs"
ITEMS_MISSING = "items_missing"
OTHER_SCALE = "other_scale"

VISIT = ["patient_id", "date"]

FORM_COLUMNS: dict[str, pl.DataType | type[pl.DataType]] = {
    "patient_id": pl.String,
    "date": pl.Date,
    "form": pl.String,
    "measure": pl.String,
    "value": pl.Float64,
    "answered": pl.Int64,
    "missing": pl.List(pl.String),
    "recorded_value": pl.Float64,
    "recorded_row_id": pl.Int64,
    "outcome": pl.String,
    "item_row_ids": pl.List(pl.Int64),
}


def derive_item_scores(assessment: pl.DataFrame, rulebook: Rulebook) -> pl.DataFrame:
    """Score every form of which a child has any item on a date.

    Output: one row a child, date and form (``FORM_COLUMNS``). ``value`` is what the items make
    (null unless enough were answered); ``missing`` names the items not answered; ``item_row_ids``
    are the cells, aids included. ``outcome``: ``made`` (the value counts), ``recorded`` or
    ``differs`` (a total was recorded on that date, equal or not: it counts), ``items_missing``, or
    ``other_scale`` (the study declares another scale for the measure than the form makes).
    Of several values of one item on a date the one counts that its measure says (the last, or the
    worst); an aid raises an item that was answered, and answers none.
    """
    measures = measures_of(rulebook)
    forms = [form for form in forms_of(rulebook) if form.measure in measures]
    named = sorted({name for form in forms for name in form.measures})
    is_number = pl.col("value").is_not_null()
    recorded = assessment.filter(is_number & pl.col("measure").is_in(named))
    columns = FORM_COLUMNS | {"patient_id": recorded["patient_id"].dtype}
    if recorded.is_empty():
        return pl.DataFrame(schema=columns)
    answered = _answer_items(recorded, forms, measures)
    scored = _score(answered, forms)
    totals = (
        assessment.filter(is_number & pl.col("measure").is_in([form.measure for form in forms]))
        .sort("row_id")
        .group_by(*VISIT, "measure")
        .agg(
            pl.col("value").last().alias("recorded_value"),
            pl.col("row_id").last().alias("recorded_row_id"),
        )
    )
    joined = scored.join(totals, on=[*VISIT, "measure"], how="left")
    return (
        joined.with_columns(outcome=_judge(forms, measures))
        .select(pl.col(name).cast(dtype) for name, dtype in columns.items())
        .sort(*VISIT, "form")
    )


def make_item_totals(scores: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
    """Make the totals that count into visit values, each with the cells of its items.

    A total stands in no cell: its ``row_id`` is negative, made from that of its first item, so
    that an item used by itself is never taken for the total. Where two forms make one measure on
    one date, the first by the order of forms counts.
    """
    made = scores.filter(pl.col("outcome") == MADE).unique(
        [*VISIT, "measure"], keep="first", maintain_order=True
    )
    given = {
        name: pl.col(name) for name in ("patient_id", "date", "measure", "value", "item_row_ids")
    } | {"row_id": -1 - pl.col("item_row_ids").list.first()}
    types = {
        "value_qualifier": pl.String,
        "text": pl.String,
        "lower_limit": pl.Float64,
        "upper_limit": pl.Float64,
    }
    return made.select(
        given.get(name, pl.lit(None, types.get(name))).alias(name) for name in columns
    )


def keep_worst(measures: dict[str, Measure]) -> pl.Expr:
    """Give the key by which several values of a measure on a date are sorted; the last counts."""
    worst = [item for item in measures.values() if item.several_on_a_date == "worst"]
    low = [item.id for item in worst if item.better == "low"]
    high = [item.id for item in worst if item.better == "high"]
    return (
        pl.when(pl.col("measure").is_in(low))
        .then(pl.col("value"))
        .when(pl.col("measure").is_in(high))
        .then(-pl.col("value"))
        .otherwise(0.0)
    )


def _answer_items(
    recorded: pl.DataFrame, forms: Sequence[ItemForm], measures: dict[str, Measure]
) -> pl.DataFrame:
    """Give each form, date and item its value, raised by its aid, and the cells behind it."""
    items = pl.DataFrame(
        [
            (form.id, form.measure, item.measure, item.raised_by, form.raise_to,
             measures[item.measure].maximum)
            for form in forms
            for item in form.items
        ],
        schema={
            "form": pl.String,
            "total": pl.String,
            "measure": pl.String,
            "raised_by": pl.String,
            "raise_to": pl.Float64,
            "maximum": pl.Float64,
        },
        orient="row",
    )  # fmt: skip
    chosen = (
        recorded.sort(keep_worst(measures), "row_id")
        .group_by(*VISIT, "measure", maintain_order=True)
        .agg(pl.col("value").last(), pl.col("row_id").last())
    )
    aids = chosen.filter(pl.col("value") > 0).select(
        *VISIT, raised_by="measure", aid_row_id="row_id"
    )
    raised = pl.max_horizontal("value", "raise_to")
    return (
        chosen.join(items, on="measure")
        .join(aids, on=[*VISIT, "raised_by"], how="left")
        .with_columns(value=pl.when(pl.col("aid_row_id").is_null()).then("value").otherwise(raised))
    )


def _score(answered: pl.DataFrame, forms: Sequence[ItemForm]) -> pl.DataFrame:
    """Make the total of each form and date, where enough items were answered."""
    rules = pl.DataFrame(
        [
            (form.id, form.scoring, form.missing_items.least_items,
             form.equal_within, [item.measure for item in form.items])
            for form in forms
        ],
        schema={
            "form": pl.String,
            "scoring": pl.String,
            "least_items": pl.Int64,
            "equal_within": pl.Float64,
            "all_items": pl.List(pl.String),
        },
        orient="row",
    )  # fmt: skip
    total = pl.col("sum")
    scored = (
        pl.when(pl.col("scoring") == "mean")
        .then(total / pl.col("answered"))
        .when(pl.col("scoring") == "share")
        .then(total / pl.col("maximum"))
        .otherwise(total)
        .round(DECIMALS)
    )
    return (
        answered.group_by(*VISIT, "form", pl.col("total").alias("measure_made"))
        .agg(
            pl.col("value").sum().alias("sum"),
            pl.col("maximum").sum(),
            pl.len().cast(pl.Int64).alias("answered"),
            pl.col("measure").alias("items"),
            pl.concat_list("row_id", "aid_row_id")
            .explode()
            .drop_nulls()
            .sort()
            .alias("item_row_ids"),
        )
        .join(rules, on="form")
        .with_columns(
            value=pl.when(pl.col("answered") >= pl.col("least_items")).then(scored),
            missing=pl.col("all_items").list.set_difference("items"),
        )
        .rename({"measure_made": "measure"})
    )


def _judge(forms: Sequence[ItemForm], measures: dict[str, Measure]) -> pl.Expr:
    """Say what becomes of each total."""
    elsewhere = [form.id for form in forms if measures[form.measure].maximum != form.maximum]
    recorded = pl.col("recorded_value")
    is_equal = compute_comparison((recorded - pl.col("value")).abs(), "<=", pl.col("equal_within"))
    return (
        pl.when(pl.col("form").is_in(elsewhere))
        .then(pl.when(recorded.is_null()).then(pl.lit(OTHER_SCALE)).otherwise(pl.lit(RECORDED)))
        .when(recorded.is_not_null())
        .then(pl.when(is_equal.fill_null(True)).then(pl.lit(RECORDED)).otherwise(pl.lit(DIFFERS)))
        .when(pl.col("value").is_null())
        .then(pl.lit(ITEMS_MISSING))
        .otherwise(pl.lit(MADE))
    )
