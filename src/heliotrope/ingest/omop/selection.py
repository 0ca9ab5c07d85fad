"""Select the cohort where the records stand: only persons who could belong to it are looked at."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace

import polars as pl

from heliotrope.definitions.cohort_entry import CohortEntry, Diagnosed, find_cohort_entry
from heliotrope.ingest.cohort import (
    DIAGNOSES,
    IMMUNOGLOBULINS,
    WEIGHTS,
    Cohort,
    CohortRecords,
    select_cohort,
)
from heliotrope.ingest.declared import OmopSource
from heliotrope.ingest.diagnoses import list_below
from heliotrope.ingest.omop.coded_cells import find_routes, find_units
from heliotrope.ingest.omop.concepts import CONCEPT_COLUMNS, Meaning, Meanings, Vocabulary
from heliotrope.ingest.omop.doses import compute_doses, read_strengths
from heliotrope.ingest.omop.store import CdmStore, Where, as_number
from heliotrope.ingest.raw import RawTable
from heliotrope.ingest.staged import clean

IMMUNOGLOBULIN = "immunoglobulin"
PROCEDURES = "procedure_occurrence"
WEIGHT = "weight"


@dataclass(frozen=True)
class Selected:
    """The persons of the cohort by their id, None for everyone, and how they were selected."""

    persons: frozenset[int] | None
    cohort: Cohort
    diagnoses: pl.DataFrame


def where_of(table: str, meanings: Meanings, persons: Collection[int] | None) -> Where:
    """Return the condition for rows of some persons whose concept means something."""
    standard, other, text = CONCEPT_COLUMNS[table]
    return Where(
        persons, {standard: [*meanings.by_id], other: [*meanings.by_id]},
        (standard, text, [*meanings.by_text]) if meanings.by_text else None,
    )  # fmt: skip


def known_where(where: Where, columns: Collection[str]) -> Where:
    """Return a condition without the columns that a table does not have."""
    kept = {name: ids for name, ids in where.anyone_of.items() if name in columns}
    local = where.local if where.local and where.local[1] in columns else None
    return replace(where, anyone_of=kept, local=local)


Read = Callable[[pl.DataFrame], pl.DataFrame]


def gather_meant(
    vocabulary: Vocabulary,
    table: str,
    meanings: Meanings,
    persons: Collection[int] | None,
    read: Read,
) -> pl.DataFrame:
    """Read the rows of some persons whose concept means something, batch by batch.

    ``read``: what is kept of some rows under their columns' names.
    """
    where = known_where(where_of(table, meanings, persons), vocabulary.store.columns[table])
    return gather_rows(vocabulary.store, table, where, read)


def gather_rows(store: CdmStore, table: str, where: Where, read: Read) -> pl.DataFrame:
    """Read the wanted rows of a table batch by batch; only what ``read`` keeps of them is held."""
    return pl.concat([read(with_names(raw)) for raw in store.batches(table, where)])


def with_names(raw: RawTable) -> pl.DataFrame:
    """Return the rows with their record and their columns' names; what is not recorded is null."""
    named = raw.numbered().rename({str(number): name for number, name in enumerate(raw.header)})
    missing = ["", *raw.missing]
    stripped = [clean(pl.col(name), missing, {}).alias(name) for name in raw.header]
    return named.with_columns(stripped)


def mean_rows(rows: pl.DataFrame, table: str, meanings: Meanings) -> pl.DataFrame:
    """Add what each row's concept means: about, meaning, words, concept_route, concept."""
    standard, other, text = CONCEPT_COLUMNS[table]
    rows = rows.with_columns(
        pl.lit(None, pl.String).alias(name) for name in (other, text) if name not in rows.columns
    )
    first = as_number(standard).fill_null(0)
    by_id = pl.DataFrame(
        [(key, *_flat(item)) for key, item in meanings.by_id.items()],
        schema={"concept": pl.Int64, **_FLAT},
        orient="row",
    )
    by_text = pl.DataFrame(
        [(key, *_flat(item)) for key, item in meanings.by_text.items()],
        schema={"local": pl.String, **_FLAT},
        orient="row",
    )
    keyed = rows.with_columns(
        _first=first,
        _other=as_number(other),
        _local=pl.when(first == 0).then(pl.col(text)),
    )
    a = keyed.select(concept="_first").join(by_id, on="concept", how="left", maintain_order="left")
    b = keyed.select(concept="_other").join(by_id, on="concept", how="left", maintain_order="left")
    c = keyed.select(local="_local").join(by_text, on="local", how="left", maintain_order="left")
    taken = [
        pl.select(pl.coalesce(a[name], b[name], c[name])).to_series().alias(name) for name in _FLAT
    ]
    is_first = a["about"].is_not_null()
    concept = pl.select(pl.when(is_first).then(a["concept"]).otherwise(b["concept"])).to_series()
    return rows.with_columns(*taken, concept.alias("concept"))


_FLAT = {
    "about": pl.String,
    "meaning": pl.String,
    "words": pl.String,
    "concept_route": pl.String,
}


def _flat(item: Meaning) -> tuple[str, str, str, str | None]:
    return item.about, item.name, item.words, item.route


