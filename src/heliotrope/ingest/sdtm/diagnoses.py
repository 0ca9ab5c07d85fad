"""What a subject was diagnosed with: coded columns, dictionary terms and words of MH, --INDC."""

from __future__ import annotations

import polars as pl

from heliotrope.ingest.cohort import DIAGNOSES, read_days
from heliotrope.ingest.diagnoses import name_diagnoses
from heliotrope.ingest.sdtm.held import Dataset
from heliotrope.ingest.sdtm.iso_dates import DateColumn, read_dates
from heliotrope.ingest.sdtm.laid import Known, find_not_occurred
from heliotrope.ingest.sdtm.treatments import find_immunoglobulins

ONSET = "onset_date"

_TOLD = {"record": pl.Int64, "system": pl.String, "code": pl.String, "text": pl.String}


def read_history(dataset: Dataset, known: Known) -> pl.DataFrame:
    """Return the coded diagnoses of a history: record, patient_id, date, is_onset, concept.

    Rule: a row counts by each of its codes (MHLLTCD, MHPTCD ...: the terms say of which system),
    by its dictionary term and by its own words, the last two where they are a title or synonym of
    the code lists. What did not occur, and what relatives have, is none.
    """
    own = dataset.own
    category = dataset.cell(own("CAT")).str.to_uppercase()
    others = dataset.rows.filter(category.is_in(known.terms.family_categories).fill_null(False))
    not_own = pl.concat(
        [others.select("record"), find_not_occurred(dataset, known).select("record")]
    )
    codes = [
        dataset.rows.select(
            "record",
            system=pl.lit(item.means),
            code=dataset.cell(own(suffix)).str.strip_suffix(".0"),
            text=pl.lit(None, pl.String),
        )
        for item in known.terms.history_codes
        for suffix in item.terms
        if own(suffix) in dataset.numbers
    ]
    words = [_take_words(dataset, own(name)) for name in ("DECOD", "TERM")]
    means = known.means("history_dates", dataset.cell(own("EVDTYP")))
    is_onset = dataset.rows.select("record", is_onset=(means == ONSET).fill_null(False))
    named = _name(dataset, [*codes, *words], known).join(not_own, on="record", how="anti")
    return named.join(is_onset, on="record", how="left", maintain_order="left")


def read_indications(dataset: Dataset, known: Known) -> pl.DataFrame:
    """Return what immunoglobulin was given for, as diagnoses of the day that it began."""
    records = find_immunoglobulins(dataset, known)
    words = _take_words(dataset, dataset.own("INDC"))
    words = words.filter(pl.col("record").is_in(records.implode()))
    missing = find_not_occurred(dataset, known)
    named = _name(dataset, [words], known).join(missing, on="record", how="anti")
    return named.with_columns(is_onset=pl.lit(False))


def date_diagnoses(diagnoses: pl.DataFrame) -> pl.DataFrame:
    """Return patient_id, date and concept: a first symptom dates only what nothing else dates.

    Rule: where a child has a dated diagnosis, the day of the first symptom is none of a diagnosis.
    """
    is_dated = pl.col("date").is_not_null() & ~pl.col("is_onset")
    is_other = is_dated.any().over("patient_id", "concept") & pl.col("is_onset")
    return diagnoses.with_columns(date=pl.when(~is_other).then("date")).select(list(DIAGNOSES))


def _take_words(dataset: Dataset, name: str) -> pl.DataFrame:
    blank = pl.lit(None, pl.String)
    return dataset.rows.select("record", system=blank, code=blank, text=dataset.cell(name))


def _name(dataset: Dataset, told: list[pl.DataFrame], known: Known) -> pl.DataFrame:
    own = dataset.own
    dates = read_dates(dataset, DateColumn(own("STDTC"), own("STDY")), known.reference).texts
    rows = dataset.rows.select(
        "record",
        patient_id=dataset.cell("USUBJID"),
        date=pl.lit(read_days(dates["date"], known.context)),
    )
    said = pl.concat([pl.DataFrame(schema=_TOLD), *told]).filter(
        pl.col("code").is_not_null() | pl.col("text").is_not_null()
    )
    named = name_diagnoses(said, known.context.rulebook).filter(pl.col("concept").is_not_null())
    return rows.join(named, on="record", how="inner", maintain_order="left").select(
        "record", *DIAGNOSES
    )
