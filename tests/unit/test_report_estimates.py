"""Quick, adjuvant, lasting, harm: what the four sections say, and what they refuse in words."""

from __future__ import annotations

import html
import re
import shutil
from pathlib import Path
from types import SimpleNamespace

import polars as pl
import pytest

from heliotrope.definitions.load import read_rulebook
from heliotrope.pipeline import run_study
from heliotrope.report.charts.cycle import draw_effect_band
from heliotrope.report.charts.draw_svg import render_chart
from heliotrope.report.environment import make_environment
from heliotrope.report.estimate_lines import (
    Estimate,
    EstimateLine,
    fold_refusals,
    list_estimates,
)
from heliotrope.report.find_results import Results
from heliotrope.report.medians_table import read_medians
from heliotrope.report.read_pulse_model import (
    list_not_seen,
    list_quick,
    list_sensitivity,
    list_warnings,
    list_what_if,
    read_band,
    say_foretold,
)
from heliotrope.report.sections.adjuvant import build_adjuvant
from heliotrope.report.sections.untreated import build_untreated

EXAMPLES = Path(__file__).parents[2] / "examples"
COLUMNS = ["analysis", "group", "variable", "statistic", "value", "formatted", "n_evaluable"]


G_FORMULA = "g_formula:start_by_day_91"
LOST = "stopped:share_losing_response_day_90"
SHOWN = ("posterior_median", 1.0, "1 (95 %: 0 to 2)")


def make_rows(*found: tuple[object, ...]) -> pl.DataFrame:
    """Result rows from (analysis, variable, statistic, value, formatted, low, high)."""
    full = [(*row, None, None)[:7] for row in found]
    return pl.DataFrame(
        [(a, "all", v, s, n, f, 78, low, high, None) for a, v, s, n, f, low, high in full],
        schema=[*COLUMNS, "low", "high", "refused"],
        orient="row",
    )


def sections_of(run: Path) -> dict[str, str]:
    """Each section of a report, by its id, as markup."""
    page = (run / "report.html").read_text(encoding="utf-8")
    parts = re.split(r'<section id="([^"]+)"', page.partition("</main>")[0])
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def words(markup: str) -> str:
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", markup)))


@pytest.fixture(scope="module")
def modern(modern_run: Path) -> tuple[dict[str, str], Results]:
    return sections_of(modern_run), Results(pl.read_parquet(modern_run / "results.parquet"))


@pytest.fixture(scope="module")
def seven(seven_run: Path) -> dict[str, str]:
    return sections_of(seven_run)


class TestQuick:
    def test_the_sentence_is_that_of_the_result_rows(self, modern) -> None:
        sections, results = modern
        share = results.share("onset", "rapid")
        said = words(sections["quick"])
        assert f"{share.text} first seen improved within a week of an infusion" in said
        assert f"95 % CI {share.interval}" in said

    def test_every_measure_compared_has_a_line_and_one_a_domain_a_chart(self, modern) -> None:
        sections, _ = modern
        rows = re.findall(r'<th scope="row">([^<]+)</th>', sections["quick"])
        assert {"Creatine kinase, U/L", "Physician global activity, cm"} <= set(rows)
        titles = re.findall(r'<div class="panel-title">([A-Z][^<]+) <small>', sections["quick"])
        assert titles[1] == "Creatine kinase"
        assert "Aldolase" not in titles

    def test_what_the_visits_can_tell_is_said(self, modern) -> None:
        sections, results = modern
        seen, cycles = (
            results.count("phase_coverage", variable) for variable in ("two_parts:cycles", "cycles")
        )
        assert f"Seen early and at the trough: {seen} of {cycles} cycles" in words(
            sections["quick"]
        )

    def test_where_nobody_had_ivig_the_question_is_not_asked(self, tmp_path: Path) -> None:
        study = Path(shutil.copytree(EXAMPLES / "seven_children", tmp_path / "study"))
        for name in ("infusion", "event", "indication"):
            (study / f"{name}.csv").unlink()
        run_study(study, tmp_path / "run")
        assert "quick" not in sections_of(tmp_path / "run")


