"""Every child the records name, and until when each was observed."""

from __future__ import annotations

import polars as pl

from heliotrope.records.shard import Shard

_RECORDED_DATES: dict[str, list[str]] = {
    "patient": ["onset_date", "diagnosis_date"],
    "assessment": ["date"],
    "infusion": ["date"],
    "medication": ["start_date", "end_date"],
    "event": ["date", "end_date"],
    "indication": ["date"],
}


def derive_patients(shard: Shard) -> pl.DataFrame:
    """Give one row for every child any table names, with the last day of observation.

    Columns: those of the canonical patient table (null for a child without a patient row) and
    ``observed_until`` (Date): the recorded end of follow-up, else the last date recorded in any
    table, at the latest the day of death. Null when the child has no date at all.
    Edge cases: two rows of one child: the last one counts. A dose planned to end later does not
    prolong the observation beyond a recorded end of follow-up.
    """
    tables = shard.tables()
    named = pl.concat([table.select("patient_id") for table in tables.values()]).unique()
    last_recorded = (
        pl.concat(
            [
                tables[name].select("patient_id", pl.col(column).alias("recorded"))
                for name, columns in _RECORDED_DATES.items()
                for column in columns
            ]
        )
        .group_by("patient_id")
        .agg(pl.col("recorded").max().alias("last_recorded"))
    )
    patients = shard.patient.sort("row_id").unique("patient_id", keep="last")
    return (
        named.join(patients, on="patient_id", how="left")
        .join(last_recorded, on="patient_id", how="left")
        .with_columns(
            pl.min_horizontal(pl.coalesce("followup_end", "last_recorded"), "death_date").alias(
                "observed_until"
            )
        )
        .drop("last_recorded")
        .sort("patient_id")
    )
