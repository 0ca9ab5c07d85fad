"""Lasting?: worse after stopping, what came first, repeated flares, each child's worsening."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from heliotrope.definitions.estimate import DESCRIPTIVE_ESTIMATES, DescriptiveEstimates
from heliotrope.definitions.model_free import MODEL_FREE, ModelFreeEstimates
from heliotrope.definitions.pulse_model import PULSE_MODEL, PulseModel
from heliotrope.report.charts.curve import CurveWords, draw_curve
from heliotrope.report.charts.draw_svg import render_chart
from heliotrope.report.charts.events import draw_first_events, draw_mean_cumulative
from heliotrope.report.curve_rows import list_curve_steps, read_curve
from heliotrope.report.estimate_lines import Estimate, list_estimates
from heliotrope.report.find_results import Results
from heliotrope.report.language import _, later
from heliotrope.report.read_lasting import list_lasting, read_lasting, say_start
from heliotrope.report.read_model_free import read_first_events, read_mean_cumulative
from heliotrope.report.read_pulse_model import (
    find_anchor,
    list_sensitivity,
    list_warnings,
    list_what_if,
    say_refusal,
)
from heliotrope.report.section import ReportInput, Section
from heliotrope.report.words import say, say_flag

TIME = "aggravation_time"
WORDS = CurveWords(later("Children not worse"), later("Days from the last infusion"))
CAUSES = {
    "worsened": "worse",
    "ivig_again": later("IVIG again, not for worsening"),
    "switched_to_sc": later("subcutaneous instead"),
    "died": "died",
}
FLARES = (
    Estimate(
        later("Flares recorded while on IVIG"),
        "flare_rate",
        "on_ivig",
        "rate_per_patient_month",
        later("Flares within four weeks of each other are one."),
    ),
    Estimate(
        later("Flares recorded while off IVIG"), "flare_rate", "off_ivig", "rate_per_patient_month"
    ),
    Estimate(
        later("Hazard of a flare, off against on IVIG"),
        "flare_hazard",
        "off_against_on_ivig",
        "hazard_ratio",
        later("An association: flares are a reason to start IVIG again."),
    ),
)
DEATHS = Estimate(
    later("Children who died"),
    "flare_mean",
    "deaths",
    "n",
    later("A child that died has no further flare; the curve of flares allows for it."),
)

FLARE_WORDS = (later("Flares a child"), later("Days from the first infusion"))
FIRST = later("Children by what came first after the last infusion")


@dataclass(frozen=True)
class Worsening:
    """What became of one child after stopping."""

    patient_id: str
    regimen: int
    state: str
    code: str
    date: str
    days: str
    limb: str
    reason: str


def build_lasting(report: ReportInput) -> Section:
    """Show how many worsened after stopping, when, and by which limb."""
    results = report.results
    rows = read_curve(results, TIME)
    lines = _list_children(report)
    windows = [
        (variable, results.share("aggravation", variable))
        for variable in results.variables("aggravation")
        if variable.startswith("within_") and ":" not in variable
    ]
    windows.sort(key=lambda window: int(window[0].split("_")[1]))
    numbers = report.rulebook.get(MODEL_FREE, ModelFreeEstimates)
    stops = report.rulebook.get(DESCRIPTIVE_ESTIMATES, DescriptiveEstimates).after_stopping
    first = read_first_events(
        results, {cause: _(words) for cause, words in CAUSES.items()}, stops.printed_days
    )
    flares = read_mean_cumulative(
        results,
        "flare_mean",
        (_(FLARE_WORDS[0]), _(FLARE_WORDS[1])),
        numbers.flares.printed_days,
    )
    content = {
        "first": render_chart(draw_first_events(first)) if len(first.causes) > 1 else None,
        "flares": render_chart(draw_mean_cumulative(flares)) if flares.steps else None,
        "answer": read_lasting(results),
        "difference": _find_difference(report),
        "start": say_start(results),
        "estimates": list_estimates(results, choose_flares(results)),
        "loss": list_estimates(results, choose_loss(results, report.headline_window)),
        "model": [] if say_refusal(results) else list_lasting(results),
        "what_if": [] if say_refusal(results) else list_what_if(results),
        "sensitivity": list_sensitivity(results),
        "warnings": list_warnings(results),
        "share": results.share("aggravation", report.headline_window),
        "population": results.count("aggravation", "population"),
        "outside": results.count("aggravation", "not_in_population"),
        "window": _say_window(report.headline_window),
        "windows": [(_say_window(name), share) for name, share in windows],
        "ever": results.share("aggravation", "ever"),
        "chart": render_chart(draw_curve(rows, WORDS)) if rows.steps else None,
        "steps": list_curve_steps(results, TIME),
        "median": results.row(TIME, "median_day", "median"),
        "early": results.count(TIME, "worsened_before_entry"),
        "left_early": results.count(TIME, "left_before_entry"),
        "lines": [line for line in lines if line.code != "not_reached"],
        "outside_because": _group_outside(lines),
    }
    return Section("lasting", _("Lasting?"), "lasting.html.j2", content)


def _find_difference(report: ReportInput) -> str | None:
    """Return the important difference of the measure that anchors the model's scale."""
    model, anchor = report.rulebook.get(PULSE_MODEL, PulseModel), find_anchor(report.results)
    found = (each.important_difference for each in model.measures if each.measure == anchor)
    difference = next(found, None)
    return None if difference is None else f"{difference:g}"


