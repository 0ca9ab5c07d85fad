"""The run, in order: the file to read first.

    study -> ingest -> records -> evaluate, shard by shard -> merge -> estimate -> report

Everything is written to ``RUN.partial`` and renamed at the end: a run folder that exists is whole.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from heliotrope.classify.evaluate import evaluate
from heliotrope.definitions.load import Rulebook
from heliotrope.errors import Found, UserError
from heliotrope.execution.local import ShardJob, run_shards
from heliotrope.execution.shards import DRAFTS, PARTS, count_shards, read_parts, write_shards
from heliotrope.ingest import Ingested, read_records
from heliotrope.records.finding_tables import Quarantine
from heliotrope.records.results import SORT_KEYS, TABLES
from heliotrope.records.shard import Shard, count_children
from heliotrope.report.language import speaking
from heliotrope.run.findings import gather_findings, write_findings_csv
from heliotrope.run.folder import (
    can_continue,
    close_run_folder,
    describe_origin,
    give_up,
    keep_origin,
    open_run_folder,
)
from heliotrope.run.manifest import Extent, make_manifest, write_manifest
from heliotrope.run.summary import (
    CheckSummary,
    Outcome,
    RunSummary,
    count_by_table,
    summarise_run,
)
from heliotrope.study import Study, read_study

__all__ = ["RunOptions", "check_study", "run_study"]

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class RunOptions:
    """How to run; but for ``model`` none of it changes a result.

    model: fit the pulse model too (extra ``model``; seconds for a few children, minutes for many).
    The command line does unless told ``--no-model``; a script says so.
    replace: an earlier run folder of that name is replaced (only if it is a run folder).
    workers: processes that share the shards; 1 evaluates them here, which any script may do
    (processes need a main module that can be imported).
    language: that of the report; None: the study's own, else English.
    resume: go on from what an interrupted run of the same study left in ``RUN.partial``.
    """

    engine: str = "local"
    model: bool = False
    replace: bool = False
    workers: int = 1
    resume: bool = False
    language: str | None = None


def _silent(step: str, done: int, total: int) -> None:
    del step, done, total


def run_study(
    study_path: Path,
    out: Path,
    options: RunOptions | None = None,
    progress: Progress | None = None,
) -> RunSummary:
    """Read a study, evaluate every child, write the run folder and its report.

    Errors: UserError for a study that cannot be read as a whole, a run folder that exists or
    cannot be written. Rows that cannot be used are quarantined and counted, no error.
    """
    options, tell = options or RunOptions(), progress or _silent
    started = time.monotonic()
    study = read_study(study_path)
    rulebook = _read_sound_rulebook(study)
    partial = open_run_folder(out, replace=options.replace, resume=options.resume)
    try:
        ingested = read_records(study, rulebook, lambda step: tell(step, 0, 1))
        children = count_children(ingested.tables)
        shards = count_shards(children, ingested.tables["infusion"]["patient_id"].n_unique())
        origin = describe_origin(ingested.input_hashes, rulebook, shards)
        if not can_continue(partial, origin):
            _write_records(ingested, partial, shards)
            keep_origin(partial, origin)
        jobs = [ShardJob(partial, shard, rulebook) for shard in range(shards)]
        run_shards(jobs, options.workers, tell)
        tell("merge", 0, 1)
        tables = _merge_tables(partial)
        findings = gather_findings(
            ingested,
            read_parts(partial / PARTS, "shard_finding"),
            tables["regimen"],
            children,
            rulebook,
        )
        findings.write_parquet(partial / "findings.parquet")
        write_findings_csv(findings, partial / "findings.csv")
        tell("estimate", 0, 1)
        from heliotrope.estimate.cohort import estimate_all

        results = estimate_all(tables, ingested.tables, rulebook, _tell_model(options, tell))
        results.write_parquet(partial / "results.parquet")
        manifest = make_manifest(
            study, rulebook, ingested, tables, Extent(children, shards), has_model=options.model
        )
        write_manifest(manifest, partial)
        tell("report", 0, 1)
        from heliotrope.report.page import write_report

        with speaking(options.language or study.report.language):
            write_report(partial, rulebook)
        close_run_folder(partial, out, DRAFTS)
    except BaseException:
        give_up(partial)
        raise
    found = Outcome(findings, results, time.monotonic() - started)
    return summarise_run(out, study, ingested, tables, found)


def _tell_model(options: RunOptions, tell: Progress) -> Callable[[str, float], None] | None:
    """Pass the progress of the model on, in per cent; None where it is left out."""
    if not options.model:
        return None
    return lambda step, share: tell(f"pulse model: {step}", round(100 * share), 100)


def check_study(study_path: Path) -> CheckSummary:
    """Read a study as a run would, and give its findings; nothing is written."""
    study = read_study(study_path)
    rulebook = _read_sound_rulebook(study)
    ingested = read_records(study, rulebook)
    evaluation = evaluate(Shard.from_tables(ingested.tables), rulebook)
    findings = gather_findings(
        ingested,
        evaluation.findings,
        evaluation.tables["regimen"],
        count_children(ingested.tables),
        rulebook,
    )
    fates = count_by_table(ingested)
    return CheckSummary(study.title, ingested.accounting, findings, fates, ingested.cohort)


def _read_sound_rulebook(study: Study) -> Rulebook:
    """Read the study's rulebook; a study's own definitions are checked as the shipped ones are.

    Errors: UserError for a definition that breaks a rule of its kind.
    """
    rulebook = study.read_rulebook()
    if study.definitions is None:
        return rulebook
    from heliotrope.definitions.validate import check_definitions

    faults = check_definitions(rulebook)
    if faults:
        raise UserError(
            "definitions that keep the rules of their kind",
            Found("; ".join(str(fault) for fault in faults)),
            "correct the study's own definition files",
        )
    return rulebook


def _write_records(ingested: Ingested, partial: Path, shards: int) -> None:
    """Write canonical parts, sources and quarantine."""
    records = partial / "records"
    write_shards(ingested.tables, records, shards)
    ingested.source.write_parquet(records / "source.parquet")
    quarantine = partial / "quarantine"
    quarantine.mkdir()
    for table, rows in ingested.quarantine.items():
        if rows.height:
            rows.select(Quarantine.column_names()).write_parquet(quarantine / f"{table}.parquet")


def _merge_tables(partial: Path) -> dict[str, pl.DataFrame]:
    """Merge the parts of every table in shard order, sort by key, write the single files."""
    folder = partial / "tables"
    folder.mkdir(exist_ok=True)
    merged = {}
    for name in TABLES:
        table = read_parts(partial / PARTS, name).sort(SORT_KEYS[name])
        table.write_parquet(folder / f"{name}.parquet")
        merged[name] = table
    return merged
