"""Frames for tests of scores and rules: later values beside their baselines, row ids given."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

from heliotrope.classify.trace import SOURCE

D0 = date(2020, 1, 1)

CHANGES: dict[str, pl.DataType | type[pl.DataType]] = {
    "patient_id": pl.String,
    "regimen": pl.Int32,
    "date": pl.Date,
    "measure": pl.String,
    "value": pl.Float64,
    "upper_limit": pl.Float64,
    "row_id": pl.Int64,
    "baseline_date": pl.Date,
    "baseline_value": pl.Float64,
    "baseline_upper_limit": pl.Float64,
    "baseline_text": pl.String,
    "baseline_row_id": pl.Int64,
    "rejected": pl.List(SOURCE),
}

BASELINES = {
    name: dtype
    for name, dtype in CHANGES.items()
    if name not in ("date", "value", "upper_limit", "row_id")
}


@dataclass(frozen=True)
class Pair:
    """One measure at baseline and at one later day (None: not recorded there)."""

    measure: str
    baseline: float | None
    value: float | None
    upper_limit: float | None = None
    day: int = 28
    patient_id: str = "child"
    regimen: int = 1


def make_frames(pairs: Iterable[Pair]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Make (changes, baselines) from pairs, as the derivations would."""
    changes, baselines = [], {}
    for number, pair in enumerate(pairs):
        reference = {
            "patient_id": pair.patient_id,
            "regimen": pair.regimen,
            "measure": pair.measure,
            "baseline_date": None if pair.baseline is None else D0,
            "baseline_value": pair.baseline,
            "baseline_upper_limit": pair.upper_limit,
            "baseline_row_id": None if pair.baseline is None else 10_000_000 + number,
        }
        if pair.baseline is not None:
            baselines.setdefault((pair.patient_id, pair.regimen, pair.measure), reference)
        if pair.value is not None:
            changes.append(
                {
                    **reference,
                    "date": D0 + timedelta(days=pair.day),
                    "value": pair.value,
                    "upper_limit": pair.upper_limit,
                    "row_id": number,
                }
            )
    return (
        pl.DataFrame(changes, schema=CHANGES),
        pl.DataFrame(list(baselines.values()), schema=BASELINES),
    )


def read_pair(measure: str, drawn: object, **place: object) -> Pair:
    """Read a drawn pair: ``8>0`` or ``8>0 /200`` (with an upper limit of normal), ``8>`` or ``>0``.

    >>> read_pair("creatine_kinase", "3000>100 /200").upper_limit
    200.0
    """
    values, _, limit = str(drawn).partition("/")
    before, _, after = values.partition(">")
    numbers: Mapping[str, float | None] = {
        name: float(text) if text.strip() else None
        for name, text in (("baseline", before), ("value", after), ("upper_limit", limit))
    }
    return Pair(measure, **numbers, **place)  # type: ignore[arg-type]
