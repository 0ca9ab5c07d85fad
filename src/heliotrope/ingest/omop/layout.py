"""Lay the rows of OMOP tables out as ours: patients, drugs, infusions, measurements, events."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from heliotrope.ingest.context import ReadContext
from heliotrope.ingest.omop.coded_cells import find_routes, find_units
from heliotrope.ingest.omop.concepts import Meanings, Vocabulary
from heliotrope.ingest.omop.doses import Strengths, compute_doses
from heliotrope.ingest.omop.local_codes import time_of
from heliotrope.ingest.omop.selection import (
    IMMUNOGLOBULIN,
    birth_text,
    lay_out_doses,
    mean_rows,
    with_names,
)
from heliotrope.ingest.omop.store import CdmStore, as_number
from heliotrope.ingest.problems import gather_problems, make_problems
from heliotrope.ingest.raw import RawTable
from heliotrope.ingest.staged import Staged


@dataclass(frozen=True)
class Layout:
    """What laying out needs beside the rows.

    ids: person (Int64) and patient_id (text). ends: person and the last day observed, as text.
    sites: site_number and the name of each care site.
    """

    vocabulary: Vocabulary
    ids: pl.DataFrame
    ends: pl.DataFrame
    sites: pl.DataFrame

    @property
    def context(self) -> ReadContext:
        """Return the words of the records."""
        return self.vocabulary.context


def make_staged(
    table: str, raw: RawTable, rows: pl.DataFrame, theirs: Mapping[str, str], value: str
) -> Staged:
    """Lay rows out whose columns already bear our names; ``theirs`` says where each stands."""
    numbers = {
        ours: raw.header.index(name)
        for ours, name in theirs.items()
        if ours in rows.columns and name in raw.header
    }
    return Staged(table, raw, rows, numbers, value_column=raw.header.index(value))


def number_persons(rows: pl.DataFrame, patient_id: str) -> pl.DataFrame:
    """Return person (Int64) and the patient_id the study asked for; ``rows``: of PERSON."""
    name = (
        pl.col("person_source_value")
        if patient_id == "person_source_value" and "person_source_value" in rows.columns
        else as_number("person_id").cast(pl.String)
    )
    return (
        rows.select(person=as_number("person_id"), patient_id=name)
        .filter(pl.col("person").is_not_null())
        .unique("person", keep="first", maintain_order=True)
    )


def stage_patients(raw: RawTable, facts: pl.DataFrame, layout: Layout, patient_id: str) -> Staged:
    """Lay persons out as patients; ``facts`` has person and what other tables say of each."""
    rows = with_names(raw)
    sexes = {item.concept_id: item.word for item in layout.vocabulary.ids.sexes}
    known = as_number("gender_concept_id").replace_strict(
        sexes, default=None, return_dtype=pl.String
    )
    written = (
        pl.col("gender_source_value") if "gender_source_value" in rows.columns else pl.lit(None)
    )
    site = as_number("care_site_id") if "care_site_id" in rows.columns else pl.lit(None, pl.Int64)
    laid = (
        rows.with_columns(person=as_number("person_id"), site_number=site)
        .with_columns(sex=pl.coalesce(known, written), birth_date=birth_text(rows))
        .join(layout.ids, on="person", how="left", maintain_order="left")
        .join(facts, on="person", how="left", maintain_order="left")
        .join(layout.sites, on="site_number", how="left", maintain_order="left")
    )
    said = [name for name in facts.columns if name != "person"]
    laid = laid.select("record", "patient_id", "sex", "birth_date", "site", *said)
    theirs = {
        "patient_id": patient_id,
        "sex": "gender_concept_id",
        "birth_date": "year_of_birth",
        "site": "care_site_id",
    }
    return make_staged("patient", raw, laid, theirs, patient_id)


def find_sites(store: CdmStore) -> pl.DataFrame:
    """Return the care sites of a model: site_number and site."""
    if "care_site" not in store.columns:
        return pl.DataFrame(schema={"site_number": pl.Int64, "site": pl.String})
    return (
        store.look_up("care_site", {})
        .select(site_number=as_number("care_site_id"), site="care_site_name")
        .unique("site_number", keep="first", maintain_order=True)
    )


def stage_drugs(
    raw: RawTable, meanings: Meanings, strengths: Strengths, layout: Layout
) -> tuple[Staged, ...]:
    """Lay drug exposures out: immunoglobulin as infusions, the rest as drugs taken.

    A preparation that is not given to the whole body keeps its own name, by which it is left out.
    """
    rows = mean_rows(with_names(raw), "drug_exposure", meanings)
    rows = rows.with_columns(
        pl.lit(None, pl.String).alias(name) for name in _OPTIONAL if name not in rows.columns
    )
    rows = compute_doses(lay_out_doses(rows), strengths, layout.vocabulary.ids)
    rows = (
        rows.with_columns(person=as_number("person_id"), route=find_routes(rows, layout.vocabulary))
        .join(layout.ids, on="person", how="left", maintain_order="left")
        .join(layout.ends, on="person", how="left", maintain_order="left")
    )
    is_infusion = pl.col("meaning") == IMMUNOGLOBULIN
    infusions, drugs = rows.filter(is_infusion), rows.filter(~is_infusion)
    parts = []
    if infusions.height:
        parts.append(_with_faults(_stage_infusions(raw, infusions, layout), infusions))
    if drugs.height:
        parts.append(_with_faults(_stage_medications(raw, drugs), drugs))
    return tuple(parts)


_OPTIONAL = (
    "drug_exposure_start_datetime",
    "drug_exposure_end_date",
    "verbatim_end_date",
    "stop_reason",
    "route_concept_id",
    "route_source_value",
    "sig",
)

_DOSE_COLUMNS = ("quantity", "days_supply", "sig", "dose_unit_source_value")


def _with_faults(staged: Staged, rows: pl.DataFrame) -> Staged:
    faulty = rows.filter(pl.col("fault").is_not_null())
    problems = make_problems(
        faulty.select("record", "fault", "said"),
        pl.col("fault"),
        column=staged.numbers.get("dose", staged.value_column),
        found=pl.col("said"),
    )
    read = {
        staged.raw.header.index(name)
        for name in (
            *_DOSE_COLUMNS,
            "drug_concept_id",
            "drug_source_concept_id",
            "route_source_value",
        )
        if name in staged.raw.header
    }
    return Staged(
        staged.table, staged.raw, staged.rows, staged.numbers, staged.value_column,
        also_read=frozenset(read), problems=gather_problems([problems]),
    )  # fmt: skip


def _text_of(number: str) -> pl.Expr:
    return pl.col(number).cast(pl.String).str.replace(r"\.0$", "")


def _stage_infusions(raw: RawTable, rows: pl.DataFrame, layout: Layout) -> Staged:
    word = layout.vocabulary.ids.premedication
    source = pl.col("drug_source_value") if "drug_source_value" in rows.columns else pl.lit(None)
    laid = rows.select(
        "record",
        "patient_id",
        date=pl.col("drug_exposure_start_date").str.slice(0, 10),
        time=time_of("drug_exposure_start_datetime"),
        product=pl.coalesce(
            pl.when(~source.str.contains(r"^[\d-]+$")).then(source), pl.col("words")
        ),
        route="route",
        dose=_text_of("dose"),
        dose_unit="dose_unit",
        premedication=pl.col("sig").str.extract(rf"(?i)\b{word}\s*[:=]\s*([^.]+)"),
    )
    theirs = {
        "patient_id": "person_id",
        "date": "drug_exposure_start_date",
        "time": "drug_exposure_start_datetime",
        "product": "drug_source_value",
        "route": "route_concept_id",
        "dose": "quantity",
        "dose_unit": "dose_unit_source_value",
        "premedication": "sig",
    }
    value = "quantity" if "quantity" in raw.header else "drug_concept_id"
    return make_staged("infusion", raw, laid, theirs, value)


def _stage_medications(raw: RawTable, rows: pl.DataFrame) -> Staged:
    """Lay out drugs; an end on the last day observed only says that observation ended there."""
    end = pl.col("drug_exposure_end_date").str.slice(0, 10)
    laid = rows.select(
        "record",
        "patient_id",
        drug="meaning",
        route="route",
        start_date=pl.col("drug_exposure_start_date").str.slice(0, 10),
        end_date=pl.coalesce(
            pl.col("verbatim_end_date").str.slice(0, 10),
            pl.when((end != pl.col("observed_to")).fill_null(True)).then(end),
        ),
        dose=_text_of("dose"),
        dose_unit="dose_unit",
        every_n_days=pl.col("every_n_days").cast(pl.String),
        stop_reason="stop_reason",
    )
    theirs = {
        "patient_id": "person_id",
        "drug": "drug_concept_id",
        "route": "route_concept_id",
        "start_date": "drug_exposure_start_date",
        "end_date": "drug_exposure_end_date",
        "dose": "quantity",
        "dose_unit": "dose_unit_source_value",
        "every_n_days": "sig",
        "stop_reason": "stop_reason",
    }
    value = "quantity" if "quantity" in raw.header else "drug_concept_id"
    return make_staged("medication", raw, laid, theirs, value)


def stage_measurements(raw: RawTable, meanings: Meanings, layout: Layout) -> Staged | None:
    """Lay measurements out as assessments: value, unit and range as recorded."""
    rows = mean_rows(with_names(raw), "measurement", meanings)
    if rows.is_empty():
        return None
    rows = rows.with_columns(
        pl.lit(None, pl.String).alias(name)
        for name in (
            "unit_concept_id", "unit_source_value", "operator_concept_id", "range_low",
            "range_high", "value_source_value",
        )
        if name not in rows.columns
    )  # fmt: skip
    signs = {item.concept_id: item.word for item in layout.vocabulary.ids.operators}
    sign = as_number("operator_concept_id").replace_strict(
        signs, default="", return_dtype=pl.String
    )
    units = find_units(rows, layout.vocabulary)
    rows = rows.with_columns(person=as_number("person_id"), unit=units["unit"]).join(
        layout.ids, on="person", how="left", maintain_order="left"
    )
    laid = rows.select(
        "record",
        "patient_id",
        date=pl.col("measurement_date").str.slice(0, 10),
        measure="meaning",
        value=sign + pl.col("value_as_number"),
        unit="unit",
        lower_limit="range_low",
        upper_limit="range_high",
        text=pl.when(pl.col("value_as_number").is_null()).then("value_source_value"),
    )
    theirs = {
        "patient_id": "person_id",
        "date": "measurement_date",
        "measure": "measurement_concept_id",
        "value": "value_as_number",
        "unit": "unit_concept_id",
        "lower_limit": "range_low",
        "upper_limit": "range_high",
        "text": "value_source_value",
    }
    staged = make_staged("assessment", raw, laid, theirs, "value_as_number")
    differing = units.filter("differs").select("record", "said")
    problems = make_problems(
        differing, "omop_unit_differs", column=staged.numbers.get("unit"), found=pl.col("said")
    )
    read = [
        raw.header.index(name)
        for name in ("unit_source_value", "operator_concept_id", "measurement_source_value")
        if name in raw.header
    ]
    return Staged(
        staged.table, raw, laid, staged.numbers, staged.value_column,
        also_read=frozenset(read), problems=gather_problems([problems]),
    )  # fmt: skip


def stage_adverse_events(raw: RawTable, meanings: Meanings, layout: Layout) -> Staged | None:
    """Lay conditions of interest out as adverse events, by the day that they began."""
    rows = mean_rows(with_names(raw), "condition_occurrence", meanings)
    rows = rows.filter(pl.col("about").is_in(["adverse_event", "graded_term"]))
    if rows.is_empty():
        return None
    rows = rows.with_columns(
        pl.lit(None, pl.String).alias(name)
        for name in ("condition_start_datetime", "condition_end_date")
        if name not in rows.columns
    )
    laid = (
        rows.with_columns(person=as_number("person_id"))
        .join(layout.ids, on="person", how="left", maintain_order="left")
        .select(
            "record",
            "patient_id",
            date=pl.col("condition_start_date").str.slice(0, 10),
            time=time_of("condition_start_datetime"),
            kind=pl.lit("adverse_event"),
            term="meaning",
            end_date=pl.col("condition_end_date").str.slice(0, 10),
        )
    )
    theirs = {
        "patient_id": "person_id",
        "date": "condition_start_date",
        "time": "condition_start_datetime",
        "term": "condition_concept_id",
        "end_date": "condition_end_date",
    }
    return make_staged("event", raw, laid, theirs, "condition_concept_id")
