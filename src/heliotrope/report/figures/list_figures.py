"""Which figures a run has: the charts of its report that show the cohort, by name."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from heliotrope.definitions.estimate import DESCRIPTIVE_ESTIMATES, DescriptiveEstimates
from heliotrope.definitions.evidence import Population
from heliotrope.definitions.literature import BESIDE_THE_LITERATURE, Literature
from heliotrope.definitions.measure import measures_of
from heliotrope.definitions.model_free import MODEL_FREE, ModelFreeEstimates
from heliotrope.report.charts.curve import draw_curve
from heliotrope.report.charts.events import draw_first_events, draw_mean_cumulative, draw_onset
from heliotrope.report.charts.landmarks import draw_landmarks
from heliotrope.report.charts.pulses import draw_pulse_children
from heliotrope.report.charts.ribbon import draw_ribbon
from heliotrope.report.charts.spec import Spec, list_panels
from heliotrope.report.curve_rows import read_curve
from heliotrope.report.draw_shares import draw_shares
from heliotrope.report.language import _
from heliotrope.report.read_fixed_weeks import read_landmark_rows, read_ribbon
from heliotrope.report.read_model_free import (
    read_first_events,
    read_mean_cumulative,
    read_onset,
)
from heliotrope.report.read_pulses import read_pulse_children
from heliotrope.report.section import ReportInput
from heliotrope.report.sections import adjuvant, lasting
from heliotrope.report.sections.literature import list_tables
from heliotrope.report.sections.patterns import draw_patterns, list_patterns
from heliotrope.report.sections.swimmer import draw_lanes
from heliotrope.report.show_measures import READING_ORDER, rank_measure


@dataclass(frozen=True)
class Figure:
    """A figure: the name of its files, its title, and the specification that is drawn."""

    name: str
    title: str
    spec: Spec


SHOW_CHILDREN = ("swimmer", "pulses", "steroid_dose")
"""The figures in which single children can be seen: no aggregates."""


def list_figures(report: ReportInput) -> list[Figure]:
    """List the figures that a run has something to draw of, in the order of its report."""
    if not report.treated:
        return []
    drawn = [*_list_counts(report), *_list_courses(report), *_list_events(report)]
    return [
        Figure(name, title, spec)
        for name, title, spec in drawn
        if spec is not None and list_panels(spec)
    ]


def _list_counts(report: ReportInput) -> Iterable[tuple[str, str, Spec | None]]:
    shares = draw_shares(report.results, report.headline_window)
    yield "answers", _("Shares of children with their intervals"), shares
    yield "patterns", _("Children by response pattern"), draw_patterns(list_patterns(report))
    literature = report.rulebook.get(BESIDE_THE_LITERATURE, Literature)
    own = report.rulebook.settings.population
    population: Population = "adults" if own == "adult" else "children"
    for number, table in enumerate(
        list_tables(report, literature, population, with_cohort=True), start=1
    ):
        yield f"literature_{number}", table.title, table.spec


def _list_courses(report: ReportInput) -> Iterable[tuple[str, str, Spec | None]]:
    measures = [m for m in measures_of(report.rulebook).values() if m.domain in READING_ORDER]
    pulses = read_pulse_children(report, sorted(measures, key=rank_measure))
    yield "swimmer", _("Every child in a lane"), draw_lanes(report)
    landmarks = draw_landmarks(read_landmark_rows(report))
    yield "landmarks", _("Measures at fixed weeks"), landmarks
    yield "pulses", _("A measure around the infusions"), draw_pulse_children(pulses)
    yield "steroid_dose", _("Steroid dose at fixed weeks"), draw_ribbon(read_ribbon(report))


def _list_events(report: ReportInput) -> Iterable[tuple[str, str, Spec | None]]:
    results = report.results
    numbers = report.rulebook.get(MODEL_FREE, ModelFreeEstimates)
    stops = report.rulebook.get(DESCRIPTIVE_ESTIMATES, DescriptiveEstimates).after_stopping
    onset = draw_onset(read_onset(results, numbers.onset.printed_days))
    yield "onset", _("Children first seen improved"), onset
    for name, section in (("steroid_time", adjuvant), ("worsening", lasting)):
        rows = read_curve(results, section.TIME)
        yield name, section.WORDS.title, draw_curve(rows, section.WORDS) if rows.steps else None
    first = read_first_events(results, lasting.CAUSES, stops.printed_days)
    is_shown = len(first.causes) > 1
    yield "first_events", lasting.FIRST, draw_first_events(first) if is_shown else None
    flares = read_mean_cumulative(
        results, "flare_mean", lasting.FLARE_WORDS, numbers.flares.printed_days
    )
    yield "flares", lasting.FLARE_WORDS[0], draw_mean_cumulative(flares) if flares.steps else None
