"""Time the two commands of the README in a fresh clone, from nothing.

``python benchmarks/fresh_clone.py`` clones this repository's committed state into a temporary
folder, runs ``make demo`` and ``make test`` there and writes their times into README.md.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import time
from pathlib import Path

from machine import describe_machine, draw_table, write_part

PROJECT = Path(__file__).parent.parent
COMMANDS = ["make demo", "make demo", "make test", "make test"]


def main() -> None:
    """Clone, run, print, write."""
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        clone = Path(folder) / "heliotrope"
        subprocess.run(["git", "clone", "--quiet", str(PROJECT), str(clone)], check=True)
        seen: set[str] = set()
        for command in COMMANDS:
            start = time.perf_counter()
            done = subprocess.run(
                command.split(), cwd=clone, capture_output=True, text=True, check=False
            )
            wall = time.perf_counter() - start
            if done.returncode != 0:
                raise SystemExit(f"{command} failed:\n{done.stdout}\n{done.stderr}")
            when = "again" if command in seen else "first time, installs what it needs"
            rows.append([f"`{command}`", when, f"{wall:.0f} s"])
            seen.add(command)
    text = f"{describe_machine()}.\n\n{draw_table(['command', 'when', 'wall'], rows)}"
    sys.stdout.write(text + "\n")
    write_part("fresh clone", text)


if __name__ == "__main__":
    main()
