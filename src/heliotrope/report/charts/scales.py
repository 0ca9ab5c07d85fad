"""Where a value falls on a panel: the scales of the static drawing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class NumericScale:
    """Numbers from ``low`` to ``high`` onto 0 to 1, linear or logarithmic.

    Values outside the domain are drawn at its edge, so that nothing leaves the panel; a value
    that cannot stand on a logarithmic axis (zero or below) stands at the lower edge.
    """

    low: float
    high: float
    is_log: bool = False

    def fraction(self, value: float) -> float:
        """Return how far along the scale a value lies, from 0 to 1.

        >>> NumericScale(10, 1000, is_log=True).fraction(100)
        0.5
        >>> NumericScale(0, 4).fraction(9)
        1.0
        """
        if self.high <= self.low:
            return 0.5
        if not self.is_log:
            part = (value - self.low) / (self.high - self.low)
        elif value <= 0:
            part = 0.0
        else:
            part = math.log(value / self.low) / math.log(self.high / self.low)
        return min(max(round(part, 6), 0.0), 1.0)


@dataclass(frozen=True)
class LaneScale:
    """Named lanes from top to bottom, each of the same height."""

    names: tuple[str, ...]

    def centre(self, name: str) -> float:
        """Return the middle of a lane as a part of the height, from the top.

        >>> LaneScale(("a", "b")).centre("b")
        0.75
        """
        return (self.names.index(name) + 0.5) / len(self.names)

    @property
    def height(self) -> float:
        """The part of the height that one lane takes."""
        return 1 / len(self.names)


def read_numeric(channel: dict[str, Any]) -> NumericScale:
    """Read the scale of a channel of numbers from a specification."""
    scale = channel["scale"]
    low, high = scale["domain"]
    return NumericScale(float(low), float(high), scale.get("type") == "log")


def find_channel(layers: Sequence[dict[str, Any]], name: str) -> dict[str, Any] | None:
    """Find the first layer's channel of this name that carries a scale."""
    for layer in layers:
        channel = layer["encoding"].get(name)
        if channel and "scale" in channel:
            return dict(channel)
    return None
