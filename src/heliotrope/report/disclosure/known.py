"""What is printed, as linear statements on the true counts, and what follows from them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from heliotrope.definitions.disclosure import DisclosureLimits
from heliotrope.report.disclosure.suppress import bound_count, round_count

Place = tuple[str, str]

TOLERANCE = 1e-6

UNBOUNDED = 1e6


def is_pinned(bounds: tuple[int, int], least: int) -> bool:
    """Say whether a count may be small and too few values are left for it.

    >>> is_pinned((0, 3), 5), is_pinned((0, 4), 5), is_pinned((5, 7), 5)
    (True, False, False)
    """
    low, high = bounds
    return low < least and high - low + 1 < least


@dataclass
class Known:
    """What somebody knows who has all that is printed.

    ``places``: the columns, one a count, a rest or a whole. ``least``, ``most``: bounds of each.
    ``sums``: rows of coefficients with the bounds of their sum.
    """

    limits: DisclosureLimits
    places: dict[Place, int] = field(default_factory=dict)
    least: list[float] = field(default_factory=list)
    most: list[float] = field(default_factory=list)
    sums: list[tuple[dict[int, float], float, float]] = field(default_factory=list)

    def column(self, place: Place) -> int:
        """Return the column of a count, a new one with no bounds but zero."""
        if place not in self.places:
            self.places[place] = len(self.places)
            self.least.append(0.0)
            self.most.append(UNBOUNDED)
        return self.places[place]

    def print_count(self, place: Place, count: int) -> None:
        """Bound a count by its rounded value."""
        column = self.column(place)
        self.least[column], self.most[column] = self._window(count)

    def print_sum(self, places: Sequence[Place], count: int) -> None:
        """Bound the sum of some counts by its rounded value."""
        low, high = self._window(count)
        self.sums.append(({self.column(place): 1.0 for place in places}, low, high))

    def equate(self, places: Sequence[Place], whole: Place) -> None:
        """State that some counts add up to another."""
        row = {self.column(place): 1.0 for place in places}
        row[self.column(whole)] = row.get(self.column(whole), 0.0) - 1.0
        self.sums.append((row, 0.0, 0.0))

    def _window(self, count: int) -> tuple[int, int]:
        base = self.limits.rounding_base
        return bound_count(round_count(count, base), base, self.limits.least_count)

    def bound(self, place: Place) -> tuple[int, int]:
        """Return the least and the greatest value that a count can have."""
        column = self.places[place]
        low, high = (self._reach(column, sign)[column] for sign in (1.0, -1.0))
        return math.ceil(low - TOLERANCE), math.floor(high + TOLERANCE)

    def find_pinned(self, places: Iterable[Place]) -> list[Place]:
        """Name those of some counts that can be told.

        What was reached while bounding one count is a possible answer for all: a count that was
        seen to differ enough needs no look of its own.
        """
        least, count = self.limits.least_count, len(self.places)
        low, high = np.full(count, np.inf), np.full(count, -np.inf)
        found = []
        for place in places:
            column = self.places[place]
            for sign in (1.0, -1.0):
                if _is_open(low[column], high[column], least):
                    break
                reached = self._reach(column, sign)
                low, high = np.minimum(low, reached), np.maximum(high, reached)
            ends = math.ceil(low[column] - TOLERANCE), math.floor(high[column] + TOLERANCE)
            if is_pinned(ends, least):
                found.append(place)
        return found

    def _reach(self, column: int, sign: float) -> NDArray[np.float64]:
        """Return true counts that agree with all that is printed, one as small or large as can be.

        What nothing bounds is bounded by a very large number.
        """
        from scipy.optimize import linprog

        matrix, lows, highs = self._matrix()
        same = lows == highs
        apart = matrix[~same]
        goal = np.zeros(len(self.places))
        goal[column] = sign
        solved = linprog(
            goal,
            A_ub=np.vstack([apart, -apart]),
            b_ub=np.concatenate([highs[~same], -lows[~same]]),
            A_eq=matrix[same],
            b_eq=lows[same],
            bounds=list(zip(self.least, self.most, strict=True)),
        )
        reached: NDArray[np.float64] = solved.x
        return reached

    def _matrix(self) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        matrix = np.zeros((len(self.sums), len(self.places)))
        for number, (row, _, _) in enumerate(self.sums):
            for column, weight in row.items():
                matrix[number, column] = weight
        lows, highs = (np.array([row[end] for row in self.sums]) for end in (1, 2))
        return matrix, lows, highs


def _is_open(low: float, high: float, least: int) -> bool:
    """Say whether values that were reached already leave enough."""
    if not high >= low:
        return False
    return math.floor(high + TOLERANCE) - math.ceil(low - TOLERANCE) + 1 >= least
