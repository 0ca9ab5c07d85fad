"""Every child in a lane: infusions, improved spells, first improvement, worsening, follow-up."""

from __future__ import annotations

from typing import Any

import polars as pl

from heliotrope.report.charts.draw_svg import render_chart
from heliotrope.report.charts.spec import Spec
from heliotrope.report.charts.swimmer import draw_swimmer
from heliotrope.report.read_child import Child
from heliotrope.report.read_swimmer import read_swimmer
from heliotrope.report.section import ReportInput, Section
from heliotrope.report.sections.patterns import PATTERNS
from heliotrope.report.words import say

MOST_LANES = 400


def build_swimmer(report: ReportInput) -> Section:
    """Draw the children in the order of their patterns."""
    children = sorted(report.children, key=lambda child: (_rank(child), child.patient_id))
    content = {
        "chart": render_chart(draw_lanes(report)) if children else None,
        "lines": [_describe(child) for child in children],
        "hidden": 0
        if len(report.treated) <= MOST_LANES
        else len(report.treated) - len(report.shown),
    }
    return Section("swimmer", "Every child in a lane", "swimmer.html.j2", content)


def _rank(child: Child) -> int:
    patterns = child.table("response").sort("regimen")["pattern"].to_list()
    return PATTERNS.index(patterns[0]) if patterns and patterns[0] in PATTERNS else len(PATTERNS)


def draw_lanes(report: ReportInput) -> Spec:
    """Draw every child in a lane; of more children than can be drawn, those with a page."""
    drawn = report.treated if len(report.treated) <= MOST_LANES else report.shown
    return draw_swimmer(read_swimmer(report, drawn, PATTERNS))


def _describe(child: Child) -> dict[str, Any]:
    responses = child.table("response").sort("regimen").to_dicts()
    first = responses[0] if responses else None
    worse = child.table("aggravation").filter(pl.col("state") == "met")
    reactions = child.table("reaction").filter(pl.col("window") != "outside")
    return {
        "patient_id": child.patient_id,
        "pattern": say("pattern", first["pattern"]) if first else "",
        "courses": child.table("course").height,
        "onset": "" if first is None or first["onset_by_day"] is None else first["onset_by_day"],
        "durability": say("durability", first["durability"]) if first else "",
        "steroid": say("steroid_effect", first["steroid_effect"]) if first else "",
        "worse": ", ".join(f"day {day}" for day in worse["days_after_last_infusion"]),
        "reactions": reactions.select("group").n_unique() if reactions.height else 0,
    }
