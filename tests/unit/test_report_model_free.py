"""The charts of the estimates without a model, and how result rows become their rows."""

from __future__ import annotations

import warnings
from typing import Any

import pytest

from heliotrope.definitions.load import read_rulebook
from heliotrope.definitions.model_free import MODEL_FREE, ModelFreeEstimates
from heliotrope.estimate.rows import Figure, Row, Topic, make_results
from heliotrope.report.charts.cycle import (
    CoverageRows,
    PulseRows,
    draw_phase_coverage,
    draw_pulse_curve,
)
from heliotrope.report.charts.draw_svg import render_chart
from heliotrope.report.charts.events import (
    FirstEventRows,
    MeanRows,
    OnsetRows,
    draw_first_events,
    draw_mean_cumulative,
    draw_onset,
)
from heliotrope.report.charts.spec import Spec
from heliotrope.report.estimate_lines import list_estimates
from heliotrope.report.find_results import Results
from heliotrope.report.read_model_free import (
    read_first_events,
    read_mean_cumulative,
    read_onset,
    read_phase_coverage,
    read_pulse_curve,
)
from heliotrope.report.sections.lasting import choose_flares, choose_loss

PHASES = read_rulebook().get(MODEL_FREE, ModelFreeEstimates).phases

TOPIC = Topic("any", 0.95, (0.25, 0.75), MODEL_FREE, "0.1.0")

BANDS: list[dict[str, Any]] = [
    {"day": -7, "until": 0, "middle": -3.5, "name": "before", "visits": "9", "children": "4"},
    {"day": 1, "until": 7, "middle": 4, "name": "1-7", "visits": "5", "children": "3"},
]


def pulse() -> Spec:
    points = [
        {"day": -3.5, "change": 0.0, "low": 0.0, "high": 0.0, "tip": "before"},
        {"day": 4.0, "change": -1.2, "low": -2.0, "high": -0.4, "tip": "days 1-7"},
    ]
    return draw_pulse_curve(PulseRows("Physician global, cm", points, BANDS))


def coverage() -> Spec:
    return draw_phase_coverage(CoverageRows([{"day": 3.0, "visits": 4}], BANDS))


def onset() -> Spec:
    gap = {"day": 7.0, "until": 28.0, "low": 20.0, "high": 60.0, "tip": "after day 7"}
    level = {"day": 0.0, "until": 7.0, "share": 20.0}
    return draw_onset(OnsetRows([gap], [level], [{"day": 14.0, "number": "3"}], 60.0))


def first() -> Spec:
    worse = [{"day": 0.0, "low": 0.0, "high": 0.0}, {"day": 90.0, "low": 0.0, "high": 40.0}]
    died = [{"day": 0.0, "low": 0.0, "high": 0.0}, {"day": 90.0, "low": 40.0, "high": 50.0}]
    at_risk = [{"day": 0.0, "number": "5"}]
    return draw_first_events(FirstEventRows([("worse", worse), ("died", died)], at_risk, 90.0))


def mean() -> Spec:
    steps = [{"day": 0.0, "mean": 0.0}, {"day": 90.0, "mean": 0.4}]
    band = [{"day": 90.0, "low": 0.1, "high": 0.9}]
    at_risk = [{"day": 0.0, "number": "5"}]
    return draw_mean_cumulative(MeanRows("Flares a child", "Days", steps, band, at_risk, 120.0))


DRAWN = [pulse, coverage, onset, first, mean]


@pytest.mark.parametrize("draw", DRAWN)
def test_vega_lite_accepts_the_specification(draw: Any) -> None:
    import vl_convert

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        svg = vl_convert.vegalite_to_svg(draw(), vl_version="6.4")
    assert svg.startswith("<svg")
    assert "NaN" not in svg


@pytest.mark.parametrize("draw", DRAWN)
def test_the_drawing_has_no_undefined_place(draw: Any) -> None:
    drawn = str(render_chart(draw()))
    assert "nan" not in drawn.lower().replace("nanum", "")
    assert drawn.count("<svg") == drawn.count("</svg>")


def test_nothing_to_show_draws_nothing() -> None:
    empty = [
        draw_pulse_curve(PulseRows("CMAS", [], BANDS)),
        draw_phase_coverage(CoverageRows([], BANDS)),
        draw_onset(OnsetRows([], [], [], 0.0)),
        draw_first_events(FirstEventRows([], [], 0.0)),
        draw_mean_cumulative(MeanRows("", "", [], [], [], 0.0)),
    ]
    assert all(not spec["vconcat"] and not spec["usermeta"]["legend"] for spec in empty)


def results(rows: list[Row]) -> Results:
    return Results(make_results(rows))


def figure(analysis: str, variable: str, statistic: str, value: float) -> Row:
    return TOPIC.of(analysis).figure(variable, statistic, Figure(value, f"{value}", 3))


