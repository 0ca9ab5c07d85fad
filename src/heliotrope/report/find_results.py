"""Result rows, found by name and ready to print: the report computes no statistic itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from heliotrope.estimate.wording import percent
from heliotrope.report.language import ENGLISH, _, get_language
from heliotrope.report.say_result import say_result

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Share:
    """A share of children as printed, or the reason why there is none."""

    count: int | None
    total: int | None
    text: str
    percent: str
    interval: str
    value: float | None
    low: float | None
    high: float | None
    refused: str | None

    @property
    def is_given(self) -> bool:
        """Whether the records could answer."""
        return self.refused is None and self.count is not None


class Results:
    """The long result table, by analysis, variable, statistic and group.

    Where two rows bear one name (children with an occasion ``fever``, children with the term
    ``fever``), the first one counts.
    """

    def __init__(self, results: pl.DataFrame) -> None:
        self._rows: dict[tuple[str, str, str, str], Row] = {}
        for row in results.iter_rows(named=True):
            key = (row["analysis"], row["variable"], row["statistic"], row["group"])
            self._rows.setdefault(key, row)

    def row(self, analysis: str, variable: str, statistic: str, group: str = "all") -> Row | None:
        """Return one row; None if the run has none."""
        row = self._rows.get((analysis, variable, statistic, group))
        return None if row is None else _say_row(row)

    def count(self, analysis: str, variable: str, group: str = "all") -> int | None:
        """Return a plain count; None if the run has none."""
        row = self.row(analysis, variable, "n", group)
        return None if row is None or row["value"] is None else int(row["value"])

    def variables(self, analysis: str, group: str = "all") -> list[str]:
        """List the variables of an analysis, in the order of the result table."""
        named = [key[1] for key in self._rows if key[0] == analysis and key[3] == group]
        return list(dict.fromkeys(named))

    def rows(self, analysis: str) -> list[Row]:
        """List all rows of an analysis, in the order of the result table."""
        return [_say_row(row) for key, row in self._rows.items() if key[0] == analysis]

    def share(self, analysis: str, variable: str, group: str = "all") -> Share:
        """Return a share of children with its exact interval, ready to print."""
        row = self.row(analysis, variable, "proportion_exact", group)
        count = self.count(analysis, variable, group)
        if row is None:
            return _no_share(_("not estimated in this run"))
        if row["refused"] is not None:
            return _no_share(row["refused"])
        total = row["n_evaluable"]
        if count is None:
            count = round(row["value"] * total)
        low, high = percent(row["low"], total), percent(row["high"], total)
        return Share(
            count=count,
            total=total,
            text=_("{count} of {total}").format(count=count, total=total),
            percent=f"{percent(row['value'], total)} %",
            interval=_("{low} to {high} %").format(low=low, high=high),
            value=row["value"],
            low=row["low"],
            high=row["high"],
            refused=None,
        )


def _say_row(row: Row) -> Row:
    """Say the words of a row in the language of the page."""
    if get_language() == ENGLISH:
        return row
    said = {name: say_result(row[name]) for name in ("formatted", "refused") if row[name]}
    return {**row, **said}


def _no_share(reason: str) -> Share:
    return Share(None, None, _("not evaluable"), "", "", None, None, None, reason)
