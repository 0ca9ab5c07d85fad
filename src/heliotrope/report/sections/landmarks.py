"""The cohort at fixed weeks: measures, improvement score, share improved."""

from __future__ import annotations

from collections.abc import Mapping

from heliotrope.definitions.load import Rulebook
from heliotrope.definitions.measure import measures_of
from heliotrope.report.charts.draw_svg import render_chart
from heliotrope.report.charts.landmarks import draw_landmarks
from heliotrope.report.language import _
from heliotrope.report.medians_table import read_medians, say_point
from heliotrope.report.read_fixed_weeks import read_landmark_rows
from heliotrope.report.section import ReportInput, Section
from heliotrope.report.show_measures import rank_measure


def build_landmarks(report: ReportInput) -> Section:
    """Show the measures and the score at fixed weeks, whatever the pattern."""
    results = report.results
    names = name_measures(report.rulebook)
    measures = read_landmark_rows(report)
    content = {
        "chart": render_chart(draw_landmarks(measures)) if measures else None,
        "measures": read_medians(results, "landmark", names),
        "scores": read_medians(results, "landmark_score", names),
        "improved": [
            (say_point(name), results.share("landmark_improved", name))
            for name in results.variables("landmark_improved")
            if name.startswith("week_")
        ],
    }
    return Section("landmarks", _("At fixed weeks"), "landmarks.html.j2", content)


def name_measures(rulebook: Rulebook) -> Mapping[str, str]:
    """Name measures with their units, and scores, as tables print them."""
    measures = sorted(measures_of(rulebook).items(), key=lambda item: rank_measure(item[1]))
    names = {
        name: f"{_(item.title)}, {item.unit}" if item.unit != "none" else _(item.title)
        for name, item in measures
    }
    return names | {name: item.title for name, item in rulebook.definitions.items()}
