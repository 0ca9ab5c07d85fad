"""Draw children for the benchmark: 12 visits each, every measure of the core sets at each visit."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl

from heliotrope.definitions.load import Rulebook
from heliotrope.definitions.measure import Measure, measures_of
from heliotrope.definitions.score import ScoreDefinition
from heliotrope.records.canonical import CANONICAL
from heliotrope.records.shard import Shard

VISITS = 12
COURSES = 6
DAYS_BETWEEN = 28
FIRST_DAY = date(2020, 1, 1)
DECIMALS = 1
LIMIT_OF_ENZYMES = 40.0


def list_measures(rulebook: Rulebook) -> list[Measure]:
    """List the measures of every core set whose range is known, and the weight."""
    named = {name for score in rulebook.of_kind(ScoreDefinition) for name in score.measures}
    measures = measures_of(rulebook)
    enzymes = [item for name, item in measures.items() if name in named and item.maximum is None]
    ranged = [item for name, item in measures.items() if name in named and item.maximum]
    return [*ranged, *(item for item in enzymes if item.domain == "enzyme"), measures["weight"]]


def draw_shard(rulebook: Rulebook, number: int, children: int) -> Shard:
    """Draw one shard: children who on the whole get better over 12 visits, 28 days apart.

    The first visit is the day of the first infusion. The same number gives the same children.
    """
    random = np.random.default_rng(number)
    patients = pl.Series([f"{number:04}-{child:03}" for child in range(children)])
    days = [FIRST_DAY + timedelta(days=DAYS_BETWEEN * visit) for visit in range(VISITS)]
    assessment = pl.concat(
        [_draw_measure(measure, patients, days, random) for measure in list_measures(rulebook)]
    )
    grid = pl.DataFrame({"patient_id": patients})
    infusion = grid.join(pl.DataFrame({"date": days[:COURSES]}), how="cross").with_columns(
        route=pl.lit("iv"), dose=pl.lit(2.0), dose_unit=pl.lit("g/kg")
    )
    steps = pl.DataFrame(
        {"start_date": days[::4], "end_date": [*days[4::4], None], "dose": [20.0, 10.0, 5.0]}
    ).with_columns(pl.col("end_date") - pl.duration(days=1))
    medication = grid.join(steps, how="cross").with_columns(
        drug=pl.lit("prednisone"),
        route=pl.lit("oral"),
        dose_unit=pl.lit("mg/day"),
        every_n_days=pl.lit(1),
        is_ongoing=pl.col("end_date").is_null(),
    )
    drawn = {
        "patient": grid.with_columns(followup_end=pl.lit(days[-1])),
        "assessment": assessment,
        "infusion": infusion,
        "medication": medication,
    }
    return Shard.from_tables(
        {name: _complete(drawn.get(name), name, place) for place, name in enumerate(CANONICAL)}
    )


def _draw_measure(
    measure: Measure, patients: pl.Series, days: list[date], random: np.random.Generator
) -> pl.DataFrame:
    """Draw one measure of all children and visits: from a bad start towards its best end."""
    size = (len(patients), len(days))
    left = random.uniform(0.2, 0.9, (size[0], 1)) * random.uniform(0.7, 0.95, (size[0], 1)) ** (
        np.arange(size[1])
    )
    share = np.clip(left + random.normal(0, 0.05, size), 0, 1)
    low, high = measure.minimum or 0.0, measure.maximum or 10 * LIMIT_OF_ENZYMES
    if measure.better == "high":
        share = 1 - share
    value = np.round(low + share * (high - low), DECIMALS)
    if measure.id == "weight":
        value = np.full(size, 20.0)
    return pl.DataFrame(
        {
            "patient_id": patients.repeat_by(size[1]).explode(),
            "date": days * size[0],
            "measure": [measure.id] * value.size,
            "value": value.ravel(),
            "upper_limit": [LIMIT_OF_ENZYMES if measure.maximum is None else None] * value.size,
        },
        schema_overrides={"upper_limit": pl.Float64},
    )


def _complete(drawn: pl.DataFrame | None, name: str, place: int) -> pl.DataFrame:
    """Add row ids and the columns that were not drawn."""
    empty = CANONICAL[name].create_empty()
    if drawn is None:
        return empty
    first = place * 10**9
    return drawn.with_columns(
        row_id=pl.int_range(pl.len(), dtype=pl.Int64) + first,
        **{
            column: pl.lit(None, dtype)
            for column, dtype in empty.schema.items()
            if column not in (*drawn.columns, "row_id")
        },
    ).select(pl.col(column).cast(dtype) for column, dtype in empty.schema.items())
