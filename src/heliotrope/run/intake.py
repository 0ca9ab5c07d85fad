"""Read a study into the run folder: at once where it is small, bucket by bucket where it is not.

A study with a table that is too large to be held is cut by children, on disk, into as many buckets
as the run has shards; each is read by itself, by worker processes too, and leaves its part of every
table. An interrupted run goes on from the buckets that are read. What was cut is held to its
digests until it is read: it carries no checksum of its own.
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import polars as pl

from heliotrope.definitions.load import Rulebook
from heliotrope.errors import ExitCode, Found, UserError
from heliotrope.execution.digests import (
    DAMAGED,
    compute_digests,
    find_damaged,
    is_marked,
    read_digests,
    write_mark,
)
from heliotrope.execution.pool import Tally, do_jobs, name_step
from heliotrope.execution.shards import (
    AT_WORK,
    DONE,
    KILLERS,
    read_parts,
    write_part,
    write_shards,
)
from heliotrope.ingest import Reading
from heliotrope.ingest.bucket import BucketRead, read_bucket
from heliotrope.ingest.context import make_context
from heliotrope.ingest.cut import cut_study, is_of_bucket, load_bucket
from heliotrope.ingest.findings import Listed
from heliotrope.ingest.linking.identifiers import join_identifiers
from heliotrope.ingest.read import gather_reading
from heliotrope.ingest.survey import Survey, Tell
from heliotrope.records.finding_tables import Quarantine
from heliotrope.records.shard import shard_of

# What reading leaves beside the records until the run is finished.
INTAKE = "intake"

# The parts of the records of all shards.
ALL_PARTS = "part-*.parquet"

_SPOOL = "spool"
_CUT = "cut"
_LISTED = ("single", "repeated")
_FATES = "fates"


@dataclass(frozen=True)
class Intake:
    """A study that is read into a run folder.

    buckets: into how many parts its rows are cut: as many as there are shards, or one.
    """

    survey: Survey
    run: Path
    rulebook: Rulebook
    shards: int
    buckets: int

    @property
    def spool(self) -> Path:
        """Return where the rows of every bucket stand until they are read."""
        return self.run / INTAKE / _SPOOL

    def cut(self, tell: Tell) -> None:
        """Cut the study by children, unless all of it is held, or it has been cut or read.

        Errors: those of ``cut_study``.
        """
        mark = self.run / INTAKE / _CUT
        if not self.survey.is_held and self.list_unread() and not is_marked(self.run, mark):
            shutil.rmtree(self.spool, ignore_errors=True)
            self.spool.mkdir(parents=True)
            cut_study(self.survey, self.buckets, self.spool, tell)
            write_mark(mark, compute_digests(self.run, self.spool.iterdir()))
        self.survey.close()

    def list_unread(self) -> list[int]:
        """List the buckets that are not read yet, or of which a part was damaged since."""
        buckets = range(self.buckets)
        return [bucket for bucket in buckets if not is_marked(self.run, _mark(self.run, bucket))]

    def read(self, workers: int, tell: Tell) -> Reading:
        """Read what is not read yet and put together what all buckets left beside their rows.

        Errors: buckets that end their process, after all others are read: UserError.
        """
        unread = self.list_unread()
        if unread and self.survey.is_held:
            tell("checking the records")
            _read_at_once(self)
        elif unread:
            _read_by_bucket(self, unread, workers, tell)
        shutil.rmtree(self.spool, ignore_errors=True)
        return _gather(self)


@dataclass(frozen=True)
class ReadJob:
    """One bucket to read, and the run folder to write its parts to.

    is_shard: its children are those of the shard of its number; else they are of all ``shards``.
    """

    run: Path
    spool: Path
    bucket: int
    rulebook: Rulebook
    shards: int
    is_shard: bool

    def __str__(self) -> str:
        """Name it, without what it holds."""
        return f"shard {self.bucket}"


def read_job(job: ReadJob) -> None:
    """Read one bucket and write its parts."""
    context = make_context(job.rulebook)
    _check_cut(job)
    bucket, sources = load_bucket(job.spool, job.bucket, context)
    read = read_bucket(bucket, sources, context)
    if job.is_shard:
        for name, table in read.tables.items():
            write_part(table, job.run / "records", name, job.bucket)
    else:
        write_shards(read.tables, job.run / "records", job.shards)
    records = f"part-{job.bucket:05}.parquet" if job.is_shard else ALL_PARTS
    _write_rest(read, job.run, job.bucket, records)


def _check_cut(job: ReadJob) -> None:
    """Hold the rows of a bucket to what they were when they were cut.

    Errors: a file that is missing or damaged: UserError.
    """
    digests = {
        name: digest
        for name, digest in read_digests(job.run / INTAKE / _CUT).items()
        if is_of_bucket(Path(name), job.bucket)
    }
    for name in find_damaged(job.run, digests):
        raise UserError(
            "the rows of every shard as they were cut",
            Found(DAMAGED, Path(name).name),
            "run again with --resume: the study is cut anew, what is read is kept",
            ExitCode.ENVIRONMENT,
        )


def _mark(run: Path, bucket: int) -> Path:
    return run / INTAKE / DONE / f"{bucket:05}"


def _read_at_once(intake: Intake) -> None:
    survey = intake.survey
    read = read_bucket(survey.numbered.whole(), survey.sources, survey.context)
    survey.check()
    write_shards(read.tables, intake.run / "records", intake.shards)
    _write_rest(read, intake.run, 0, ALL_PARTS)


def _read_by_bucket(intake: Intake, unread: list[int], workers: int, tell: Tell) -> None:
    is_shard, shards = intake.buckets == intake.shards, intake.shards
    jobs = [
        ReadJob(intake.run, intake.spool, bucket, intake.rulebook, shards, is_shard)
        for bucket in unread
    ]
    at_work = intake.run / AT_WORK
    tally = Tally(partial(tell, name_step("reading children", at_work)), intake.buckets)
    fatal = do_jobs(read_job, jobs, workers, tally, at_work)
    if fatal:
        _name_killers(intake, sorted(job.bucket for job in fatal))


def _name_killers(intake: Intake, fatal: list[int]) -> None:
    """List the children of the buckets that could not be read, and stop."""
    children = join_identifiers(intake.survey.named).sort()
    shards = pl.Series("shard", [shard_of(child, intake.buckets) for child in children], pl.Int64)
    listed = pl.DataFrame([shards, children]).filter(pl.col("shard").is_in(fatal))
    listed.sort("shard", maintain_order=True).write_csv(intake.run / KILLERS)
    raise UserError(
        "every shard to be read",
        f"shard {', '.join(map(str, fatal))} ended its process while it was read (out of memory, "
        f"or killed): {listed.height:,} children, listed in {KILLERS}",
        "free memory and run again with --resume, which keeps the other shards; if it stays, "
        "look at the records of these children",
        ExitCode.ENVIRONMENT,
    )


def _write_rest(read: BucketRead, run: Path, bucket: int, records: str) -> None:
    """Write what a bucket leaves beside its rows, and mark it as read.

    ``records``: the pattern of the names of its parts of the records.
    """
    folder = run / INTAKE
    for name in _LISTED:
        write_part(getattr(read.listed, name), folder, name, bucket)
    write_part(read.fates, folder, _FATES, bucket)
    for table, rows in read.quarantine.items():
        if rows.height:
            write_part(rows, folder, f"quarantine_{table}", bucket)
    parts = [
        *folder.glob(f"*.parquet/part-{bucket:05}.parquet"),
        *(run / "records").glob(f"*.parquet/{records}"),
    ]
    write_mark(_mark(run, bucket), compute_digests(run, parts))


def _gather(intake: Intake) -> Reading:
    folder, records = intake.run / INTAKE, intake.run / "records"
    listed = Listed(*(read_parts(folder, name) for name in _LISTED))
    reading = gather_reading(intake.survey, [listed], read_parts(folder, _FATES))
    reading.source.write_parquet(records / "source.parquet")
    quarantine = intake.run / "quarantine"
    quarantine.mkdir(exist_ok=True)
    for table, rows in reading.quarantined.items():
        if rows:
            parts = sorted((folder / f"quarantine_{table}.parquet").glob("part-*.parquet"))
            whole = pl.scan_parquet(parts, glob=False).select(Quarantine.column_names())
            whole.sink_parquet(quarantine / f"{table}.parquet")
    return reading
