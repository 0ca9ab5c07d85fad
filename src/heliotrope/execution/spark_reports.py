"""How the reports of tasks add up at the driver; loaded only where Spark is.

A task loads this before it says how many threads Polars may have, so that nothing here may load it.
"""

from __future__ import annotations

from typing import Any

from pyspark.accumulators import AccumulatorParam


class ListOfReports(AccumulatorParam[list[Any]]):
    """Reports in the order in which they come; a task adds lists of its own."""

    def zero(self, value: list[Any]) -> list[Any]:
        """Begin with none."""
        del value
        return []

    def addInPlace(self, value1: list[Any], value2: list[Any]) -> list[Any]:  # noqa: N802
        """Add reports at the end."""
        value1.extend(value2)
        return value1
