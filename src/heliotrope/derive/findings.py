"""Findings made while deriving: the rule's words from the definitions, the cell from the row."""

from __future__ import annotations

import polars as pl

from heliotrope.definitions.load import Rulebook
from heliotrope.definitions.vocabulary import finding_rules_of
from heliotrope.records.results import ShardFinding


def make_findings(
    rows: pl.DataFrame, rule_id: str, table: str, found: pl.Expr, rulebook: Rulebook
) -> pl.DataFrame:
    """Make one finding a row, in the words of the rule; ``rows`` has the ``row_id`` of the cell."""
    rule = finding_rules_of(rulebook)[rule_id]
    given = {
        "severity": pl.lit(rule.severity),
        "rule": pl.lit(rule.id),
        "table": pl.lit(table),
        "row_id": pl.col("row_id"),
        "found": found,
        "expected": pl.lit(rule.expected),
        "suggestion": pl.lit(rule.suggestion),
    }
    schema = ShardFinding.create_empty().schema
    return rows.select(given[name].cast(dtype).alias(name) for name, dtype in schema.items())
