"""The pulse model's result rows: each figure with its prior, its contraction and its error."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from heliotrope.estimate.pulse.data import Booleans, Floats
from heliotrope.estimate.pulse.estimands import contraction_of
from heliotrope.estimate.pulse.fit import PulseFit
from heliotrope.estimate.rows import Row, Topic
from heliotrope.estimate.wording import numbers, worded

POSTERIOR = "posterior_median"
PRIOR = "prior_median"
CONTRACTION = "contraction"
ERROR = "monte_carlo_error"
PROBABILITY = "posterior_probability"
SHRINKAGE = "shrinkage"

IN_DAYS = worded("{value} days ({level} %: {low} to {high})")
AT_LEVEL = worded("{value} ({level} %: {low} to {high})")

ON_LOG_SCALE = ("days", "ratio")


@dataclass(frozen=True)
class Figures:
    """Makes rows of drawn values: the topic, the level, the children, and the fit behind them."""

    topic: Topic
    level: float
    n_children: int
    fit: PulseFit

    def posterior(self, variable: str, values: Floats, unit: str = "points") -> Row:
        """Return the median of drawn values with their interval."""
        return self._summary(variable, POSTERIOR, values, unit)

    def of_prior(self, variable: str, values: Floats) -> Row:
        """Return the median and interval of what was expected before the records were read."""
        return self._summary(variable, PRIOR, values, "points")

    def figure(
        self, variable: str, values: Floats, prior: Floats, unit: str, refused: str | None
    ) -> list[Row]:
        """Return a figure with its prior, contraction and error; refused: the prior stays."""
        beside = [
            self._summary(variable, PRIOR, prior, unit),
            self.number(variable, CONTRACTION, contraction_of(values, prior, unit in ON_LOG_SCALE)),
        ]
        if refused:
            return [self.refuse(variable, POSTERIOR, refused), *beside]
        return [
            self.posterior(variable, values, unit),
            *beside,
            self.number(variable, ERROR, self.fit.monte_carlo_error(values)),
        ]

    def probability(self, variable: str, is_so: Booleans, refused: str | None) -> list[Row]:
        """Return the share of draws in which a statement holds, with its error."""
        if refused:
            return [self.refuse(variable, PROBABILITY, refused)]
        share = float(np.mean(is_so))
        spread = max(share * (1.0 - share), 0.0) ** 0.5
        # A chance has the error of a mean: its sd over the root of the effective draws.
        error = spread / max(self.fit.effective_draws, 1.0) ** 0.5
        row = self.number(variable, PROBABILITY, share)
        # So many draws cannot tell "never" from "once in as many".
        least = 1.0 / max(self.fit.effective_draws, 1.0)
        if share < least:
            row = replace(row, formatted=f"<{least:.1g}")
        elif share > 1.0 - least:
            row = replace(row, formatted=f">{1.0 - least:.3g}")
        return [row, self.number(variable, ERROR, error)]

    def number(self, variable: str, statistic: str, value: float) -> Row:
        """Return a plain number."""
        if not np.isfinite(value):
            return self.refuse(variable, statistic, worded("the number is not finite"))
        return replace(
            self.topic.row(variable, statistic),
            value=float(value),
            formatted=f"{value:.2g}" if abs(value) < 1 else numbers(value)[0],
            n_evaluable=self.n_children,
        )

    def refuse(self, variable: str, statistic: str, reason: str) -> Row:
        """Return a refused row of this cohort."""
        return self.topic.refuse(variable, statistic, reason, self.n_children)

    def _summary(self, variable: str, statistic: str, values: Floats, unit: str) -> Row:
        tail = 0.5 * (1.0 - self.level)
        low, middle, high = (float(each) for each in np.quantile(values, [tail, 0.5, 1.0 - tail]))
        if not np.isfinite([low, middle, high]).all():
            return self.refuse(variable, statistic, worded("the draws are not finite"))
        printed, level = numbers(middle, low, high), f"{100 * self.level:.0f}"
        return replace(
            self.topic.row(variable, statistic),
            value=middle,
            formatted=(IN_DAYS if unit == "days" else AT_LEVEL).format(
                value=printed[0], level=level, low=printed[1], high=printed[2]
            ),
            low=low,
            high=high,
            level=self.level,
            n_evaluable=self.n_children,
        )
