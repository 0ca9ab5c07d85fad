"""Each child's time on IVIG and off it, and the days of its flares.

Time runs from the first infusion. A child is *on IVIG* from the first infusion of a regimen to the
end of planned cover of its last course, *off IVIG* from then to the next regimen or the end of
observation. The time before IVIG is left out: IVIG is started because of a flare. So is the time
from the first subcutaneous immunoglobulin on, which is neither. Flares are events of that kind;
records within ``same_flare_days`` of the first of them are one flare.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from heliotrope.estimate.events.andersen_gill import RiskRows
from heliotrope.estimate.events.mean_cumulative import Spells
from heliotrope.estimate.inputs import Inputs

SPELL_SCHEMA: dict[str, type[pl.DataType]] = {
    "patient_id": pl.String,
    "start": pl.Int64,
    "stop": pl.Int64,
    "is_off": pl.Boolean,
}

FLARE_SCHEMA: dict[str, type[pl.DataType]] = {"patient_id": pl.String, "day": pl.Int64}


@dataclass(frozen=True)
class FlareTimes:
    """``spells``: patient_id, start, stop (days, ``start < day <= stop``), ``is_off``; ``flares``:
    patient_id and day, all within the child's spells; ``deaths``: the same, whenever they were."""

    spells: pl.DataFrame
    flares: pl.DataFrame
    deaths: pl.DataFrame


def derive_flare_times(inputs: Inputs) -> FlareTimes:
    """Give the spells on and off IVIG of every treated child and its flares in them."""
    regimens = _bound_regimens(inputs)
    first = regimens.group_by("patient_id").agg(origin=pl.col("first_infusion").min())
    day = [
        (pl.col(name) - pl.col("origin")).dt.total_days().alias(f"{name}_day")
        for name in ("first_infusion", "cover_end", "end")
    ]
    days = regimens.join(first, on="patient_id").with_columns(day)
    on = days.select(
        "patient_id",
        start="first_infusion_day",
        stop=pl.min_horizontal("cover_end_day", "end_day"),
        is_off=pl.lit(False),
    )
    off = days.select("patient_id", start="cover_end_day", stop="end_day", is_off=pl.lit(True))
    spells = (
        pl.concat([on, off])
        .filter(pl.col("stop") > pl.col("start"))
        .sort("patient_id", "start")
        .select(pl.col(name).cast(dtype) for name, dtype in SPELL_SCHEMA.items())
    )
    deaths = find_deaths(inputs, first).join(spells, on="patient_id", how="semi")
    return FlareTimes(spells, _find_flares(inputs, first, spells), deaths)


def find_deaths(inputs: Inputs, origins: pl.DataFrame) -> pl.DataFrame:
    """Find who died, in days from an origin of the child's own (patient_id and ``origin``)."""
    return (
        inputs.patients.select("patient_id", "death_date")
        .drop_nulls()
        .join(origins, on="patient_id")
        .select("patient_id", day=(pl.col("death_date") - pl.col("origin")).dt.total_days())
        .sort("patient_id")
    )


def _bound_regimens(inputs: Inputs) -> pl.DataFrame:
    """Give each regimen's start, end of cover, and the day from which it is no longer followed."""
    cover = pl.duration(days=inputs.exposure.regimen.planned_cover_days)
    subcutaneous = (
        inputs.table("infusion_day")
        .filter(pl.col("route") == inputs.exposure.subcutaneous_route)
        .select("patient_id", sc_date="date")
        .sort("sc_date")
    )
    regimens = inputs.table("regimen").sort("patient_id", "regimen")
    bounded = regimens.select(
        "patient_id",
        "first_infusion",
        cover_end=pl.col("last_course_start") + cover,
        next_first=pl.col("first_infusion").shift(-1).over("patient_id"),
        seen=pl.max_horizontal("observed_until", "last_infusion"),
    )
    return (
        bounded.sort("first_infusion")
        .join_asof(
            subcutaneous,
            left_on="first_infusion",
            right_on="sc_date",
            by="patient_id",
            strategy="forward",
            coalesce=False,
            check_sortedness=False,
        )
        .with_columns(end=pl.min_horizontal("seen", "next_first", "sc_date"))
    )


