"""Result rows: one statistic a row, made in one place so that every estimate prints alike.

A ``Topic`` fixes what all rows of an analysis share and makes the rows of a count, a proportion,
a rate or a summary; what cannot be answered becomes a row with the reason in ``refused``.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import polars as pl

from heliotrope.estimate import wording
from heliotrope.estimate.intervals import (
    Interval,
    estimate_proportion_exact,
    estimate_proportion_wilson,
    estimate_rate_exact,
    estimate_upper_bound_of_none,
)
from heliotrope.estimate.kappa import Kappa

RESULT_SCHEMA: dict[str, type[pl.DataType]] = {
    "analysis": pl.String,
    "group": pl.String,
    "variable": pl.String,
    "statistic": pl.String,
    "value": pl.Float64,
    "formatted": pl.String,
    "low": pl.Float64,
    "high": pl.Float64,
    "level": pl.Float64,
    "n_evaluable": pl.Int32,
    "definition_id": pl.String,
    "definition_version": pl.String,
    "refused": pl.String,
}


@dataclass(frozen=True)
class Row:
    """One statistic, with the columns of the result table."""

    analysis: str
    group: str
    variable: str
    statistic: str
    value: float | None = None
    formatted: str = wording.NOT_ESTIMATED
    low: float | None = None
    high: float | None = None
    level: float | None = None
    n_evaluable: int | None = None
    definition_id: str | None = None
    definition_version: str | None = None
    refused: str | None = None


def make_results(rows: Iterable[Row]) -> pl.DataFrame:
    """Turn rows into the result table, in the order given."""
    listed = list(rows)
    columns = {name: [getattr(row, name) for row in listed] for name in RESULT_SCHEMA}
    return pl.DataFrame(columns, schema=RESULT_SCHEMA)


@dataclass(frozen=True)
class Topic:
    """What the rows of one analysis share: its name, group, definition, and the interval level."""

    analysis: str
    level: float
    quantiles: tuple[float, float]
    definition_id: str
    definition_version: str
    group: str = "all"

    def of(self, analysis: str | None = None, group: str | None = None) -> Topic:
        """Return the same topic under another name or for another group."""
        return replace(self, analysis=analysis or self.analysis, group=group or self.group)

    def row(self, variable: str, statistic: str) -> Row:
        """Return a row with the shared columns filled in and no value yet."""
        return Row(
            analysis=self.analysis,
            group=self.group,
            variable=variable,
            statistic=statistic,
            definition_id=self.definition_id,
            definition_version=self.definition_version,
        )

    def refuse(self, variable: str, statistic: str, reason: str, n_evaluable: int = 0) -> Row:
        """Return a row that says in words why the records cannot answer."""
        return replace(self.row(variable, statistic), refused=reason, n_evaluable=n_evaluable)

    def count(self, variable: str, count: int, n_evaluable: int | None = None) -> Row:
        """Return a plain count."""
        return replace(
            self.row(variable, "n"),
            value=float(count),
            formatted=f"{count}",
            n_evaluable=n_evaluable,
        )

    def figure(self, variable: str, statistic: str, figure: Figure) -> Row:
        """Return a number with its interval, or with one end of it, as it is to be printed."""
        interval = figure.interval
        return replace(
            self.row(variable, statistic),
            value=figure.value,
            formatted=figure.formatted,
            low=None if interval is None else interval.low,
            high=None if interval is None else interval.high,
            level=None if interval is None else self.level,
            n_evaluable=figure.n_evaluable,
        )

    def proportion(self, variable: str, count: int, total: int, refused: str) -> list[Row]:
        """Return a proportion with the exact interval (headline) and Wilson's beside it.

        With nobody evaluable both rows are refused with the reason given.
        """
        if total == 0:
            return [
                self.refuse(variable, "proportion_exact", refused),
                self.refuse(variable, "proportion_wilson", refused),
            ]
        rows = []
        for statistic, estimate in (
            ("proportion_exact", estimate_proportion_exact),
            ("proportion_wilson", estimate_proportion_wilson),
        ):
            interval = estimate(count, total, self.level)
            rows.append(
                replace(
                    self.row(variable, statistic),
                    value=count / total,
                    formatted=wording.proportion(count, total, interval),
                    low=interval.low,
                    high=interval.high,
                    level=self.level,
                    n_evaluable=total,
                )
            )
        return rows

    def kappa(self, variable: str, statistic: str, kappa: Kappa) -> Row:
        """Return agreement beyond chance; refused with the reason where it is not defined."""
        if kappa.value is None:
            return self.refuse(variable, statistic, str(kappa.refused), kappa.units)
        interval = kappa.interval
        return replace(
            self.row(variable, statistic),
            value=kappa.value,
            formatted=wording.kappa(kappa.value, interval, kappa.refused),
            low=None if interval is None else interval.low,
            high=None if interval is None else interval.high,
            level=None if interval is None else self.level,
            n_evaluable=kappa.units,
        )

    def rate(self, variable: str, count: int, exposure: Exposure) -> Row:
        """Return an exact rate, refused when there is no exposure to divide by."""
        statistic = f"rate_per_{exposure.unit}"
        if exposure.amount <= 0:
            return self.refuse(variable, statistic, exposure.refused)
        interval = estimate_rate_exact(count, exposure.amount, self.level)
        return replace(
            self.row(variable, statistic),
            value=count / exposure.amount,
            formatted=wording.rate(count, exposure.amount, exposure.words, interval),
            low=interval.low,
            high=interval.high,
            level=self.level,
            n_evaluable=exposure.n_evaluable,
        )

    def none_recorded(self, variable: str, exposure: Exposure) -> Row:
        """Return the upper bound of a rate when nothing was recorded in the whole exposure."""
        statistic = f"upper_bound_per_{exposure.unit}"
        if exposure.amount <= 0:
            return self.refuse(variable, statistic, exposure.refused)
        bound = estimate_upper_bound_of_none(exposure.amount, self.level)
        return replace(
            self.row(variable, statistic),
            value=0.0,
            formatted=wording.none_recorded(exposure.amount, exposure.words, bound, self.level),
            high=bound,
            level=self.level,
            n_evaluable=exposure.n_evaluable,
        )

    def summary(self, variable: str, values: pl.Series, refused: str) -> list[Row]:
        """Return median, quartiles and range of the recorded values of a measure.

        Missing values are left out; n_evaluable is the number that remains. The quartiles are
        interpolated linearly (R's type 7). With no value the median is refused and the others are
        left out.
        """
        recorded = values.drop_nulls().drop_nans().cast(pl.Float64)
        names = ("median", "quartile_low", "quartile_high", "minimum", "maximum")
        n = recorded.len()
        if n == 0:
            return [self.refuse(variable, names[0], refused)]
        low_share, high_share = self.quantiles
        numbers = dict(
            zip(
                names,
                (
                    recorded.median(),
                    recorded.quantile(low_share, "linear"),
                    recorded.quantile(high_share, "linear"),
                    recorded.min(),
                    recorded.max(),
                ),
                strict=True,
            )
        )
        printed = {name: float(str(number)) for name, number in numbers.items()}
        formatted = {name: wording.number(number) for name, number in printed.items()}
        formatted["median"] = wording.median(
            printed["median"], printed["minimum"], printed["maximum"]
        )
        return [
            replace(
                self.row(variable, name),
                value=printed[name],
                formatted=formatted[name],
                n_evaluable=n,
            )
            for name in names
        ]


@dataclass(frozen=True)
class Exposure:
    """What a rate is divided by: how much of it, what it is called, and who is behind it."""

    unit: str
    words: str
    amount: float
    n_evaluable: int
    refused: str


@dataclass(frozen=True)
class Figure:
    """A number, how it is printed, how many are behind it, and its interval where it has one."""

    value: float
    formatted: str
    n_evaluable: int
    interval: Interval | None = None