class TestReading:
    def test_a_pulse_curve_starts_at_no_change_and_leaves_out_what_was_refused(self) -> None:
        topic = TOPIC.of("pulse_curve")
        found = read_pulse_curve(
            results(
                [
                    topic.count("cmas:pre_infusion:visits", 9, 4),
                    topic.count("cmas:days_1_7:visits", 5, 3),
                    figure("pulse_curve", "cmas:days_1_7", "mean_change", 4.0),
                    topic.refuse("cmas:trough", "mean_change", "no value"),
                ]
            ),
            "cmas",
            "CMAS",
            PHASES,
        )
        assert [(point["day"], point["change"]) for point in found.points] == [(-3.5, 0), (4, 4)]
        assert [band["name"] for band in found.phases] == ["before", "1-7", "8-21", "trough"]
        assert [band["visits"] for band in found.phases] == ["9", "5", "", ""]

    def test_ratios_start_at_one(self) -> None:
        rows = [
            TOPIC.of("pulse_curve").count("creatine_kinase:pre_infusion:visits", 9, 4),
            figure("pulse_curve", "creatine_kinase:trough", "mean_ratio", 0.8),
        ]
        found = read_pulse_curve(results(rows), "creatine_kinase", "CK", PHASES)
        assert [point["change"] for point in found.points] == [1.0, 0.8]
        assert found.none == 1.0

    def test_coverage_has_days_and_numbers(self) -> None:
        topic = TOPIC.of("phase_coverage")
        rows = [topic.count("day_28", 7), topic.count("day_3", 4), topic.count("trough", 7)]
        found = read_phase_coverage(results(rows), PHASES)
        assert found.days == [{"day": 3.0, "visits": 4}, {"day": 28.0, "visits": 7}]
        assert found.phases[-1]["visits"] == "7"

    def test_onset_is_level_between_boxes_and_what_is_beyond_the_last_visit_is_no_box(self) -> None:
        rows = [
            figure("first_response", "after_day_0:by_day_7", "share_in_interval", 0.5),
            figure("first_response", "after_day_14:by_day_42", "share_in_interval", 0.25),
            figure("first_response", "after_day_90:by_not_seen", "share_in_interval", 0.25),
            figure("first_response", "day_182", "not_known", 1),
        ]
        found = read_onset(results(rows), [182])
        boxes = [(box["day"], box["until"], box["low"], box["high"]) for box in found.gaps]
        assert boxes == [(0, 7, 0, 50), (14, 42, 50, 75)]
        lines = [(line["day"], line["until"], line["share"]) for line in found.levels]
        assert lines == [(7, 14, 50), (42, 90, 75), (90, 182, 75)]

    def test_first_events_are_stacked_and_carried_on(self) -> None:
        name, statistic = "after_stopping_first", "cumulative_incidence"
        rows = [
            figure(name, "worsened:day_40", statistic, 0.2),
            figure(name, "none_of_these:day_40", "share_free", 0.8),
            figure(name, "died:day_60", statistic, 0.1),
            figure(name, "none_of_these:day_60", "share_free", 0.7),
            TOPIC.of(name).refuse("none_of_these:day_90", "share_free", "nobody at risk"),
        ]
        # The readers find days by the rows of numbers at risk.
        rows += [figure(name, f"day_{day}", "at_risk", 5) for day in (40, 60, 90)]
        found = read_first_events(results(rows), {"worsened": "worse", "died": "died"}, [40, 60])
        died = dict(found.causes)["died"]
        ends = [(row["day"], row["low"], row["high"]) for row in died]
        assert ends[0] == (0, 0, 0)
        assert ends[-1] == pytest.approx((60, 20, 30))
        assert [row["number"] for row in found.at_risk] == ["5", "5"]

    def test_a_mean_starts_at_none(self) -> None:
        rows = [figure("flare_mean", "day_90", "mean_cumulative", 0.4)]
        found = read_mean_cumulative(results(rows), "flare_mean", ("Flares", "Days"), [0, 90])
        assert [(row["day"], row["mean"]) for row in found.steps] == [(0, 0), (90, 0.4)]


def lines_of(rows: list[Row]) -> list[tuple[str, str]]:
    results = Results(make_results(rows))
    lines = list_estimates(results, choose_loss(results, "within_180_days"))
    return [(line.name, line.shown) for line in lines]


def test_loss_is_said_only_where_somebody_was_lost() -> None:
    topic = TOPIC.of("after_stopping_loss")
    refused = topic.refuse("weight", "mean", "3 of them were lost", 30)
    assert lines_of([topic.count("lost", 0, 30), refused]) == []
    assert lines_of([topic.count("lost", 3, 30), refused]) == [
        ("Lost to follow-up after stopping", "3"),
        ("Curves weighted for loss", "not estimated"),
    ]


def test_weighted_shares_stand_below_those_observed() -> None:
    topic, curve = TOPIC.of("after_stopping_loss"), TOPIC.of("aggravation_time")
    rows = [
        topic.count("lost", 12, 60),
        topic.figure("weight", "mean", Figure(1.0, "1.00", 60)),
        topic.figure("lost_by_activity", "odds_ratio", Figure(1.4, "1.40", 60)),
        curve.figure("day_180", "survival", Figure(0.5, "50 %", 30)),
        curve.figure("day_180", "survival_weighted", Figure(0.45, "45 %", 30)),
    ]
    assert [shown for _, shown in lines_of(rows)] == ["12", "1.00", "1.40", "50 %", "45 %"]


def test_deaths_are_said_only_where_there_were_any() -> None:
    topic = TOPIC.of("flare_mean")
    none, some = (Results(make_results([topic.count("deaths", n, 9)])) for n in (0, 2))
    assert len(choose_flares(some)) == len(choose_flares(none)) + 1
