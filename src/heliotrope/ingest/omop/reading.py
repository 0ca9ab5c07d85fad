"""Read an OMOP common data model: find what its concepts mean, select the cohort, lay out rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from heliotrope.definitions.omop_model import omop_model_of
from heliotrope.ingest.archive import open_files
from heliotrope.ingest.cohort import OUTSIDE_COHORT
from heliotrope.ingest.context import ReadContext
from heliotrope.ingest.declared import OmopSource
from heliotrope.ingest.delivery import Delivery, Note
from heliotrope.ingest.mapping import Format
from heliotrope.ingest.omop.apart import ModelApart
from heliotrope.ingest.omop.concepts import CONCEPT_COLUMNS, find_meanings, read_vocabulary
from heliotrope.ingest.omop.database import DUCKDB, open_database
from heliotrope.ingest.omop.files import FileStore
from heliotrope.ingest.omop.lakehouse import open_lakehouse
from heliotrope.ingest.omop.lay_out import lay_out_tables
from heliotrope.ingest.omop.local_codes import TABLE as LOCAL
from heliotrope.ingest.omop.model import Model
from heliotrope.ingest.omop.procedures import find_given
from heliotrope.ingest.omop.selection import IMMUNOGLOBULIN, PROCEDURES, select_persons
from heliotrope.ingest.omop.store import CdmStore, Tell, Where, check_model
from heliotrope.ingest.omop.unnamed import split_unnamed, stage_all_unnamed
from heliotrope.ingest.raw import RawTable
from heliotrope.ingest.staged import missing_tokens
from heliotrope.ingest.tabular.large import BYTES_A_CELL

# Why a row of a person of the cohort stays where it is.
NOT_FOLLOWED = "concept_not_followed"


def read_model(
    folder: Path, source: OmopSource, context: ReadContext, tell: Tell, large_from: int | None
) -> Delivery:
    """Read one common data model: who belongs to the study, and what is recorded of them.

    Rule: the concepts that occur are counted where the records stand; the cohort is selected by
    them; then only rows of its persons with a concept that means something here are brought over.
    All others are counted as passed over, by rule. Rows of files that would take ``large_from``
    bytes as text stay where they are until the study is cut by children; None: all are held.
    Errors: another version, missing tables or columns, files or databases that cannot be read.
    """
    store = open_store(folder, source, context)
    is_apart = False
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
        reading = _Reading(Model(vocabulary, meanings, selected, source))
        is_apart = large_from is not None and store.can_wait and reading.count_bytes() >= large_from
        return reading.leave() if is_apart else reading.hold()
    finally:
        if not is_apart:
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
    """Brings the wanted rows here, or leaves them; counts all others by the reason."""

    model: Model

    @property
    def store(self) -> CdmStore:
        return self.model.store

    def count_bytes(self) -> int:
        """Say how much the wanted rows would take if they were held."""
        columns = self.store.columns
        return sum(
            self.store.count(table, where) * len(columns[table]) * BYTES_A_CELL
            for table, where in self.model.wanted.items()
        )

    def hold(self) -> Delivery:
        """Hold every wanted row and lay it out."""
        tables, unnamed = {}, {}
        for table, where in self.model.wanted.items():
            raw = self.store.fetch(table, replace(where, or_unnamed=True))
            counted = self._counted(table, raw, raw.cells.height)
            tables[table], without = split_unnamed(counted)
            if without is not None:
                unnamed[table] = without
        laid = lay_out_tables(self.model, tables)
        alone = sum(
            item.rows.height
            for item in laid.staged
            if item.table == "infusion" and item.raw is tables.get(PROCEDURES)
        )
        whole = self._complete(tables, unnamed, alone)
        return replace(
            whole, staged=(*laid.staged, *whole.staged), joined=laid.joined, left_out=laid.left_out
        )

    def leave(self) -> Delivery:
        """Leave every wanted row that names a person where it is."""
        tables, unnamed = {}, {}
        for table, where in self.model.wanted.items():
            nobody = replace(where, persons=frozenset(), or_unnamed=True)
            raw = self.store.fetch(table, nobody)
            kept = self.store.count(table, replace(where, or_unnamed=True))
            counted = self._counted(table, raw, kept)
            named, without = split_unnamed(counted)
            tables[table] = replace(named, on_disk=kept - raw.cells.height)
            if without is not None:
                unnamed[table] = without
        apart = ModelApart(self.model, tables)
        return replace(self._complete(tables, unnamed, apart.given_alone), apart=apart)

    def _complete(
        self, tables: Mapping[str, RawTable], unnamed: Mapping[str, RawTable], alone: int
    ) -> Delivery:
        """Deliver all but what is laid out; ``alone``: infusions known by a procedure alone."""
        notes = self._notes()
        if alone:
            notes.append(_say_procedures(alone, tables[PROCEDURES]))
        return Delivery(
            raws=(*tables.values(), *self._left(), *unnamed.values(), *self.store.others()),
            staged=tuple(stage_all_unnamed(unnamed)),
            hashes=self.store.hashes(),
            check=self.store.check,
            notes=tuple(notes),
            cohort=self.model.selected.cohort.steps,
        )

    def _counted(self, table: str, raw: RawTable, kept: int) -> RawTable:
        """Count the rows that were left where they are, by the reason."""
        total = self.store.count(table, Where())
        persons = self.model.selected.persons
        of_cohort = (
            total if persons is None else self.store.count(table, Where(persons, or_unnamed=True))
        )
        counts = {OUTSIDE_COHORT: total - of_cohort, NOT_FOLLOWED: of_cohort - kept}
        return replace(raw, passed_over=tuple((rule, n) for rule, n in counts.items() if n))

    def _left(self) -> Iterator[RawTable]:
        """Give the table of observations where nothing of it is read: it is counted, too."""
        if LOCAL in self.store.columns and LOCAL not in self.model.wanted:
            yield self._counted(LOCAL, self.store.fetch(LOCAL, Where(frozenset())), 0)

    def _notes(self) -> list[Note]:
        model = self.model
        notes = [Note(rule, found) for rule, found in model.vocabulary.notes]
        if not model.strengths.from_table and "drug_strength" in self.store.columns:
            notes.append(Note("omop_no_strengths", "no strength in DRUG_STRENGTH"))
        all_drugs = model.meanings["drug_exposure"]
        notes += [Note("omop_combination_not_read", name) for name in all_drugs.unclear]
        given = all_drugs.named([IMMUNOGLOBULIN])
        procedures = model.meanings.get(PROCEDURES)
        has_procedures = procedures is not None and (procedures.by_id or procedures.by_text)
        if not given.by_id and not given.by_text and not has_procedures:
            said = f"none in {all_drugs.rows + all_drugs.others:,} drug exposures"
            if procedures is not None:
                said += f" and {procedures.rows + procedures.others:,} procedures"
            notes.append(Note("omop_no_immunoglobulin", said))
        return [*notes, *model.selected.cohort.notes]


def _say_procedures(count: int, raw: RawTable) -> Note:
    """Say how many infusions are known by a procedure alone."""
    said = f"{count:,} infusion{'s' if count > 1 else ''} known by a procedure alone, dose unknown"
    return Note("omop_infusion_as_procedure", said, raw)
