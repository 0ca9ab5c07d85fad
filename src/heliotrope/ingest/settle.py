"""Let each problem have its effect: which rows stay, which are quarantined, which left out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from heliotrope.definitions.vocabulary import FindingRule
from heliotrope.ingest.build import Built
from heliotrope.ingest.problems import PROBLEM, make_problems
from heliotrope.ingest.staged import Staged
from heliotrope.records.row_id import compute_source_cell

LOCATED: dict[str, type[pl.DataType]] = {"table": pl.String, "source": pl.Int64, **PROBLEM}

LEFT_OUT: dict[str, type[pl.DataType]] = {
    "source": pl.Int64,
    "record": pl.Int64,
    "row_id": pl.Int64,
    "rule": pl.String,
}


@dataclass(frozen=True)
class Settled:
    """Canonical rows that stay, located problems, and records left out."""

    rows: pl.DataFrame
    problems: pl.DataFrame
    left_out: pl.DataFrame


def resolve_effects(problems: pl.DataFrame, rules: Mapping[str, FindingRule]) -> pl.DataFrame:
    """Fill in the effect of each problem's rule where the problem does not say its own."""
    effects = {name: rule.effect for name, rule in rules.items()}
    of_rule = pl.col("rule").replace_strict(effects, return_dtype=pl.String)
    return problems.with_columns(pl.coalesce("effect", of_rule).alias("effect"))


def settle(staged: Staged, built: Built, rules: Mapping[str, FindingRule]) -> Settled:
    """Take refused and ignored rows out of one mapping's canonical rows."""
    problems = pl.concat([_refused(staged), staged.problems, built.problems])
    problems = resolve_effects(problems, rules).select(
        pl.lit(staged.table).alias("table"),
        pl.lit(staged.source, pl.Int64).alias("source"),
        *PROBLEM,
    )
    rows = _without(built.rows, problems.filter(pl.col("effect") == "quarantine_row"))
    by_rule = problems.filter(pl.col("effect") == "ignore_row")
    rows = _without(rows, by_rule)
    left_out = pl.concat(
        [
            staged.ignored.select("record", pl.lit(None, pl.Int64).alias("row_id"), "rule"),
            built.ignored.select("record", "row_id", "rule"),
            by_rule.select("record", "row_id", "rule"),
        ]
    ).select(pl.lit(staged.source, pl.Int64).alias("source"), "record", "row_id", "rule")
    said = staged.ignored.filter(pl.col("rule") == "declared_ignored")
    told = make_problems(said, "declared_ignored", column=staged.value_column, found="left out")
    told = resolve_effects(told, rules).select(
        pl.lit(staged.table).alias("table"),
        pl.lit(staged.source, pl.Int64).alias("source"),
        *PROBLEM,
    )
    return Settled(rows, pl.concat([problems, told]), left_out)


def settle_late(
    rows: pl.DataFrame, problems: pl.DataFrame, rules: Mapping[str, FindingRule]
) -> Settled:
    """Let problems found among canonical rows (they carry row_id and table) have their effect."""
    if problems.is_empty():
        return Settled(rows, pl.DataFrame(schema=LOCATED), pl.DataFrame(schema=LEFT_OUT))
    resolved = resolve_effects(problems, rules)
    refused = resolved.filter(pl.col("effect") == "quarantine_row")
    ignored = resolved.filter(pl.col("effect") == "ignore_row")
    gone = pl.concat([refused.select("row_id"), ignored.select("row_id")])
    return Settled(
        rows.join(gone, on="row_id", how="anti"),
        resolved,
        ignored.select(list(LEFT_OUT)),
    )


def make_late_problems(
    table: str, rows: pl.DataFrame, rule: str, **columns: pl.Expr | str | None
) -> pl.DataFrame:
    """Make one problem a canonical row; the place is that of its row_id."""
    if rows.is_empty():
        return pl.DataFrame(schema=LOCATED)
    placed = rows.with_columns(compute_source_cell(pl.col("row_id")))
    problems = make_problems(placed, rule, **columns)
    return placed.select(pl.lit(table).alias("table"), "source").hstack(problems)


def _without(rows: pl.DataFrame, problems: pl.DataFrame) -> pl.DataFrame:
    """Take out the rows a problem names, or all rows of its record where it names none."""
    if problems.is_empty():
        return rows
    whole = problems.filter(pl.col("row_id").is_null()).select("record").unique()
    single = problems.filter(pl.col("row_id").is_not_null()).select("row_id").unique()
    return rows.join(whole, on="record", how="anti").join(single, on="row_id", how="anti")


def _refused(staged: Staged) -> pl.DataFrame:
    """Turn the records that are no rows of the file into problems."""
    return make_problems(staged.raw.refused, pl.col("rule"), column=0, found=pl.col("found"))
