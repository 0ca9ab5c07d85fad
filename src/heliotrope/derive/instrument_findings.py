"""What a data manager can mend about instruments: forms and their items; and young children."""

from __future__ import annotations

import polars as pl

from heliotrope.definitions.item_form import ItemForm, forms_of
from heliotrope.definitions.load import Rulebook
from heliotrope.derive.derived import Derived
from heliotrope.derive.item_scores import (
    DIFFERS,
    ITEMS_MISSING,
    MADE,
    OTHER_SCALE,
    derive_item_scores,
)

FOUND_COLUMNS = {"rule": pl.String, "row_id": pl.Int64, "found": pl.String}


def find_in_instruments(derived: Derived, rulebook: Rulebook) -> pl.DataFrame:
    """Find totals made from items, totals that differ, forms left incomplete, and young children.

    Output: ``rule``, ``row_id`` (the cell it is about) and ``found``. A total made from items and
    a measure under its age of caution are said once a child and measure; the rest once a date.
    """
    scores = derive_item_scores(derived.shard.assessment, rulebook)
    parts = [_check_age(derived)]
    if scores.height:
        parts += [*_check_forms(scores, {form.id: form for form in forms_of(rulebook)})]
    return pl.concat(
        [
            part.select(pl.col(name).cast(dtype) for name, dtype in FOUND_COLUMNS.items())
            for part in parts
        ]
    )


def _check_forms(scores: pl.DataFrame, forms: dict[str, ItemForm]) -> list[pl.DataFrame]:
    reported = [form.id for form in forms.values() if form.missing_items.is_reported]
    size = pl.col("form").replace_strict(
        {form.id: len(form.items) for form in forms.values()}, return_dtype=pl.Int64
    )
    rule = pl.col("form").replace_strict(
        {form.id: form.missing_items.wording for form in forms.values()}, return_dtype=pl.String
    )
    first_cell = pl.col("item_row_ids").list.first()
    missing = pl.col("missing").list.join(", ")
    made = (
        scores.filter(pl.col("outcome") == MADE)
        .group_by("patient_id", "form", "measure", maintain_order=True)
        .agg(pl.len().alias("dates"), pl.col("date").first(), first_cell.first().alias("row_id"))
    )
    differing = scores.filter(pl.col("outcome") == DIFFERS)
    incomplete = scores.filter(
        (pl.col("outcome") == ITEMS_MISSING) & pl.col("form").is_in(reported)
    ).with_columns(size=size, rule_words=rule)
    other_scale = scores.filter((pl.col("outcome") == OTHER_SCALE) & pl.col("value").is_not_null())
    return [
        made.select(
            pl.lit("total_made_from_items").alias("rule"),
            "row_id",
            pl.format(
                "{} made from its items on {} date(s), first {}", "measure", "dates", "date"
            ).alias("found"),
        ),
        differing.select(
            pl.lit("total_differs_from_items").alias("rule"),
            pl.col("recorded_row_id").alias("row_id"),
            pl.format(
                "{} {} on {}, its items make {}",
                "measure", _say("recorded_value"), "date", _say("value"),
            ).alias("found"),
        ),
        incomplete.select(
            pl.lit("form_items_missing").alias("rule"),
            first_cell.alias("row_id"),
            pl.format(
                "{} on {}: {} of {} items, without {} ({})",
                "measure", "date", "answered", "size", missing, "rule_words",
            ).alias("found"),
        ),
        other_scale.select(
            pl.lit("form_on_other_scale").alias("rule"),
            first_cell.alias("row_id"),
            pl.format("{} items on {} make {}", "measure", "date", _say("value")).alias("found"),
        ),
    ]  # fmt: skip


def _say(column: str) -> pl.Expr:
    """Write a number as a person would: 52, not 52.0."""
    return pl.col(column).cast(pl.String).str.replace(r"\.0$", "")


def _check_age(derived: Derived) -> pl.DataFrame:
    """Find measures recorded in children under the age that the measure is cautious about."""
    cautions = pl.DataFrame(
        [
            (measure.id, caution.under_age_years, caution.wording)
            for measure in derived.measures.values()
            for caution in measure.cautions
            if measure.domain != "item"
        ],
        schema={"measure": pl.String, "under": pl.Int64, "wording": pl.String},
        orient="row",
    )
    born = derived.patients.select("patient_id", "birth_date").drop_nulls()
    young = (
        derived.visit_values.filter(pl.col("value").is_not_null())
        .join(cautions, on="measure")
        .join(born, on="patient_id")
        .filter(pl.col("date") < pl.col("birth_date").dt.offset_by(pl.format("{}y", "under")))
        .with_columns(row_id=pl.coalesce(pl.col("item_row_ids").list.first(), "row_id"))
        .sort("date", "row_id")
        .group_by("patient_id", "measure", "under", "wording", maintain_order=True)
        .agg(pl.len().alias("dates"), pl.col("row_id").first())
    )
    return young.select(
        pl.lit("measure_under_age").alias("rule"),
        "row_id",
        pl.format(
            "{} on {} date(s) under {} years: {}", "measure", "dates", "under", "wording"
        ).alias("found"),
    )
