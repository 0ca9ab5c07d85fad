"""What the cohort's charts are drawn of: spans of the swimmer, those last seen, fixed weeks."""

from __future__ import annotations

import datetime as dt
import re
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from heliotrope.definitions.load import read_rulebook
from heliotrope.estimate.curves import estimate_curve_rows
from heliotrope.estimate.kaplan_meier import estimate_curve
from heliotrope.estimate.rows import Topic, make_results
from heliotrope.report.charts.curve import CurveWords, draw_curve
from heliotrope.report.charts.draw_svg import render_chart
from heliotrope.report.charts.spec import list_panels
from heliotrope.report.charts.swimmer import MOST_NAMED, SwimmerRows, draw_swimmer
from heliotrope.report.charts.timeline import draw_timeline
from heliotrope.report.curve_rows import read_curve
from heliotrope.report.draw_shares import draw_shares
from heliotrope.report.explain_cells import SourceCells
from heliotrope.report.find_results import Results
from heliotrope.report.read_fixed_weeks import read_landmark_rows, read_ribbon
from heliotrope.report.read_run import RunTables
from heliotrope.report.read_swimmer import Lane, read_swimmer
from heliotrope.report.section import ReportInput

EXAMPLES = Path(__file__).parents[2] / "examples"
D0 = dt.date(2020, 1, 1)
TOPIC = Topic("time", 0.95, (0.25, 0.75), "d", "1")


@pytest.fixture(scope="module")
def report(seven_run: Path) -> ReportInput:
    return ReportInput(run=RunTables(seven_run), rulebook=read_rulebook())


def lane(*visits: tuple[int, str], until: int, stopped: bool = False) -> Lane:
    """A child first infused on day 0, seen on some days, followed up to a day."""
    day = dt.timedelta(days=1)
    regimen = {
        "regimen": 1,
        "first_infusion": D0,
        "last_infusion": D0 + 28 * day,
        "courses": 2,
        "status": "discontinued" if stopped else "ongoing",
        "reason": None,
        "observed_until": D0 + until * day,
    }
    seen = [{"date": D0 + number * day, "state": state} for number, state in visits]
    rows: dict[str, list[dict[str, Any]]] = {
        "regimen": [regimen],
        "visit": seen,
        "course": [],
        "response": [],
        "aggravation": [],
        "reaction": [],
    }
    return Lane("A", rows, None, 91, SourceCells(pl.DataFrame()))


def spans_of(found: Lane) -> list[tuple[float, float, str]]:
    return sorted(
        (round(row["week"] * 7), round(row["until"] * 7), name)
        for name, rows in found.collect().items()
        if name in ("improved", "not_improved", "not_assessed")
        for row in rows
    )


class TestSwimmer:
    def test_time_is_cut_into_what_was_seen_and_what_was_not(self) -> None:
        seen = lane((7, "not_met"), (28, "met"), (56, "met"), (84, "not_met"), until=100)
        assert spans_of(seen) == [
            (0, 7, "not_assessed"),
            (7, 28, "not_improved"),
            (28, 84, "improved"),
            (84, 100, "not_improved"),
        ]

    def test_a_state_is_not_drawn_on_for_ever(self) -> None:
        assert spans_of(lane((0, "met"), until=365)) == [
            (0, 91, "improved"),
            (91, 365, "not_assessed"),
        ]

    def test_a_visit_that_cannot_be_judged_ends_what_was_seen(self) -> None:
        assert spans_of(lane((0, "met"), (30, "not_evaluable"), until=60)) == [
            (0, 30, "improved"),
            (30, 60, "not_assessed"),
        ]

    def test_a_child_never_seen_is_not_assessed_throughout(self) -> None:
        assert spans_of(lane(until=200)) == [(0, 200, "not_assessed")]

    def test_an_arrow_says_ongoing_and_a_square_says_stopped(self) -> None:
        going, stopped = lane(until=60).collect(), lane(until=60, stopped=True).collect()
        assert [len(going["ongoing"]), len(going["stopped"])] == [1, 0]
        assert [len(stopped["ongoing"]), len(stopped["stopped"])] == [0, 1]

    def test_only_what_is_drawn_has_a_key(self) -> None:
        rows = SwimmerRows(["A"], 9, improved=[{"lane": "A", "week": 1, "until": 2, "tip": "t"}])
        keys = [key["label"] for key in draw_swimmer(rows)["usermeta"]["legend"]]
        assert keys == ["improved at the visit"]

    def test_many_children_have_thin_lanes_and_the_names_of_their_groups(self) -> None:
        names = [f"child {n}" for n in range(MOST_NAMED + 1)]
        band = [{"lane": name, "week": 1, "until": 2, "tip": name} for name in names]
        rows = SwimmerRows(names, 9, improved=band, groups={"child 0": "Rapid (61)"})
        drawn = str(render_chart(draw_swimmer(rows)))
        assert re.findall(r'<span style="top:[^>]*>([^<]*)</span>', drawn) == ["Rapid (61)"]
        assert drawn.count("<rect") >= len(names)

    def test_strokes_of_many_courses_leave_the_bands_to_be_seen(self) -> None:
        def sizes(number: int) -> set[str]:
            courses = [{"lane": "A", "week": week, "tip": "t"} for week in range(number)]
            drawn = str(render_chart(draw_swimmer(SwimmerRows(["A"], number, courses=courses))))
            return set(re.findall(r"scale\(([\d.]+)\)", drawn))

        assert sizes(20) == set()  # as they are
        assert sizes(190) == {"0.42"}

    def test_nobody_gives_an_empty_chart(self) -> None:
        assert list_panels(draw_swimmer(SwimmerRows([], 0))) == []

    def test_every_treated_child_has_a_lane_and_every_course_a_mark(
        self, report: ReportInput
    ) -> None:
        rows = read_swimmer(report, report.treated, ())
        assert sorted(rows.lanes) == report.treated
        assert len(rows.courses) == report.run.table("course").height


