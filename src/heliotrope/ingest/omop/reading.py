"""Read an OMOP common data model: find what its concepts mean, select the cohort, lay out rows."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import polars as pl

from heliotrope.definitions.cohort_entry import Diagnosed, find_cohort_entry
from heliotrope.definitions.omop_model import omop_model_of
from heliotrope.ingest.archive import open_files
from heliotrope.ingest.cohort import OUTSIDE_COHORT
from heliotrope.ingest.context import ReadContext
from heliotrope.ingest.declared import OmopSource
from heliotrope.ingest.delivery import Delivery, Joined, Note
from heliotrope.ingest.diagnoses import list_below
from heliotrope.ingest.mapping import Format
from heliotrope.ingest.omop.concepts import (
    CONCEPT_COLUMNS,
    Meanings,
    Vocabulary,
    find_meanings,
    read_vocabulary,
)
from heliotrope.ingest.omop.database import DUCKDB, open_database
from heliotrope.ingest.omop.doses import read_strengths
from heliotrope.ingest.omop.files import FileStore
from heliotrope.ingest.omop.lakehouse import open_lakehouse
from heliotrope.ingest.omop.layout import (
    Layout,
    number_persons,
    stage_adverse_events,
    stage_drugs,
    stage_measurements,
    stage_patients,
)
from heliotrope.ingest.omop.local_codes import (
    LocalCodes,
    find_local_codes,
    read_local_codes,
    where_local,
)
from heliotrope.ingest.omop.procedures import find_given, stage_procedures
from heliotrope.ingest.omop.selection import (
    IMMUNOGLOBULIN,
    PROCEDURES,
    Selected,
    known_where,
    mean_rows,
    select_persons,
    where_of,
    with_names,
)
from heliotrope.ingest.omop.store import CdmStore, Tell, Where, as_number, check_model
from heliotrope.ingest.omop.unnamed import split_unnamed, stage_all_unnamed
from heliotrope.ingest.raw import RawTable
from heliotrope.ingest.staged import Staged, missing_tokens

# Why a row of a person of the cohort stays where it is.
NOT_FOLLOWED = "concept_not_followed"


def read_model(folder: Path, source: OmopSource, context: ReadContext, tell: Tell) -> Delivery:
    """Read one common data model whole: who belongs to the study, and what is recorded of them.

    Rule: the concepts that occur are counted where the records stand; the cohort is selected by
    them; then only rows of its persons with a concept that means something here are brought over.
    All others are counted as passed over, by rule.
    Errors: another version, missing tables or columns, files or databases that cannot be read.
    """
    store = open_store(folder, source, context)
    try:
        check_model(store, omop_model_of(context.rulebook))
        tell(f"finding the concepts in {store.name}")
        vocabulary = read_vocabulary(store, source, folder, context)
        meanings = {
            table: find_meanings(table, vocabulary)
            for table in CONCEPT_COLUMNS
            if table in store.columns
        }
        if PROCEDURES in meanings:
            meanings[PROCEDURES] = find_given(meanings[PROCEDURES], vocabulary)
        tell(f"selecting the cohort in {store.name}")
        selected = select_persons(vocabulary, meanings, source)
        tell(f"reading {len(selected.cohort.patients):,} persons of {store.name}")
        return _Reading(vocabulary, meanings, selected, source).deliver()
    finally:
        store.close()


def open_store(folder: Path, source: OmopSource, context: ReadContext) -> CdmStore:
    """Open the files, the database or the lakehouse of a source."""
    model = omop_model_of(context.rulebook)
    missing = tuple(missing_tokens(context, source))
    if source.catalogue is not None:
        return open_lakehouse(source.catalogue, source.vocabulary_schema, model, missing)
    if source.file and not source.file.casefold().endswith(DUCKDB):
        written = Format(encoding=source.encoding, separator=source.separator, missing=missing)
        return FileStore(open_files(folder, source.file), model, written)
    return open_database(folder, source, model, missing)


@dataclass(frozen=True)
class _Reading:
    """All that is known once the cohort is selected; ``unnamed``: rows that name no person."""

    vocabulary: Vocabulary
    meanings: dict[str, Meanings]
    selected: Selected
    source: OmopSource
    unnamed: dict[str, RawTable] = field(default_factory=dict)

    @property
    def store(self) -> CdmStore:
        return self.vocabulary.store

    def deliver(self) -> Delivery:
        persons = self._fetch("person", Where(self.selected.persons))
        ids = number_persons(persons, self.source.patient_id)
        conditions = self._followed("condition_occurrence", self._conditions())
        drugs = self._followed("drug_exposure", self.meanings["drug_exposure"])
        measured = self._followed("measurement", self.meanings["measurement"])
        procedures = self._procedures()
        periods, deaths = self._plain("observation_period"), self._plain("death")
        local = self._local(ids)
        ends = _last_days(periods)
        layout = Layout(self.vocabulary, ids, ends)
        strengths = read_strengths(dict(self.meanings["drug_exposure"].by_id), self.vocabulary)
        facts = self._facts(ends, deaths, local)
        infused, twice = None, []
        if procedures is not None and PROCEDURES in self.meanings:
            infused, again = stage_procedures(
                procedures, self.meanings[PROCEDURES], drugs, self.meanings["drug_exposure"], layout
            )
            twice.append(again)
        staged = [
            stage_patients(persons, facts, layout, self.source.patient_id),
            stage_adverse_events(conditions, self._conditions(), layout),
            *stage_drugs(drugs, self.meanings["drug_exposure"], strengths, layout),
            stage_measurements(measured, self.meanings["measurement"], layout),
            infused,
            *(local.staged if local else ()),
        ]
        joined = [
            *self._joined_diagnoses(conditions),
            *(Joined(raw, raw.numbered().select("record"), _columns_of(raw)) for raw in
              (periods, deaths) if raw is not None and raw.cells.height),
            *(local.joined if local else ()),
        ]  # fmt: skip
        raws = [persons, conditions, drugs, measured, procedures, periods, deaths]
        raws += self._local_raw(local)
        kept = [raw for raw in raws if raw is not None]
        return Delivery(
            raws=(*kept, *self.unnamed.values(), *self.store.others()),
            staged=(
                *(item for item in staged if item is not None),
                *stage_all_unnamed(self.unnamed),
            ),
            hashes=self.store.hashes(),
            check=self.store.check,
            joined=tuple(joined),
            left_out=tuple(twice),
            notes=(*self._notes(strengths.from_table), *_say_procedures(infused)),
            cohort=self.selected.cohort.steps,
        )

    def _conditions(self) -> Meanings:
        """Return the conditions that are read: what the cohort is of, and harm."""
        entry = find_cohort_entry(self.source.cohort, self.vocabulary.context.rulebook)
        first = entry.steps[0] if entry else None
        of_interest = {"dermatomyositis"}
        if isinstance(first, Diagnosed):
            of_interest = {*first.concepts, *first.undated}
        wanted = list_below(of_interest, self.vocabulary.context.rulebook)
        found = self.meanings["condition_occurrence"]
        harm = found.only("adverse_event", "graded_term")
        named = found.named(wanted)
        return replace(found, by_id={**named.by_id, **harm.by_id}, by_text=named.by_text)

    def _followed(self, table: str, meanings: Meanings) -> RawTable:
        where = where_of(table, meanings, self.selected.persons)
        known = known_where(where, self.store.columns[table])
        return self._fetch(table, known)

    def _fetch(self, table: str, where: Where) -> RawTable:
        """Bring rows here, set those apart that name no person, and count those that stay."""
        raw = self.store.fetch(table, replace(where, or_unnamed=True))
        named, unnamed = split_unnamed(self._counted(table, raw))
        if unnamed is not None:
            self.unnamed[table] = unnamed
        return named

    def _counted(self, table: str, raw: RawTable) -> RawTable:
        """Count the rows that were left where they are, by the reason."""
        total = self.store.count(table, Where())
        persons = self.selected.persons
        of_cohort = (
            total if persons is None else self.store.count(table, Where(persons, or_unnamed=True))
        )
        counts = {OUTSIDE_COHORT: total - of_cohort, NOT_FOLLOWED: of_cohort - raw.cells.height}
        return replace(raw, passed_over=tuple((rule, n) for rule, n in counts.items() if n))

    def _procedures(self) -> RawTable | None:
        """Bring the procedures that give immunoglobulin; the others are counted where they are."""
        if PROCEDURES not in self.store.columns:
            return None
        return self._followed(PROCEDURES, self.meanings[PROCEDURES])

    def _plain(self, table: str) -> RawTable | None:
        if table not in self.store.columns:
            return None
        return self._fetch(table, Where(self.selected.persons))

    def _local(self, ids: pl.DataFrame) -> LocalCodes | None:
        codes = find_local_codes(self.vocabulary)
        if not codes:
            return None
        raw = self._fetch("observation", where_local(codes, self.selected.persons))
        return read_local_codes(raw, ids)

    def _local_raw(self, local: LocalCodes | None) -> list[RawTable]:
        """Return the table of observations, which is counted also where nothing is read of it."""
        if "observation" not in self.store.columns:
            return []
        if local is None:
            nobody = self.store.fetch("observation", Where(frozenset()))
            return [self._counted("observation", nobody)]
        return [local.raw]

    def _facts(
        self, ends: pl.DataFrame, deaths: RawTable | None, local: LocalCodes | None
    ) -> pl.DataFrame:
        """Return what other tables say of a person, one row a person."""
        facts = _first_diagnoses(self.selected)
        facts = facts.join(
            ends.rename({"observed_to": "followup_end"}), on="person", how="full", coalesce=True
        )
        if deaths is not None:
            dead = with_names(deaths).select(
                person=as_number("person_id"), death_date=pl.col("death_date").str.slice(0, 10)
            )
            dead = dead.unique("person", keep="first", maintain_order=True)
            facts = facts.join(dead, on="person", how="full", coalesce=True)
        if local is not None:
            facts = _with_local_facts(facts, local.of_patients)
        return facts

    def _joined_diagnoses(self, conditions: RawTable) -> list[Joined]:
        rows = mean_rows(with_names(conditions), "condition_occurrence", self._conditions())
        diagnoses = rows.filter(pl.col("about") == "diagnosis").select("record")
        if diagnoses.is_empty():
            return []
        read = ("person_id", "condition_concept_id", "condition_start_date",
                "condition_source_concept_id")  # fmt: skip
        numbers = [conditions.header.index(name) for name in read if name in conditions.header]
        return [Joined(conditions, diagnoses, frozenset(numbers))]

    def _notes(self, strengths: int) -> list[Note]:
        notes = [Note(rule, found) for rule, found in self.vocabulary.notes]
        if not strengths and "drug_strength" in self.store.columns:
            notes.append(Note("omop_no_strengths", "no strength in DRUG_STRENGTH"))
        notes += [
            Note("omop_combination_not_read", name)
            for name in self.meanings["drug_exposure"].unclear
        ]
        given = self.meanings["drug_exposure"].named([IMMUNOGLOBULIN])
        procedures = self.meanings.get(PROCEDURES)
        has_procedures = procedures is not None and (procedures.by_id or procedures.by_text)
        if not given.by_id and not given.by_text and not has_procedures:
            all_drugs = self.meanings["drug_exposure"]
            said = f"none in {all_drugs.rows + all_drugs.others:,} drug exposures"
            if procedures is not None:
                said += f" and {procedures.rows + procedures.others:,} procedures"
            notes.append(Note("omop_no_immunoglobulin", said))
        return [*notes, *self.selected.cohort.notes]


def _say_procedures(infused: Staged | None) -> list[Note]:
    """Say how many infusions are known by a procedure alone."""
    if infused is None:
        return []
    count = infused.rows.height
    said = f"{count:,} infusion{'s' if count > 1 else ''} known by a procedure alone, dose unknown"
    return [Note("omop_infusion_as_procedure", said, infused.raw)]


def _columns_of(raw: RawTable) -> frozenset[int]:
    read = ("person_id", "observation_period_end_date", "death_date")
    return frozenset(raw.header.index(name) for name in read if name in raw.header)


def _last_days(periods: RawTable | None) -> pl.DataFrame:
    """Return the last day that each person was observed: the end of the last period."""
    if periods is None:
        return pl.DataFrame(schema={"person": pl.Int64, "observed_to": pl.String})
    return (
        with_names(periods)
        .select(
            person=as_number("person_id"),
            observed_to=pl.col("observation_period_end_date").str.slice(0, 10),
        )
        .filter(pl.col("person").is_not_null())
        .group_by("person")
        .agg(pl.col("observed_to").max())
        .sort("person")
    )


def _first_diagnoses(selected: Selected) -> pl.DataFrame:
    """Return the first diagnosis by which each person counts: its day and its words."""
    diagnoses = selected.diagnoses
    counted = selected.cohort.first_diagnosis
    if counted.is_empty():
        counted = _of_dermatomyositis(diagnoses)
    words = (
        diagnoses.join(counted, on=["patient_id", "date"], how="semi", nulls_equal=True)
        .sort("patient_id", "concept")
        .unique("patient_id", keep="first", maintain_order=True)
    )
    return counted.join(words.select("patient_id", "words"), on="patient_id", how="left").select(
        person=pl.col("patient_id").cast(pl.Int64),
        diagnosis_date=pl.col("date").dt.to_string("%Y-%m-%d"),
        diagnosis="words",
    )


def _of_dermatomyositis(diagnoses: pl.DataFrame) -> pl.DataFrame:
    is_wanted = pl.col("concept").str.contains("dermatomyositis")
    return (diagnoses.filter(is_wanted).group_by("patient_id").agg(pl.col("date").min())).sort(
        "patient_id"
    )


def _with_local_facts(facts: pl.DataFrame, told: pl.DataFrame) -> pl.DataFrame:
    """Add onset and antibody that were written as local codes."""
    onset = (
        told.filter(pl.col("sort") == "onset")
        .group_by("person")
        .agg(onset_date=pl.col("date").min().dt.to_string("%Y-%m-%d"))
    )
    antibody = (
        told.filter(pl.col("sort") == "antibody")
        .sort("date", "word")
        .group_by("person", maintain_order=True)
        .agg(antibody=pl.col("word").first())
    )
    facts = facts.join(onset, on="person", how="full", coalesce=True)
    return facts.join(antibody, on="person", how="full", coalesce=True)
