"""How long children stay free of an event: the Kaplan-Meier curve, with late entry allowed.

A child is at risk on day t when it entered before t and left on t or later: ``entry < t <= exit``.
On one day events come before censoring. With delayed entry few children may be at risk early on;
if all of them have the event while others enter later, the curve would stay at zero for good,
which says nothing of those others: ``depleted_day`` names that day, and nothing is estimated from
it on. Intervals: log-log (stays within 0 and 1, the one printed first) and plain Greenwood.
Source: Kaplan and Meier, J Am Stat Assoc 1958, doi 10.1080/01621459.1958.10501452.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from heliotrope.estimate.intervals import compute_normal_quantile

HALF = 1 / 2

CLOSE = 1e-9

STEP_SCHEMA: dict[str, type[pl.DataType]] = {
    "day": pl.Float64,
    "events": pl.Int64,
    "at_risk": pl.Int64,
    "survival": pl.Float64,
    "loglog_low": pl.Float64,
    "loglog_high": pl.Float64,
    "greenwood_low": pl.Float64,
    "greenwood_high": pl.Float64,
}


@dataclass(frozen=True)
class Curve:
    """A Kaplan-Meier curve.

    ``steps``: one row a day with an event (columns of ``STEP_SCHEMA``); intervals are null where
    the curve has reached zero. ``times``: entry, exit and is_event of the children at risk at some
    time. ``depleted_day``: see the module; null when that did not happen.
    """

    steps: pl.DataFrame
    times: pl.DataFrame
    depleted_day: float | None

    def at_risk(self, day: float) -> int:
        """Count the children at risk just before a day; on day 0, those who entered on it."""
        has_entered = pl.col("entry") < day if day > 0 else pl.col("entry") <= day
        return int(self.times.filter(has_entered & (pl.col("exit") >= day)).height)

    def step_at(self, day: float) -> dict[str, float | None] | None:
        """Return the last step on or before a day; None before the first event."""
        before = self.steps.filter(pl.col("day") <= day)
        return before.row(-1, named=True) if before.height else None

    def quantile(self, column: str = "survival", share: float = HALF) -> float | None:
        """Return the day on which a curve falls to a share; None if it never does.

        Where the curve runs level exactly at the share, the middle of that stretch is given, as
        R's survival does. ``column`` may also be an end of an interval.
        """
        falls = self.steps.filter(pl.col(column) <= share + CLOSE)
        if falls.height == 0:
            return None
        first = falls.row(0, named=True)
        later = self.steps.filter((pl.col("day") > first["day"]) & (pl.col(column) < share - CLOSE))
        is_level = abs(first[column] - share) < CLOSE
        if is_level and later.height:
            return float(first["day"] + later["day"][0]) / 2
        return float(first["day"])


def estimate_curve(times: pl.DataFrame, level: float) -> Curve:
    """Estimate the curve from one row a child: entry, exit (days) and is_event.

    Children who leave on the day they enter, or before, were never at risk and are left out.

    >>> times = pl.DataFrame({"entry": [0, 0, 0, 0], "exit": [3, 5, 5, 9],
    ...                       "is_event": [True, True, False, True]})
    >>> estimate_curve(times, 0.95).steps.select("day", "at_risk", "survival").rows()
    [(3.0, 4, 0.75), (5.0, 3, 0.5), (9.0, 1, 0.0)]
    """
    seen = times.select(
        pl.col("entry").cast(pl.Float64), pl.col("exit").cast(pl.Float64), "is_event"
    ).filter(pl.col("exit") > pl.col("entry"))
    days = seen.filter("is_event").group_by(pl.col("exit").alias("day")).len("events").sort("day")
    entries, exits = seen["entry"].sort(), seen["exit"].sort()
    entered = entries.search_sorted(days["day"], side="left")
    left = exits.search_sorted(days["day"], side="left")
    steps = days.select(
        "day",
        pl.col("events").cast(pl.Int64),
        pl.Series("at_risk", entered, dtype=pl.Int64) - pl.Series("left", left, dtype=pl.Int64),
    )
    last_entry = entries.max()
    depleted = steps.filter(
        (pl.col("events") == pl.col("at_risk")) & (pl.col("day") <= pl.lit(last_entry))
    )["day"]
    return Curve(
        steps=_compute_survival(steps, level).select(
            pl.col(name).cast(dtype) for name, dtype in STEP_SCHEMA.items()
        ),
        times=seen,
        depleted_day=float(depleted[0]) if depleted.len() else None,
    )


def _compute_survival(steps: pl.DataFrame, level: float) -> pl.DataFrame:
    """Multiply the shares that stay free of the event and add Greenwood's variance up."""
    z = compute_normal_quantile(1 - (1 - level) / 2)
    events, at_risk = pl.col("events"), pl.col("at_risk")
    survival, spread = pl.col("survival"), pl.col("greenwood").sqrt()
    is_zero = survival <= CLOSE
    log_survival = survival.log()
    factor = (spread * z / log_survival.abs()).exp()
    return (
        steps.with_columns(
            survival=((at_risk - events) / at_risk).cum_prod(),
            greenwood=(events / (at_risk * (at_risk - events))).cum_sum(),
        )
        .with_columns(
            loglog_low=survival.pow(factor),
            loglog_high=survival.pow(1 / factor),
            greenwood_low=(survival * (1 - z * spread)).clip(0, 1),
            greenwood_high=(survival * (1 + z * spread)).clip(0, 1),
        )
        .with_columns(
            pl.when(is_zero).then(None).otherwise(pl.col(name)).alias(name)
            for name in ("loglog_low", "loglog_high", "greenwood_low", "greenwood_high")
        )
    )
