"""Each objective measure at baseline, at its best on IVIG and last, with the change."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl
from markupsafe import Markup

from heliotrope.definitions.measure import Measure, measures_of
from heliotrope.report.language import _
from heliotrope.report.review.figures import Figure
from heliotrope.report.review.sparkline import draw_sparkline
from heliotrope.report.review.subject import Row, Subject
from heliotrope.report.show_measures import READING_ORDER, rank_measure
from heliotrope.report.words import say_number, say_unit

SHOWN_MEASURES = 9
SHOWN_ENZYMES = 2
AFTER, LOW, HIGH = "†", "↓", "↑"


@dataclass(frozen=True)
class MeasureLine:
    """One measure of a child; a figure that the records do not hold is None."""

    measure: str
    title: str
    scale: str
    baseline: Figure | None
    best: Figure | None
    best_change: str
    latest: Figure | None
    latest_change: str
    course: Markup


@dataclass(frozen=True)
class MeasureTable:
    """The measures of a child, and how many more the report shows."""

    lines: Sequence[MeasureLine]
    hidden: int


def list_measure_lines(subject: Subject) -> MeasureTable:
    """List the measures of disease in the order of reading, each beside its baseline.

    At most two enzymes, those with a baseline first, so that the page has room for the others.

    Baseline: the one that the response was judged from. Best: the best value after the first
    infusion that the last course still covers (ties: the first). Latest: the last value recorded.
    A child without IVIG has its first value in place of a baseline.
    """
    values = subject.derived.visit_values.filter(pl.col("value").is_not_null())
    recorded = set(values["measure"])
    measures = sorted(
        (
            measure
            for measure in measures_of(subject.rulebook).values()
            if measure.id in recorded and measure.domain in READING_ORDER
        ),
        key=rank_measure,
    )
    shown = _choose_shown(subject, measures)
    lines = [
        _make_line(subject, measure, values.filter(pl.col("measure") == measure.id).sort("date"))
        for measure in shown
    ]
    return MeasureTable(lines, hidden=len(measures) - len(shown))


def _choose_shown(subject: Subject, measures: Sequence[Measure]) -> Sequence[Measure]:
    with_baseline = set(
        subject.derived.baselines.filter(pl.col("regimen").eq_missing(subject.regimen))["measure"]
    )
    enzymes = sorted(
        (measure for measure in measures if measure.is_enzyme),
        key=lambda measure: measure.id not in with_baseline,
    )[:SHOWN_ENZYMES]
    chosen = [measure for measure in measures if not measure.is_enzyme or measure in enzymes]
    return chosen[:SHOWN_MEASURES]


def _make_line(subject: Subject, measure: Measure, values: pl.DataFrame) -> MeasureLine:
    rows = values.to_dicts()
    baseline = _find_baseline(subject, measure, rows)
    later = [row for row in rows if baseline is None or row["date"] > baseline["date"]]
    best = find_best(measure, _select_covered(subject, rows))
    latest = _find_latest(subject, later)
    return MeasureLine(
        measure=measure.id,
        title=_(measure.title),
        scale=_say_scale(measure, baseline or latest or best),
        baseline=_make_figure(subject, baseline),
        best=_make_figure(subject, best),
        best_change=_say_change(measure, baseline, best),
        latest=_make_figure(subject, latest),
        latest_change=_say_change(measure, baseline, latest),
        course=draw_sparkline(
            [(row["date"], row["value"]) for row in rows],
            _find_cover(subject),
            _(measure.title),
        ),
    )


def _find_baseline(subject: Subject, measure: Measure, rows: Sequence[Row]) -> Row | None:
    if subject.regimen is None:
        return rows[0] if rows else None
    found = subject.derived.baselines.filter(
        (pl.col("regimen") == subject.regimen) & (pl.col("measure") == measure.id)
    )
    dates = found["baseline_date"].to_list()
    return next((row for row in rows if row["date"] in dates), None)


def _select_covered(subject: Subject, rows: Sequence[Row]) -> list[Row]:
    start = subject.exposure["first_infusion"] if subject.exposure else None
    until = subject.covered_until
    if start is None or until is None:
        return []
    return [row for row in rows if start < row["date"] <= until]


def find_best(measure: Measure, rows: Sequence[Row]) -> Row | None:
    """Find the best of some values; ties: the first. A measure with no better end has none."""
    if measure.better is None or not rows:
        return None
    sign = 1 if measure.better == "low" else -1
    return min(rows, key=lambda row: (sign * row["value"], row["date"]))


def _find_latest(subject: Subject, later: Sequence[Row]) -> Row | None:
    """Find the last value after the baseline; after the first infusion where there is IVIG."""
    if subject.exposure is not None:
        later = [row for row in later if row["date"] > subject.exposure["first_infusion"]]
    return later[-1] if later else None


def _find_cover(subject: Subject) -> tuple[dt.date, dt.date] | None:
    exposure, until = subject.exposure, subject.covered_until
    return None if exposure is None or until is None else (exposure["first_infusion"], until)


def _make_figure(subject: Subject, row: Row | None) -> Figure | None:
    if row is None:
        return None
    until = subject.covered_until
    when = str(row["date"])
    if until is not None and row["date"] > until:
        when = f"{when} {AFTER}"
    cells: list[Any] = row["item_row_ids"] or [row["row_id"]]
    return Figure(
        text=f"{row['value_qualifier'] or ''}{say_number(row['value'])}",
        when=when,
        mark=subject.marks.mark(cells),
    )


def _say_scale(measure: Measure, row: Row | None) -> str:
    """Say the unit or range, which end is better, and the limit of a laboratory value."""
    parts = []
    unit = say_unit(measure.unit).strip()
    if unit:
        parts.append(unit)
    elif measure.minimum is not None and measure.maximum is not None:
        parts.append(f"{say_number(measure.minimum)}-{say_number(measure.maximum)}")
    if row is not None and row["upper_limit"] is not None:
        parts.append(_("(limit {limit})").format(limit=say_number(row["upper_limit"])))
    if measure.better is not None:
        parts.append(LOW if measure.better == "low" else HIGH)
    return " ".join(parts)


def _say_change(measure: Measure, before: Row | None, after: Row | None) -> str:
    """Say a change from baseline, of an enzyme in per cent too; none where either is missing."""
    if before is None or after is None:
        return ""
    change = after["value"] - before["value"]
    said = _signed(change)
    if measure.is_enzyme and before["value"]:
        said += f" ({_signed(round(100 * change / before['value']))} %)"
    return said


def _signed(number: float) -> str:
    return f"{'+' if number > 0 else ''}{say_number(number)}".replace("-", "−")
