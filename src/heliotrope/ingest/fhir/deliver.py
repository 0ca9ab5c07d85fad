"""Read one source of FHIR resources and lay it out as ours."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from heliotrope.definitions.cohort_entry import find_cohort_entry
from heliotrope.ingest.archive import open_files
from heliotrope.ingest.context import ReadContext
from heliotrope.ingest.declared import FhirSource, FormSource
from heliotrope.ingest.delivery import Delivery
from heliotrope.ingest.fhir.collect import collect
from heliotrope.ingest.fhir.entries import count_bytes, holds_resources, list_members
from heliotrope.ingest.fhir.export import Export
from heliotrope.ingest.fhir.held import hold_export
from heliotrope.ingest.fhir.parted import part_export
from heliotrope.ingest.fhir.words import Words

Tell = Callable[[str], None]


def deliver(
    folder: Path,
    source: FormSource,
    context: ReadContext,
    tell: Tell,
    large_from: int | None = None,
) -> Delivery:
    """Read every resource of a source and lay out those of its cohort.

    Rule: persons, diagnoses and drugs are read first; of the observations, which are most of an
    export, only those of whom the steps before the doses leave in are kept; with their weights
    the cohort is selected. Files that may be of ``large_from`` bytes are parted by child on disk;
    if what is left of them takes so many it waits there; None: all is held.
    Errors: no resources, no person among them, a damaged bundle, an unknown cohort: UserError.
    """
    assert isinstance(source, FhirSource)
    entry = find_cohort_entry(source.cohort, context.rulebook)
    files = open_files(folder, source.file)
    members = [name for name in list_members(files) if holds_resources(files, name)]
    words = Words(context, source.measures)
    export = Export(files, members, source, context, words, entry, tell)
    if large_from is not None and count_bytes(files, members) >= large_from:
        return part_export(export, large_from)
    return hold_export(export, collect(files, members, words, tell))
