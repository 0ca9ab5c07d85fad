"""Turn located problems into findings a data manager can act on, and into the quarantine."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from heliotrope.definitions.vocabulary import FindingRule
from heliotrope.ingest.columns import TABLE_COLUMNS
from heliotrope.ingest.raw import RawTable
from heliotrope.records.finding_tables import Finding, Quarantine
from heliotrope.records.row_id import compute_row_id

_SEVERITIES = ["error", "warning", "info"]
_ROWS_SHOWN = 5

_FINDING_COLUMNS = list(Finding.column_names())
_LISTED_BY = [name for name in _FINDING_COLUMNS if name != "row"]


def make_source_table(raws: Sequence[RawTable]) -> pl.DataFrame:
    """Make the table of sources: one row a column, what row_id counts."""
    return pl.DataFrame(
        [
            (number, raw.file, raw.sheet, raw.sha256, raw.rows_in, raw.first_row, column, name)
            for number, raw in enumerate(raws)
            for column, name in enumerate(raw.header)
        ],
        schema={
            "source": pl.Int32,
            "file": pl.String,
            "sheet": pl.String,
            "sha256": pl.String,
            "records": pl.Int64,
            "first_row": pl.Int32,
            "column": pl.Int32,
            "column_name": pl.String,
        },
        orient="row",
    )


def place_problems(problems: pl.DataFrame, sources: pl.DataFrame) -> pl.DataFrame:
    """Add file, sheet, row and column name to located problems."""
    columns = sources.select(
        pl.col("source").cast(pl.Int64),
        pl.col("column").cast(pl.Int64),
        "file",
        "sheet",
        "first_row",
        "column_name",
    )
    return problems.join(
        columns, on=["source", "column"], how="left", maintain_order="left"
    ).with_columns((pl.col("record") + pl.col("first_row")).cast(pl.Int32).alias("row"))


@dataclass(frozen=True)
class Listed:
    """Findings as they can be put together: of many buckets those of each.

    single: rows of the schema Finding. repeated: those of rules that are listed once, with the
    first ``rows`` of the file and how many there are (``n``).
    """

    single: pl.DataFrame
    repeated: pl.DataFrame


def list_findings(placed: pl.DataFrame, rules: Mapping[str, FindingRule]) -> Listed:
    """Make findings of located problems; a rule that is listed once has one for all its rows."""
    words = pl.DataFrame(
        [
            (rule.id, rule.severity, rule.is_listed_once, rule.expected, rule.suggestion)
            for rule in rules.values()
        ],
        schema=["rule", "severity", "is_listed_once", "rule_expected", "rule_suggestion"],
        orient="row",
    )
    rows = placed.with_columns(pl.col("column_name").alias("column_header")).join(
        words, on="rule", how="left", maintain_order="left"
    )
    rows = rows.with_columns(
        pl.coalesce("expected", "rule_expected").alias("expected"),
        pl.coalesce("suggestion", "rule_suggestion").alias("suggestion"),
        pl.col("column_header").alias("column"),
    )
    repeated = (
        rows.filter("is_listed_once")
        .group_by(_LISTED_BY, maintain_order=True)
        .agg(pl.col("row").unique().sort().alias("rows"))
        .with_columns(pl.col("rows").list.head(_ROWS_SHOWN), n=pl.col("rows").list.len())
    )
    single = rows.filter(~pl.col("is_listed_once")).select(_FINDING_COLUMNS)
    return Listed(single.unique(maintain_order=True), repeated.cast({"n": pl.Int64}))


def make_findings(parts: Sequence[Listed], about_files: pl.DataFrame) -> pl.DataFrame:
    """Make the findings of a study of those of its buckets and those about its files."""
    single = [part.single for part in parts]
    repeated = pl.concat([part.repeated for part in parts])
    findings = pl.concat([*single, _list_once(repeated), about_files])
    rank = pl.col("severity").replace_strict(
        {name: number for number, name in enumerate(_SEVERITIES)}, return_dtype=pl.Int32
    )
    return Finding.validate(
        findings.unique(maintain_order=True).sort(
            rank, "table", "rule", "file", "sheet", "row", "column", "found", nulls_last=True
        )
    )


def _list_once(repeated: pl.DataFrame) -> pl.DataFrame:
    listed = (
        repeated.explode("rows")
        .group_by(_LISTED_BY, maintain_order=True)
        .agg(pl.col("rows").sort().head(_ROWS_SHOWN))
        .join(
            repeated.group_by(_LISTED_BY).agg(pl.col("n").sum()),
            on=_LISTED_BY,
            nulls_equal=True,
            maintain_order="left",
        )
        .with_columns(row=pl.col("rows").list.first())
    )
    shown = pl.col("rows").cast(pl.List(pl.String)).list.join(", ")
    more = (
        pl.when(pl.col("n") > _ROWS_SHOWN)
        .then(pl.format(" and {} more", pl.col("n") - _ROWS_SHOWN))
        .otherwise(pl.lit(""))
    )
    found = (
        pl.when(pl.col("n") > 1)
        .then(pl.format("{} (rows {}{})", pl.col("found").fill_null(""), shown, more))
        .otherwise(pl.col("found"))
    )
    return listed.with_columns(found.alias("found")).select(_FINDING_COLUMNS)


def make_file_finding(
    rule: FindingRule, found: str, raw: RawTable | None = None, column: str | None = None
) -> tuple[str | int | None, ...]:
    """Make one finding about a file as a whole, as a row of the Finding schema."""
    return (
        rule.severity,
        rule.id,
        None,
        raw.file if raw else None,
        raw.sheet if raw else None,
        raw.first_row - 1 if raw and column else None,
        column,
        found,
        rule.expected,
        rule.suggestion,
    )


def file_findings(rows: Sequence[tuple[str | int | None, ...]]) -> pl.DataFrame:
    """Put findings about files together."""
    schema = Finding.create_empty().schema
    return pl.DataFrame(rows, schema=schema, orient="row")


def make_quarantine(
    placed: pl.DataFrame, raws: Mapping[int, RawTable], rules: Mapping[str, FindingRule]
) -> dict[str, pl.DataFrame]:
    """Keep every row that could not be used, whole and as text, with each reason."""
    words = {rule.id: rule for rule in rules.values()}
    refused = placed.filter(pl.col("effect").is_in(["quarantine_row", "quarantine_cell"])).unique(
        ["table", "source", "record", "column", "rule"], maintain_order=True
    )
    by_source = refused.partition_by("source", as_dict=True, maintain_order=True)
    raw_texts = [
        _raw_json(number, raws[number], rows["record"])
        for (number,), rows in sorted(by_source.items(), key=lambda item: item[0])
    ]
    if not raw_texts:
        return {table: Quarantine.create_empty() for table in TABLE_COLUMNS}
    expected = pl.coalesce(
        "expected", _of_rule({name: rule.expected for name, rule in words.items()})
    )
    to_do = pl.coalesce(
        "suggestion", _of_rule({name: rule.suggestion for name, rule in words.items()})
    )
    rows = refused.join(
        pl.concat(raw_texts), on=["source", "record"], how="left", maintain_order="left"
    ).select(
        "table",
        compute_row_id(pl.col("source"), pl.col("record"), pl.col("column")).alias("row_id"),
        "file",
        "sheet",
        "row",
        "rule",
        pl.format(
            "Expected: {}. Found: {}. To do: {}.", expected, pl.col("found").fill_null(""), to_do
        ).alias("message"),
        "raw",
    )
    return {
        table: Quarantine.validate(rows.filter(pl.col("table") == table).drop("table"))
        for table in TABLE_COLUMNS
    }


def _of_rule(texts: Mapping[str, str]) -> pl.Expr:
    return pl.col("rule").replace_strict(texts, default=None, return_dtype=pl.String)


def _raw_json(number: int, raw: RawTable, records: pl.Series) -> pl.DataFrame:
    """Return the whole rows as JSON; cells beyond the header stand under a name of their own."""
    wanted = sorted(set(records.to_list()))
    cells = raw.rows_of(wanted).drop("record")
    extra = dict(raw.refused.select("record", "extra").iter_rows())
    texts = []
    for record, row in zip(wanted, cells.iter_rows(), strict=True):
        content: dict[str, object] = dict(zip(raw.header, row, strict=True))
        if extra.get(record):
            content["(beyond the header)"] = json.loads(extra[record])
        texts.append(json.dumps(content, ensure_ascii=False))
    return pl.DataFrame(
        {"source": [number] * len(wanted), "record": wanted, "raw": texts},
        schema={"source": pl.Int64, "record": pl.Int64, "raw": pl.String},
    )
