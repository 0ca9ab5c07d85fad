"""Read one source of FHIR resources whole and lay it out as ours."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl

from heliotrope.definitions.cohort_entry import find_cohort_entry
from heliotrope.errors import Found, UserError
from heliotrope.ingest.archive import Files, check_files_unchanged, open_files
from heliotrope.ingest.cohort import OUTSIDE_COHORT, Cohort, find_weighed, select_cohort
from heliotrope.ingest.context import ReadContext
from heliotrope.ingest.declared import FhirSource, FormSource
from heliotrope.ingest.delivery import Delivery, Joined, Note, RowsOf
from heliotrope.ingest.fhir.cohort_records import gather_cohort_records, gather_weights
from heliotrope.ingest.fhir.collect import MANY, Resources, collect, collect_many
from heliotrope.ingest.fhir.drug_rows import NOT_FOLLOWED
from heliotrope.ingest.fhir.entries import holds_resources, list_members
from heliotrope.ingest.fhir.laid import (
    NO_RESOURCE,
    NOT_USED,
    Laid,
    lay_out,
    make_damaged,
    make_sources,
)
from heliotrope.ingest.fhir.layout import Taken
from heliotrope.ingest.fhir.references import (
    Directory,
    fill_medications,
    make_medications,
    make_patient_directory,
    name_patient,
)
from heliotrope.ingest.fhir.stage import Reading, stage_all
from heliotrope.ingest.fhir.words import Words
from heliotrope.ingest.staged import missing_tokens

OLDER = "older_version"

Tell = Callable[[str], None]

_SUBJECT = 2


def deliver(folder: Path, source: FormSource, context: ReadContext, tell: Tell) -> Delivery:
    """Read every resource of a source and lay out those of its cohort.

    Rule: persons, diagnoses and drugs are read first; of the observations, which are most of an
    export, only those of whom the steps before the doses leave in are held; with their weights
    the cohort is selected.
    Errors: no resources, no person among them, a damaged bundle, an unknown cohort: UserError.
    """
    assert isinstance(source, FhirSource)
    entry = find_cohort_entry(source.cohort, context.rulebook)
    files = open_files(folder, source.file)
    members = [name for name in list_members(files) if holds_resources(files, name)]
    words = Words(context, source.measures)
    found = collect(files, members, words, tell)
    patients = _find_patients(files, found, source)
    laid = [_lay_out(found, place, patients) for place in found.tables if place[1] not in MANY]
    _fill_drugs(found, laid)
    _drop_older(laid)
    records = gather_cohort_records(laid, context)
    weighed = find_weighed(records, entry, context.rulebook) if entry else None
    collect_many(files, found, words, _judge(patients, weighed), tell)
    many = [_lay_out(found, place, patients) for place in found.tables if place[1] in MANY]
    _drop_older(many)
    records = replace(records, weights=gather_weights(many, context))
    cohort = select_cohort(records, entry, context.rulebook)
    laid += many
    for item in laid:
        item.missing = tuple(missing_tokens(context, source))
    for item in laid if entry is not None else ():
        item.pass_over(OUTSIDE_COHORT, ~pl.col("patient_id").is_in(cohort.patients.implode()))
    tell("laying out the resources")
    return _deliver(files, found, laid, cohort, source, context)


def _find_patients(files: Files, found: Resources, source: FhirSource) -> Directory:
    tables = found.of_kind("Patient").values()
    directory = make_patient_directory(tables, source.patient_identifier)
    if not directory.known:
        kinds = sorted({kind for _, kind in found.tables}) or ["no resource"]
        said = (
            "a Patient with an identifier of patient_identifier"
            if any(table.frame().height for table in tables)
            else "at least one Patient among the resources"
        )
        raise UserError(
            said,
            Found(f"{', '.join(kinds)}", files.name),
            "export the persons as well (Patient.ndjson), or correct patient_identifier",
        )
    return directory


def _lay_out(found: Resources, place: tuple[str, str], patients: Directory) -> Laid:
    """Name the child of every resource of one table."""
    item = lay_out(place, found.tables[place])
    if place[1] == "Patient":
        rows = item.rows
        names = [
            patients.known.get(f"Patient/{row['id']}") if row["id"]
            else name_patient(row, None)
            for row in rows.select("id", "identifier", "fullUrl").iter_rows(named=True)
        ]  # fmt: skip
        item.rows = rows.with_columns(pl.Series("patient_id", names, dtype=pl.String))
    else:
        whose = patients.find_all(item.rows["subject.reference"])
        item.rows = item.rows.with_columns(whose.alias("patient_id"))
    return item


def _fill_drugs(found: Resources, laid: Iterable[Laid]) -> None:
    """Put referenced preparations in; drugs that are not followed are passed over."""
    medications = make_medications(found.of_kind("Medication").values())
    for item in laid:
        if "medication_reference" not in item.rows.columns:
            continue
        item.rows = fill_medications(item.rows, medications)
        item.pass_over(NOT_FOLLOWED, pl.col("drug_text").is_null() & ~pl.col("is_lost"))


def _drop_older(laid: Sequence[Laid]) -> None:
    """Of several versions of one resource use the one last updated, else the last one read."""
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


def _judge(patients: Directory, weighed: pl.Series | None) -> Callable[[Taken], str | None]:
    """Return what passes over a resource of a person who cannot be in the cohort."""
    wanted = None if weighed is None else frozenset(weighed.to_list())

    def judge(taken: Taken) -> str | None:
        if wanted is None:
            return None
        whose = patients.find(taken.cells[_SUBJECT])
        return None if whose is None or whose in wanted else OUTSIDE_COHORT

    return judge


def _deliver(
    files: Files,
    found: Resources,
    laid: Sequence[Laid],
    cohort: Cohort,
    source: FhirSource,
    context: ReadContext,
) -> Delivery:
    raws = make_sources(files, found, laid)
    damaged = make_damaged(files, found)
    reading = Reading(
        tablets=source.dose_without_unit == "tablets",
        identifier="identifier" if source.patient_identifier else "id",
    )
    layout = stage_all(laid, context.rulebook, reading)
    staged = [item for item in layout.staged if item.rows.height or item.problems.height]
    joined: list[Joined] = [item for item in layout.joined if item.rows.height]
    left_out: list[RowsOf] = [item for item in layout.left_out if item.rows.height]
    return Delivery(
        raws=(*raws, *(item.raw for item in damaged)),
        staged=(*staged, *damaged),
        hashes=(hashes := files.input_hashes()),
        check=lambda: check_files_unchanged(files, hashes),
        joined=tuple(joined),
        left_out=tuple(left_out),
        notes=(*_say_passed_over(found, laid, left_out), *cohort.notes),
        cohort=cohort.steps,
    )


def _say_passed_over(
    found: Resources, laid: Sequence[Laid], left_out: Sequence[RowsOf]
) -> list[Note]:
    """Say how many resources each rule left out, by type; the cohort says how many persons."""
    counts: dict[str, Counter[str]] = {}
    for item in laid:
        for rule, count in item.passed_over.items():
            counts.setdefault(rule, Counter())[item.kind] += count
    counts.pop(OUTSIDE_COHORT, None)
    for others in found.others.values():
        counts.setdefault(NOT_USED, Counter()).update(others)
    counts.setdefault(NO_RESOURCE, Counter())["entries"] += found.empty.total()
    for rows in left_out:
        kind = rows.raw.sheet.split(", ")[-1] if rows.raw.sheet else rows.raw.file
        for rule, count in rows.rows["rule"].value_counts().iter_rows():
            counts.setdefault(rule, Counter())[kind] += count
    return [
        Note(rule, ", ".join(f"{count:,} {kind}" for kind, count in sorted(kinds.items()) if count))
        for rule, kinds in sorted(counts.items())
        if kinds.total()
    ]
