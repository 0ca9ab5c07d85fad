"""Find doses and weights that are rarely what was meant, and children missing from a table."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from heliotrope.ingest.context import ReadContext
from heliotrope.ingest.problems import say_number
from heliotrope.ingest.settle import make_late_problems
from heliotrope.records.exact import compute_comparison

# What is only said of a study that has a patient table.
ABOUT_PATIENT_TABLE = ("patient_not_in_patient_table", "patient_without_records")


def check_doses(tables: Mapping[str, pl.DataFrame], context: ReadContext) -> pl.DataFrame:
    """Find doses far over the usual one, such as milligrams entered as grams."""
    infusions = tables["infusion"]
    grams, per_kg = (
        context.limits.infusion_dose_g_high,
        context.limits.infusion_dose_g_per_kg_high,
    )
    limit = (
        pl.when(pl.col("dose_unit") == "g")
        .then(grams)
        .when(pl.col("dose_unit") == "g/kg")
        .then(per_kg)
    )
    high = infusions.with_columns(limit=limit).filter(
        compute_comparison(pl.col("dose"), ">", pl.col("limit"))
    )
    said = pl.format("{} {} in a day", say_number(pl.col("dose")), pl.col("dose_unit"))
    usual = pl.format("at most {} {} in a day", say_number(pl.col("limit")), pl.col("dose_unit"))
    return pl.concat(
        [
            make_late_problems(
                "infusion", high, "implausible_infusion_dose", found=said, expected=usual
            ),
            _check_drug_doses(tables["medication"], context),
        ]
    )


def _check_drug_doses(rows: pl.DataFrame, context: ReadContext) -> pl.DataFrame:
    bounds = [
        (drug.id, dose.unit, list(dose.routes), dose.high)
        for drug in context.drugs.values()
        for dose in drug.plausible_doses
    ]
    table = pl.DataFrame(
        bounds,
        schema={
            "drug": pl.String,
            "dose_unit": pl.String,
            "routes": pl.List(pl.String),
            "high": pl.Float64,
        },
        orient="row",
    )
    joined = rows.join(table, on=["drug", "dose_unit"], how="inner", maintain_order="left")
    applies = (pl.col("routes").list.len() == 0) | pl.col("routes").list.contains(
        pl.col("route").fill_null("oral")
    )
    high = joined.filter(applies & compute_comparison(pl.col("dose"), ">", pl.col("high")))
    said = pl.format("{} {} {}", pl.col("drug"), say_number(pl.col("dose")), pl.col("dose_unit"))
    usual = pl.format(
        "{} of at most {} {}", pl.col("drug"), say_number(pl.col("high")), pl.col("dose_unit")
    )
    return make_late_problems(
        "medication", high, "implausible_drug_dose", found=said, expected=usual
    )


def check_patients(tables: Mapping[str, pl.DataFrame]) -> pl.DataFrame:
    """Find children in one table and not in another.

    A study without a patient table misses none: ``ABOUT_PATIENT_TABLE`` is then not said.
    """
    patients = tables["patient"]
    found = []
    seen = []
    for table, rows in tables.items():
        if table == "patient":
            continue
        strangers = rows.join(patients, on="patient_id", how="anti", maintain_order="left")
        counted = strangers.with_columns(n=pl.len().over("patient_id")).filter(
            pl.col("patient_id").is_first_distinct()
        )
        said = pl.format("{} in {} row(s) of {}", "patient_id", "n", pl.lit(table))
        found.append(make_late_problems(table, counted, "patient_not_in_patient_table", found=said))
        seen.append(rows.select("patient_id"))
    quiet = patients.join(pl.concat(seen), on="patient_id", how="anti", maintain_order="left")
    found.append(
        make_late_problems("patient", quiet, "patient_without_records", found="no other record")
    )
    return pl.concat(found)


def check_immunoglobulins(tables: Mapping[str, pl.DataFrame], context: ReadContext) -> pl.DataFrame:
    """Find immunoglobulin among the other drugs, where no infusion is counted from it."""
    names = [drug.id for drug in context.drugs.values() if drug.drug_class == "immunoglobulin"]
    rows = tables["medication"].filter(pl.col("drug").is_in(names))
    said = pl.format("{}: {}", pl.col("patient_id"), pl.col("drug"))
    return make_late_problems("medication", rows, "immunoglobulin_in_medication", found=said)