class TestAdjuvant:
    def test_too_few_children_are_told_so(self, modern) -> None:
        sections, results = modern
        row = results.row("steroid_sparing", "spared_mg_kg_day", "mean_difference")
        assert row is not None
        assert row["refused"]
        said = words(sections["adjuvant"])
        assert f"Whether IVIG spared steroid is not estimated: {row['refused']}" in said

    def test_spared_is_only_said_with_its_assumptions(self) -> None:
        rows = make_rows(
            ("steroid_sparing", "spared_mg_kg_day", "mean_difference", 0.2, "0.192 (-0.1 to 0.5)"),
            ("steroid_dosing_rule", "dose", "verdict", 1.0, "set by measured activity"),
        )
        section = build_adjuvant(SimpleNamespace(results=Results(rows), rulebook=None))
        said = words(
            make_environment().get_template(section.template).render(content=section.content)
        )
        assert (
            "Under its assumptions the estimate of steroid spared is 0.192 (−0.1 to 0.5) mg/kg/day"
            in said
        )
        assert "In these records the dose was set by measured activity" in said

    def test_without_measured_activity_it_is_refused_in_words(self, seven) -> None:
        said = words(seven["adjuvant"])
        assert "In 2 of 7 the steroid dose fell during IVIG to half or less" in said
        assert "Whether IVIG spared steroid is not estimated: no value of physician global" in said

    def test_drugs_stopped_for_good_carry_their_reasons(self, seven) -> None:
        said = words(seven["adjuvant"])
        assert "Azathioprine 2/4 (50 %; 7–93) 4 children" in said
        assert "Recorded reason: inefficacy 1, remission 1." in said


class TestLastingAndHarm:
    def test_one_kind_of_event_needs_no_second_curve(self, modern) -> None:
        assert "Aalen-Johansen" not in modern[0]["lasting"]
        assert "mean cumulative function" in modern[0]["lasting"]

    def test_flares_on_and_off_are_called_an_association(self, modern) -> None:
        said = words(modern[0]["lasting"])
        assert "Flares recorded while on IVIG" in said
        assert "Hazard of a flare, off against on IVIG not estimated" in said

    def test_what_was_not_recorded_is_not_compared(self, modern) -> None:
        said = words(modern[0]["harm"])
        assert "Products of high IgA content less those of low not estimated" in said
        assert "Product: IgPro A 10 %" in said


class TestUntreated:
    def test_too_few_untreated_children_are_described_instead(self, modern) -> None:
        said = words(modern[0]["untreated"])
        assert "not compared: 7 children never received IVIG" in said
        assert "Physician global during IVIG, cm; median (range) 4.35" in said

    def test_where_every_child_had_ivig_nothing_is_asked(self, seven) -> None:
        assert "untreated" not in seven

    def test_the_estimates_of_one_difference_stand_in_one_figure(self) -> None:
        rows = make_rows(
            ("cohort", "with_ivig", "n", 30.0, "30"),
            ("cohort", "without_ivig", "n", 48.0, "48"),
            ("registry_activity", "unadjusted", "mean_difference", 0.6, "0.6 cm", 0.2, 1.0),
            ("registry_activity", "weighted", "mean_difference", -0.8, "-0.8 cm", -1.1, -0.4),
            ("registry_activity", G_FORMULA, "mean_difference_bootstrap", -0.9, "-0.9 cm"),
            ("registry_population", "left_out:no_diagnosis_date", "n", 2.0, "2"),
        )
        rulebook = read_rulebook()
        section = build_untreated(SimpleNamespace(results=Results(rows), rulebook=rulebook))
        assert section is not None
        assert section.content["weighted"] == "−0.8 cm"
        drawn = str(section.content["forest"])
        for lane in ("As recorded", "Weighted", "Simulated: start by day 91"):
            assert lane in drawn
        assert section.content["left_out"] == [("no diagnosis date", 2)]


def test_a_refused_estimate_gives_its_reason_and_a_missing_one_no_line() -> None:
    rows = pl.DataFrame(
        [("a", "all", "x", "median", None, "not estimated", 0, "too few children")],
        schema=[*COLUMNS, "refused"],
        orient="row",
    )
    lines = list_estimates(
        Results(rows), [Estimate("X", "a", "x", "median", "kept"), Estimate("Y", "a", "y", "n")]
    )
    assert [(line.name, line.shown, line.n, line.remark) for line in lines] == [
        ("X", "not estimated", "", "Too few children.")
    ]


def test_what_was_refused_for_one_reason_stands_in_one_line() -> None:
    def line(name: str, reason: str = "") -> EstimateLine:
        return EstimateLine(name, "x", "", reason, bool(reason))

    folded = fold_refusals(
        [line("A", "Too few."), line("B"), line("C", "Too few."), line("D", "No.")]
    )
    assert [(each.name, each.remark) for each in folded] == [
        ("B", ""),
        ("A; C", "Too few."),
        ("D", "No."),
    ]


