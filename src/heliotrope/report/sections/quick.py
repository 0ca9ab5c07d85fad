"""Quick?: how soon after an infusion, how pulsatile, and what the visits can tell of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from heliotrope.definitions.measure import Measure, measures_of
from heliotrope.definitions.model_free import MODEL_FREE, ModelFreeEstimates, Phases
from heliotrope.definitions.pulse_model import PULSE_MODEL, PulseModel
from heliotrope.report.charts.cycle import (
    draw_effect_band,
    draw_phase_coverage,
    draw_pulse_curve,
)
from heliotrope.report.charts.draw_svg import render_chart
from heliotrope.report.charts.events import draw_onset
from heliotrope.report.charts.prior import draw_prior_predictive
from heliotrope.report.charts.pulses import draw_pulse_children
from heliotrope.report.estimate_lines import Estimate, EstimateLine, list_estimates, say_interval
from heliotrope.report.find_results import Results
from heliotrope.report.language import _
from heliotrope.report.read_model_free import read_onset, read_phase_coverage, read_pulse_curve
from heliotrope.report.read_prior import read_prior, say_inside
from heliotrope.report.read_pulse_model import (
    list_not_seen,
    list_quick,
    list_warnings,
    read_band,
    say_foretold,
    say_refusal,
)
from heliotrope.report.read_pulses import read_pulse_children
from heliotrope.report.section import ReportInput, Section
from heliotrope.report.show_measures import rank_measure
from heliotrope.report.words import say_flag, say_unit

DRAWN_MEASURES = 3
TEST = "phase_test"
BY_DAYS = ("day_7", "day_14", "day_42")


@dataclass(frozen=True)
class MeasurePhases:
    """One measure through the infusion cycle: a line of the table, phase by phase."""

    name: str
    before: str
    changes: Sequence[tuple[str, str]]
    contrast: str
    p_value: str


def build_quick(report: ReportInput) -> Section | None:
    """Show onset and the course of a cycle, first without a model; none where nobody had IVIG."""
    results = report.results
    if not results.count("cohort", "with_ivig"):
        return None
    numbers = report.rulebook.get(MODEL_FREE, ModelFreeEstimates)
    phases = numbers.phases
    measures = _list_measures(report)
    onset = read_onset(results, numbers.onset.printed_days)
    coverage = read_phase_coverage(results, phases)
    band = read_band(results)
    titles = {item.id: _(item.title) for item in measures_of(report.rulebook).values()}
    model = report.rulebook.get(PULSE_MODEL, PulseModel)
    priors = read_prior(results, titles, model.reference.cycle_days)
    pulses = read_pulse_children(report, measures)
    content = {
        "pulses": render_chart(draw_pulse_children(pulses)) if pulses.children else None,
        "share": results.share("onset", "rapid"),
        "median": results.row("first_response", "median_by_day", "turnbull"),
        "by_day": _list_shares_by_day(results),
        "onset": render_chart(draw_onset(onset)) if onset.gaps or onset.levels else None,
        "curves": _draw_curves(results, measures, phases),
        "phases": [_say_phase(window.name) for window in phases.windows],
        "lines": [_read_line(results, item, phases) for item in measures],
        "tested": results.count(TEST, "measures_tested"),
        "model": list_quick(results, titles),
        "priors": [render_chart(draw_prior_predictive(each)) for each in priors],
        "inside": say_inside(results, titles),
        "band": render_chart(draw_effect_band(band)) if band.points else None,
        "refused": say_refusal(results),
        "warnings": list_warnings(results),
        "not_seen": list_not_seen(results),
        "foretold": say_foretold(results),
        "onset_row": results.row("pulse_model", "onset_half_time_days", "posterior_median"),
        "coverage": render_chart(draw_phase_coverage(coverage)) if coverage.days else None,
        "told": results.row("phase_coverage", "what_can_be_told", "n"),
        "cycles": results.count("phase_coverage", "cycles"),
        "two_parts": results.count("phase_coverage", "two_parts:cycles"),
    }
    return Section("quick", _("Quick?"), "quick.html.j2", content)


def _list_measures(report: ReportInput) -> Sequence[Measure]:
    """List the measures that have a line, the one a clinician looks at first on top."""
    named = {
        variable.partition(":")[0]: None
        for variable in report.results.variables("pulse_curve")
        if ":" in variable
    }
    measures = measures_of(report.rulebook)
    return sorted((measures[name] for name in named if name in measures), key=rank_measure)


def _name_measures(report: ReportInput) -> Mapping[str, str]:
    return {item.id: _(item.title) for item in measures_of(report.rulebook).values()}


def _say_phase(name: str) -> str:
    days = name.removeprefix("days_").split("_")
    if name.startswith("days_") and len(days) > 1:
        return _("days {first} to {last}").format(first=days[0], last=days[1])
    return _(say_flag(name))


def _list_shares_by_day(results: Results) -> Sequence[EstimateLine]:
    """List what is known of the share improved by a day: at least, at most."""
    lines: list[EstimateLine] = []
    for day in BY_DAYS:
        number = day.removeprefix("day_")
        lines += list_estimates(
            results,
            (
                Estimate(
                    _("Improved by day {number}: at least").format(number=number),
                    "first_response",
                    day,
                    "turnbull_least",
                    _("Children improved for certain."),
                ),
                Estimate(
                    _("Improved by day {number}: at most").format(number=number),
                    "first_response",
                    day,
                    "turnbull_most",
                    _("If all who may have improved by then had."),
                ),
            ),
        )
    return lines


def _draw_curves(results: Results, measures: Sequence[Measure], phases: Phases) -> Sequence[Markup]:
    """Draw the first measure of each domain that has a change to show, a few at the most."""
    drawn: dict[str, Markup] = {}
    for item in measures:
        if item.domain in drawn or len(drawn) == DRAWN_MEASURES:
            continue
        unit = (
            _("ratio") if item.domain in phases.ratio_domains else _("change") + say_unit(item.unit)
        )
        rows = read_pulse_curve(results, item.id, f"{_(item.title)}, {unit}".strip(), phases)
        if rows.points:
            drawn[item.domain] = render_chart(draw_pulse_curve(rows))
    return list(drawn.values())


def _read_line(results: Results, item: Measure, phases: Phases) -> MeasurePhases:
    name = item.id

    def shown(row: Mapping[str, Any] | None) -> str:
        return "" if row is None or row["refused"] else say_interval(str(row["formatted"]))

    changes = []
    for window in phases.windows:
        variable = f"{name}:{window.name}"
        row = results.row("pulse_curve", variable, "mean_change") or results.row(
            "pulse_curve", variable, "mean_ratio"
        )
        n = "" if row is None or row["refused"] else f"n = {row['n_evaluable']}"
        changes.append((shown(row), n))
    return MeasurePhases(
        name=f"{_(item.title)},{say_unit(item.unit)}".rstrip(","),
        before=shown(results.row("pulse_curve", f"{name}:pre_infusion", "median")),
        changes=changes,
        contrast=shown(results.row(TEST, name, "contrast")),
        p_value=shown(results.row(TEST, name, "p_value_holm")).removeprefix("p = "),
    )
