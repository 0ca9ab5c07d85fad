"""The columns of the canonical files, and frames built from arrays of children by days."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl

from heliotrope.simulate.children import Children
from heliotrope.simulate.draws import Booleans, Integers, Numbers

COLUMNS: dict[str, dict[str, pl.DataType]] = {
    "patient": {
        "patient_id": pl.String(),
        "sex": pl.String(),
        "birth_date": pl.Date(),
        "onset_date": pl.Date(),
        "diagnosis_date": pl.Date(),
        "diagnosis": pl.String(),
        "antibody": pl.String(),
        "site": pl.String(),
        "followup_end": pl.Date(),
        "death_date": pl.Date(),
    },
    "assessment": {
        "patient_id": pl.String(),
        "date": pl.Date(),
        "measure": pl.String(),
        "value": pl.Float64(),
        "unit": pl.String(),
        "lower_limit": pl.Float64(),
        "upper_limit": pl.Float64(),
        "text": pl.String(),
        "assessor": pl.String(),
    },
    "infusion": {
        "patient_id": pl.String(),
        "date": pl.Date(),
        "time": pl.String(),
        "product": pl.String(),
        "route": pl.String(),
        "dose": pl.Float64(),
        "dose_unit": pl.String(),
        "rate": pl.String(),
        "premedication": pl.String(),
    },
    "medication": {
        "patient_id": pl.String(),
        "drug": pl.String(),
        "route": pl.String(),
        "start_date": pl.Date(),
        "end_date": pl.Date(),
        "ongoing": pl.String(),
        "dose": pl.Float64(),
        "dose_unit": pl.String(),
        "every_n_days": pl.Int64(),
        "stop_reason": pl.String(),
    },
    "event": {
        "patient_id": pl.String(),
        "date": pl.Date(),
        "time": pl.String(),
        "kind": pl.String(),
        "term": pl.String(),
        "value": pl.Float64(),
        "unit": pl.String(),
        "grade": pl.Int64(),
        "end_date": pl.Date(),
        "related": pl.String(),
    },
    "indication": {
        "patient_id": pl.String(),
        "date": pl.Date(),
        "reason": pl.String(),
        "text": pl.String(),
    },
}

SORT: dict[str, list[str]] = {
    "patient": ["patient_id"],
    "assessment": ["patient_id", "date"],
    "infusion": ["patient_id", "date"],
    "medication": ["patient_id", "drug", "start_date"],
    "event": ["patient_id", "date", "time"],
    "indication": ["patient_id"],
}

ID_DIGITS = 7
"""Wide enough that the identifiers of ten million children sort as their numbers do."""

YES_NO = {True: "yes", False: "no"}

Column = pl.Series | pl.Expr | np.ndarray | str | None


def make_table(name: str, child: Integers, columns: Mapping[str, Column]) -> pl.DataFrame:
    """Put columns under their canonical names and types; those not given are empty.

    ``child``: the row's child, as the number that its identifier ends in.
    """
    given = pl.DataFrame({"_child": child}).with_columns(
        patient_id=pl.format("P{}", pl.col("_child").cast(pl.String).str.zfill(ID_DIGITS)),
        **{
            column: pl.lit(content) if isinstance(content, str | pl.Series | None) else content
            for column, content in columns.items()
        },
    )
    return given.select(
        (pl.col(column) if column in given.columns else pl.lit(None)).cast(kind).alias(column)
        for column, kind in COLUMNS[name].items()
    )


def make_dates(children: Children, rows: Integers, days: Numbers | Integers) -> pl.Series:
    """Turn days from the first infusion into dates; ``rows``: each entry's child, NaN: no date."""
    counted = children.first_day[rows] + days
    return pl.Series(counted, dtype=pl.Float64, nan_to_null=True).cast(pl.Int32).cast(pl.Date)


def make_words(words: tuple[str, ...], numbers: Integers) -> pl.Series:
    """Turn the numbers of words into words; an empty word is null."""
    known = pl.Series([word or None for word in words], dtype=pl.String)
    return known.gather(pl.Series(numbers, dtype=pl.UInt32))


def make_yes_no(values: Booleans) -> pl.Series:
    """Write true and false as a person would."""
    return pl.Series(np.where(values, YES_NO[True], YES_NO[False]), dtype=pl.String)


def make_times(minutes: Integers) -> pl.Series:
    """Write minutes of the day as hours and minutes, e.g. 09:05."""
    counted = pl.Series("time", minutes, dtype=pl.Int64)
    hours, left = (part.cast(pl.String).str.zfill(2) for part in (counted // 60, counted % 60))
    return hours + ":" + left