def _find_flares(inputs: Inputs, first: pl.DataFrame, spells: pl.DataFrame) -> pl.DataFrame:
    """Find the flares inside the spells, records close together taken as one."""
    recorded = (
        inputs.record("event")
        .filter(pl.col("kind") == inputs.aggravation.flare_kind)
        .join(first, on="patient_id")
        .select("patient_id", day=(pl.col("date") - pl.col("origin")).dt.total_days())
        .filter(pl.col("day") > 0)
        .unique()
        .sort("patient_id", "day")
    )
    apart = merge_close(recorded, inputs.model_free.flares.same_flare_days)
    inside = (
        apart.join(spells, on="patient_id")
        .filter((pl.col("start") < pl.col("day")) & (pl.col("day") <= pl.col("stop")))
        .select(pl.col(name).cast(dtype) for name, dtype in FLARE_SCHEMA.items())
    )
    return inside.sort("patient_id", "day")


def merge_close(days: pl.DataFrame, within: int) -> pl.DataFrame:
    """Take a child's records at most ``within`` days after the first of them for one.

    ``days``: patient_id and day, sorted.

    >>> days = pl.DataFrame({"patient_id": ["a"] * 4, "day": [1, 20, 35, 90]})
    >>> merge_close(days, 28)["day"].to_list()
    [1, 35, 90]
    """
    kept: list[bool] = []
    child, reached = None, 0
    for patient_id, day in days.select("patient_id", "day").iter_rows():
        is_new = patient_id != child or day > reached
        if is_new:
            child, reached = patient_id, day + within
        kept.append(is_new)
    return days.filter(pl.Series(kept, dtype=pl.Boolean))


def make_spells(times: FlareTimes) -> Spells:
    """Number the children and give their spells and flares as arrays."""
    names = times.spells["patient_id"].unique().sort()
    number = {name: place for place, name in enumerate(names)}
    children = np.array([number[name] for name in times.spells["patient_id"]], dtype=np.int64)
    return Spells(
        child=children,
        start=times.spells["start"].to_numpy().astype(np.float64),
        stop=times.spells["stop"].to_numpy().astype(np.float64),
        event_child=np.array([number[name] for name in times.flares["patient_id"]], np.int64),
        event_day=times.flares["day"].to_numpy().astype(np.float64),
        dead_child=np.array([number[name] for name in times.deaths["patient_id"]], np.int64),
        death_day=times.deaths["day"].to_numpy().astype(np.float64),
    )


def make_risk_rows(times: FlareTimes) -> RiskRows:
    """Cut the spells at their flares: one row a stretch, with whether the child was off IVIG."""
    inside = times.spells.join(times.flares, on="patient_id").filter(
        (pl.col("start") < pl.col("day")) & (pl.col("day") <= pl.col("stop"))
    )
    ends = pl.concat(
        [
            inside.select("patient_id", "start", "is_off", end="day", is_event=pl.lit(True)),
            times.spells.select(
                "patient_id", "start", "is_off", end="stop", is_event=pl.lit(False)
            ),
        ]
    )
    rows = (
        ends.sort("is_event", descending=True)
        .unique(["patient_id", "start", "end"], keep="first", maintain_order=True)
        .sort("patient_id", "start", "end")
        .with_columns(
            begin=pl.coalesce(pl.col("end").shift(1).over("patient_id", "start"), pl.col("start"))
        )
    )
    names = rows["patient_id"].rle_id()
    return RiskRows(
        child=names.to_numpy().astype(np.int64),
        start=rows["begin"].to_numpy().astype(np.float64),
        stop=rows["end"].to_numpy().astype(np.float64),
        is_event=rows["is_event"].to_numpy(),
        covariates=rows.select(pl.col("is_off").cast(pl.Float64)).to_numpy(),
    )
