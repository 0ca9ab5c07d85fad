"""Write infusions and drugs as the datasets EX and CM of SDTM."""

from __future__ import annotations

import polars as pl

from heliotrope.simulate.forms.sdtm_columns import (
    Writing,
    make_supplement,
    number_rows,
    write_date,
)

_WEEKLY = "mg/week"
_WEEK = 7
_SINGLE = "mg"


def make_exposure(rows: pl.DataFrame | None, writing: Writing) -> dict[str, pl.DataFrame]:
    """Make EX, one row an infusion, with brand, rate and premedication as qualifiers."""
    if rows is None:
        return {}
    exposure = rows.select(
        USUBJID="patient_id",
        EXTRT=pl.lit("IMMUNOGLOBULIN"),
        EXDOSE="dose",
        EXDOSU="dose_unit",
        EXDOSFRQ=pl.lit(next(item.terms[0] for item in writing.terms.frequencies if item.is_once)),
        EXROUTE=pl.col("route").replace(writing.terms_of("routes")),
        EXSTDTC=write_date(pl.col("date"), pl.col("time")),
        EXENDTC=write_date(pl.col("date")),
    )
    qualifiers = {"EXBRAND": "product", "EXRATE": "rate", "EXPREMED": "premedication"}
    return {
        "EX": number_rows(exposure, "EX"),
        "SUPPEX": make_supplement(rows, "EXSEQ", qualifiers),
    }


def make_medications(rows: pl.DataFrame | None, writing: Writing) -> dict[str, pl.DataFrame]:
    """Make CM: the dose of an administration and how often it is given."""
    if rows is None:
        return {}
    regular = {
        item.days: item.terms[0] for item in reversed(writing.terms.frequencies) if item.doses == 1
    }
    once = next(item.terms[0] for item in writing.terms.frequencies if item.is_once)
    days = pl.col("every_n_days").cast(pl.Float64).fill_null(1.0)
    often = days.replace_strict(
        regular, default=pl.format("Q{}D", pl.col("every_n_days")), return_dtype=pl.String
    )
    frequency = (
        pl.when(pl.col("dose_unit") == _WEEKLY)
        .then(pl.lit(regular[float(_WEEK)]))
        .when((pl.col("dose_unit") == _SINGLE) & (days == 1))
        .then(pl.lit(once))
        .otherwise(often)
    )
    medications = rows.select(
        USUBJID="patient_id",
        CMTRT="drug",
        CMDECOD="drug",
        CMDOSE="dose",
        CMDOSU=pl.col("dose_unit").str.strip_suffix("/day").str.strip_suffix("/week"),
        CMDOSFRQ=frequency,
        CMROUTE=pl.col("route").replace(writing.terms_of("routes")),
        CMSTDTC=write_date(pl.col("start_date")),
        CMENDTC=write_date(pl.col("end_date")),
        CMENRTPT=pl.when(pl.col("ongoing") == "yes").then(pl.lit(writing.terms.ongoing[0])),
        CMRSDISC="stop_reason",
    )
    return {"CM": number_rows(medications, "CM")}
