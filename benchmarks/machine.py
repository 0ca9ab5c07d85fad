"""What the figures were taken on, and the place in README.md where they stand."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

README = Path(__file__).parent / "README.md"


def describe_machine() -> str:
    """Name processor, cores, memory and versions; never the machine itself."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return (
        f"{_processor()}, {cores} cores, {memory:.0f} GiB, {platform.system()}, "
        f"Python {platform.python_version()}, Polars {version('polars')}, "
        f"{datetime.now(tz=UTC).date().isoformat()}"
    )


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def draw_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Write a Markdown table.

    >>> print(draw_table(["a", "b"], [["1", "2"]]))
    | a | b |
    |---|---|
    | 1 | 2 |
    """
    rule = "|" + "---|" * len(header)
    head, *body = ["| " + " | ".join(line) + " |" for line in [header, *rows]]
    return "\n".join([head, rule, *body])


def write_part(name: str, text: str) -> None:
    """Put new figures between the marks of their part in README.md."""
    start, end = f"<!-- {name} -->", f"<!-- end {name} -->"
    readme = README.read_text(encoding="utf-8")
    before, rest = readme.split(start)
    _, after = rest.split(end)
    README.write_text(f"{before}{start}\n{text.strip()}\n{end}{after}", encoding="utf-8")