def day_of(name: str) -> pl.Expr:
    """Return the day of a column of dates or times of a day, as a date."""
    return pl.col(name).str.slice(0, 10).str.to_date("%Y-%m-%d", strict=False)


def select_persons(
    vocabulary: Vocabulary,
    meanings: dict[str, Meanings],
    source: OmopSource,
) -> Selected:
    """Select the cohort that a study names.

    Rule: whom the first step could leave in is found by the concepts alone, where the records
    stand; only of them are diagnoses, immunoglobulin and weights brought here for the further
    steps. The persons of the source are counted there.
    """
    store = vocabulary.store
    entry = find_cohort_entry(source.cohort, vocabulary.context.rulebook)
    total = store.count("person", Where())
    if entry is None:
        diagnoses = _diagnoses(vocabulary, meanings, None)
        everyone = CohortRecords(gather_rows(store, "person", Where(), _persons), diagnoses)
        return Selected(None, select_cohort(everyone, None, vocabulary.context.rulebook), diagnoses)
    candidates = _find_candidates(vocabulary, meanings, entry)
    diagnoses = _diagnoses(vocabulary, meanings, candidates)
    records = CohortRecords(
        gather_rows(store, "person", Where(candidates), _persons), diagnoses,
        _given(vocabulary, meanings, candidates),
        _weights(vocabulary, meanings, candidates),
    )  # fmt: skip
    cohort = select_cohort(records, entry, vocabulary.context.rulebook, total)
    return Selected(frozenset(map(int, cohort.patients.to_list())), cohort, diagnoses)


def _find_candidates(
    vocabulary: Vocabulary, meanings: dict[str, Meanings], entry: CohortEntry
) -> frozenset[int] | None:
    """Return whom the first step could leave in; None where it does not ask for a concept."""
    first = entry.steps[0]
    if isinstance(first, Diagnosed):
        names = list_below(first.concepts, vocabulary.context.rulebook) | set(first.undated)
        found = meanings["condition_occurrence"].named(names)
        return _persons_with(vocabulary, "condition_occurrence", found)
    if first.test == "immunoglobulin_given":
        tables = [table for table in ("drug_exposure", PROCEDURES) if table in meanings]
        return frozenset[int]().union(
            *(
                _persons_with(vocabulary, table, meanings[table].named([IMMUNOGLOBULIN]))
                for table in tables
            )
        )
    return None


def _persons_with(vocabulary: Vocabulary, table: str, meanings: Meanings) -> frozenset[int]:
    if not meanings.by_id and not meanings.by_text:
        return frozenset()
    found = gather_meant(
        vocabulary, table, meanings, None, lambda rows: rows.select(as_number("person_id")).unique()
    )
    return frozenset(found.to_series().drop_nulls().to_list())


def _persons(persons: pl.DataFrame) -> pl.DataFrame:
    return persons.select(
        patient_id=as_number("person_id").cast(pl.String), birth_date=birth_day(persons)
    ).filter(pl.col("patient_id").is_not_null())


def birth_day(persons: pl.DataFrame) -> pl.Expr:
    """Return the day of birth for an age: an unknown day or month is placed in the middle."""
    text = birth_text(persons)
    return pl.coalesce(
        text.str.to_date("%Y-%m-%d", strict=False),
        (text + "-15").str.to_date("%Y-%m-%d", strict=False),
        (text + "-07-01").str.to_date("%Y-%m-%d", strict=False),
    )


def birth_text(persons: pl.DataFrame) -> pl.Expr:
    """Write the date of birth as far as it is known: never a first of January out of a year.

    A birth_datetime counts alone where it names another day than the first that a missing month
    or day would be filled with.
    """
    absent = pl.lit(None, pl.Int64)
    parts = {
        name: as_number(name) if name in persons.columns else absent
        for name in ("year_of_birth", "month_of_birth", "day_of_birth")
    }
    year, month, day = parts.values()
    moment = (
        day_of("birth_datetime") if "birth_datetime" in persons.columns else pl.lit(None, pl.Date)
    )
    is_filled = (moment.dt.day() == 1) & (moment.dt.month() == 1)
    month = pl.coalesce(month, pl.when(~is_filled).then(moment.dt.month().cast(pl.Int64)))
    day = pl.coalesce(day, pl.when(moment.dt.day() != 1).then(moment.dt.day().cast(pl.Int64)))
    year_text = year.cast(pl.String)
    month_text = pl.format("{}-{}", year_text, month.cast(pl.String).str.zfill(2))
    day_text = pl.format("{}-{}", month_text, day.cast(pl.String).str.zfill(2))
    return pl.coalesce(day_text, month_text, year_text)


