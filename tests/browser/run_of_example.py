"""A run folder made of an example's CSV files without the command line, for tests of the report.

The reader is the plainest possible: the examples are canonical, so every cell is what it says.
"""

from __future__ import annotations

import json
import tomllib
from pathlib import Path

import polars as pl

from heliotrope.classify.evaluate import evaluate
from heliotrope.definitions.load import Rulebook, read_rulebook
from heliotrope.definitions.settings import MeasureSetting, Settings
from heliotrope.estimate.cohort import estimate_all
from heliotrope.records.canonical import CANONICAL
from heliotrope.records.results import Finding, Quarantine, Source
from heliotrope.records.row_id import SourceCell, pack_row_id
from heliotrope.records.shard import Shard

EXAMPLES = Path(__file__).parents[2] / "examples"
VALUE_COLUMN = {"assessment": "value", "infusion": "dose", "medication": "dose", "event": "kind"}
YES = ["yes", "true", "1"]


def read_example(name: str) -> tuple[Shard, pl.DataFrame, Rulebook]:
    """Read an example: its records, its sources, its rulebook."""
    folder = EXAMPLES / name
    study = (
        tomllib.loads((folder / "study.toml").read_text())
        if folder.joinpath("study.toml").is_file()
        else {}
    )
    measures = {name: MeasureSetting(**value) for name, value in study.get("measures", {}).items()}
    rulebook = read_rulebook(Settings(measures=measures))
    tables, sources = {}, []
    units = {
        m.id: m.unit
        for item in rulebook.definitions.values()
        if item.kind == "measures"
        for m in item.measures
    }
    for number, table in enumerate(CANONICAL):
        path = folder / f"{table}.csv"
        if not path.is_file():
            continue
        raw = pl.read_csv(path, infer_schema=False)
        column = raw.columns.index(VALUE_COLUMN.get(table, "patient_id"))
        ids = [pack_row_id(SourceCell(number, record, column)) for record in range(raw.height)]
        raw = raw.with_columns(pl.Series("row_id", ids, dtype=pl.Int64))
        tables[table] = _fit(table, raw, units)
        sources += [
            {
                "source": number,
                "file": path.name,
                "sheet": None,
                "sha256": "0" * 64,
                "records": raw.height,
                "first_row": 2,
                "column": index,
                "column_name": header,
            }
            for index, header in enumerate(raw.columns[:-1])
        ]
    return (
        Shard.from_tables(tables),
        pl.DataFrame(sources, schema=Source.create_empty().schema),
        rulebook,
    )


def _fit(table: str, raw: pl.DataFrame, units: dict[str, str]) -> pl.DataFrame:
    schema = CANONICAL[table].create_empty().schema
    columns = []
    for name, dtype in schema.items():
        source = {"minute_of_day": "time", "is_ongoing": "ongoing"}.get(name, name)
        if source not in raw.columns:
            columns.append(pl.lit(None, dtype).alias(name))
            continue
        text = pl.col(source)
        if name == "minute_of_day":
            parts = text.str.split(":")
            value = parts.list.get(0).cast(pl.Int32) * 60 + parts.list.get(1).cast(pl.Int32)
        elif dtype == pl.Date:
            full = pl.when(text.str.len_chars() == 7).then(text + "-15").otherwise(text)
            value = full.str.to_date("%Y-%m-%d")
        elif dtype == pl.Boolean:
            value = text.is_in(YES)
        else:
            value = text.cast(dtype)
        columns.append(value.cast(dtype).alias(name))
    frame = raw.select(columns)
    if table == "infusion":
        frame = frame.with_columns(pl.col("route").fill_null("iv"))
    if table == "medication":
        frame = frame.with_columns(
            pl.col("every_n_days").fill_null(1), pl.col("is_ongoing").fill_null(False)
        )
    if table == "assessment":
        frame = frame.with_columns(
            unit=pl.col("unit").fill_null(pl.col("measure").replace_strict(units, default="none"))
        )
    return frame


def write_run(name: str, run: Path) -> Rulebook:
    """Evaluate an example and write its run folder; returns the rulebook used."""
    shard, sources, rulebook = read_example(name)
    study = tomllib.loads((EXAMPLES / name / "study.toml").read_text())
    evaluation = evaluate(shard, rulebook)
    results = estimate_all(evaluation.tables, shard.tables(), rulebook)
    for folder in ("records", "tables", "trace", "quarantine"):
        (run / folder).mkdir(parents=True, exist_ok=True)
    for table, frame in shard.tables().items():
        frame.write_parquet(run / "records" / f"{table}.parquet")
    sources.write_parquet(run / "records" / "source.parquet")
    for table, frame in evaluation.tables.items():
        frame.write_parquet(run / "tables" / f"{table}.parquet")
    evaluation.trace.write_parquet(run / "trace" / "trace.parquet")
    evaluation.trace_source.write_parquet(run / "trace" / "trace_source.parquet")
    results.write_parquet(run / "results.parquet")
    findings = evaluation.findings.select(
        "severity",
        "rule",
        "table",
        file=pl.lit("assessment.csv"),
        sheet=pl.lit(None, pl.String),
        row=pl.lit(2, pl.Int32),
        column=pl.lit("value"),
        found="found",
        expected="expected",
        suggestion="suggestion",
    )
    findings.select(Finding.column_names()).write_parquet(run / "findings.parquet")
    Quarantine.create_empty().write_parquet(run / "quarantine" / "assessment.parquet")
    manifest = {
        "study": {
            "id": study.get("id", name),
            "title": study.get("title", name),
            "synthetic": study.get("synthetic", False),
            "compare_with": study.get("report", {}).get("compare_with"),
        },
        "definitions": {"sha256": rulebook.sha256},
    }
    (run / "manifest.json").write_text(json.dumps(manifest))
    return rulebook