class TestPulseModel:
    ROWS = (
        ("pulse_model", "anchor:physician_global", "n", 40.0, "40"),
        ("pulse_model", "onset_half_time_days", "posterior_median", 3.0, "3 days (95 %: 2 to 5)"),
        ("pulse_model", "onset_half_time_days", "prior_median", 2.5, "2.5 days (95 %: 1 to 7)"),
        ("pulse_model", "onset_half_time_days", "contraction", 0.71, "0.71"),
        ("pulse_model", "onset_half_time_days", "monte_carlo_error", 0.04, "0.04"),
        ("pulse_model", "monthly_curve:day_7", "posterior_median", 1.0, "1.0", 0.5, 1.5),
        ("pulse_model", "monthly_curve:day_0", "posterior_median", 0.4, "0.4", 0.1, 0.9),
        (
            "pulse_model_what_if",
            "stopped:share_losing_response_day_90",
            "posterior_median",
            0.5,
            "0.5",
        ),
        (
            "pulse_model_sensitivity",
            "as_defined:pulse_mean",
            "posterior_median",
            1.0,
            "1 (95 %: 0 to 2)",
        ),
    )

    def test_a_figure_stands_beside_its_prior_and_how_far_the_records_narrowed_it(self) -> None:
        (line,) = list_quick(Results(make_rows(*self.ROWS)), {})
        assert line.shown == "3 days (95 %: 2 to 5)"
        assert line.remark == (
            "Before the records 2.5 days (95 %: 1 to 7); narrowed by 71 %; drawing error 0.04."
        )

    def test_the_curve_is_drawn_in_order_and_named_by_its_anchor(self) -> None:
        band = read_band(Results(make_rows(*self.ROWS)))
        assert [row["day"] for row in band.points] == [0.0, 7.0]
        assert band.unit == "physician global"
        assert "Improvement by the model" in str(render_chart(draw_effect_band(band)))

    def test_predictions_and_conventions_are_listed_in_words(self) -> None:
        results = Results(make_rows(*self.ROWS))
        assert [line.name for line in list_what_if(results)] == [
            "Stopped: share losing response, day 90"
        ]
        assert list_sensitivity(results) == [("As defined", ["1 (0 to 2)"])]

    def test_what_the_check_found_is_said_and_what_it_did_not_find_is_not(self) -> None:
        check = "pulse_model_check"
        rows = (
            (check, "leave_one_out", "elpd", -51.2, "-51.2 (standard error 6.0)"),
            (check, "leave_one_out", "p", 8.1, "8.1"),
            (check, "visits_by_activity", "p_value", 0.004, "0.004"),
            (check, "visits_by_activity", "warning", 1.0, "children were seen again sooner"),
            (check, "convention:dose_square_root", "log_evidence_ratio", 0.2, "0.2"),
        )
        blind = (check, "not_seen_at_this_size:dose", "share_found", 0.0, "half doses (0 of 40)")
        assert list_not_seen(Results(make_rows(*rows, blind))) == ["half doses (0 of 40)"]
        results = Results(make_rows(*self.ROWS, *rows))
        assert list_not_seen(results) == []
        assert list_warnings(results) == ["children were seen again sooner"]
        assert say_foretold(results) == (
            "each child foretold by the others: log density -51.2 (standard error 6.0), for a fit "
            "worth 8.1 parameters"
        )
        assert list_warnings(Results(make_rows(*self.ROWS))) == []
        assert say_foretold(Results(make_rows(*self.ROWS))) is None


def test_medians_stand_under_their_points_and_gaps_stay_empty() -> None:
    rows = pl.DataFrame(
        [
            ("dose", "all", "b:before", "median", 1.0, "1.0 (0.5-2)", 3, None),
            ("dose", "all", "a:week_6", "median", -1.0, "-1.0 (-2 to 0)", 2, None),
        ],
        schema=[*COLUMNS, "refused"],
        orient="row",
    )
    table = read_medians(Results(rows), "dose", {"a": "A", "b": "B"})
    assert table.columns == ["Day before IVIG", "Week 6"]
    assert table.lines == [
        ("A", [("", "", ""), ("−1.0", "−2 to 0", "n = 2")]),
        ("B", [("1.0", "0.5–2", "n = 3"), ("", "", "")]),
    ]
