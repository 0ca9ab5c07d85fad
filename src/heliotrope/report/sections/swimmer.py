"""Every child in a lane: infusions, improved spells, first improvement, worsening, follow-up."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import polars as pl

from heliotrope.report.charts.cohort import SwimmerRows, draw_swimmer
from heliotrope.report.charts.draw_svg import render_chart
from heliotrope.report.read_child import Child
from heliotrope.report.section import ReportInput, Section
from heliotrope.report.sections.patterns import PATTERNS
from heliotrope.report.words import say

Rows = list[dict[str, Any]]


def build_swimmer(report: ReportInput) -> Section:
    """Draw the children in the order of their patterns."""
    children = sorted(report.children, key=lambda child: (_rank(child), child.patient_id))
    content = {
        "chart": render_chart(draw_swimmer(list_lanes(children))) if children else None,
        "lines": [_describe(child) for child in children],
        "hidden": len(report.treated) - len(report.shown),
    }
    return Section("swimmer", "Every child in a lane", "swimmer.html.j2", content)


def _rank(child: Child) -> int:
    patterns = child.table("response").sort("regimen")["pattern"].to_list()
    return PATTERNS.index(patterns[0]) if patterns and patterns[0] in PATTERNS else len(PATTERNS)


def list_lanes(children: list[Child]) -> SwimmerRows:
    """Collect the rows of the swimmer plot."""
    follow_up: Rows = []
    parts: dict[str, Rows] = {
        name: []
        for name in ("regimens", "courses", "improved", "first_improved", "worse", "reactions")
    }
    for child in children:
        end = child.week(child.last_date)
        follow_up.append(_row(child, 0.0, f"followed to {child.last_date}", until=end))
        for name, rows in _collect(child).items():
            parts[name] += rows
    return SwimmerRows(
        lanes=[child.patient_id for child in children],
        follow_up=follow_up,
        last_week=max((row["until"] for row in follow_up), default=0.0),
        **parts,
    )


def _row(child: Child, week: float, tip: str, **more: float) -> dict[str, Any]:
    return {
        "lane": child.patient_id,
        "week": week,
        "tip": f"{child.patient_id}: {tip}",
        **more,
    }


def _collect(child: Child) -> dict[str, Rows]:
    visits = child.table("visit").filter(pl.col("state").is_in(["met", "not_met"])).sort("date")
    improved = [
        _row(child, child.week(here["date"]), "improved", until=child.week(later["date"]))
        for here, later in pairwise(visits.to_dicts())
        if here["state"] == "met"
    ]
    return {
        "regimens": [
            _row(
                child,
                child.week(row["first_infusion"]),
                f"{row['courses']} courses, {say('status', row['status'])}",
                until=max(
                    child.week(row["last_infusion"]), child.week(row["first_infusion"]) + 0.5
                ),
            )
            for row in child.table("regimen").iter_rows(named=True)
        ],
        "courses": [
            _row(child, child.week(row["start_date"]), f"course {row['course']}")
            for row in child.table("course").iter_rows(named=True)
        ],
        "improved": improved,
        "first_improved": [
            _row(
                child,
                child.week(row["first_infusion"]) + row["onset_by_day"] / 7,
                f"first seen improved on day {row['onset_by_day']}",
            )
            for row in child.table("response").iter_rows(named=True)
            if row["onset_by_day"] is not None
        ],
        "worse": [
            _row(child, child.week(row["date"]), f"worse after stopping, {row['date']}")
            for row in child.table("aggravation").iter_rows(named=True)
            if row["state"] == "met" and row["date"] is not None
        ],
        "reactions": [
            _row(child, child.week(row["date"]), row["term"])
            for row in child.table("reaction").iter_rows(named=True)
            if row["window"] != "outside"
        ],
    }


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
