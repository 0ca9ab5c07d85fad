"""A common data model of which is known what its concepts mean and who belongs to the study."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import polars as pl

from heliotrope.definitions.cohort_entry import Diagnosed, find_cohort_entry
from heliotrope.ingest.declared import OmopSource
from heliotrope.ingest.diagnoses import list_below
from heliotrope.ingest.omop.concepts import Meanings, Vocabulary
from heliotrope.ingest.omop.doses import Strengths, read_strengths
from heliotrope.ingest.omop.layout import find_sites
from heliotrope.ingest.omop.local_codes import TABLE as LOCAL
from heliotrope.ingest.omop.local_codes import find_local_codes, where_local
from heliotrope.ingest.omop.selection import PROCEDURES, Selected, known_where, where_of
from heliotrope.ingest.omop.store import CdmStore, Where

# Tables of which all rows of a person of the cohort are read.
_WHOLE = ("person", "observation_period", "death")
_CODED = ("condition_occurrence", "drug_exposure", "measurement", PROCEDURES)


@dataclass(frozen=True)
class Model:
    """All that is known once the cohort is selected, before any row is laid out."""

    vocabulary: Vocabulary
    meanings: Mapping[str, Meanings]
    selected: Selected
    source: OmopSource

    @property
    def store(self) -> CdmStore:
        """Return the place of the tables."""
        return self.vocabulary.store

    @cached_property
    def wanted(self) -> Mapping[str, Where]:
        """Say of each table that is read which rows are wanted."""
        persons, columns = self.selected.persons, self.store.columns
        found = {table: Where(persons) for table in _WHOLE if table in columns}
        for table in _CODED:
            if table in columns:
                where = where_of(table, self.followed(table), persons)
                found[table] = known_where(where, columns[table])
        if self.local_codes:
            found[LOCAL] = where_local(self.local_codes, persons)
        return found

    def followed(self, table: str) -> Meanings:
        """Return the concepts of a table whose rows are read."""
        return self.conditions if table == "condition_occurrence" else self.meanings[table]

    @cached_property
    def conditions(self) -> Meanings:
        """Return the conditions that are read: what the cohort is of, and harm."""
        rulebook = self.vocabulary.context.rulebook
        entry = find_cohort_entry(self.source.cohort, rulebook)
        first = entry.steps[0] if entry else None
        of_interest = {"dermatomyositis"}
        if isinstance(first, Diagnosed):
            of_interest = {*first.concepts, *first.undated}
        found = self.meanings["condition_occurrence"]
        harm = found.only("adverse_event", "graded_term")
        named = found.named(list_below(of_interest, rulebook))
        return replace(found, by_id={**named.by_id, **harm.by_id}, by_text=named.by_text)

    @cached_property
    def local_codes(self) -> list[str]:
        """Return the local codes that occur in OBSERVATION."""
        return find_local_codes(self.vocabulary)

    @cached_property
    def strengths(self) -> Strengths:
        """Return the strengths of the preparations that occur."""
        return read_strengths(dict(self.meanings["drug_exposure"].by_id), self.vocabulary)

    @cached_property
    def sites(self) -> pl.DataFrame:
        """Return the name of each care site by its number."""
        return find_sites(self.store)

    @cached_property
    def first_diagnoses(self) -> pl.DataFrame:
        """Return the first diagnosis by which each person counts: its day and its words."""
        diagnoses = self.selected.diagnoses
        counted = self.selected.cohort.first_diagnosis
        if counted.is_empty():
            counted = _of_dermatomyositis(diagnoses)
        words = (
            diagnoses.join(counted, on=["patient_id", "date"], how="semi", nulls_equal=True)
            .sort("patient_id", "concept")
            .unique("patient_id", keep="first", maintain_order=True)
        )
        return counted.join(
            words.select("patient_id", "words"), on="patient_id", how="left"
        ).select(
            person=pl.col("patient_id").cast(pl.Int64),
            diagnosis_date=pl.col("date").dt.to_string("%Y-%m-%d"),
            diagnosis="words",
        )


def _of_dermatomyositis(diagnoses: pl.DataFrame) -> pl.DataFrame:
    is_wanted = pl.col("concept").str.contains("dermatomyositis")
    return (diagnoses.filter(is_wanted).group_by("patient_id").agg(pl.col("date").min())).sort(
        "patient_id"
    )
