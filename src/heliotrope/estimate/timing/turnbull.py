"""When improvement began, if visits only say between which two days: Turnbull's estimate.

Each child gives an interval ``(after, by]``: not yet improved on day ``after``, improved on day
``by``; ``by`` is infinite for a child never seen improved. The estimate puts mass only on the
*innermost* intervals, those from a start to the next end with no start or end between. Where the
mass lies inside such an interval cannot be known: the share improved by a day is therefore a range,
from the mass of the intervals that have ended to that of those that have begun.

The mass is found by Turnbull's self-consistency steps and then Newton steps on the intervals that
keep mass (an interval is let in again where the likelihood would rise). It is the maximum exactly
when no interval's gradient is above the number of children (Karush, Kuhn and Tucker): ``excess`` is
the largest such amount, as a share. Where two divisions of the mass are equally likely the one
found is one of them; the shares by day are then also one of several.

Source: Turnbull, J R Stat Soc B 1976;38:290-295, doi 10.1111/j.2517-6161.1976.tb01597.x; the check:
Gentleman and Geyer, Biometrika 1994;81:618-623, doi 10.1093/biomet/81.3.618.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]

SELF_CONSISTENCY_STEPS = 60

NEWTON_STEPS = 200

CONVERGED = 1e-10

NO_MASS = 1e-12

HALVINGS = 40


@dataclass(frozen=True)
class Onset:
    """The estimated distribution of the day on which improvement began.

    ``after`` and ``by`` (days, ``by`` may be infinite) bound the innermost intervals with mass,
    ``mass`` is the share of children in each, summing to 1; ``excess`` is the largest breach of the
    conditions of a maximum; ``children`` is the number of intervals it was made from.
    """

    after: Numbers
    by: Numbers
    mass: Numbers
    excess: float
    children: int

    @property
    def is_maximum(self) -> bool:
        """Say whether the conditions of a maximum hold."""
        return self.excess < 1e-6

    def share_by(self, day: float) -> tuple[float, float]:
        """Return the least and the greatest share improved by the end of a day."""
        least = float(self.mass[self.by <= day].sum())
        most = float(self.mass[(self.after < day) & np.isfinite(self.by)].sum())
        return min(least, 1.0), min(max(most, least), 1.0)

    def day_of(self, share: float) -> tuple[float, float] | None:
        """Return between which days a share is reached; None if it is not.

        Edge case: a share reached exactly at the end of one interval and held until the next one
        begins counts as reached in the earlier one.
        """
        finite = np.isfinite(self.by)
        reached = np.cumsum(self.mass[finite]) >= share - 1e-9
        if not reached.any():
            return None
        at = int(np.argmax(reached))
        return float(self.after[finite][at]), float(self.by[finite][at])


def estimate_onset(after: Numbers, by: Numbers) -> Onset:
    """Estimate the distribution of the onset from one interval ``(after, by]`` a child.

    Edge cases: nobody gives no mass; ``after`` equal to ``by`` is a day known exactly (the interval
    that ends there and begins just before); nobody seen improved leaves all mass beyond the last
    visit. Raises ValueError where ``after`` lies behind ``by``, or a number is missing.

    >>> onset = estimate_onset(np.array([0.0, 0.0, 7.0, 42.0]), np.array([7.0, 28.0, 42.0, np.inf]))
    >>> onset.after.tolist(), onset.by.tolist(), onset.mass.round(3).tolist()
    ([0.0, 7.0, 42.0], [7.0, 28.0, inf], [0.375, 0.375, 0.25])
    >>> [round(share, 3) for share in onset.share_by(14)]
    [0.375, 0.75]
    """
    if np.isnan(after).any() or np.isnan(by).any() or (after > by).any():
        raise ValueError("an interval needs a start that is not behind its end")
    empty = np.zeros(0)
    if after.size == 0:
        return Onset(empty, empty, empty, 0.0, 0)
    starts, ends = _find_innermost(after, by)
    pairs, counts = np.unique(np.stack([after, by], axis=1), axis=0, return_counts=True)
    is_exact = pairs[:, 0] == pairs[:, 1]
    begins = np.where(is_exact, np.nextafter(pairs[:, 0], -np.inf), pairs[:, 0])
    covers = (begins[:, None] <= starts[None, :]) & (ends[None, :] <= pairs[:, 1][:, None])
    mass, excess = _maximise(covers.astype(np.float64), counts.astype(np.float64))
    has_mass = mass > NO_MASS
    return Onset(
        np.round(starts[has_mass], 9), ends[has_mass], mass[has_mass], excess, int(after.size)
    )


def _find_innermost(after: Numbers, by: Numbers) -> tuple[Numbers, Numbers]:
    """Find the intervals from a start to the next end without a start or an end between.

    On one day ends come before starts, since a child improved by day 7 and one improved after day 7
    share no day. A day known exactly begins just before itself.
    """
    begins = np.where(after == by, np.nextafter(after, -np.inf), after)
    days = np.concatenate([by, begins])
    is_start = np.concatenate([np.zeros(by.size), np.ones(begins.size)])
    order = np.lexsort((is_start, days))
    days, is_start = days[order], is_start[order]
    is_innermost = (is_start[:-1] == 1) & (is_start[1:] == 0)
    return days[:-1][is_innermost], days[1:][is_innermost]


def _maximise(covers: Numbers, counts: Numbers) -> tuple[Numbers, float]:
    """Find the mass of each innermost interval; rows of ``covers`` are children's intervals."""
    children = counts.sum()
    mass = np.full(covers.shape[1], 1 / covers.shape[1])
    for _ in range(SELF_CONSISTENCY_STEPS):
        mass = mass * (covers.T @ (counts / (covers @ mass))) / children
    mass[mass < NO_MASS] = 0.0
    excess = np.inf
    for _ in range(NEWTON_STEPS):
        gradient = covers.T @ (counts / (covers @ mass)) - children
        excess = float(max(gradient.max(), np.abs(gradient[mass > 0]).max())) / float(children)
        if excess < CONVERGED:
            break
        is_free = (mass > 0) | (gradient > CONVERGED * children)
        moved = _step(covers, counts, mass, gradient, is_free)
        if moved is None:
            break
        mass = moved
    return mass / mass.sum(), max(excess, 0.0)


def _step(
    covers: Numbers, counts: Numbers, mass: Numbers, gradient: Numbers, is_free: NDArray[np.bool_]
) -> Numbers | None:
    """Take one Newton step among the free intervals; None where none raises the likelihood.

    What is maximised is sum(counts log(covers mass)) - children sum(mass), whose maximum over all
    mass that is not negative sums to 1 by itself. A step that would make mass negative stops there.
    """
    likely = covers @ mass
    weighted = covers[:, is_free] * (np.sqrt(counts) / likely)[:, None]
    newton = np.zeros_like(mass)
    newton[is_free] = np.linalg.lstsq(weighted.T @ weighted, gradient[is_free], rcond=1e-12)[0]
    self_consistent = mass * gradient / counts.sum()
    best = _objective(covers, counts, mass)
    for direction in (newton, self_consistent):
        length = 1.0
        for _ in range(HALVINGS):
            moved = np.clip(mass + length * direction, 0.0, None)
            moved[moved < NO_MASS] = 0.0
            if _objective(covers, counts, moved) > best:
                return moved
            length /= 2
    return None


def _objective(covers: Numbers, counts: Numbers, mass: Numbers) -> float:
    likely = covers @ mass
    if (likely <= 0).any():
        return -np.inf
    return float(counts @ np.log(likely) - counts.sum() * mass.sum())