def curve_of(*children: tuple[int, int, bool]) -> Results:
    times = pl.DataFrame(children, schema=["entry", "exit", "is_event"], orient="row")
    rows = estimate_curve_rows(TOPIC, estimate_curve(times, 0.95), (0, 30, 60), "nobody")
    return Results(make_results(rows))


class TestCurve:
    def test_those_last_seen_without_the_event_are_ticks_on_the_line(self) -> None:
        rows = read_curve(
            curve_of((0, 10, True), (0, 20, False), (0, 20, False), (0, 50, False)), "time"
        )
        assert [(row["day"], row["free"], row["number"]) for row in rows.censored] == [
            (20, 75, 2),
            (50, 75, 1),
        ]

    def test_the_line_runs_on_to_the_last_day_anybody_was_seen(self) -> None:
        rows = read_curve(curve_of((0, 10, True), (0, 50, False)), "time")
        assert rows.last_day == rows.steps[-1]["day"] == 50
        assert rows.steps[-1]["free"] == rows.steps[-2]["free"]
        assert all(row["day"] <= 50 for row in rows.at_risk)

    def test_it_ends_where_everybody_at_risk_had_the_event_before_others_entered(self) -> None:
        rows = read_curve(curve_of((0, 10, True), (20, 60, False)), "time")
        assert rows.last_day < 60
        assert rows.censored == []

    def test_numbers_at_risk_stand_under_the_axis(self) -> None:
        rows = read_curve(curve_of((0, 10, True), (0, 50, False)), "time")
        drawn = str(render_chart(draw_curve(rows, CurveWords("Free", "Days"))))
        assert drawn.index("<em>Days</em>") < drawn.index(">At risk<")


class TestFromResults:
    """What is drawn is what the result rows say, and nothing else."""

    def test_fixed_weeks(self, report: ReportInput) -> None:
        for rows in read_landmark_rows(report):
            for point in rows.points:
                assert rows.span[0] <= point["least"] <= point["low"] <= point["median"]
                assert point["median"] <= point["high"] <= point["most"] <= rows.span[1]

    def test_the_ribbon_is_the_medians_of_the_dose(self, report: ReportInput) -> None:
        ribbon = read_ribbon(report)
        variable = "prednisone_mg_kg_day" if "kg" in ribbon.unit else "prednisone_mg_day"
        for point in ribbon.points:
            name = f"week_{point['week']:.0f}" if point["week"] else "before"
            row = report.results.row("steroid_dose", f"{variable}:{name}", "median")
            assert row is not None
            assert point["median"] == row["value"]
        assert all(child["week"] >= 0 for child in ribbon.children)

    def test_shares(self, report: ReportInput) -> None:
        spec = draw_shares(report.results, report.headline_window)
        assert spec is not None
        drawn = list_panels(spec)[0]["layer"][1]["data"]["values"]
        share = report.results.share("responded", "confirmed")
        assert drawn[0]["share"] == 100 * (share.value or 0)

    def test_every_value_of_a_child_stands_in_its_timeline_with_its_cell(
        self, report: ReportInput
    ) -> None:
        for child in report.children:
            spec = draw_timeline(child, report.rulebook, report.places)
            said = [
                row
                for panel in list_panels(spec)
                for layer in panel["layer"]
                for row in layer["data"]["values"]
                if row.get("cell")
            ]
            assert said
            assert all("row" in row["cell"] and "column" in row["cell"] for row in said)
            infusions = [row for row in said if row.get("lane") == "IVIG"]
            assert len(infusions) == child.table("infusion_day").height
