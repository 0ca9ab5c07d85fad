"""Which resources are read further: those of the cohort, of several versions the last."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import polars as pl

from heliotrope.definitions.cohort_entry import CohortEntry
from heliotrope.ingest.cohort import (
    OUTSIDE_COHORT,
    Cohort,
    CohortRecords,
    find_weighed,
    select_cohort,
)
from heliotrope.ingest.context import ReadContext
from heliotrope.ingest.fhir.cohort_records import gather_cohort_records, gather_weights
from heliotrope.ingest.fhir.drug_rows import NOT_FOLLOWED
from heliotrope.ingest.fhir.laid import Laid
from heliotrope.ingest.fhir.layout import Taken
from heliotrope.ingest.fhir.references import (
    Directory,
    Medications,
    fill_medications,
    name_patient,
)

OLDER = "older_version"

_SUBJECT = 2


@dataclass(frozen=True)
class Choice:
    """What decides which resources are read further, whether of everyone or of some children.

    Nothing of a child depends on the resources of another; persons and preparations are those of
    the whole export. entry: None where everyone is taken.
    """

    context: ReadContext
    entry: CohortEntry | None
    patients: Directory
    medications: Medications

    def name(self, kind: str, rows: pl.DataFrame) -> pl.DataFrame:
        """Name the child of every resource of one table."""
        if kind == "Patient":
            names = [
                self.patients.known.get(f"Patient/{row['id']}") if row["id"]
                else name_patient(row, None)
                for row in rows.select("id", "identifier", "fullUrl").iter_rows(named=True)
            ]  # fmt: skip
            return rows.with_columns(pl.Series("patient_id", names, dtype=pl.String))
        whose = self.patients.find_all(rows["subject.reference"])
        return rows.with_columns(whose.alias("patient_id"))

    def prepare(self, few: Sequence[Laid]) -> CohortRecords:
        """Put preparations in and drop older versions; gives what the cohort is selected by."""
        for item in few:
            if "medication_reference" in item.rows.columns:
                # drugs that are not followed are passed over
                item.rows = fill_medications(item.rows, self.medications)
                item.pass_over(NOT_FOLLOWED, pl.col("drug_text").is_null() & ~pl.col("is_lost"))
        drop_older(few)
        return gather_cohort_records(few, self.context)

    def find_weighed(self, records: CohortRecords) -> pl.Series | None:
        """Return whose observations are wanted until the cohort is known; None: everyone's."""
        if self.entry is None:
            return None
        return find_weighed(records, self.entry, self.context.rulebook)

    def judge(self, weighed: pl.Series | None) -> Callable[[Taken], str | None]:
        """Return what passes over a resource of a person who cannot be in the cohort."""
        wanted = None if weighed is None else frozenset(weighed.to_list())

        def judge(taken: Taken) -> str | None:
            if wanted is None:
                return None
            whose = self.patients.find(taken.cells[_SUBJECT])
            return None if whose is None or whose in wanted else OUTSIDE_COHORT

        return judge

    def select(self, few: Sequence[Laid], many: Sequence[Laid], records: CohortRecords) -> Cohort:
        """Select the cohort, with the weights among the observations; pass over all others."""
        drop_older(many)
        records = replace(records, weights=gather_weights(many, self.context))
        cohort = select_cohort(records, self.entry, self.context.rulebook)
        for item in (*few, *many) if self.entry is not None else ():
            item.pass_over(OUTSIDE_COHORT, ~pl.col("patient_id").is_in(cohort.patients.implode()))
        return cohort


def drop_older(laid: Sequence[Laid]) -> None:
    """Of several versions of one resource use the one last updated, else the last one read.

    A resource that names another child is another one.
    """
    for kind in {item.kind for item in laid}:
        items = [item for item in laid if item.kind == kind]
        key = ["id", "patient_id"]
        frames = [
            item.rows.select(*key, "record", "meta.lastUpdated", place=pl.lit(number))
            for number, item in enumerate(items)
        ]
        rows = pl.concat(frames).filter(pl.col("id").is_not_null())
        again = rows.filter(pl.struct(key).is_duplicated())
        if again.is_empty():
            continue
        again = again.sort("meta.lastUpdated", "place", "record", nulls_last=False)
        older = again.filter(pl.struct(key).is_last_distinct().not_())
        for number in older["place"].unique().to_list():
            records = older.filter(pl.col("place") == number)["record"].to_list()
            items[number].pass_over(OLDER, pl.col("record").is_in(records))
