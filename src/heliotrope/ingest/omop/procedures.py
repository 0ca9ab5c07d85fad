"""Infusions that are recorded as procedures: a day, a child, and no dose."""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from heliotrope.ingest.delivery import RowsOf
from heliotrope.ingest.omop.concepts import Meanings, Vocabulary
from heliotrope.ingest.omop.layout import Layout, make_staged
from heliotrope.ingest.omop.local_codes import time_of
from heliotrope.ingest.omop.selection import IMMUNOGLOBULIN, PROCEDURES, mean_rows, with_names
from heliotrope.ingest.omop.store import as_number
from heliotrope.ingest.procedures import says_given
from heliotrope.ingest.raw import RawTable
from heliotrope.ingest.staged import Staged

# The rule by which FHIR leaves such a row out, too.
RECORDED_TWICE = "infusion_recorded_twice"


def find_given(meanings: Meanings, vocabulary: Vocabulary) -> Meanings:
    """Keep the procedures that give immunoglobulin: their name says so, or a concept set.

    What measures it (immunoglobulin level) bears the same word and is none. A concept that the
    study's own set names needs no words.
    """
    named = meanings.named([IMMUNOGLOBULIN])
    context = vocabulary.context
    return replace(
        named,
        by_id={
            number: item
            for number, item in named.by_id.items()
            if says_given([item.words], context)
            or (number in vocabulary.known and IMMUNOGLOBULIN in vocabulary.replaced)
        },
        by_text={text: item for text, item in named.by_text.items() if says_given([text], context)},
    )


_DAY = {"drug_exposure": "drug_exposure_start_date", PROCEDURES: "procedure_date"}


def find_given_days(rows: pl.DataFrame, table: str, meanings: Meanings) -> pl.DataFrame:
    """Return person and day of each row of a table that records immunoglobulin given."""
    return (
        mean_rows(rows, table, meanings)
        .filter(pl.col("meaning") == IMMUNOGLOBULIN)
        .select(person=as_number("person_id"), day=pl.col(_DAY[table]).str.slice(0, 10))
        .filter(pl.col("person").is_not_null())
    )


def find_alone(procedures: pl.DataFrame, exposures: pl.DataFrame) -> pl.DataFrame:
    """Return the procedures of a day without an exposure; one of such a day says no more."""
    return procedures.join(exposures, on=["person", "day"], how="anti", maintain_order="left")


def stage_procedures(
    raw: RawTable, given: Meanings, exposures: RawTable, drugs: Meanings, layout: Layout
) -> tuple[Staged | None, RowsOf]:
    """Lay procedures out as infusions of unknown dose, each day of a child once.

    ``exposures``: what was given as drugs; a procedure of such a day says no more and is left out.
    """
    days = find_given_days(with_names(exposures), "drug_exposure", drugs)
    rows = mean_rows(with_names(raw), PROCEDURES, given)
    rows = rows.with_columns(
        pl.lit(None, pl.String).alias(name)
        for name in ("procedure_datetime", "procedure_source_value")
        if name not in rows.columns
    ).with_columns(person=as_number("person_id"), day=pl.col("procedure_date").str.slice(0, 10))
    once = find_alone(rows, days)
    again = rows.join(once, on="record", how="anti", maintain_order="left")
    twice = RowsOf(raw, again.select("record", rule=pl.lit(RECORDED_TWICE)))
    if once.is_empty():
        return None, twice
    laid = once.join(layout.ids, on="person", how="left", maintain_order="left").select(
        "record",
        "patient_id",
        date="day",
        time=time_of("procedure_datetime"),
        product="words",
        route="concept_route",
    )
    theirs = {
        "patient_id": "person_id",
        "date": "procedure_date",
        "time": "procedure_datetime",
        "product": "procedure_concept_id",
    }
    return make_staged("infusion", raw, laid, theirs, "procedure_concept_id"), twice
