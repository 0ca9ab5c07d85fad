"""One measure of each child around its infusions, read from the records of the children shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from heliotrope.definitions.measure import Measure
from heliotrope.definitions.model_free import MODEL_FREE, ModelFreeEstimates
from heliotrope.report.charts.pulses import PulseChildren
from heliotrope.report.language import _
from heliotrope.report.read_child import Child
from heliotrope.report.section import ReportInput
from heliotrope.report.words import say_unit

MOST_CHILDREN = 24
LEAST_VISITS = 2

Row = dict[str, Any]


def read_pulse_children(report: ReportInput, measures: Sequence[Measure]) -> PulseChildren:
    """Read the measure that shows most children within a cycle; the first of equal ones.

    A cycle counts with two values or more, from the days before its infusion up to the last day of
    its phases or the next course. Of more than 24 children the first by pseudonym are drawn.
    """
    phases = report.rulebook.get(MODEL_FREE, ModelFreeEstimates).phases
    days = (-phases.pre_infusion_days, phases.last_day)
    best = PulseChildren("", {}, days)
    for measure in measures:
        found = {
            child.patient_id: rows
            for child in report.children
            if (rows := _read_cycles(child, measure, days, report))
        }
        if len(found) > len(best.children):
            title = f"{_(measure.title)},{say_unit(measure.unit)}".rstrip(",")
            is_log = measure.domain in phases.ratio_domains
            best = PulseChildren(title, found, days, is_log)
    shown = dict(list(best.children.items())[:MOST_CHILDREN])
    return PulseChildren(best.title, shown, days, best.is_log)


def _read_cycles(
    child: Child, measure: Measure, days: tuple[int, int], report: ReportInput
) -> list[Row]:
    values = (
        child.record("assessment")
        .filter((pl.col("measure") == measure.id) & pl.col("value").is_not_null())
        .sort("date", "row_id")
        .to_dicts()
    )
    if len(values) < LEAST_VISITS:
        return []
    starts = child.table("course")["start_date"].sort().to_list()
    rows: list[Row] = []
    for number, start in enumerate(starts, start=1):
        following = starts[number] if number < len(starts) else None
        cycle = []
        for value in values:
            day = (value["date"] - start).days
            if days[0] <= day <= days[1] and (following is None or value["date"] <= following):
                cycle.append(_make_row(value, day, number, measure, report))
        if len(cycle) >= LEAST_VISITS and any(row["day"] > 0 for row in cycle):
            rows += cycle
    return rows


def _make_row(value: Row, day: int, number: int, measure: Measure, report: ReportInput) -> Row:
    shown = f"{value['value_qualifier'] or ''}{value['value']:g}{say_unit(measure.unit)}"
    return {
        "day": day,
        "value": value["value"],
        "cycle": number,
        "tip": f"{value['date']}, {_(measure.title)} {shown}",
        "cell": report.places.place_of(value["row_id"]),
    }
