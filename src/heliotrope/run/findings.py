"""The findings of a run: of reading, of evaluation, of the cohort, each with file and row."""

from __future__ import annotations

from pathlib import Path
from typing import IO

import polars as pl

from heliotrope.definitions.load import Rulebook
from heliotrope.definitions.vocabulary import finding_rules_of
from heliotrope.errors import ExitCode, Found, UserError
from heliotrope.ingest import Reading
from heliotrope.records.finding_tables import Finding
from heliotrope.records.row_id import compute_source_cell
from heliotrope.records.spreadsheet import guard_formulas

SEVERITIES = ["error", "warning", "info"]
PLACE = ["rule", "file", "sheet", "row", "column", "found"]
WITHOUT_IVIG = "children_without_ivig"


def gather_findings(
    reading: Reading,
    in_shards: pl.DataFrame,
    regimens: pl.DataFrame,
    rulebook: Rulebook,
) -> pl.DataFrame:
    """Put all findings together, worst first.

    ``in_shards``: findings of evaluation, which know a cell but no file; ``regimens``: the table of
    a run; a finding says how many children have none.
    """
    columns = Finding.column_names()
    order = pl.col("severity").replace_strict(
        SEVERITIES, range(len(SEVERITIES)), return_dtype=pl.Int32
    )
    return pl.concat(
        [
            frame.select(columns)
            for frame in (
                reading.findings,
                locate_findings(in_shards, reading.source),
                _find_children_without_ivig(regimens, reading.children, rulebook),
            )
        ]
    ).sort(order, *PLACE, nulls_last=True, maintain_order=True)


def write_findings_csv(findings: pl.DataFrame, path: Path) -> None:
    """Write findings for a spreadsheet: UTF-8 with its mark, nothing that it would run.

    A text that a spreadsheet would take for a formula gets an apostrophe in front.
    Errors: UserError where the file cannot be written.
    """
    try:
        write_csv_safely(findings, path)
    except OSError as error:
        raise UserError(
            "a file that can be written",
            Found(f"{path.name}: {error.strerror or error}"),
            "choose another name or folder",
            ExitCode.ENVIRONMENT,
        ) from None


def write_csv_safely(table: pl.DataFrame, target: Path | IO[bytes]) -> None:
    """Write a table for a spreadsheet: no text of it is run as a formula."""
    guard_formulas(table).write_csv(target, include_bom=True)


def locate_findings(findings: pl.DataFrame, source: pl.DataFrame) -> pl.DataFrame:
    """Replace the cell of a finding by the file, sheet, row and column it stands in."""
    columns = source.select(
        pl.col("source").cast(pl.Int64),
        pl.col("column").cast(pl.Int64).alias("column_number"),
        "file",
        "sheet",
        "first_row",
        pl.col("column_name").alias("column"),
    )
    return (
        findings.with_columns(compute_source_cell(pl.col("row_id")))
        .rename({"column": "column_number"})
        .join(columns, on=["source", "column_number"], how="left", maintain_order="left")
        .with_columns(row=(pl.col("record") + pl.col("first_row")).cast(pl.Int32))
        .select(Finding.column_names())
    )


def _find_children_without_ivig(
    regimens: pl.DataFrame, children: int, rulebook: Rulebook
) -> pl.DataFrame:
    """Say how many children IVIG definitions do not reach, where some have infusions."""
    without = children - regimens["patient_id"].n_unique()
    if without in (0, children):
        return Finding.create_empty()
    rule = finding_rules_of(rulebook)[WITHOUT_IVIG]
    found = {
        "severity": rule.severity,
        "rule": rule.id,
        "table": "infusion",
        "found": f"{without:,} of {children:,} children",
        "expected": rule.expected,
        "suggestion": rule.suggestion,
    }
    schema = Finding.create_empty().schema
    return pl.DataFrame([{name: found.get(name) for name in schema}], schema=schema)
