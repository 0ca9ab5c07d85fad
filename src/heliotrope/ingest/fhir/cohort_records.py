"""What a cohort is selected by, out of the resources: diagnoses, immunoglobulin, weights."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import polars as pl

from heliotrope.ingest.cohort import (
    DIAGNOSES,
    IMMUNOGLOBULINS,
    PERSONS,
    WEIGHTS,
    CohortRecords,
    read_days,
)
from heliotrope.ingest.context import ReadContext
from heliotrope.ingest.diagnoses import name_diagnoses
from heliotrope.ingest.fhir.dosage import add_single_doses
from heliotrope.ingest.fhir.laid import Laid
from heliotrope.ingest.fhir.words import IMMUNOGLOBULIN

# The earliest of these is taken for the age at diagnosis; a date asserted goes before.
_DIAGNOSED = ("onset[x]", "recordedDate")
_WEIGHT = "weight"


def gather_cohort_records(laid: Iterable[Laid], context: ReadContext) -> CohortRecords:
    """Gather what a cohort is selected by, but for the weights.

    Rule: a diagnosis is dated by its asserted date, else by the earlier of onset and recording,
    so that a child whose chart was opened later keeps the age at which it fell ill. The reason
    for which immunoglobulin was ordered is a diagnosis, too, known by its words. A procedure of a
    day that has an administration says no more.
    """
    persons, diagnoses, given, done = [], [], [], []
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
        elif item.kind == "MedicationRequest":
            diagnoses.append(_gather_reasons(item, context))
        elif item.kind == "MedicationAdministration":
            given.append(_gather_given(item, context))
        elif item.kind == "Procedure":
            date = read_days(item.rows["performed[x]"].str.slice(0, 10), context)
            done.append(item.rows.select("patient_id", "route", date=date))
    infusions = _gather(given, IMMUNOGLOBULINS)
    procedures = _gather(done, {name: IMMUNOGLOBULINS[name] for name in _DONE})
    once = procedures.join(infusions, on=["patient_id", "date"], how="anti")
    return CohortRecords(
        _gather(persons, PERSONS),
        _gather(diagnoses, DIAGNOSES),
        pl.concat([infusions, once], how="diagonal").select(list(IMMUNOGLOBULINS)),
    )


_DONE = ("patient_id", "route", "date")


def _gather(frames: list[pl.DataFrame], schema: Mapping[str, type[pl.DataType]]) -> pl.DataFrame:
    known = [frame.filter(pl.col("patient_id").is_not_null()) for frame in frames]
    return pl.concat(
        [pl.DataFrame(schema=schema), *(frame.select(list(schema)) for frame in known)]
    )


def _gather_given(item: Laid, context: ReadContext) -> pl.DataFrame:
    rows = item.rows.filter(pl.col("drug") == IMMUNOGLOBULIN).with_columns(
        dose_text=pl.col("dosage.dose"), unit_text=pl.col("dosage.dose.unit")
    )
    doses = add_single_doses(rows)
    return doses.select(
        "patient_id",
        date=read_days(doses["effective[x]"].str.slice(0, 10), context),
        dose=pl.col("dose").cast(pl.Float64, strict=False),
        dose_unit="dose_unit",
        route=pl.coalesce("route", "drug_route"),
    )


def _gather_reasons(item: Laid, context: ReadContext) -> pl.DataFrame:
    rows = item.rows.filter(
        (pl.col("drug") == IMMUNOGLOBULIN) & pl.col("reasonCode").is_not_null()
    ).with_columns(text=pl.col("reasonCode").str.split("; "))
    dated = rows.with_columns(date=read_days(rows["authoredOn"].str.slice(0, 10), context))
    told = dated.select("patient_id", "date", "text").explode("text")
    return name_diagnoses(told, context.rulebook).select(list(DIAGNOSES))


def gather_weights(laid: Iterable[Laid], context: ReadContext) -> pl.DataFrame:
    """Gather weights as recorded: observations, and those that stand as a component of one."""
    frames = []
    for item in laid:
        if item.kind != "Observation":
            continue
        whose = item.rows.select("record", "patient_id", "effective[x]")
        own = item.rows.filter(pl.col("measure") == _WEIGHT)
        parts = item.parts.filter(pl.col("measure") == _WEIGHT)
        for found in (own.drop("patient_id", "effective[x]"), parts):
            rows = whose.join(found, on="record", how="inner", maintain_order="left")
            date = read_days(rows["effective[x]"].str.slice(0, 10), context)
            frames.append(
                rows.select(
                    "patient_id",
                    date=date,
                    value=pl.col("value[x]").cast(pl.Float64, strict=False),
                    unit="value[x].unit",
                )
            )
    return _gather(frames, WEIGHTS)
