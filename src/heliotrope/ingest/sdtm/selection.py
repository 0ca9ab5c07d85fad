"""Select the cohort out of datasets that hold everyone, and leave the other subjects out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from heliotrope.definitions.cohort_entry import CohortEntry
from heliotrope.ingest.cohort import (
    DIAGNOSES,
    IMMUNOGLOBULINS,
    OUTSIDE_COHORT,
    PERSONS,
    Cohort,
    CohortRecords,
    compute_g_per_kg,
    name_diagnoses,
    read_days,
    select_cohort,
)
from heliotrope.ingest.context import ReadContext
from heliotrope.ingest.delivery import RowsOf
from heliotrope.ingest.sdtm.held import Dataset
from heliotrope.ingest.sdtm.iso_dates import DateColumn, read_dates
from heliotrope.ingest.sdtm.laid import Known, LaidOut, leave_out
from heliotrope.ingest.staged import Staged

Steps = tuple[tuple[str, str, int], ...]


def select_subjects(
    laid: LaidOut, held: Sequence[Dataset], history: Sequence[Dataset], known: Known,
    entry: CohortEntry,
) -> tuple[LaidOut, Steps]:  # fmt: skip
    """Keep the rows of the subjects who qualify; the steps count who is left after each.

    Rule: diagnoses are the rows of medical history by their words (SDTM gives no code system);
    a dose is known by weight only where it was recorded so.
    """
    cohort = _select(laid, history, known, entry)
    chosen = cohort.patients.to_list()
    outside = {
        id(item.raw): item.rows.filter(~pl.col("USUBJID").is_in(chosen).fill_null(False))
        for item in held
        if "USUBJID" in item.rows.columns
    }
    left = [
        RowsOf(item.raw, leave_out(outside[id(item.raw)], OUTSIDE_COHORT))
        for item in held
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
        cohort.steps,
    )


def _without(staged: Staged, outside: dict[int, pl.DataFrame]) -> Staged:
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


def _select(laid: LaidOut, history: Sequence[Dataset], known: Known, entry: CohortEntry) -> Cohort:
    context = known.context
    persons, given = [], []
    for item in laid.staged:
        if item.table == "patient":
            birth = _column(item.rows, "birth_date")
            persons.append(item.rows.select("patient_id", birth_date=read_days(birth, context)))
        elif item.table == "infusion":
            given.append(_gather_given(item.rows, context))
    diagnoses = [_gather_diagnoses(item, known) for item in history]
    schema = {"patient_id": pl.String, "date": pl.Date, "text": pl.String}
    named = name_diagnoses(pl.concat([pl.DataFrame(schema=schema), *diagnoses]), context.rulebook)
    records = CohortRecords(
        pl.concat([pl.DataFrame(schema=PERSONS), *persons]),
        named.select(list(DIAGNOSES)),
        pl.concat([pl.DataFrame(schema=IMMUNOGLOBULINS), *given]),
    )
    return select_cohort(records, entry, context.rulebook)


def _gather_diagnoses(dataset: Dataset, known: Known) -> pl.DataFrame:
    """Take every row of a history by its dictionary term, and by its own words beside it."""
    own = dataset.own
    dates = read_dates(dataset, DateColumn(own("STDTC"), own("STDY")), known.reference).texts
    days = dates.select("record", date=read_days(dates["date"], known.context))
    parts = [
        dataset.rows.select("record", patient_id=dataset.cell("USUBJID"), text=dataset.cell(name))
        for name in (own("DECOD"), own("TERM"))
        if name in dataset.numbers
    ]
    schema = {"record": pl.Int64, "patient_id": pl.String, "text": pl.String}
    return (
        pl.concat([pl.DataFrame(schema=schema), *parts])
        .join(days, on="record", how="left", maintain_order="left")
        .select("patient_id", "date", "text")
    )


def _gather_given(rows: pl.DataFrame, context: ReadContext) -> pl.DataFrame:
    dose = compute_g_per_kg(_column(rows, "dose"), _column(rows, "dose_unit"))
    return rows.select(
        "patient_id", date=read_days(_column(rows, "date"), context), dose_g_per_kg=dose
    )


def _column(rows: pl.DataFrame, name: str) -> pl.Series:
    return rows[name] if name in rows.columns else pl.Series([None] * rows.height, dtype=pl.String)
