"""Medians, rates, curves and estimates that may leave a site."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import polars as pl

from heliotrope.estimate import wording
from heliotrope.estimate.intervals import Interval, estimate_rate_exact
from heliotrope.estimate.rows import Row
from heliotrope.report.disclosure.control_counts import (
    copy_head,
    say_not_shared,
    say_suppressed,
)
from heliotrope.report.disclosure.recover import Wholes
from heliotrope.report.disclosure.suppress import round_count

BESIDE = {"median": 0.5, "quartile_low": 0.25, "quartile_high": 0.25}

RATES = "rate_per_"


def round_figures(value: float, figures: int) -> float:
    """Round a number to so many figures.

    >>> round_figures(0.123456, 3), round_figures(1234.5, 2), round_figures(0.0, 2)
    (0.123, 1200.0, 0.0)
    """
    if value == 0 or not math.isfinite(value):
        return value
    return round(value, figures - 1 - math.floor(math.log10(abs(value))))


def control_summaries(rows: pl.DataFrame, wholes: Wholes) -> list[Row]:
    """Give a median or quartile where enough children lie on either side of it.

    Rounded to few figures: with an odd number the median is the value of one child. The number
    behind it is rounded too; the range stays at the site.
    """
    limits, made = wholes.limits, []
    for row in rows.iter_rows(named=True):
        n = row["n_evaluable"] or 0
        beside = BESIDE.get(row["statistic"])
        if row["value"] is None or beside is None or math.floor(n * beside) < limits.least_count:
            continue
        value = round_figures(row["value"], limits.digits_of_summaries)
        made.append(
            replace(
                copy_head(row),
                value=value,
                formatted=f"{value:,g}",
                n_evaluable=wholes.round_whole(n),
            )
        )
    return made


@dataclass(frozen=True)
class Behind:
    """Who stands behind a rate: how many children had the event, and whether words are fixed."""

    children: Callable[[str], int] | None
    is_closed: bool


def control_rates(
    rows: pl.DataFrame, all_rows: pl.DataFrame, behind: Behind, wholes: Wholes
) -> list[Row]:
    """Give a rate from the rounded count and the rounded exposure, where neither is small.

    ``all_rows``: the analysis with its counts, which stand beside the rates. Both the occasions
    and the children who had one must reach the least count.
    """
    counts = {
        row["variable"]: round(row["value"])
        for row in all_rows.iter_rows(named=True)
        if row["statistic"] == "n" and row["value"] is not None
    }
    limits, made = wholes.limits, []
    for row in rows.iter_rows(named=True):
        count = counts.get(row["variable"], 0)
        children = behind.children(row["variable"]) if behind.children else 0
        is_small = min(count, children) < limits.least_count or not row["value"]
        if is_small:
            if behind.is_closed:
                made.append(replace(copy_head(row), refused=say_suppressed(limits)))
            continue
        made.append(_make_rate(row, count, wholes))
    return made


def _make_rate(row: Mapping[str, Any], count: int, wholes: Wholes) -> Row:
    base = wholes.limits.rounding_base
    rounded, amount = round_count(count, base), round_count(round(count / row["value"]), base)
    interval = estimate_rate_exact(rounded, amount, row["level"])
    words = row["statistic"].removeprefix(RATES).replace("_", " ")
    return replace(
        copy_head(row),
        value=rounded / amount,
        formatted=wording.rate(rounded, amount, f"{words}s", interval),
        low=interval.low,
        high=interval.high,
        level=row["level"],
        n_evaluable=wholes.round_whole(row["n_evaluable"]),
    )


def control_curve(
    rows: pl.DataFrame,
    steps: pl.DataFrame,
    wholes: Wholes,
    printed_days: Sequence[int],
) -> list[Row]:
    """Give a curve on those printed days between which enough children had the event.

    A day is printed when at least the least count had the event since the day printed before, and
    as many are still at risk: no step of what is printed is a single child. ``steps``: all rows of
    the analysis. Numbers at risk, single event days and the median day stay at the site.
    """
    events, at_risk = _read_steps(steps)
    limits, ever = wholes.limits, _find_count(steps, "at_risk_ever")
    survival = {row["variable"]: row for row in rows.iter_rows(named=True)}
    made, seen = [], 0
    for day in sorted(printed_days):
        row = survival.get(f"day_{day}")
        if row is None or row["value"] is None:
            continue
        so_far = sum(number for then, number in events.items() if then <= day)
        if min(so_far - seen, at_risk.get(day, 0)) < limits.least_count:
            continue
        seen = so_far
        made.append(_make_step(row, ever, wholes))
    return made


def _make_step(row: Mapping[str, Any], ever: int, wholes: Wholes) -> Row:
    decimals = wholes.limits.decimals_of_curves
    value = round(row["value"], decimals)
    low, high = (None if row[end] is None else round(row[end], decimals) for end in ("low", "high"))
    interval = None if low is None or high is None else Interval(low, high)
    return replace(
        copy_head(row),
        value=value,
        formatted=wording.survival(value, interval),
        low=low,
        high=high,
        level=row["level"],
        n_evaluable=wholes.round_whole(ever),
    )


def _read_steps(steps: pl.DataFrame) -> tuple[dict[int, int], dict[int, int]]:
    """Read from a curve's rows how many had the event on a day, and were at risk on it."""
    found: dict[str, dict[int, int]] = {"events": {}, "at_risk": {}}
    for row in steps.iter_rows(named=True):
        day = row["variable"].removeprefix("day_")
        if row["statistic"] in found and row["value"] is not None and day.isdigit():
            found[row["statistic"]][int(day)] = round(row["value"])
    return found["events"], found["at_risk"]


def _find_count(rows: pl.DataFrame, variable: str) -> int:
    found = rows.filter(pl.col("variable") == variable, pl.col("statistic") == "n")["value"]
    return round(found[0]) if found.len() and found[0] is not None else 0


def control_estimates(rows: pl.DataFrame, wholes: Wholes) -> list[Row]:
    """Give an estimate with its interval where enough children stand behind it, else say so."""
    limits, made = wholes.limits, []
    for row in rows.iter_rows(named=True):
        n = row["n_evaluable"] or 0
        if row["value"] is None or n < limits.least_for_estimates:
            made.append(replace(copy_head(row), refused=say_not_shared()))
            continue
        value, low, high = (
            None if row[part] is None else round_figures(row[part], limits.digits_of_estimates)
            for part in ("value", "low", "high")
        )
        assert value is not None
        has_interval = low is not None and high is not None
        made.append(
            replace(
                copy_head(row),
                value=value,
                formatted=wording.estimate(value, Interval(low, high))
                if low is not None and high is not None
                else wording.number(value),
                low=low,
                high=high,
                level=row["level"] if has_interval else None,
                n_evaluable=wholes.round_whole(n),
            )
        )
    return made