def choose_flares(results: Results) -> Sequence[Estimate]:
    """Name the lines on repeated flares; that on deaths only where there were any."""
    return (*FLARES, DEATHS) if results.count("flare_mean", "deaths") else FLARES


def choose_loss(results: Results, window: str) -> Sequence[Estimate]:
    """Name the lines on loss to follow-up: both shares as observed and weighted, or why not."""
    analysis = "after_stopping_loss"
    if not results.count(analysis, "lost"):
        return []
    days = window.split("_")[1]
    first = f"worsened:day_{days}"
    lost = Estimate(
        _("Lost to follow-up after stopping"),
        analysis,
        "lost",
        "n",
        _("No longer seen though others were; not those who died or worsened before."),
    )
    weight = Estimate(_("Curves weighted for loss"), analysis, "weight", "mean")
    row = results.row(analysis, "weight", "mean")
    if row is None or row["refused"] is not None:
        return lost, weight
    return (
        lost,
        replace(weight, name=_("Mean weight of those who remain")),
        Estimate(
            _("Odds of being lost, for one more of the physician global"),
            analysis,
            "lost_by_activity",
            "odds_ratio",
            _("Over 1: the more active were lost more often."),
        ),
        Estimate(
            _("Not worse by day {days}, as observed").format(days=days),
            TIME,
            f"day_{days}",
            "survival",
        ),
        Estimate(
            _("Not worse by day {days}, weighted for loss").format(days=days),
            TIME,
            f"day_{days}",
            "survival_weighted",
            _("Children who remain stand for those lost who were last found as active."),
        ),
        Estimate(
            _("Worse first by day {days}, as observed").format(days=days),
            "after_stopping_first",
            first,
            "cumulative_incidence",
        ),
        Estimate(
            _("Worse first by day {days}, weighted for loss").format(days=days),
            "after_stopping_first",
            first,
            "cumulative_incidence_weighted",
        ),
    )


def _say_window(variable: str) -> str:
    days = variable.split("_")[1]
    return _("within {days} days").format(days=days) if days.isdigit() else _(say_flag(variable))


def _group_outside(lines: Sequence[Worsening]) -> Sequence[tuple[str, str]]:
    """Name the children who were not at risk, by the reason."""
    grouped: dict[str, list[str]] = {}
    for line in lines:
        if line.code == "not_reached":
            grouped.setdefault(line.reason or _("no reason given"), []).append(line.patient_id)
    return [(reason, ", ".join(dict.fromkeys(named))) for reason, named in grouped.items()]


def _say_limb(limb: str | None) -> str:
    if limb is None:
        return ""
    return f"{limb}: {say('limb', limb)}" if len(limb) == 1 else say("limb", limb)


def _list_children(report: ReportInput) -> Sequence[Worsening]:
    table = report.run.table_of("aggravation", report.shown).sort("patient_id", "regimen")
    return [
        Worsening(
            patient_id=row["patient_id"],
            regimen=row["regimen"],
            state=say("aggravation", row["state"]),
            code=row["state"],
            date="" if row["date"] is None else str(row["date"]),
            days="" if row["date"] is None else str(row["days_after_last_infusion"]),
            limb=_say_limb(row["limb"]),
            reason="" if row["reason"] is None else say("response_reason", row["reason"]),
        )
        for row in table.iter_rows(named=True)
    ]
