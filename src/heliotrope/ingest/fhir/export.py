"""One export of resources: its files, how it is read, and what it delivers as a whole."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from heliotrope.definitions.cohort_entry import CohortEntry
from heliotrope.errors import Found, UserError
from heliotrope.ingest.archive import Files, check_files_unchanged
from heliotrope.ingest.cohort import OUTSIDE_COHORT, Cohort
from heliotrope.ingest.context import ReadContext
from heliotrope.ingest.declared import FhirSource
from heliotrope.ingest.delivery import Delivery, Note, RowsOf
from heliotrope.ingest.fhir.choose import Choice
from heliotrope.ingest.fhir.collect import Resources
from heliotrope.ingest.fhir.laid import NO_RESOURCE, NOT_USED, Laid, make_damaged, make_sources
from heliotrope.ingest.fhir.references import make_medications, make_patient_directory
from heliotrope.ingest.fhir.stage import Layouts, Reading
from heliotrope.ingest.fhir.words import Words
from heliotrope.ingest.staged import missing_tokens

# Rows that were laid out and left out, by the rule and what is said of their place.
LeftOut = Mapping[tuple[str, str], int]


@dataclass(frozen=True)
class Export:
    """The files of one source, and how it is read; entry: None where everyone is taken."""

    files: Files
    members: Sequence[str]
    source: FhirSource
    context: ReadContext
    words: Words
    entry: CohortEntry | None
    tell: Callable[[str], None]

    @property
    def reading(self) -> Reading:
        """Return how its resources are laid out."""
        return Reading(
            tablets=self.source.dose_without_unit == "tablets",
            identifier="identifier" if self.source.patient_identifier else "id",
        )

    @property
    def missing(self) -> tuple[str, ...]:
        """Return the words for 'not recorded'."""
        return tuple(missing_tokens(self.context, self.source))

    def choose(self, found: Resources) -> Choice:
        """Enter persons and preparations. Errors: no person among the resources: UserError."""
        tables = found.of_kind("Patient").values()
        patients = make_patient_directory(tables, self.source.patient_identifier)
        if not patients.known:
            kinds = sorted({kind for _, kind in found.tables}) or ["no resource"]
            said = (
                "a Patient with an identifier of patient_identifier"
                if any(table.frame().height for table in tables)
                else "at least one Patient among the resources"
            )
            raise UserError(
                said,
                Found(f"{', '.join(kinds)}", self.files.name),
                "export the persons as well (Patient.ndjson), or correct patient_identifier",
            )
        medications = make_medications(found.of_kind("Medication").values())
        return Choice(self.context, self.entry, patients, medications)


def deliver_export(
    export: Export,
    found: Resources,
    laid: Sequence[Laid],
    lay_out: Callable[[], tuple[Layouts, LeftOut]],
    cohort: Cohort,
) -> Delivery:
    """Deliver an export; ``lay_out``: lays out what is held, once the sources are made.

    It also gives what was left out of rows that are not held.
    """
    files = export.files
    raws = make_sources(files, found, laid)
    damaged = make_damaged(files, found)
    layout, elsewhere = lay_out()
    layout = layout.drop_empty()
    hashes = files.input_hashes()
    left_out = Counter(elsewhere)
    left_out.update(count_left_out(layout.left_out))
    return Delivery(
        raws=(*raws, *(item.raw for item in damaged)),
        staged=(*layout.staged, *damaged),
        hashes=hashes,
        check=lambda: check_files_unchanged(files, hashes),
        joined=tuple(layout.joined),
        left_out=tuple(layout.left_out),
        notes=(*_say_passed_over(found, laid, left_out), *cohort.notes),
        cohort=cohort.steps,
    )


def count_left_out(left_out: Iterable[RowsOf]) -> Counter[tuple[str, str]]:
    """Count what was left out by rule, and by resource type where a file has several."""
    counts: Counter[tuple[str, str]] = Counter()
    for rows in left_out:
        kind = rows.raw.sheet.split(", ")[-1] if rows.raw.sheet else rows.raw.file
        for rule, count in rows.rows["rule"].value_counts().iter_rows():
            counts[rule, kind] += count
    return counts


def _say_passed_over(found: Resources, laid: Sequence[Laid], left_out: LeftOut) -> list[Note]:
    """Say how many resources each rule left out, by type; the cohort says how many persons."""
    counts: dict[str, Counter[str]] = {}
    for item in laid:
        for rule, count in item.passed_over.items():
            counts.setdefault(rule, Counter())[item.kind] += count
    counts.pop(OUTSIDE_COHORT, None)
    for others in found.others.values():
        counts.setdefault(NOT_USED, Counter()).update(others)
    counts.setdefault(NO_RESOURCE, Counter())["entries"] += found.empty.total()
    for (rule, kind), count in left_out.items():
        counts.setdefault(rule, Counter())[kind] += count
    return [
        Note(rule, ", ".join(f"{count:,} {kind}" for kind, count in sorted(kinds.items()) if count))
        for rule, kinds in sorted(counts.items())
        if kinds.total()
    ]
