"""Tables of medians by point in time: measures, scores and steroid doses read alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from heliotrope.report.estimate_lines import say_interval
from heliotrope.report.find_results import Results
from heliotrope.report.language import _, later
from heliotrope.report.words import say_flag, sentence

POINTS = {
    "before": later("day before IVIG"),
    "last_on_regimen": later("last day of cover"),
    "after_180_days": later("180 days after"),
    "baseline": later("baseline"),
    "before IVIG": later("before IVIG"),
    "during IVIG": later("during IVIG"),
    "after IVIG": later("after IVIG"),
}


@dataclass(frozen=True)
class MediansTable:
    """Values by point in time; the columns are those that any line has."""

    columns: Sequence[str]
    lines: Sequence[tuple[str, Sequence[tuple[str, str, str]]]]


def say_point(point: str) -> str:
    """Say a point in time in words."""
    if point.startswith("week_"):
        return _("week {week}").format(week=point.removeprefix("week_"))
    return _(POINTS[point]) if point in POINTS else _(say_flag(point))


def read_medians(
    results: Results, analysis: str, names: Mapping[str, str], suffix: str = ""
) -> MediansTable:
    """Read the medians of an analysis whose variables are named <what>:<point>.

    ``names``: what the lines are called, in their order; ``suffix`` stands behind every point.
    Each cell is value, spread and number of children, empty where nothing was recorded.
    """
    cells: dict[str, dict[str, tuple[str, str, str]]] = {}
    points: list[str] = []
    for variable in results.variables(analysis):
        what, _colon, point = variable.partition(":")
        row = results.row(analysis, variable, "median")
        if row is None or not point:
            continue
        point = f"{point}{suffix}"
        if point not in points:
            points.append(point)
        if row["refused"] is None:
            middle, _bracket, spread = say_interval(row["formatted"]).partition(" (")
            cell = (middle, spread.rstrip(")"), f"n = {row['n_evaluable']}")
            cells.setdefault(what, {})[point] = cell
    used = [point for point in points if any(point in line for line in cells.values())]
    return MediansTable(
        columns=[sentence(say_point(point)) for point in used],
        lines=[
            (
                _(names.get(what, sentence(say_flag(what)))),
                [line.get(p, ("", "", "")) for p in used],
            )
            for what, line in sorted(cells.items(), key=lambda item: _rank(names, item[0]))
        ],
    )


def _rank(names: Mapping[str, str], what: str) -> int:
    return list(names).index(what) if what in names else len(names)
