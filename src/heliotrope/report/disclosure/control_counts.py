"""Counts that may leave a site, as rows: rounded, with shares and intervals made anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from heliotrope.definitions.disclosure import DisclosureLimits
from heliotrope.estimate import wording
from heliotrope.estimate.intervals import estimate_proportion_exact, estimate_proportion_wilson
from heliotrope.estimate.rows import Row
from heliotrope.estimate.wording import worded
from heliotrope.report.disclosure.recover import Wholes
from heliotrope.report.disclosure.suppress import round_count
from heliotrope.report.disclosure.tables import Cell, CountTable

INTERVALS = {
    "proportion_exact": estimate_proportion_exact,
    "proportion_wilson": estimate_proportion_wilson,
}


def say_suppressed(limits: DisclosureLimits) -> str:
    """Say why a count is missing; primary and secondary suppression read alike."""
    return worded(
        "suppressed: under {least}, or another count under {least} could be derived"
    ).format(least=limits.least_count)


def say_not_shared() -> str:
    """Say that this site gives no such figure; why may hold counts, so it stays there."""
    return worded("not estimated at this site, or too few children to be shared")


def control_counts(table: CountTable, wholes: Wholes, *, is_closed: bool) -> list[Row]:
    """Give the counts and shares of a table that may be printed, and name the suppressed.

    ``is_closed``: its words are those of a definition. Others are named only where they are
    printed, since the word itself says that there is somebody.
    """
    made: list[Row] = []
    for cell in table.cells:
        whole = None if table.is_whole_hidden else wholes.round_whole(cell.whole)
        if table.is_printed(cell):
            made += _round_rows(cell, whole, wholes.limits)
        elif is_closed:
            made += _suppress_rows(cell, whole, wholes.limits)
    return made


def _round_rows(cell: Cell, whole: int | None, limits: DisclosureLimits) -> list[Row]:
    """Round a count, and make shares and intervals from the rounded count and whole.

    Without a whole the count stands alone and the shares are suppressed.
    """
    count = round_count(cell.count, limits.rounding_base)
    rows = []
    for row in cell.rows:
        made = copy_head(row)
        if row["statistic"] == "n":
            rows.append(replace(made, value=float(count), formatted=f"{count}", n_evaluable=whole))
        elif whole is None:
            rows.append(replace(made, refused=say_suppressed(limits)))
        elif row["level"] is not None:
            interval = INTERVALS[row["statistic"]](count, whole, row["level"])
            rows.append(
                replace(
                    made,
                    value=count / whole,
                    formatted=wording.proportion(count, whole, interval),
                    low=interval.low,
                    high=interval.high,
                    level=row["level"],
                    n_evaluable=whole,
                )
            )
    return rows


def _suppress_rows(cell: Cell, whole: int | None, limits: DisclosureLimits) -> list[Row]:
    """Name a suppressed count, with its rounded whole where that may be printed."""
    return [
        replace(copy_head(row), refused=say_suppressed(limits), n_evaluable=whole)
        for row in cell.rows
        if row["statistic"] != "proportion_wilson"
    ]


def copy_head(row: Mapping[str, Any]) -> Row:
    """Return a row with the names of another and nothing else of it."""
    return Row(
        analysis=row["analysis"],
        group=row["group"],
        variable=row["variable"],
        statistic=row["statistic"],
        definition_id=row["definition_id"],
        definition_version=row["definition_version"],
    )
