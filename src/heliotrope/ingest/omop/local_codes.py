"""What OMOP has no standard concept for, written as a local code in the table OBSERVATION.

A source value such as ``event/adverse_event/fever``, ``indication/exacerbation``, ``onset`` or
``antibody/NXP2``, with observation_concept_id 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from heliotrope.ingest.delivery import Joined
from heliotrope.ingest.omop.concepts import Vocabulary
from heliotrope.ingest.omop.selection import day_of, with_names
from heliotrope.ingest.omop.store import Where, as_number
from heliotrope.ingest.raw import RawTable
from heliotrope.ingest.staged import Staged, find_column

TABLE = "observation"
CONCEPT, SOURCE_VALUE = "observation_concept_id", "observation_source_value"

EVENT, INDICATION = "event", "indication"
OF_PATIENTS = ("onset", "antibody")
SORTS = (EVENT, INDICATION, *OF_PATIENTS)


@dataclass(frozen=True)
class LocalCodes:
    """The rows with local codes: raw, laid out, and what of them belongs to patients.

    of_patients: patient_id (as a number of person), sort, word and date.
    """

    raw: RawTable
    staged: tuple[Staged, ...]
    joined: tuple[Joined, ...]
    of_patients: pl.DataFrame


def find_local_codes(vocabulary: Vocabulary) -> list[str]:
    """Return the source values of observations without a standard concept that are local codes."""
    columns = (CONCEPT, SOURCE_VALUE)
    if not set(columns) <= {*vocabulary.store.columns.get(TABLE, ())}:
        return []
    tally = vocabulary.store.tally(TABLE, columns)
    is_local = (as_number(CONCEPT).fill_null(0) == 0) & pl.col(SOURCE_VALUE).str.split(
        "/"
    ).list.first().is_in(SORTS)
    return tally.filter(is_local)[SOURCE_VALUE].unique().to_list()


def where_local(codes: list[str], persons: frozenset[int] | None) -> Where:
    """Return the condition for the rows of some persons with local codes."""
    return Where(persons, local=(CONCEPT, SOURCE_VALUE, codes))


def read_local_codes(raw: RawTable, ids: pl.DataFrame) -> LocalCodes:
    """Read observations with local codes into events, indications and facts about patients.

    ids: person (Int64) and patient_id (text).
    """
    rows = with_names(raw)
    absent = [pl.lit(None, pl.String).alias(name) for name in _OPTIONAL if name not in rows.columns]
    parts = pl.col(SOURCE_VALUE).str.splitn("/", 3)
    rows = (
        rows.with_columns(absent)
        .with_columns(
            person=as_number("person_id"),
            sort=parts.struct[0],
            first=parts.struct[1],
            second=parts.struct[2],
            day=pl.col("observation_date").str.slice(0, 10),
        )
        .join(ids, on="person", how="left", maintain_order="left")
    )
    of_patients = rows.filter(pl.col("sort").is_in(OF_PATIENTS))
    words = pl.col(SOURCE_VALUE).str.splitn("/", 2).struct[1]
    read = [
        find_column(raw, name) for name in ("person_id", "observation_date", CONCEPT, SOURCE_VALUE)
    ]
    return LocalCodes(
        raw,
        tuple(item for item in (_stage_events(raw, rows), _stage_indications(raw, rows)) if item),
        (Joined(raw, of_patients.select("record"), frozenset(read)),),
        of_patients.select("person", "sort", word=words, date=day_of("observation_date")),
    )


_OPTIONAL = (
    "value_as_number",
    "value_as_string",
    "unit_source_value",
    "qualifier_source_value",
    "observation_datetime",
)


def time_of(column: str) -> pl.Expr:
    """Return the time of day of a moment, HH:MM; midnight is none, as it fills what is unknown."""
    time = pl.col(column).str.extract(r"^\d{4}-\d{2}-\d{2}[T ](\d{2}:\d{2})")
    return pl.when(time != "00:00").then(time)


def _stage_events(raw: RawTable, rows: pl.DataFrame) -> Staged | None:
    events = rows.filter(pl.col("sort") == EVENT)
    if events.is_empty():
        return None
    qualifier = pl.col("qualifier_source_value")
    laid = events.select(
        "record",
        "patient_id",
        date="day",
        time=time_of("observation_datetime"),
        kind="first",
        term="second",
        value="value_as_number",
        unit="unit_source_value",
        grade=qualifier.str.extract(r"\bgrade=(\d+)"),
        end_date=qualifier.str.extract(r"\bend=(\d{4}-\d{2}-\d{2})"),
        related=qualifier.str.extract(r"\brelated=(yes|no)"),
    )
    theirs = {
        "patient_id": "person_id",
        "date": "observation_date",
        "time": "observation_datetime",
        "kind": SOURCE_VALUE,
        "term": SOURCE_VALUE,
        "value": "value_as_number",
        "unit": "unit_source_value",
        "grade": "qualifier_source_value",
        "end_date": "qualifier_source_value",
        "related": "qualifier_source_value",
    }
    return _staged("event", raw, laid, theirs)


def _stage_indications(raw: RawTable, rows: pl.DataFrame) -> Staged | None:
    found = rows.filter(pl.col("sort") == INDICATION)
    if found.is_empty():
        return None
    laid = found.select("record", "patient_id", date="day", reason="first", text="value_as_string")
    theirs = {
        "patient_id": "person_id",
        "date": "observation_date",
        "reason": SOURCE_VALUE,
        "text": "value_as_string",
    }
    return _staged("indication", raw, laid, theirs)


def _staged(table: str, raw: RawTable, laid: pl.DataFrame, theirs: dict[str, str]) -> Staged:
    numbers = {ours: raw.header.index(name) for ours, name in theirs.items() if name in raw.header}
    return Staged(
        table, raw, laid, numbers, value_column=raw.header.index(SOURCE_VALUE),
        also_read=frozenset([raw.header.index(CONCEPT)]),
    )  # fmt: skip
