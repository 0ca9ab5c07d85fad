"""Select the cohort out of datasets that hold everyone, and leave the other subjects out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import polars as pl

from heliotrope.definitions.cohort_entry import CohortEntry
from heliotrope.ingest.cohort import (
    DIAGNOSES,
    IMMUNOGLOBULINS,
    OUTSIDE_COHORT,
    PERSONS,
    WEIGHTS,
    Cohort,
    CohortRecords,
    read_days,
    select_cohort,
)
from heliotrope.ingest.context import ReadContext
from heliotrope.ingest.delivery import RowsOf
from heliotrope.ingest.sdtm.diagnoses import date_diagnoses, read_history, read_indications
from heliotrope.ingest.sdtm.held import Dataset
from heliotrope.ingest.sdtm.laid import Known, LaidOut, leave_out
from heliotrope.ingest.staged import Staged

_WEIGHT = "weight"


@dataclass(frozen=True)
class Sources:
    """The datasets held: all of them, those of the history, those of treatments."""

    held: Sequence[Dataset]
    history: Sequence[Dataset]
    treatments: Sequence[Dataset]


def select_subjects(
    laid: LaidOut, sources: Sources, known: Known, entry: CohortEntry | None
) -> tuple[LaidOut, Cohort]:
    """Keep the rows of the subjects who qualify, all of them where ``entry`` is None.

    Rule: diagnoses are those of the history and what immunoglobulin was given for; doses and
    weights are taken as recorded.
    """
    cohort = select_cohort(_gather(laid, sources, known), entry, known.context.rulebook)
    if entry is None:
        return laid, cohort
    chosen = cohort.patients.implode()
    outside = {
        id(item.raw): item.rows.filter(~pl.col("USUBJID").is_in(chosen).fill_null(True))
        for item in sources.held
        if "USUBJID" in item.rows.columns
    }
    left = [
        RowsOf(item.raw, leave_out(outside[id(item.raw)], OUTSIDE_COHORT))
        for item in sources.held
        if id(item.raw) in outside
    ]
    return (
        replace(
            laid,
            staged=tuple(_without(item, outside) for item in laid.staged),
            joined=tuple(
                replace(item, rows=_anti(item.rows, outside.get(id(item.raw))))
                for item in laid.joined
            ),
            left_out=(*left, *laid.left_out),
        ),
        cohort,
    )


def _without(staged: Staged, outside: Mapping[int, pl.DataFrame]) -> Staged:
    strangers = outside.get(id(staged.raw))
    if strangers is None:
        return staged
    return replace(
        staged,
        rows=_anti(staged.rows, strangers),
        problems=_anti(staged.problems, strangers),
        ignored=_anti(staged.ignored, strangers),
    )


def _anti(rows: pl.DataFrame, strangers: pl.DataFrame | None) -> pl.DataFrame:
    if strangers is None:
        return rows
    return rows.join(strangers.select("record"), on="record", how="anti", maintain_order="left")


def _gather(laid: LaidOut, sources: Sources, known: Known) -> CohortRecords:
    context = known.context
    persons, given, weights = [], [], []
    for item in laid.staged:
        if item.table == "patient":
            birth = _column(item.rows, "birth_date")
            persons.append(item.rows.select("patient_id", birth_date=read_days(birth, context)))
        elif item.table == "infusion":
            given.append(_gather_given(item.rows, context))
        elif item.table == "assessment":
            weights.append(_gather_weights(item.rows, context))
    told = [
        *(read_history(item, known) for item in sources.history),
        *(read_indications(item, known) for item in sources.treatments),
    ]
    diagnoses = [date_diagnoses(pl.concat(told))] if told else []
    return CohortRecords(
        _concat(PERSONS, persons),
        _concat(DIAGNOSES, diagnoses),
        _concat(IMMUNOGLOBULINS, given),
        _concat(WEIGHTS, weights),
    )


def _concat(
    schema: Mapping[str, type[pl.DataType]], frames: Sequence[pl.DataFrame]
) -> pl.DataFrame:
    named = [frame.filter(pl.col("patient_id").is_not_null()) for frame in frames]
    return pl.concat([pl.DataFrame(schema=schema), *named])


def _gather_given(rows: pl.DataFrame, context: ReadContext) -> pl.DataFrame:
    return rows.select(
        "patient_id",
        date=read_days(_column(rows, "date"), context),
        dose=_column(rows, "dose").cast(pl.Float64, strict=False),
        dose_unit=_column(rows, "dose_unit"),
        route=_column(rows, "route"),
    )


def _gather_weights(rows: pl.DataFrame, context: ReadContext) -> pl.DataFrame:
    weights = rows.filter(pl.col("measure") == _WEIGHT)
    return weights.select(
        "patient_id",
        date=read_days(_column(weights, "date"), context),
        value=_column(weights, "value").cast(pl.Float64, strict=False),
        unit=_column(weights, "unit"),
    )


def _column(rows: pl.DataFrame, name: str) -> pl.Series:
    return rows[name] if name in rows.columns else pl.Series([None] * rows.height, dtype=pl.String)
