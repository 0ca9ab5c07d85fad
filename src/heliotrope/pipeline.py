"""The run, in order: the file to read first.

    study -> ingest -> records -> evaluate, shard by shard -> merge -> estimate -> report

Everything is written to ``RUN.partial`` and renamed at the end: a run folder that exists is whole.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from heliotrope.classify.evaluate import evaluate
from heliotrope.definitions.load import Rulebook
from heliotrope.errors import Found, UserError
from heliotrope.execution.engines import EngineOrder, open_engine
from heliotrope.execution.jobs import Engine, ShardJob
from heliotrope.execution.shards import (
    DRAFTS,
    PARTS,
    check_parts,
    count_shards,
    read_parts,
    read_shard,
)
from heliotrope.ingest import Reading
from heliotrope.ingest.cut import count_buckets
from heliotrope.ingest.landing import land_tables
from heliotrope.ingest.survey import Tell, survey_study
from heliotrope.ingest.tabular import large
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
from heliotrope.run.intake import INTAKE, Intake
from heliotrope.run.manifest import make_manifest, write_manifest
from heliotrope.run.summary import (
    CheckSummary,
    Outcome,
    RunSummary,
    count_by_table,
    summarise_run,
)
from heliotrope.run.tables import MergedTables, merge_tables
from heliotrope.spark_session import SparkSettings, open_session
from heliotrope.study import Study, read_study

__all__ = ["RunOptions", "check_study", "run_study"]

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class RunOptions:
    """How to run; but for ``model`` none of it changes a result.

    engine: ``local``, or ``spark``: shards are evaluated on a cluster that sees the run folder.
    model: fit the pulse model too (extra ``model``; seconds for a few children, minutes for many).
    The command line does unless told ``--no-model``; a script says so.
    replace: an earlier run folder of that name is replaced (only if it is a run folder), and
    tables of ``tables_to``.
    workers: processes that share the shards; 1 evaluates them here.
    language: that of the report; None: the study's own, else English.
    resume: go on from what an interrupted run of the same study left in ``RUN.partial``.
    spark: which cluster, where one evaluates, is read from or written to.
    tables_to: a schema of Spark's catalogue in which tables, trace, results and findings are
    written too, once the run folder stands.
    """

    engine: str = "local"
    model: bool = False
    replace: bool = False
    workers: int = 1
    resume: bool = False
    language: str | None = None
    spark: SparkSettings = field(default_factory=SparkSettings)
    tables_to: str | None = None


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
    order = EngineOrder(options.engine, options.workers, options.spark)
    with open_engine(order) as engine:
        if options.tables_to is None:
            return _run_study(study_path, out, options, tell, engine)
        from heliotrope.execution.spark_tables import open_catalogue

        with open_catalogue(options.tables_to, options.spark, replace=options.replace) as catalogue:
            summary = _run_study(study_path, out, options, tell, engine)
            catalogue.write_run(out, lambda done, total: tell("write tables", done, total))
    return summary


def _run_study(
    study_path: Path, out: Path, options: RunOptions, tell: Progress, engine: Engine
) -> RunSummary:
    """Run a study on an engine; see ``run_study``."""
    started = time.monotonic()
    study = read_study(study_path)
    rulebook = _read_sound_rulebook(study)
    partial = open_run_folder(out, replace=options.replace, resume=options.resume)
    try:
        landed = land_tables(study.folder, study.sources, lambda step: tell(step, 0, 1))
        plan = Plan(study, rulebook, partial, options.workers)
        reading, shards = _read_study(plan, tell)
        jobs = [ShardJob(partial, shard, rulebook) for shard in range(shards)]
        engine.run(jobs, tell)
        check_parts(partial)
        tell("merge", 0, 1)
        tables = merge_tables(partial)
        findings = _write_findings(partial, reading, tables, rulebook)
        tell("estimate", 0, 1)
        results = _estimate(partial, tables, shards, rulebook, _tell_model(options, tell))
        results.write_parquet(partial / "results.parquet")
        manifest = make_manifest(study, rulebook, reading, tables, shards, has_model=options.model)
        if landed:
            manifest["catalogue"] = [table.to_json() for table in landed]
        write_manifest(manifest, partial)
        tell("report", 0, 1)
        from heliotrope.report.page import write_report

        with speaking(options.language or study.report.language):
            write_report(partial, rulebook)
        found = Outcome(findings, results, time.monotonic() - started)
        summary = summarise_run(out, study, reading, tables, found)
        close_run_folder(partial, out, (*DRAFTS, INTAKE))
    except BaseException:
        give_up(partial)
        raise
    return summary


def _write_findings(
    partial: Path, reading: Reading, tables: MergedTables, rulebook: Rulebook
) -> pl.DataFrame:
    """Put the findings of reading and of all shards together, and write them."""
    in_shards = read_parts(partial / PARTS, "shard_finding")
    findings = gather_findings(reading, in_shards, tables["regimen"], rulebook)
    findings.write_parquet(partial / "findings.parquet")
    write_findings_csv(findings, partial / "findings.csv")
    return findings


def _estimate(
    partial: Path,
    tables: MergedTables,
    shards: int,
    rulebook: Rulebook,
    tell_model: Callable[[str, float], None] | None,
) -> pl.DataFrame:
    """Estimate from the tables and records of the run, which are read when they are asked for."""
    from heliotrope.estimate.cohort import estimate_inputs
    from heliotrope.run.cohort import open_cohort

    return estimate_inputs(open_cohort(partial, tables, shards, rulebook), tell_model)


def _tell_model(options: RunOptions, tell: Progress) -> Callable[[str, float], None] | None:
    """Pass the progress of the model on, in per cent; None where it is left out."""
    if not options.model:
        return None
    return lambda step, share: tell(f"pulse model: {step}", round(100 * share), 100)


def check_study(study_path: Path, spark: SparkSettings | None = None) -> CheckSummary:
    """Read a study as a run would, and give its findings; nothing is left behind.

    spark: which cluster, where sources stand in a lakehouse.
    """
    study = read_study(study_path)
    if spark is not None and spark != SparkSettings():
        open_session(spark)
    rulebook = _read_sound_rulebook(study)
    land_tables(study.folder, study.sources, lambda _: None)
    with TemporaryDirectory() as name:
        folder = Path(name)
        reading, shards = _read_study(Plan(study, rulebook, folder, workers=1), _silent)
        evaluations = [
            evaluate(read_shard(folder / "records", shard), rulebook) for shard in range(shards)
        ]
    findings = gather_findings(
        reading,
        pl.concat([evaluation.findings for evaluation in evaluations]),
        pl.concat([evaluation.tables["regimen"] for evaluation in evaluations]),
        rulebook,
    )
    fates = count_by_table(reading)
    return CheckSummary(study.title, reading.accounting, findings, fates, reading.cohort)


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


@dataclass(frozen=True)
class Plan:
    """How a study is read: by which definitions, into which folder, by how many processes."""

    study: Study
    rulebook: Rulebook
    folder: Path
    workers: int


def _read_study(plan: Plan, tell: Progress) -> tuple[Reading, int]:
    """Read the records into the folder, or what an interrupted run of this origin left to read.

    Returns the reading, and into how many shards the children were put. Whoever is named where in
    the sources is forgotten after.
    """
    survey = survey_study(plan.study, plan.rulebook, _tell_steps(tell), large.LARGE)
    shards = count_shards(survey.count_children(), survey.count_children("infusion"))
    buckets = count_buckets(survey, shards)
    intake = Intake(survey, plan.folder, plan.rulebook, shards, buckets)
    origin = describe_origin(survey.input_hashes, plan.rulebook, shards)
    can_go_on = can_continue(plan.folder, origin)
    intake.cut(_tell_steps(tell))
    if not survey.is_held and not can_go_on:
        keep_origin(plan.folder, origin)
    reading = intake.read(plan.workers, _tell_steps(tell))
    keep_origin(plan.folder, origin)
    return reading, shards


def _tell_steps(tell: Progress) -> Tell:
    """Pass the steps of reading on; most say no more than their name."""
    return lambda step, done=0, total=1, /: tell(step, done, total)
