"""What the model expected beforehand, in the report."""

from __future__ import annotations

import pytest
from tests.unit.test_report_estimates import make_rows

from heliotrope.report.charts.draw_svg import render_chart
from heliotrope.report.charts.prior import PriorRows, draw_prior_predictive
from heliotrope.report.find_results import Results
from heliotrope.report.read_prior import read_prior, say_inside

PRIOR = "pulse_model_prior"
TITLES = {"physician_global": "Physician global"}


def _results() -> Results:
    expected = (PRIOR, "physician_global:day_-28", "prior_median", 2.0, "2.0", 0.0, 6.0)
    return Results(
        make_rows(
            expected,
            (PRIOR, "physician_global:day_-28", "observed_median", 4.0, "4.0"),
            (PRIOR, "physician_global:day_0", "prior_median", 1.8, "1.8", 0.0, 5.5),
            (PRIOR, "physician_global", "share_inside", 0.93, "0.93"),
        )
    )


def test_a_month_is_read_with_its_days_and_one_never_recorded_is_left_out() -> None:
    (rows,) = read_prior(_results(), TITLES, 28)
    (month,) = rows.months
    assert rows.title == "Physician global"
    assert (month["day"], month["until"], month["middle"]) == (-28, 0, -14)
    assert month["tip"] == "days -27 to 0: recorded median 4.0, expected beforehand 2.0"


def test_the_chart_holds_its_values_as_a_table() -> None:
    (rows,) = read_prior(_results(), TITLES, 28)
    drawn = str(render_chart(draw_prior_predictive(rows)))
    for text in ("Physician global", "expected beforehand, 95 %", "-27 to 0", "2 (0 to 6)"):
        assert text in drawn


@pytest.mark.parametrize(("low", "scale"), [(0.5, "log"), (0.0, None)])
def test_ratios_over_more_than_a_decade_are_drawn_on_a_logarithmic_axis(
    low: float, scale: str | None
) -> None:
    month = {"day": 0, "until": 28, "middle": 14, "expected": 4.0, "low": low, "high": 40.0}
    spec = draw_prior_predictive(PriorRows("CK", [{**month, "recorded": 5.0, "tip": ""}]))
    encodings = [layer["encoding"]["y"]["scale"] for layer in spec["vconcat"][0]["layer"]]
    assert {encoding.get("type") for encoding in encodings} == {scale}


def test_the_share_inside_is_said_and_without_a_model_nothing_is() -> None:
    assert (say_inside(_results(), TITLES) or "").startswith("Physician global 93 % of ")
    empty = Results(make_rows(("cohort", "with_ivig", "n", 7.0, "7")))
    assert say_inside(empty, TITLES) is None
    assert read_prior(empty, TITLES, 28) == []
