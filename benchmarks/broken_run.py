"""A small run in a process of its own that something breaks, and that is resumed and compared.

For ``kill_and_resume.py`` and ``full_disk.py``. Its tables count as too large to be held: they are
looked through, cut by children on disk and read bucket by bucket, as those of a million children.
As a script (``python broken_run.py STUDY RUN``) it is that process: it resumes what it finds,
prints each step as it comes, and ends with the message and the exit code of the command.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from polars.testing import assert_frame_equal

from heliotrope.execution import shards
from heliotrope.ingest.tabular import large
from heliotrope.pipeline import RunOptions, run_study
from heliotrope.simulate.cohort import write_cohort_csv
from heliotrope.terminal.faults import describe_fault

CHILDREN = 40
CHILDREN_A_SHARD = 10
SHARDS = CHILDREN // CHILDREN_A_SHARD
WORKERS = 2
SEED = 20

# Every table is large, and comes in many blocks.
LARGE = 1
BLOCK = 4_000

DESCRIBED = (
    f"{CHILDREN} children in {SHARDS} shards, {WORKERS} workers, every table cut on disk by child"
)
SAME = "ended with the tables, trace, records, results and findings of an undisturbed one"


@dataclass
class Trial:
    """A run that is broken and resumed."""

    study: Path
    out: Path

    @property
    def partial(self) -> Path:
        """Return the folder it works in."""
        return self.out.with_name(f"{self.out.name}.partial")

    def start(self) -> subprocess.Popen[str]:
        """Start or resume it, in a group of processes of its own, with pipes for what it says."""
        return subprocess.Popen(
            [sys.executable, __file__, str(self.study), str(self.out)],
            start_new_session=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def finish(self) -> list[str]:
        """Resume it to its end, which must be a good one; give its steps."""
        if self.out.exists():
            return []
        process = self.start()
        steps, fault = process.communicate()
        if process.returncode != 0:
            raise SystemExit(f"a resumed run failed: {self.out}\n{fault}")
        return steps.splitlines()


def write_study(folder: Path) -> Path:
    """Write the records of the children of all such runs."""
    write_cohort_csv(CHILDREN, SEED, folder)
    return folder


def compare(run: Path, other: Path) -> None:
    """Stop where any table of two runs differs."""
    for path in sorted(other.rglob("*.parquet")):
        name = path.relative_to(other)
        if path.is_file():
            assert_frame_equal(
                *(pl.read_parquet(folder / name, glob=False) for folder in (run, other))
            )
    mine, theirs = (
        {path.relative_to(folder) for path in folder.rglob("*")} for folder in (run, other)
    )
    if mine != theirs:
        raise SystemExit(f"{run.name} differs in {sorted(map(str, mine ^ theirs))}")


def main() -> None:
    """Run or resume."""
    large.LARGE, large.BLOCK = LARGE, BLOCK
    shards.PATIENTS_A_SHARD = CHILDREN_A_SHARD
    study, out = map(Path, sys.argv[1:])

    def tell(step: str, done: int, total: int) -> None:
        sys.stdout.write(f"{step} {done}/{total}\n")
        sys.stdout.flush()

    try:
        run_study(study, out, RunOptions(workers=WORKERS, resume=True), tell)
    except Exception as error:
        message, code = describe_fault(error)
        sys.stderr.write(f"{message}\n")
        sys.exit(code)


if __name__ == "__main__":
    main()
