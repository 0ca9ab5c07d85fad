"""Every child in a lane: infusions, improved spells, first improvement, worsening, follow-up."""

from __future__ import annotations

from heliotrope.report.charts.draw_svg import render_chart
from heliotrope.report.charts.spec import Spec
from heliotrope.report.charts.swimmer import draw_swimmer
from heliotrope.report.language import _
from heliotrope.report.read_swimmer import read_swimmer
from heliotrope.report.section import ReportInput, Section
from heliotrope.report.sections.patterns import PATTERNS

MOST_LANES = 400


def build_swimmer(report: ReportInput) -> Section:
    """Draw the children in the order of their patterns."""
    content = {
        "chart": render_chart(draw_lanes(report)) if report.treated else None,
        "hidden": 0
        if len(report.treated) <= MOST_LANES
        else len(report.treated) - len(report.shown),
    }
    return Section("swimmer", _("Every child in a lane"), "swimmer.html.j2", content)


def draw_lanes(report: ReportInput) -> Spec:
    """Draw every child in a lane; of more children than can be drawn, those with a page."""
    drawn = report.treated if len(report.treated) <= MOST_LANES else report.shown
    return draw_swimmer(read_swimmer(report, drawn, PATTERNS))