def _diagnoses(
    vocabulary: Vocabulary, meanings: dict[str, Meanings], persons: frozenset[int] | None
) -> pl.DataFrame:
    """Return the diagnoses in our lists: patient_id, date, concept, and the words of each."""
    table = "condition_occurrence"
    found = meanings[table].only("diagnosis")
    if not found.by_id and not found.by_text:
        return pl.DataFrame(schema={**DIAGNOSES, "words": pl.String})

    def read(rows: pl.DataFrame) -> pl.DataFrame:
        return (
            mean_rows(rows, table, found)
            .select(
                patient_id=as_number("person_id").cast(pl.String),
                date=day_of("condition_start_date"),
                concept="meaning",
                words="words",
            )
            .filter(pl.col("concept").is_not_null() & pl.col("patient_id").is_not_null())
        )

    return gather_meant(vocabulary, table, found, persons, read)


def _given(
    vocabulary: Vocabulary, meanings: dict[str, Meanings], persons: frozenset[int] | None
) -> pl.DataFrame:
    """Return immunoglobulin given; a procedure of a day with an exposure says no more."""
    exposures = _exposures(vocabulary, meanings, persons)
    procedures = _procedures(vocabulary, meanings, persons)
    once = procedures.join(exposures, on=["patient_id", "date"], how="anti")
    return pl.concat([exposures, once])


def _procedures(
    vocabulary: Vocabulary, meanings: dict[str, Meanings], persons: frozenset[int] | None
) -> pl.DataFrame:
    """Return the procedures that gave immunoglobulin: a day, no dose and no route."""
    given = meanings.get(PROCEDURES)
    if given is None or not (given.by_id or given.by_text):
        return pl.DataFrame(schema=IMMUNOGLOBULINS)

    def read(rows: pl.DataFrame) -> pl.DataFrame:
        days = mean_rows(rows, PROCEDURES, given).filter(pl.col("meaning") == IMMUNOGLOBULIN)
        return (
            days.select(
                patient_id=as_number("person_id").cast(pl.String), date=day_of("procedure_date")
            )
            .filter(pl.col("patient_id").is_not_null())
            .select(
                pl.col(name) if name in _KNOWN else pl.lit(None, dtype).alias(name)
                for name, dtype in IMMUNOGLOBULINS.items()
            )
        )

    return gather_meant(vocabulary, PROCEDURES, given, persons, read)


_KNOWN = ("patient_id", "date")


def _exposures(
    vocabulary: Vocabulary, meanings: dict[str, Meanings], persons: frozenset[int] | None
) -> pl.DataFrame:
    """Return immunoglobulin given as a drug, its dose as it is worked out or recorded."""
    table = "drug_exposure"
    found = meanings[table].named([IMMUNOGLOBULIN])
    if not found.by_id and not found.by_text:
        return pl.DataFrame(schema=IMMUNOGLOBULINS)
    strengths = read_strengths(dict(found.by_id), vocabulary)

    def read(rows: pl.DataFrame) -> pl.DataFrame:
        laid = lay_out_doses(mean_rows(rows, table, found))
        doses = compute_doses(laid, strengths, vocabulary.ids)
        doses = doses.with_columns(
            pl.lit(None, pl.String).alias(name) for name in _ROUTES if name not in doses.columns
        )
        return doses.select(
            patient_id=as_number("person_id").cast(pl.String),
            date=day_of("drug_exposure_start_date"),
            dose=pl.col("dose").cast(pl.Float64),
            dose_unit="dose_unit",
            route=find_routes(doses, vocabulary),
        ).filter(pl.col("patient_id").is_not_null())

    return gather_meant(vocabulary, table, found, persons, read)


_ROUTES = ("route_concept_id", "route_source_value")


def lay_out_doses(rows: pl.DataFrame) -> pl.DataFrame:
    """Add the columns that doses are computed from, under the names ``compute_doses`` wants."""
    theirs = {
        "quantity": "quantity",
        "days_supply": "days_supply",
        "sig": "sig",
        "unit_text": "dose_unit_source_value",
    }
    last = (
        day_of("drug_exposure_end_date")
        if "drug_exposure_end_date" in rows.columns
        else pl.lit(None, pl.Date)
    )
    return rows.with_columns(
        *(
            (pl.col(name) if name in rows.columns else pl.lit(None, pl.String)).alias(ours)
            for ours, name in theirs.items()
        ),
        days=(last - day_of("drug_exposure_start_date")).dt.total_days() + 1,
        is_infusion=pl.col("meaning") == IMMUNOGLOBULIN,
    )


def _weights(
    vocabulary: Vocabulary, meanings: dict[str, Meanings], persons: frozenset[int] | None
) -> pl.DataFrame:
    """Return weights as recorded, with their units."""
    table = "measurement"
    found = meanings[table].named([WEIGHT])
    if not found.by_id and not found.by_text:
        return pl.DataFrame(schema=WEIGHTS)

    def read(rows: pl.DataFrame) -> pl.DataFrame:
        rows = rows.with_columns(
            pl.lit(None, pl.String).alias(name) for name in _UNITS if name not in rows.columns
        )
        return rows.select(
            patient_id=as_number("person_id").cast(pl.String),
            date=day_of("measurement_date"),
            value=pl.col("value_as_number").cast(pl.Float64, strict=False),
            unit=find_units(rows, vocabulary)["unit"],
        ).filter(pl.col("patient_id").is_not_null())

    return gather_meant(vocabulary, table, found, persons, read)


_UNITS = ("unit_concept_id", "unit_source_value")
