"""Lay out AE, CE, HO and DS as events, and why immunoglobulin was begun out of MH."""

from __future__ import annotations

import polars as pl

from heliotrope.ingest.delivery import Note
from heliotrope.ingest.sdtm.held import Dataset
from heliotrope.ingest.sdtm.iso_dates import DateColumn
from heliotrope.ingest.sdtm.laid import (
    Columns,
    Known,
    LaidOut,
    find_not_occurred,
    join_supplement,
    leave_out,
)
from heliotrope.ingest.sdtm.subjects import names_immunoglobulin

_ADVERSE = "adverse_event"
_STOPPED = "ivig_stopped"


def lay_out_events(dataset: Dataset, known: Known, role: str) -> LaidOut:
    """Lay out one row an event: adverse events, flares and complications, hospital stays.

    Rule: the standardised term counts before the reported one; the grade is the toxicity grade,
    never made of a severity in words. Whether an event was related is read only where the
    treatment of the study is immunoglobulin.
    """
    own = dataset.own
    columns = _begin(dataset, known)
    ignored = find_not_occurred(dataset, known)
    if role == "clinical_event":
        kind = known.means("event_kinds", dataset.cell(own("CAT")))
        columns.add(kind=kind)
        others = dataset.rows.filter(kind.is_null())
        ignored = pl.concat([ignored, leave_out(others, "clinical_event_not_used")]).unique(
            "record", keep="first", maintain_order=True
        )
    else:
        columns.add(kind=_ADVERSE if role == _ADVERSE else "hospitalisation")
    columns.add(
        grade=dataset.cell(own("TOXGR"))
        .str.to_uppercase()
        .str.strip_prefix("GRADE")
        .str.strip_chars()
    )
    columns.numbers |= {
        name: dataset.numbers[own(suffix)]
        for name, suffix in (("kind", "CAT"), ("grade", "TOXGR"))
        if own(suffix) in dataset.numbers
    }
    columns.add(value=join_supplement(dataset, "value"), unit=join_supplement(dataset, "unit"))
    notes: tuple[Note, ...] = ()
    if own("REL") in dataset.numbers and role == _ADVERSE:
        if known.treats_with_immunoglobulin:
            columns.take(related=own("REL"))
        else:
            found = f"{own('REL')}, and no immunoglobulin in EX or EC"
            notes = (Note("relation_not_to_immunoglobulin", found, dataset.raw, own("REL")),)
    return LaidOut(staged=(columns.stage("event", _term_column(dataset), ignored),), notes=notes)


def _begin(dataset: Dataset, known: Known) -> Columns:
    own = dataset.own
    columns = Columns.of(dataset)
    columns.take_date("date", DateColumn(own("STDTC"), own("STDY")), known, time="time")
    columns.take_date("end_date", DateColumn(own("ENDTC"), own("ENDY"), "end"), known)
    if "date" not in columns.rows.columns:
        columns.add(date=pl.lit(None, pl.String))
    columns.add(term=pl.coalesce(dataset.cell(own("DECOD")), dataset.cell(own("TERM"))))
    columns.numbers["term"] = dataset.numbers[_term_column(dataset)]
    columns.read(own("TERM"), own("DECOD"), own("OCCUR"))
    return columns


def _term_column(dataset: Dataset) -> str:
    names = [dataset.own("DECOD"), dataset.own("TERM")]
    return next((name for name in names if name in dataset.numbers), "USUBJID")


def lay_out_stops(dataset: Dataset, known: Known) -> LaidOut:
    """Lay out why immunoglobulin was stopped: rows of DS that name it, or the study's treatment.

    The end of the study's treatment counts only where that treatment is immunoglobulin.
    """
    subcategory = dataset.cell(dataset.own("SCAT")).str.to_uppercase()
    of_treatment = subcategory.is_in(known.terms.treatment_categories).fill_null(False)
    is_stop = names_immunoglobulin(dataset, known) | (
        of_treatment & known.treats_with_immunoglobulin
    )
    stops = dataset.rows.filter(is_stop)["record"]
    columns = Columns.of(dataset)
    own = dataset.own
    columns.take_date("date", DateColumn(own("STDTC"), own("STDY")), known)
    if "date" not in columns.rows.columns:
        columns.add(date=pl.lit(None, pl.String))
    decoded = dataset.cell(own("DECOD"))
    columns.add(
        kind=_STOPPED,
        term=pl.coalesce(known.means("disposition_reasons", decoded), decoded),
    )
    columns.numbers["term"] = dataset.numbers[_term_column(dataset)]
    columns.read(own("SCAT"), own("TERM"), own("DECOD"))
    return LaidOut(staged=(columns.stage("event", _term_column(dataset), keep=stops),))


def lay_out_indications(dataset: Dataset, known: Known) -> LaidOut:
    """Lay out why immunoglobulin was begun: rows of MH in a category of that name."""
    own = dataset.own
    category = dataset.cell(own("CAT")).str.to_uppercase()
    chosen = dataset.rows.filter(category.is_in(known.terms.indication_categories).fill_null(False))
    columns = Columns.of(dataset)
    columns.take_date("date", DateColumn(own("STDTC"), own("STDY")), known)
    decoded, reported = dataset.cell(own("DECOD")), dataset.cell(own("TERM"))
    columns.add(
        reason=pl.coalesce(decoded, reported),
        text=pl.when(decoded.is_not_null() & (reported != decoded)).then(reported),
    )
    columns.numbers["reason"] = dataset.numbers[_term_column(dataset)]
    columns.read(own("TERM"), own("CAT"))
    ignored = find_not_occurred(dataset, known)
    return LaidOut(
        staged=(columns.stage("indication", _term_column(dataset), ignored, chosen["record"]),)
    )
