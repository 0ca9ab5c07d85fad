"""Result rows at fixed weeks, read as the rows of their charts: measures, and the steroid dose."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

from heliotrope.definitions.measure import Measure, measures_of
from heliotrope.report.charts.landmarks import LandmarkRows
from heliotrope.report.charts.ribbon import RibbonRows
from heliotrope.report.find_results import Results
from heliotrope.report.language import _
from heliotrope.report.section import ReportInput
from heliotrope.report.show_measures import READING_ORDER, rank_measure

Row = dict[str, Any]

LANDMARK, STEROID = "landmark", "steroid_dose"
FIRST_WEEK = ("baseline", "before")
DOSES = {"prednisone_mg_kg_day": "mg/kg/day", "prednisone_mg_day": "mg/day"}
SPREAD = {"low": "quartile_low", "high": "quartile_high", "least": "minimum", "most": "maximum"}
MOST_MEASURES = 8
MOST_CHILDREN = 60
WEEK = 7
MARGIN = 1.4


def read_landmark_rows(report: ReportInput) -> list[LandmarkRows]:
    """Read the measures of disease with a value at two fixed weeks or more, the first eight."""
    found = measures_of(report.rulebook)
    named = dict.fromkeys(v.partition(":")[0] for v in report.results.variables(LANDMARK))
    measures = [found[n] for n in named if n in found and found[n].domain in READING_ORDER]
    read = []
    for measure in sorted(measures, key=rank_measure):
        points = list(_read_points(report.results, LANDMARK, measure.id))
        if len(points) > 1:
            read.append(_make_rows(measure, points))
    return read[:MOST_MEASURES]


def read_ribbon(report: ReportInput) -> RibbonRows:
    """Read the dose of steroid at fixed weeks, per kilogram where it is known; and each child's."""
    for variable, unit in DOSES.items():
        points = list(_read_points(report.results, STEROID, variable))
        if len(points) > 1:
            last = max(float(point["week"]) for point in points)
            return RibbonRows(unit, points, _read_children(report, variable, last))
    return RibbonRows("", [], [])


def _read_points(results: Results, analysis: str, what: str) -> Iterable[Row]:
    for variable in results.variables(analysis):
        name, _sign, point = variable.partition(":")
        week = _find_week(point)
        row = results.row(analysis, variable, "median")
        if name != what or week is None or row is None or row["refused"] is not None:
            continue
        spread = {
            key: _read_value(results, analysis, variable, statistic, row["value"])
            for key, statistic in SPREAD.items()
        }
        number = row["n_evaluable"] or 0
        tip = _("week {week}: median {median}, {number} children").format(
            week=f"{week:g}", median=row["formatted"], number=number
        )
        yield {"week": week, "median": row["value"], **spread, "number": f"{number}", "tip": tip}


def _read_value(
    results: Results, analysis: str, variable: str, statistic: str, otherwise: float
) -> float:
    row = results.row(analysis, variable, statistic)
    return otherwise if row is None or row["value"] is None else float(row["value"])


def _find_week(point: str) -> float | None:
    """Read the week of a point in time; None for points that follow no calendar.

    >>> _find_week("week_16"), _find_week("baseline"), _find_week("last_on_regimen")
    (16.0, 0.0, None)
    """
    if point in FIRST_WEEK:
        return 0.0
    number = point.removeprefix("week_")
    return float(number) if number.isdigit() else None


def _make_rows(measure: Measure, points: list[Row]) -> LandmarkRows:
    """Make the rows of a measure; enzymes span decades, so their axis is logarithmic."""
    least = min(point["least"] for point in points)
    is_log = measure.domain == "enzyme" and least > 0
    unit = "" if measure.unit == "none" else measure.unit
    said = " · ".join(filter(None, [unit, _("log axis") if is_log else ""]))
    title = ", ".join(filter(None, [_(measure.title), said]))
    most = max(point["most"] for point in points)
    span = (least / MARGIN, most * MARGIN) if is_log else _find_span(measure, points)
    return LandmarkRows(title, points, span, is_log)


def _find_span(measure: Measure, points: Iterable[Mapping[str, float]]) -> tuple[float, float]:
    """Find the ends of the axis: those of the measure's scale, else from nought to the highest."""
    listed = list(points)
    low = measure.minimum if measure.minimum is not None else 0.0
    high = measure.maximum if measure.maximum is not None else max(p["most"] for p in listed)
    least = min(low, *(point["least"] for point in listed))
    return least, high if high > least else least + 1.0


def _read_children(report: ReportInput, column: str, last: float) -> list[Row]:
    """Read each child's dose from the first infusion on, as steps; of too many to see, none."""
    if len(report.treated) > MOST_CHILDREN:
        return []
    first = (
        report.run.table("regimen")
        .group_by("patient_id", maintain_order=True)
        .agg(pl.col("first_infusion").min())
    )
    periods = (
        report.run.table("steroid_period")
        .join(first, on="patient_id")
        .filter(pl.col(column).is_not_null())
        .sort("patient_id", "start_date")
    )
    rows: list[Row] = []
    numbers = {name: number for number, name in enumerate(report.treated, start=1)}
    for row in periods.iter_rows(named=True):
        start = (row["start_date"] - row["first_infusion"]).days / WEEK
        end = ((row["end_date"] - row["first_infusion"]).days + 1) / WEEK
        if end > 0 and start < last:
            place = {"median": row[column], "child": numbers[row["patient_id"]]}
            rows.append({"week": round(max(start, 0.0), 2), **place})
            rows.append({"week": round(min(end, last), 2), **place})
    return rows
