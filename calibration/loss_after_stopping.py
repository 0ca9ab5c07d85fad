"""Children after stopping whose loss to follow-up depends on how active they were last found."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from heliotrope.definitions.model_free import Loss as LossRule
from heliotrope.estimate.events.aalen_johansen import (
    CompetingTimes,
    estimate_competing_curves,
    estimate_share_interval,
)
from heliotrope.estimate.events.loss_weights import estimate_loss_weights
from heliotrope.estimate.intervals import Interval

DAY = 365

EVERY = 28

END = 400

TRUTH_CHILDREN = 200_000

LEVEL = 0.95

Generator = np.random.Generator


@dataclass(frozen=True)
class Loss:
    """How being lost before the next visit hangs on activity: log odds at 2 cm, and a cm more."""

    log_odds: float
    by_activity: float

    def find_chance(self, activity: NDArray[np.float64]) -> NDArray[np.float64]:
        """Give each child's chance."""
        away = self.log_odds + self.by_activity * (activity - 2.0)
        return np.asarray(1 / (1 + np.exp(-away)))


@dataclass(frozen=True)
class Found:
    """One cohort: the share worse by the day, and its interval, unweighted and weighted."""

    unweighted: float
    weighted: float
    interval: Interval | None
    interval_weighted: Interval | None
    losses: int


def draw_children(
    children: int, loss: Loss | None, generator: Generator
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Draw activity every 28 days, worsening by it, and loss by what was last measured.

    ``loss``: None, nobody is lost. Returns the children's times and the values measured.
    """
    activity = np.clip(generator.normal(2.0, 1.5, children), 0, 10)
    names = np.array([f"c{number:06}" for number in range(children)])
    exit_day = np.full(children, float(END))
    is_event, is_lost = np.zeros(children, np.bool_), np.zeros(children, np.bool_)
    values = []
    for start in range(0, END, EVERY):
        is_seen = exit_day >= END
        values.append(
            pl.DataFrame({"patient_id": names[is_seen], "day": start, "value": activity[is_seen]})
        )
        worse = start + np.ceil(generator.exponential(1 / (0.0006 * np.exp(0.5 * activity))))
        goes = generator.random(children) < (0.0 if loss is None else loss.find_chance(activity))
        lost = np.where(goes, start + generator.integers(1, EVERY + 1, children), np.inf)
        first = np.minimum(worse, lost)
        ends = is_seen & (first <= start + EVERY) & (first < END)
        exit_day[ends] = first[ends]
        is_event |= ends & (worse <= lost)
        is_lost |= ends & (worse > lost)
        moved = 0.6 + 0.7 * activity + generator.normal(0, 1.0, children)
        activity = np.clip(moved, 0, 10)
    times = pl.DataFrame(
        {
            "patient_id": names,
            "entry": np.zeros(children),
            "exit": exit_day,
            "is_event": is_event,
            "is_lost": is_lost,
        }
    )
    return times, pl.concat(values)


def find_truth(generator: Generator) -> float:
    """Return the share worse by the day among very many children of whom nobody is lost."""
    times, _ = draw_children(TRUTH_CHILDREN, None, generator)
    return int((times["is_event"] & (times["exit"] <= DAY)).sum()) / times.height


def run_cohort(children: int, loss: Loss, rule: LossRule, generator: Generator) -> Found:
    """Draw one cohort and estimate the share worse by the day without weights and with them."""
    times, activity = draw_children(children, loss, generator)
    weights = estimate_loss_weights(times, activity, rule)
    ends = times.select("patient_id", "exit", cause=pl.col("is_event").cast(pl.Int64))
    plain = CompetingTimes(
        np.zeros(children), ends["exit"].to_numpy(), ends["cause"].to_numpy().astype(np.int64)
    )
    found: list[tuple[float, Interval | None]] = []
    for rows in (plain, weights.cut(ends)):
        curves = estimate_competing_curves(rows, 1)
        step = curves.step_at(DAY) or 0
        share, error = float(curves.shares[step, 0]), float(curves.errors[step, 0])
        found.append((share, estimate_share_interval(share, error, LEVEL)))
    (unweighted, interval), (weighted, interval_weighted) = found
    return Found(unweighted, weighted, interval, interval_weighted, weights.losses)
