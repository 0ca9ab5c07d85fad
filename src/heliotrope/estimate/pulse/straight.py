"""Coordinates of the pulse's shape in which the posterior is not bent.

The records tell how long a pulse lasts as a whole, ``2 onset + extra decay`` (its mean residence
time is that over ln 2), far better than how much of it is onset: a slow onset with a quick decay
and the reverse look alike. In the logarithms of the two half-times this is a ridge that turns by a
right angle, since either of them may be near 0. In the logarithm of the whole and the log-odds of
the onset's share in it the ridge is straight, and the prior has normal tails. Volumes are the same
up to a constant factor, so that densities need no correction.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from heliotrope.estimate.pulse.data import Floats
from heliotrope.estimate.pulse.parameters import Layout, Parameter

# A pulse lasts twice its onset's half-time and once its extra decay.
_ONSETS = 2.0


@dataclass(frozen=True)
class Straight:
    """The way between the vector of a layout and straight coordinates, both (..., size)."""

    onset: Parameter
    decay: Parameter
    onset_place: int
    decay_place: int

    @classmethod
    def of(cls, layout: Layout) -> Straight:
        """Read off a layout where the two half-times stand."""
        onset, decay = "onset_days", "extra_decay_days"
        return cls(layout.get(onset), layout.get(decay), layout.place(onset), layout.place(decay))

    def straighten(self, vector: Floats) -> Floats:
        """Return the straight coordinates of a vector."""
        found = np.array(vector, dtype=float)
        onset, decay = self._logs(found)
        found[..., self.onset_place] = np.logaddexp(np.log(_ONSETS) + onset, decay)
        found[..., self.decay_place] = np.log(_ONSETS) + onset - decay
        return found

    def bend(self, straight: Any, xp: Any = np) -> Any:
        """Return the vector of straight coordinates, the inverse of ``straighten``.

        ``xp`` is numpy or jax.numpy.
        """
        whole, odds = straight[..., self.onset_place], straight[..., self.decay_place]
        onset = whole - np.log(_ONSETS) - xp.logaddexp(0.0, -odds)
        decay = whole - xp.logaddexp(0.0, odds)
        columns = [straight[..., place] for place in range(straight.shape[-1])]
        columns[self.onset_place] = _coordinate(onset, self.onset)
        columns[self.decay_place] = _coordinate(decay, self.decay)
        return xp.stack(columns, axis=-1)

    def slopes(self, vector: Floats) -> Floats:
        """Return the derivatives of the straight coordinates (size, size) at a vector (size)."""
        onset, decay = self._logs(vector)
        share = 1.0 / (1.0 + np.exp(decay - onset) / _ONSETS)
        slopes = np.eye(len(vector))
        places = np.ix_((self.onset_place, self.decay_place), (self.onset_place, self.decay_place))
        slopes[places] = np.array([[share, 1.0 - share], [1.0, -1.0]]) * [
            self.onset.scale,
            self.decay.scale,
        ]
        return slopes

    def _logs(self, vector: Floats) -> tuple[Floats, Floats]:
        onset = np.log(self.onset.center) + self.onset.scale * vector[..., self.onset_place]
        decay = np.log(self.decay.center) + self.decay.scale * vector[..., self.decay_place]
        return np.asarray(onset), np.asarray(decay)


def _coordinate(log_value: Any, parameter: Parameter) -> Any:
    return (log_value - np.log(parameter.center)) / parameter.scale
