"""Random draws that the whole simulation shares, one generator a block of children."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Integers = NDArray[np.int64]
Booleans = NDArray[np.bool_]


@dataclass(frozen=True)
class Draws:
    """Random numbers in the shapes the simulation asks for; the order of the calls matters."""

    generator: np.random.Generator

    def is_true(self, share: float | Numbers, shape: tuple[int, ...]) -> Booleans:
        """True with the given chance."""
        return self.generator.random(shape) < share

    def normal(self, mean: float, sd: float, shape: tuple[int, ...]) -> Numbers:
        """Normal numbers."""
        return mean + sd * self.generator.standard_normal(shape)

    def around(self, median: float, log_sd: float, shape: tuple[int, ...]) -> Numbers:
        """Positive numbers around a median: log-normal."""
        return median * np.exp(log_sd * self.generator.standard_normal(shape))

    def days(self, first: int, last: int, shape: tuple[int, ...]) -> Integers:
        """Whole days between two, both included."""
        return self.generator.integers(first, last + 1, shape)

    def index(self, shares: Sequence[float], shape: tuple[int, ...]) -> Integers:
        """The number of a choice, each with its share."""
        edges = np.cumsum(np.asarray(shares, dtype=np.float64))
        drawn = np.searchsorted(edges / edges[-1], self.generator.random(shape), side="right")
        return drawn.astype(np.int64)


def round_to(values: Numbers, step: float | Numbers) -> Numbers:
    """Round to whole steps, e.g. tablets of 2.5 mg, without the dust of binary fractions.

    >>> round_to(np.array([0.34, 11.0]), 2.5).tolist()
    [0.0, 10.0]
    """
    rounded: Numbers = np.round(np.round(values / step) * step, DECIMALS)
    return rounded


DECIMALS = 4
