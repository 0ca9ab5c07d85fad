"""Records in whole weeks and whole steps, so that every edge of a rule is met exactly."""

from __future__ import annotations

import numpy as np
import polars as pl
from tests.oracle.record_changes import (
    Random,
    Tables,
    add_drugs,
    keep_share,
    see_weekly,
    shuffle_values,
)

STEPS = {"mmt8": 8.0, "mmt_total": 26.0, "cmas": 3.0}


def step_doses(tables: Tables, random: Random) -> None:
    """Steroid in round parts of one dose per kg; other drugs raised a little or more on the way."""
    medication = tables["medication"]
    parts = pl.Series(random.choice([1.0, 0.75, 0.5, 0.25, 1.25], medication.height))
    is_steroid = pl.col("drug").is_in(["prednisone", "prednisolone"])
    middle = pl.col("start_date") + pl.duration(
        days=pl.lit(pl.Series(random.integers(10, 120, medication.height), dtype=pl.Int64))
    )
    stepped = medication.with_columns(
        dose=pl.when(is_steroid).then(0.4 * parts).otherwise("dose"),
        dose_unit=pl.when(is_steroid).then(pl.lit("mg/kg/day")).otherwise("dose_unit"),
        _middle=middle.cast(pl.Date),
    )
    is_split = ~is_steroid & (pl.col("_middle") < pl.col("end_date")).fill_null(value=True)
    raise_by = pl.Series(random.choice([1.0, 1.1, 1.25, 1.5], medication.height))
    later = stepped.with_columns(
        row_id=pl.lit(-1, pl.Int64), start_date="_middle", dose=pl.col("dose") * raise_by
    ).filter(is_split)
    earlier = stepped.with_columns(
        end_date=pl.when(is_split)
        .then(pl.col("_middle") - pl.duration(days=1))
        .otherwise("end_date"),
        is_ongoing=pl.col("is_ongoing") & ~is_split,
    )
    tables["medication"] = pl.concat([earlier, later]).drop("_middle")


def snap_to_edges(tables: Tables, random: Random) -> None:
    """Days in whole weeks from the first infusion and values in whole steps: every edge is met."""
    step_doses(tables, random)
    first = tables["infusion"].group_by("patient_id").agg(pl.col("date").min().alias("first"))
    dated = {
        "assessment": ["date"],
        "infusion": ["date"],
        "event": ["date"],
        "medication": ["start_date", "end_date"],
        "patient": ["followup_end"],
    }
    for name, columns in dated.items():
        joined = tables[name].join(first, on="patient_id", how="left", maintain_order="left")
        tables[name] = joined.with_columns(_snap(joined, column, random) for column in columns)
        tables[name] = tables[name].drop("first")
    tables["medication"] = tables["medication"].with_columns(
        end_date=pl.max_horizontal("end_date", "start_date")
    )
    value, measure = pl.col("value"), pl.col("measure")
    step = measure.replace_strict(STEPS, default=1.0)
    tables["assessment"] = tables["assessment"].with_columns(
        value=pl.when(measure.is_in(["physician_global", "patient_global", "extramuscular_global"]))
        .then(value.round())
        .when(measure.is_in(["mmt8", "mmt_total", "cmas"]))
        .then((value / step).round() * step)
        .otherwise(value)
    )


def _snap(table: pl.DataFrame, column: str, random: Random) -> pl.Expr:
    """Move a day to a whole week from the first infusion, some of them a day off."""
    weeks = ((pl.col(column) - pl.col("first")).dt.total_days() / 7).round().cast(pl.Int64)
    off = random.choice([0, 0, 0, 0, 1, -1, 2], table.height)
    if column == "followup_end":
        off = random.choice([-2, -1, 0, 5], table.height)
    elif column in ("start_date", "end_date"):
        off = np.full(table.height, 1 if column == "start_date" else 0)
    days = weeks * 7 + pl.lit(pl.Series(off, dtype=pl.Int64))
    snapped = (pl.col("first") + pl.duration(days=days)).cast(pl.Date)
    return pl.coalesce(snapped, column).alias(column)


def snap_shuffled(tables: Tables, random: Random) -> None:
    """Up and down, on the edges."""
    shuffle_values(tables, random)
    snap_to_edges(tables, random)


def snap_weekly(tables: Tables, random: Random) -> None:
    """Visits in the first week after an infusion, infusions left out, on the edges."""
    tables["infusion"] = keep_share(tables["infusion"], 0.8, random)
    see_weekly(tables, random)
    snap_to_edges(tables, random)


def snap_sparse(tables: Tables, random: Random) -> None:
    """One value in four, infusions left out, on the edges."""
    tables["assessment"] = keep_share(tables["assessment"], 0.25, random)
    tables["infusion"] = keep_share(tables["infusion"], 0.8, random)
    add_drugs(tables, random)
    snap_to_edges(tables, random)
