"""What a cohort is selected by, out of the resources: persons, diagnoses, immunoglobulin."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from heliotrope.ingest.cohort import (
    DIAGNOSES,
    IMMUNOGLOBULINS,
    PERSONS,
    CohortRecords,
    compute_g_per_kg,
    read_days,
)
from heliotrope.ingest.context import ReadContext
from heliotrope.ingest.fhir.laid import Laid
from heliotrope.ingest.fhir.words import IMMUNOGLOBULIN

# The earliest of these is taken for the age at diagnosis; a date asserted goes before.
_DIAGNOSED = ("onset[x]", "recordedDate")


def gather_cohort_records(laid: Iterable[Laid], context: ReadContext) -> CohortRecords:
    """Gather what a cohort is selected by.

    Rule: a diagnosis is dated by its asserted date, else by the earlier of onset and recording,
    so that a child whose chart was opened later keeps the age at which it fell ill. Doses are
    known here only where they are recorded by weight.
    """
    persons, diagnoses, given = [], [], []
    for item in laid:
        if item.kind == "Patient":
            birth = read_days(item.rows["birthDate"], context)
            persons.append(item.rows.select("patient_id", birth_date=birth))
        elif item.kind == "Condition":
            first = pl.min_horizontal(pl.col(name).str.slice(0, 10) for name in _DIAGNOSED)
            text = pl.coalesce(pl.col("extension.assertedDate").str.slice(0, 10), first)
            rows = item.rows.with_columns(date=text)
            date = read_days(rows["date"], context)
            diagnoses.append(rows.select("patient_id", date=date, concept="concept"))
        elif item.kind in ("MedicationAdministration", "Procedure"):
            given.append(_gather_given(item, context))
    return CohortRecords(
        _gather(persons, PERSONS), _gather(diagnoses, DIAGNOSES), _gather(given, IMMUNOGLOBULINS)
    )


def _gather(frames: list[pl.DataFrame], schema: dict[str, type[pl.DataType]]) -> pl.DataFrame:
    known = [frame.filter(pl.col("patient_id").is_not_null()) for frame in frames]
    return pl.concat([pl.DataFrame(schema=schema), *known])


def _gather_given(item: Laid, context: ReadContext) -> pl.DataFrame:
    if item.kind == "Procedure":
        date = read_days(item.rows["performed[x]"].str.slice(0, 10), context)
        return item.rows.select("patient_id", date=date, dose_g_per_kg=pl.lit(None, pl.Float64))
    rows = item.rows.filter(pl.col("drug") == IMMUNOGLOBULIN)
    date = read_days(rows["effective[x]"].str.slice(0, 10), context)
    dose = compute_g_per_kg(rows["dosage.dose"], rows["dosage.dose.unit"])
    return rows.select("patient_id", date=date, dose_g_per_kg=dose)
