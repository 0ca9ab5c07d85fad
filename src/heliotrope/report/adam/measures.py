"""ADLB and ADQS: every measure by date, with its baseline and the change from it."""

from __future__ import annotations

import polars as pl

from heliotrope.definitions.measure import measures_of
from heliotrope.definitions.response import RESPONSE, ResponseDefinition
from heliotrope.derive.baselines import derive_baselines
from heliotrope.derive.visits import derive_visit_values
from heliotrope.report.adam.inputs import AdamInputs, count_days_from, name_parameters


def make_adlb(inputs: AdamInputs) -> pl.DataFrame:
    """Make the laboratory dataset."""
    return _make_measures(inputs, is_laboratory=True)


def make_adqs(inputs: AdamInputs) -> pl.DataFrame:
    """Make the dataset of clinical scores and whatever else is measured."""
    return _make_measures(inputs, is_laboratory=False)


def _make_measures(inputs: AdamInputs, *, is_laboratory: bool) -> pl.DataFrame:
    """Make the rows of a domain: the values and baselines are those the run judged by.

    A judgement in words has no AVAL and no row. The change is taken after the first infusion only.
    """
    measures = measures_of(inputs.rulebook)
    units = {name: "" if item.unit == "none" else item.unit for name, item in measures.items()}
    domains = inputs.book.laboratory_domains
    wanted = [name for name, item in measures.items() if (item.domain in domains) == is_laboratory]
    values = derive_visit_values(inputs.shard.assessment, inputs.rulebook).filter(
        pl.col("measure").is_in(wanted), pl.col("value").is_not_null()
    )
    joined = values.join(_find_baselines(inputs), on=["patient_id", "measure"], how="left")
    is_after = pl.col("date") > pl.col("TRTSDT")
    change = pl.when(is_after).then(pl.col("value") - pl.col("baseline_value"))
    is_divided = pl.col("baseline_value") != 0
    return (
        name_parameters(joined, "measure", inputs)
        .join(inputs.subjects, on="patient_id")
        .with_columns(
            AVAL=pl.col("value"),
            AVALU=pl.col("measure").replace_strict(units, return_dtype=pl.String),
            AVALCAT1=pl.col("value_qualifier"),
            ANRLO=pl.col("lower_limit"),
            ANRHI=pl.col("upper_limit"),
            ADT=pl.col("date"),
            ADY=count_days_from("date"),
            ABLFL=pl.when(pl.col("date") == pl.col("baseline_date")).then(pl.lit("Y")),
            BASE=pl.col("baseline_value"),
            CHG=change,
            PCHG=pl.when(is_divided).then(100 * change / pl.col("baseline_value")),
            DTYPE=pl.when(pl.col("item_row_ids").is_not_null()).then(pl.lit("SUM")),
        )
    )


def _find_baselines(inputs: AdamInputs) -> pl.DataFrame:
    """Find each measure's baseline of the first regimen, by the window of the response."""
    definition = inputs.rulebook.get(RESPONSE, ResponseDefinition)
    values = derive_visit_values(inputs.shard.assessment, inputs.rulebook)
    first = inputs.tables["regimen"].filter(pl.col("regimen") == 1)
    baselines = derive_baselines(values, first, definition.baseline.days_before)
    return baselines.select("patient_id", "measure", "baseline_date", "baseline_value")
