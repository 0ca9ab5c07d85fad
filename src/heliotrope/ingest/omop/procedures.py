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


def stage_procedures(
    raw: RawTable, given: Meanings, exposures: RawTable, drugs: Meanings, layout: Layout
) -> tuple[Staged | None, RowsOf]:
    """Lay procedures out as infusions of unknown dose, each day of a child once.

    ``exposures``: what was given as drugs; a procedure of such a day says no more and is left out.
    """
    days = mean_rows(with_names(exposures), "drug_exposure", drugs)
    days = days.filter(pl.col("meaning") == IMMUNOGLOBULIN).select(
        person=as_number("person_id"), day=pl.col("drug_exposure_start_date").str.slice(0, 10)
    )
    rows = mean_rows(with_names(raw), PROCEDURES, given)
    rows = rows.with_columns(
        pl.lit(None, pl.String).alias(name)
        for name in ("procedure_datetime", "procedure_source_value")
        if name not in rows.columns
    ).with_columns(person=as_number("person_id"), day=pl.col("procedure_date").str.slice(0, 10))
    again = rows.join(days, on=["person", "day"], how="semi")
    twice = RowsOf(raw, again.select("record", rule=pl.lit(RECORDED_TWICE)))
    once = rows.join(again, on="record", how="anti", maintain_order="left")
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
