"""Data findings: what a data manager can act on, counted by rule, with the cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from heliotrope.records.place import name_place
from heliotrope.report.language import _
from heliotrope.report.section import ReportInput, Section
from heliotrope.report.words import say, say_flag, sentence

LISTED_FINDINGS = 100
SEVERITIES = ("error", "warning", "info")


def build_findings(report: ReportInput) -> Section:
    """Count the findings by rule and list the first of them, errors before warnings."""
    findings = report.run.findings
    order = pl.col("severity").replace_strict(
        list(SEVERITIES), list(range(len(SEVERITIES))), default=len(SEVERITIES)
    )
    counted = (
        findings.group_by("severity", "rule")
        .agg(pl.len().alias("count"))
        .sort(order, "rule")
        .collect()
    )
    first = findings.sort(order, "rule", "file", "row").head(LISTED_FINDINGS).collect()
    content = {
        "totals": [
            (
                say("severity", severity),
                int(counted.filter(pl.col("severity") == severity)["count"].sum()),
            )
            for severity in SEVERITIES
        ],
        "rules": [
            (say("severity", severity), sentence(say_flag(rule)), count)
            for severity, rule, count in counted.iter_rows()
        ],
        "lines": list(first.iter_rows(named=True)),
        "total": int(counted["count"].sum()),
        "quarantined": [
            {**row, "place": name_place(row["file"], row["sheet"])}
            for row in report.run.quarantined().iter_rows(named=True)
        ],
        "accounting": _list_accounting(report),
    }
    return Section("findings", _("Data findings"), "findings.html.j2", content)


def _list_accounting(report: ReportInput) -> Sequence[tuple[str, dict[str, Any]]]:
    """List rows in, used, ignored and quarantined by file, where the manifest has them."""
    accounting = report.run.manifest.get("accounting")
    if isinstance(accounting, dict):
        files = accounting.get("files", accounting)
        accounting = (
            [{"file": name, **counts} for name, counts in files.items() if isinstance(counts, dict)]
            if isinstance(files, dict)
            else files
        )
    if not isinstance(accounting, list):
        return []
    return [
        (
            name_place(str(entry.get("file", "")), entry.get("sheet")),
            {
                sentence(say_flag(str(name))): value
                for name, value in entry.items()
                if name != "file" and isinstance(value, int)
            },
        )
        for entry in accounting
        if isinstance(entry, dict)
    ]
