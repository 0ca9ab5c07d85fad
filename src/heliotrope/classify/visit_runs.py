"""Looking back over visits: confirmed on a later one, sustained up to this one."""

from __future__ import annotations

import polars as pl

from heliotrope.definitions.node import Confirmed, Sustained
from heliotrope.definitions.rule import BROKEN, HELD, PREVIOUS_VISIT
from heliotrope.records.coded_words import word
from heliotrope.records.exact import compute_comparison
from heliotrope.records.row_order import begins, sort_rows


def add_confirmed(visits: pl.DataFrame, node: Confirmed) -> pl.DataFrame:
    """Say whether an unbroken row of visits that meet the node reaches back to an earlier one.

    Adds ``truth:<node>``, ``truth:previous_visit`` (null: no earlier visit that could be judged),
    ``date:previous_visit`` and ``reason:previous_visit`` (``too_soon``, ``too_far_apart``).
    """
    runs = _find_runs(visits, node.of.id, node.at_most_days)
    truth = pl.col(f"truth:{node.of.id}")
    before = pl.col("_before")
    is_apart = before & pl.col("_is_apart")
    is_soon = pl.lit(False)
    if node.at_least_days is not None:
        is_soon = truth & before & ~is_apart & (pl.col("_held") < node.at_least_days)
    previous = pl.when(is_apart | is_soon).then(False).otherwise(before)
    return runs.with_columns(
        previous.alias(f"truth:{PREVIOUS_VISIT}"),
        pl.col("_before_date").alias(f"date:{PREVIOUS_VISIT}"),
        pl.when(is_apart)
        .then(word("too_far_apart"))
        .when(is_soon)
        .then(word("too_soon"))
        .when(before.is_null())
        .then(word("no_earlier_visit"))
        .alias(f"reason:{PREVIOUS_VISIT}"),
        pl.when(truth.is_not_null())
        .then(truth & previous.fill_null(False))
        .alias(f"truth:{node.id}"),
    ).drop("^_.*$")


def add_sustained(visits: pl.DataFrame, node: Sustained) -> pl.DataFrame:
    """Say whether every visit met the node for the days it asks for, up to and with this one.

    Adds ``truth:<node>``; ``held_days`` and ``days_since_not_met`` as truth, quantity and date.
    """
    runs = _find_runs(visits, node.of.id, node.longest_gap_days)
    truth = pl.col(f"truth:{node.of.id}")
    days = float(node.at_least_days)
    runs = runs.with_columns(
        pl.when(truth).then(pl.col("_held")).cast(pl.Float64).alias(f"quantity:{HELD}"),
        pl.when(truth).then("_since").alias(f"date:{HELD}"),
        (pl.col("date") - pl.col("_not_met"))
        .dt.total_days()
        .cast(pl.Float64)
        .alias(f"quantity:{BROKEN}"),
        pl.col("_not_met").alias(f"date:{BROKEN}"),
    ).with_columns(
        compute_comparison(pl.col(f"quantity:{HELD}"), ">=", days).alias(f"truth:{HELD}"),
        compute_comparison(pl.col(f"quantity:{BROKEN}"), "<", days).alias(f"truth:{BROKEN}"),
    )
    is_held = pl.col(f"truth:{HELD}").fill_null(False)
    is_broken = pl.col(f"truth:{BROKEN}").fill_null(False)
    return runs.with_columns(
        pl.when(truth.is_null())
        .then(None)
        .when(truth.not_())
        .then(pl.lit(False))
        .when(is_held)
        .then(pl.lit(True))
        .when(is_broken)
        .then(pl.lit(False))
        .alias(f"truth:{node.id}")
    ).drop("^_.*$")


def _find_runs(visits: pl.DataFrame, node: str, longest_gap: int | None) -> pl.DataFrame:
    """Find, within child and regimen, the row of visits meeting a node that each one ends.

    ``_before`` and ``_before_date``: what the last visit that could be judged said, and when;
    ``_is_apart``: it is too far away; ``_since`` and ``_held``: the first visit of the row, and
    days since; ``_not_met``: the last visit before that did not meet the node. A visit that
    cannot be judged has the first two and ``_not_met`` only.
    """
    series = [name for name in ("patient_id", "regimen") if name in visits.columns]
    truth, date = pl.col(f"truth:{node}"), pl.col("date")
    gap = (pl.col("date") - pl.col("_before_date")).dt.total_days()
    is_apart = pl.lit(False) if longest_gap is None else (gap > longest_gap).fill_null(False)
    starts = truth & (pl.col("_before").fill_null(False).not_() | pl.col("_is_apart"))
    is_next = begins(*series)
    opens = pl.when(is_next).then(pl.int_range(pl.len())).forward_fill()
    judged = _in_series(_find_last(truth.is_not_null()).shift(1))
    not_met = _in_series(_find_last(truth.not_()).shift(1))
    return (
        sort_rows(visits, [*series, "date"])
        .with_columns(_opens=opens)
        .with_columns(
            _before=truth.gather(judged),
            _before_date=date.gather(judged),
            _not_met=date.gather(not_met),
        )
        .with_columns(_is_apart=is_apart)
        .with_columns(_since=date.gather(_in_series(_find_last(starts))))
        .with_columns(_held=(pl.col("date") - pl.col("_since")).dt.total_days())
    )


def _find_last(is_it: pl.Expr) -> pl.Expr:
    """Find the place of the last row, up to each, of which something is true."""
    return pl.when(is_it).then(pl.int_range(pl.len())).forward_fill()


def _in_series(place: pl.Expr) -> pl.Expr:
    """Take a place if it is of the same series, which opens at ``_opens``.

    Ten times as fast as to fill forward within each series.
    """
    return pl.when(place >= pl.col("_opens")).then(place)
