"""Read a study's files into canonical records: the one function the rest of the program calls."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import polars as pl

from heliotrope.definitions.load import Rulebook
from heliotrope.ingest.accounting import CHILDREN, MADE, QUARANTINED_AS, SET_ASIDE, make_accounting
from heliotrope.ingest.bucket import read_bucket
from heliotrope.ingest.check_values import ABOUT_PATIENT_TABLE
from heliotrope.ingest.findings import Listed, file_findings, make_file_finding, make_findings
from heliotrope.ingest.ingested import Ingested, Progress, Reading, StudySources
from heliotrope.ingest.linking.identifiers import check_identifiers, part_by_source
from heliotrope.ingest.survey import Survey, survey_study
from heliotrope.records.canonical import CANONICAL
from heliotrope.records.finding_tables import Source


def read_records(
    study: StudySources, rulebook: Rulebook, progress: Progress | None = None
) -> Ingested:
    """Read every source of a study into the canonical tables, losing nothing.

    Rule: every cell is read as text and parsed here; a row with a fault is quarantined whole, a
    cell whose fault costs only itself becomes missing, and each leaves a finding. Sources are
    numbered in the order of their content hash. All rows are held; a run reads a study that is
    larger than the memory (``heliotrope.run.intake``), child by child in the same way.
    Errors: what makes a file as a whole untrustworthy (no such file, missing column, ambiguous
    dates or numbers, a file that changes meanwhile) is a UserError; a sum that does not come
    out is an AccountingError.
    """
    tell = progress or (lambda _: None)
    survey = survey_study(study, rulebook, lambda step, *_: tell(step))
    tell("checking the records")
    read = read_bucket(survey.numbered.whole(), survey.sources, survey.context)
    survey.check()
    reading = gather_reading(survey, [read.listed], read.fates)
    return Ingested(**vars(reading), tables=read.tables, quarantine=read.quarantine)


def gather_reading(survey: Survey, listed: Sequence[Listed], fates: pl.DataFrame) -> Reading:
    """Put together what the buckets of a study left beside their rows.

    ``fates``: the counts of all buckets. Errors: a sum that does not come out: AccountingError.
    """
    raws = survey.numbered.raws
    rows = {table: _count(fates, MADE).get(table, 0) for table in CANONICAL}
    if not rows["patient"]:
        listed = [_leave_out(part, ABOUT_PATIENT_TABLE) for part in listed]
    about = [*_about_files(survey), *_about_infusions(survey, rows)]
    set_aside: dict[str, Counter[str]] = {table: Counter() for table in CANONICAL}
    for name, count in _count(fates, SET_ASIDE).items():
        table, rule = name.split(" ", 1)
        set_aside[table][rule] = count
    return Reading(
        source=Source.validate(survey.sources.columns),
        findings=make_findings(listed, file_findings(about)),
        accounting=make_accounting(raws, fates),
        input_hashes=survey.input_hashes,
        cohort=tuple(step for item in survey.numbered.deliveries for step in item.cohort),
        children=_count(fates, CHILDREN).get("", 0),
        rows=rows,
        quarantined={table: _count(fates, QUARANTINED_AS).get(table, 0) for table in CANONICAL},
        set_aside={table: _sort(counted) for table, counted in set_aside.items()},
    )


def _count(fates: pl.DataFrame, fate: str) -> Mapping[str, int]:
    counted = fates.filter(pl.col("fate") == fate).group_by("name").agg(pl.col("count").sum())
    return dict(counted.iter_rows())


def _sort(counted: Mapping[str, int]) -> dict[str, int]:
    """Put the rule that counts most first."""
    return dict(sorted(counted.items(), key=lambda item: (item[1], item[0]), reverse=True))


def _leave_out(listed: Listed, rules: Sequence[str]) -> Listed:
    is_said = ~pl.col("rule").is_in(rules)
    return Listed(listed.single.filter(is_said), listed.repeated.filter(is_said))


def _about_files(survey: Survey) -> list[tuple[str | int | None, ...]]:
    """Say what stands in the study and was not read: files, sheets, columns; guessed encodings."""
    rules, study = survey.context.rules, survey.study
    found = [make_file_finding(rules["file_unused"], name) for name in study.unread]
    found += [make_file_finding(rules["mapping_unconfirmed"], said) for said in study.unconfirmed]
    found += [
        make_file_finding(rules[rule], said)
        for rule, said in check_identifiers(part_by_source(survey.named))
    ]
    for raw in survey.numbered.raws:
        found += [make_file_finding(rules[rule], said, raw) for rule, said in raw.notes]
    for delivery in survey.numbered.deliveries:
        found += [
            make_file_finding(rules[note.rule], note.found, note.raw, note.column)
            for note in delivery.notes
        ]
    return found


def _about_infusions(survey: Survey, rows: Mapping[str, int]) -> list[tuple[str | int | None, ...]]:
    if rows["infusion"]:
        return []
    said = "no infusion of immunoglobulin in these records"
    return [make_file_finding(survey.context.rules["no_infusions"], said)]
