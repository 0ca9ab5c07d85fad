"""Fill the disk of a run at every stage, free it, resume, and hold the end to an undisturbed run.

``python benchmarks/full_disk.py`` needs the right to mount a small disk in memory (root). For each
amount of free space: a run with two workers until the disk is full, what the person is told, and a
resumed run with room. A table that differs, or a message that does not name the disk, stops the
script.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from broken_run import DESCRIBED, SAME, Trial, compare, write_study
from machine import describe_machine, draw_table, write_part

DISK_MIB = 32
FIRST_FREE_KIB = 30
MOST_FREE_KIB = 6400
GROWTH = 1.5


def main() -> None:
    """Fill, free, resume and compare at every size; print the table and write it into README.md."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        undisturbed = Trial(write_study(work / "study"), work / "undisturbed")
        undisturbed.finish()
        free = float(FIRST_FREE_KIB)
        while free < MOST_FREE_KIB:
            step = fill_and_resume(work, undisturbed, int(free))
            if step is None:
                break
            rows.append([f"{free:,.0f}", step])
            free *= GROWTH
    text = (
        f"{describe_machine()}. {DESCRIBED}; every message named the full disk and what to do, and "
        f"every resumed run {SAME}.\n\n"
        f"{draw_table(['KiB free', 'full while'], rows)}"
    )
    sys.stdout.write(text + "\n")
    write_part("full_disk", text)


def fill_and_resume(work: Path, undisturbed: Trial, free_kib: int) -> str | None:
    """Run on a disk with so much free space; give the step that filled it, None if none did."""
    with small_disk(work / "disk", free_kib) as filler:
        trial = Trial(work / "study", work / "disk" / "run")
        process = trial.start()
        steps, message = process.communicate()
        if process.returncode == 0:
            return None
        step = steps.splitlines()[-1].rpartition(" ")[0] if steps else "starting"
        if "the disk is full" not in message or trial.out.exists():
            raise SystemExit(f"{free_kib} KiB, {step}: {message}")
        filler.unlink()
        trial.finish()
        compare(trial.out, undisturbed.out)
        return step


@contextmanager
def small_disk(folder: Path, free_kib: int) -> Iterator[Path]:
    """Mount a disk in memory with so much free space; give the file that takes the rest."""
    folder.mkdir(exist_ok=True)
    size = ["-o", f"size={DISK_MIB}m"]
    subprocess.run(["mount", "-t", "tmpfs", *size, "tmpfs", str(folder)], check=True)
    try:
        filler = folder / "filler"
        filler.write_bytes(bytes(DISK_MIB * 2**20 - free_kib * 2**10))
        yield filler
    finally:
        subprocess.run(["umount", str(folder)], check=True)


if __name__ == "__main__":
    main()
