"""What a run, a check and a verification found, as a person reads it in a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

SEVERITY_WORDS = {
    "error": ("error", "red"),
    "warning": ("warning", "yellow"),
    "info": ("remark", "cyan"),
}

ROW_COLUMNS = ("rows_in", "rows_used", "rows_ignored", "rows_quarantined")
CELL_COLUMNS = ("cells_in", "cells_used", "cells_ignored", "cells_quarantined")


def print_accounting(console: Console, accounting: Sequence[Mapping[str, Any]]) -> None:
    """Print where the rows and cells of every source file went."""
    table = Table(box=None, pad_edge=False, header_style="bold", title_justify="left")
    table.add_column("file", overflow="fold")
    table.add_column("")
    for name in ("in", "= used", "+ ignored", "+ quarantined"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in accounting:
        sheet = f", sheet {row['sheet']}" if row.get("sheet") else ""
        for what, columns in (("rows", ROW_COLUMNS), ("cells", CELL_COLUMNS)):
            source = Text(f"{row['file']}{sheet}" if what == "rows" else "")
            table.add_row(source, what, *(f"{row[column]:,}" for column in columns))
    console.print(table)
    ignored = [
        f"{row['file']}: ignored {row['ignored_by_rule']}"
        for row in accounting
        if row.get("ignored_by_rule")
    ]
    for line in ignored:
        console.print(Text(f"  {line}", style="dim"))


def count_findings(counts: Mapping[str, int]) -> Text:
    """Say how many findings of each severity there are, worst first."""
    parts = []
    for severity, (word, colour) in SEVERITY_WORDS.items():
        count = counts.get(severity, 0)
        plural = "" if count == 1 else "s"
        parts.append(Text(f"{count:,} {word}{plural}", style=colour if count else ""))
    return Text("Data findings: ").append_text(Text(", ").join(parts))


def print_findings(console: Console, findings: Sequence[Mapping[str, Any]]) -> None:
    """Print findings one by one: place, what was found and expected, what to do."""
    for item in findings:
        _, colour = SEVERITY_WORDS[item["severity"]]
        head = Text(item["severity"], style=colour)
        head.append(f"  {place_of(item)}  ", style="default")
        head.append(item["rule"].replace("_", " "), style="default")
        console.print(head)
        for name, words in (("expected", "expected"), ("found", "found"), ("suggestion", "to do")):
            if item.get(name):
                console.print(Padding(Text(f"{words}: {item[name]}"), (0, 0, 0, 4)))


def place_of(item: Mapping[str, Any]) -> str:
    """Name the place of a finding.

    >>> place_of({"file": "labs.csv", "row": 12, "column": "CK"})
    'labs.csv, row 12, column CK'
    """
    parts = [str(item["file"])] if item.get("file") else []
    named = {name: item.get(name) for name in ("sheet", "row", "column")}
    parts += [f"{name} {value}" for name, value in named.items() if value is not None]
    return ", ".join(parts) or str(item.get("table") or "the study")
