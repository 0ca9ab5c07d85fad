"""What the pulse model sees of a cohort: visits, measures, infusions and other drugs as arrays.

Everything is numpy, padded to the child with most visits and most infusions, so that the numbers
can travel to a machine that has neither the records nor the table library.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Booleans = NDArray[np.bool_]

UNBOUNDED = float("inf")


@dataclass(frozen=True)
class MeasureScale:
    """One measure as the model sees it: higher is worse, in units of its scale.

    ``floor`` and ``ceiling`` are the ends of the instrument in those units, infinite where it has
    none: a value at an end says only "at least so good" or "at least so bad". ``points_per_unit``
    turns a unit of the model back into points of the instrument (of a logarithmic measure:
    doublings). ``important_difference`` is in points of the instrument, none where none is cited.
    """

    name: str
    floor: float = -UNBOUNDED
    ceiling: float = UNBOUNDED
    points_per_unit: float = 1.0
    is_log2_ratio: bool = False
    important_difference: float | None = None


@dataclass(frozen=True)
class ChildChart:
    """One child before padding; days count from the first infusion or the first visit (day 0).

    ``visit_day`` (T): in any order. ``value`` (T, K): scaled, NaN where not recorded.
    ``infusion_day`` and ``dose`` (M): dose in units of 2 g/kg. ``steroid`` (T): filtered steroid,
    centred; ``covariates`` (T, C). ``is_at_risk_of_start`` and ``is_start`` (T): visits at which
    IVIG could have been started, and the one at which it was (only read by the start rule
    "hazard", which reads the last value of the first measure by then). What is left out is zero or
    false.
    """

    visit_day: Floats
    value: Floats
    infusion_day: Floats
    dose: Floats
    steroid: Floats | None = None
    covariates: Floats | None = None
    is_at_risk_of_start: Booleans | None = None
    is_start: Booleans | None = None


@dataclass(frozen=True)
class PulseData:
    """A cohort of n children, T visits, K measures, M infusions, C covariates, padded at the end.

    ``measures`` (K): the first one anchors the latent scale. ``visit_day`` (n, T): ascending where
    ``is_visit``; ``value`` (n, T, K): NaN where absent; ``infusion_day`` (n, M) with ``dose`` 0
    where padded; ``steroid`` (n, T): centred, 0 where unknown; ``covariates`` (n, T, C).
    ``is_at_risk_of_start`` and ``is_start`` (n, T) as in ``ChildChart``. ``knows_steroid`` is false
    when no child has a steroid record: then the steroid term is left out.

    >>> day, value = np.array([14.0, -7.0]), np.array([[2.1], [4.0]])
    >>> chart = ChildChart(day, value, np.zeros(1), np.ones(1))
    >>> data = PulseData.of([chart], (MeasureScale("physician_global", 0, 10),))
    >>> data.visit_day.tolist(), data.value[0, :, 0].tolist()
    ([[-7.0, 14.0]], [4.0, 2.1])
    """

    measures: tuple[MeasureScale, ...]
    visit_day: Floats = field(repr=False)
    is_visit: Booleans = field(repr=False)
    value: Floats = field(repr=False)
    infusion_day: Floats = field(repr=False)
    dose: Floats = field(repr=False)
    steroid: Floats = field(repr=False)
    covariates: Floats = field(repr=False)
    is_at_risk_of_start: Booleans = field(repr=False)
    is_start: Booleans = field(repr=False)
    covariate_names: tuple[str, ...] = ()
    knows_steroid: bool = True
    children: tuple[str, ...] = field(default=(), repr=False)

    @classmethod
    def of(
        cls,
        charts: Sequence[ChildChart],
        measures: tuple[MeasureScale, ...],
        covariate_names: tuple[str, ...] = (),
        knows_steroid: bool = True,
        children: tuple[str, ...] = (),
    ) -> PulseData:
        """Sort each child's visits by day and pad all children to one shape.

        Ties: visits of one day keep their order. Children without visits or infusions stay in,
        all padding.
        """
        n, k, c = len(charts), len(measures), len(covariate_names)
        t = max([1, *(len(chart.visit_day) for chart in charts)])
        m = max([1, *(len(chart.infusion_day) for chart in charts)])
        data = cls(
            measures=measures,
            visit_day=np.zeros((n, t)),
            is_visit=np.zeros((n, t), dtype=bool),
            value=np.full((n, t, k), np.nan),
            infusion_day=np.zeros((n, m)),
            dose=np.zeros((n, m)),
            steroid=np.zeros((n, t)),
            covariates=np.zeros((n, t, c)),
            is_at_risk_of_start=np.zeros((n, t), dtype=bool),
            is_start=np.zeros((n, t), dtype=bool),
            covariate_names=covariate_names,
            knows_steroid=knows_steroid,
            children=children or tuple(str(place + 1) for place in range(n)),
        )
        for row, chart in enumerate(charts):
            _write_chart(data, row, chart)
        return data

    @property
    def n_children(self) -> int:
        """Return how many children there are."""
        return len(self.visit_day)

    @property
    def first_infusion_day(self) -> Floats:
        """Return the day of each child's first infusion (n), infinite without any."""
        return np.asarray(np.where(self.dose > 0, self.infusion_day, np.inf).min(axis=1))

    @property
    def last_infusion_day(self) -> Floats:
        """Return the day of each child's last infusion (n), minus infinity without any."""
        return np.asarray(np.where(self.dose > 0, self.infusion_day, -np.inf).max(axis=1))

    @property
    def is_treated(self) -> Booleans:
        """Say of each child whether it had an infusion (n)."""
        return np.asarray((self.dose > 0).any(axis=1))

    @property
    def n_treated(self) -> int:
        """Return how many children had an infusion."""
        return int(self.is_treated.sum())

    def take(self, rows: Sequence[int] | NDArray[np.int64]) -> PulseData:
        """Return the children of the given rows, in that order."""
        chosen = np.asarray(rows, dtype=int)
        arrays: dict[str, Any] = {name: getattr(self, name)[chosen] for name in _array_names()}
        names = tuple(self.children[row] for row in chosen)
        return replace(self, **arrays, children=names)

    def pad(self, visits: int, infusions: int, children: int) -> PulseData:
        """Return the same cohort with room for more; what is added is padding."""
        arrays: dict[str, Any] = {}
        for name in _array_names():
            array = getattr(self, name)
            second = infusions if name in ("infusion_day", "dose") else visits
            room = [(0, children - array.shape[0]), (0, second - array.shape[1])]
            room += [(0, 0)] * (array.ndim - 2)
            fill = np.nan if name == "value" else 0
            arrays[name] = np.pad(array, room, constant_values=fill)
        names = self.children + ("",) * (children - self.n_children)
        return replace(self, **arrays, children=names)


def _array_names() -> list[str]:
    """Return the names of the fields whose first axis is the child."""
    apart = {"measures", "covariate_names", "knows_steroid", "children"}
    return [each.name for each in fields(PulseData) if each.name not in apart]


def _write_chart(data: PulseData, row: int, chart: ChildChart) -> None:
    """Write one child into the padded arrays."""
    order = np.argsort(chart.visit_day, kind="stable")
    t, m = len(order), len(chart.infusion_day)
    data.visit_day[row, :t] = chart.visit_day[order]
    data.is_visit[row, :t] = True
    data.value[row, :t] = np.reshape(chart.value, (t, len(data.measures)))[order]
    data.infusion_day[row, :m] = chart.infusion_day
    data.dose[row, :m] = chart.dose
    if chart.steroid is not None:
        data.steroid[row, :t] = chart.steroid[order]
    if chart.covariates is not None:
        data.covariates[row, :t] = chart.covariates[order]
    if chart.is_at_risk_of_start is not None:
        data.is_at_risk_of_start[row, :t] = chart.is_at_risk_of_start[order]
    if chart.is_start is not None:
        data.is_start[row, :t] = chart.is_start[order]
