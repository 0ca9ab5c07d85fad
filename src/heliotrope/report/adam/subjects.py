"""ADSL and ADEX: the children, and what they were given."""

from __future__ import annotations

import polars as pl

from heliotrope.report.adam.inputs import AdamInputs, count_days_from, name_parameters

SEX = {"female": "F", "male": "M"}

DOSES = {"dose_g": "g", "dose_g_per_kg": "g/kg"}


def make_adsl(inputs: AdamInputs) -> pl.DataFrame:
    """Make the subject-level dataset: every child, with the judgement of its first regimen."""
    regimens = inputs.tables["regimen"]
    counted = regimens.group_by("patient_id").agg(REGIMENS=pl.len().cast(pl.Int32))
    first = regimens.filter(pl.col("regimen") == 1).select(
        "patient_id", TRTEDT="last_infusion", COURSES="courses"
    )
    judged = inputs.tables["response"].filter(pl.col("regimen") == 1).select(
        "patient_id",
        RESPOND="responded",
        PATTERN="pattern",
        ONSET="onset",
        DURABIL="durability",
        STEREFF="steroid_effect",
    )  # fmt: skip
    joined = inputs.subjects.join(inputs.patients, on="patient_id")
    for table in (counted, first, judged):
        joined = joined.join(table, on="patient_id", how="left")
    is_treated = pl.col("TRTSDT").is_not_null()
    age = _count_years("birth_date", "TRTSDT")
    return joined.with_columns(
        SUBJID=pl.col("patient_id"),
        SITEID=pl.col("site"),
        SEX=pl.col("sex").replace_strict(SEX, default="U", return_dtype=pl.String).fill_null("U"),
        AGE=age,
        AGEU=pl.when(age.is_not_null()).then(pl.lit("YEARS")),
        DIAGDT=pl.col("diagnosis_date"),
        ANTIBODY=pl.col("antibody"),
        TRT01A=pl.when(is_treated).then(pl.lit("IVIG")).otherwise(pl.lit("NO IVIG")),
        EOSDT=pl.col("observed_until"),
        DTHDT=pl.col("death_date"),
        DTHFL=pl.when(pl.col("death_date").is_not_null()).then(pl.lit("Y")),
        SAFFL=pl.when(is_treated).then(pl.lit("Y")).otherwise(pl.lit("N")),
        REGIMENS=pl.col("REGIMENS").fill_null(0),
    )


def _count_years(start: str, end: str) -> pl.Expr:
    """Count completed years between two dates."""
    first, last = pl.col(start), pl.col(end)
    is_before_birthday = (last.dt.month() < first.dt.month()) | (
        (last.dt.month() == first.dt.month()) & (last.dt.day() < first.dt.day())
    )
    return last.dt.year() - first.dt.year() - is_before_birthday.cast(pl.Int32)


def make_adex(inputs: AdamInputs) -> pl.DataFrame:
    """Make the exposure dataset: grams and g/kg of every intravenous infusion day."""
    days = inputs.tables["infusion_day"].filter(pl.col("route") == "iv")
    long = days.unpivot(
        on=list(DOSES),
        index=["patient_id", "date", "regimen", "course"],
        variable_name="quantity",
        value_name="AVAL",
    ).filter(pl.col("AVAL").is_not_null())
    return (
        name_parameters(long, "quantity", inputs)
        .join(inputs.subjects, on="patient_id")
        .with_columns(
            AVALU=pl.col("quantity").replace_strict(DOSES, return_dtype=pl.String),
            ASTDT=pl.col("date"),
            ASTDY=count_days_from("date"),
            REGIMEN=pl.col("regimen"),
            COURSE=pl.col("course"),
        )
    )
