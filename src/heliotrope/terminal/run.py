"""What a run, a check and a verification found, as a person reads it in a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from heliotrope.records.place import name_place
from heliotrope.report.cohort_flow import list_charts, say_emptied

if TYPE_CHECKING:
    from heliotrope.run.summary import CheckSummary, RunSummary, TableFate, VerifySummary

SEVERITY_WORDS = {
    "error": ("error", "red"),
    "warning": ("warning", "yellow"),
    "info": ("remark", "cyan"),
}

NOT_VALIDATED = "not validated against clinicians' judgement"
ADJUDICATED = "not validated beyond this study's own labels (see the report)"

FILES_LISTED = 12

ROW_COLUMNS = ("rows_in", "rows_used", "rows_ignored", "rows_quarantined")
CELL_COLUMNS = ("cells_in", "cells_used", "cells_ignored", "cells_quarantined")


def print_accounting(console: Console, accounting: Sequence[Mapping[str, Any]]) -> None:
    """Print where the rows and cells of every source file went.

    Of many files, those of which nothing is used are summed up in a line; a report lists them.
    """
    shown = [row for row in accounting if row["rows_used"] or row["rows_quarantined"]]
    if len(accounting) <= FILES_LISTED:
        shown = list(accounting)
    table = Table(box=None, pad_edge=False, header_style="bold", title_justify="left")
    table.add_column("file", overflow="fold")
    table.add_column("")
    for name in ("in", "= used", "+ ignored", "+ quarantined"):
        table.add_column(name, justify="right", no_wrap=True)
    for row in shown:
        for what, columns in (("rows", ROW_COLUMNS), ("cells", CELL_COLUMNS)):
            source = Text(_name_source(row) if what == "rows" else "")
            table.add_row(source, what, *(f"{row[column]:,}" for column in columns))
    if shown:
        console.print(table)
    for row in shown:
        if row.get("ignored_by_rule"):
            line = f"  {_name_source(row)}: ignored {row['ignored_by_rule']}"
            console.print(Text(line, style="dim"))
    hidden = [row for row in accounting if row not in shown]
    if hidden:
        rows = sum(row["rows_in"] for row in hidden)
        rules = Counter(
            rule.partition(":")[0]
            for row in hidden
            for rule in str(row["ignored_by_rule"] or "no rows").split("; ")
        )
        said = ", ".join(f"{rule.replace('_', ' ')} in {n}" for rule, n in sorted(rules.items()))
        console.print(
            Text(f"  Nothing used of {len(hidden)} more files, {rows:,} rows: {said}.", style="dim")
        )


def _name_source(row: Mapping[str, Any]) -> str:
    return name_place(str(row["file"]), row.get("sheet"))


def print_cohort(console: Console, steps: Sequence[tuple[str, str, int]]) -> None:
    """Print how a cohort was selected: the persons left after each step, and if nobody is."""
    if not steps:
        return
    table = Table(box=None, pad_edge=False, header_style="bold", title_justify="left")
    table.add_column("cohort", justify="right", no_wrap=True)
    table.add_column("", overflow="fold")
    for _, words, persons in steps:
        table.add_row(f"{persons:,}", Text(words))
    console.print(table)
    for chart in list_charts(steps):
        if (said := say_emptied(chart)) is not None:
            console.print(Text(said, style="yellow"))
    console.print()


def print_tables(console: Console, tables: Mapping[str, TableFate]) -> None:
    """Print what each canonical table holds, and what was set aside from it by which rule."""
    shown = Table(box=None, pad_edge=False, header_style="bold", title_justify="left")
    shown.add_column("table")
    shown.add_column("rows made", justify="right", no_wrap=True)
    shown.add_column("set aside, rows or single cells, by rule", overflow="fold")
    for table, fate in tables.items():
        if fate.rows or fate.set_aside:
            rules = [f"{rule.replace('_', ' ')} {n:,}" for rule, n in fate.set_aside.items()]
            shown.add_row(table, f"{fate.rows:,}", Text(", ".join(rules) or "-"))
    console.print(shown if shown.row_count else "No row was made of these records.")


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
                console.print(Padding(Text(f"{words}: {item[name]}"), (0, 0, 0, 4), expand=False))


def place_of(item: Mapping[str, Any]) -> str:
    """Name the place of a finding.

    >>> place_of({"file": "labs.csv", "row": 12, "column": "CK"})
    'labs.csv, row 12, column CK'
    """
    parts = [str(item["file"])] if item.get("file") else []
    named = {name: item.get(name) for name in ("sheet", "row", "column")}
    parts += [f"{name} {value}" for name, value in named.items() if value is not None]
    return ", ".join(parts) or str(item.get("table") or "the study")


def print_run(summary: RunSummary) -> None:
    """Print the end of a run: accounting, findings, what was found, where the report is."""
    console = Console(highlight=False, soft_wrap=False)
    console.print(Text(summary.study, style="bold"))
    console.print()
    print_accounting(console, summary.accounting.sort("file", "sheet").to_dicts())
    console.print()
    print_cohort(console, summary.cohort)
    console.print(count_findings(summary.findings))
    quarantined = int(summary.accounting["rows_quarantined"].sum())
    if quarantined:
        console.print(f"Rows set aside, whole and with the reason: {quarantined:,} (quarantine/).")
    console.print()
    for sentence in summary.sentences:
        console.print(Text(sentence))
    console.print()
    print_path(console, "Report", summary.report)
    print_path(console, "Run folder", summary.run)
    validation = ADJUDICATED if summary.is_adjudicated else NOT_VALIDATED
    console.print(
        "Research software: it evaluates records and advises no treatment. The patterns are "
        f"project definitions, {validation}."
    )


def print_check(summary: CheckSummary, most: int) -> None:
    """Print every finding (at most ``most``), the accounting, and whether the study can run."""
    console = Console(highlight=False)
    findings = summary.findings.to_dicts()
    print_findings(console, findings[:most])
    if len(findings) > most:
        console.print(f"... and {len(findings) - most:,} more: --all prints them, --json too.")
    if findings:
        console.print()
    print_accounting(console, summary.accounting.sort("file", "sheet").to_dicts())
    console.print()
    print_cohort(console, summary.cohort)
    print_tables(console, summary.by_table)
    console.print()
    console.print(count_findings(summary.counts))
    if summary.has_errors:
        console.print(
            "`run` goes on without the cells and rows in error and sets them aside; "
            "mend them where you can."
        )


def print_verification(summary: VerifySummary) -> None:
    """Print whether inputs, definitions and classes are those of the run."""
    console = Console(highlight=False)
    lines = {
        f"{summary.inputs:,} input files hashed again": summary.changed,
        "definitions": summary.definitions_changed,
        f"{summary.replayed:,} decisions replayed from the trace": summary.disagreements,
    }
    for what, differing in lines.items():
        colour, word = ("red", "differ") if differing else ("green", "the same")
        console.print(Text(f"{what}: ").append(word, style=colour))
        for item in differing:
            console.print(Padding(Text(item), (0, 0, 0, 4), expand=False))
    verdict = "The run holds." if summary.is_verified else "The run does not hold."
    console.print(Text(verdict, style="bold"))


def print_path(console: Console, what: str, path: Path) -> None:
    """Print a path on a line of its own, never broken."""
    console.print(Text(f"{what}: {path}"), soft_wrap=True)
