"""The report's section beside the literature: children and adults apart, pooled only on request."""

from __future__ import annotations

import html
import re
import shutil
from pathlib import Path

import pytest
from tests.unit.vega_lite import check_spec

from heliotrope.pipeline import run_study
from heliotrope.report.charts.forest import draw_forest

SEVEN = Path(__file__).parents[2] / "examples" / "seven_children"


def section_of(page: str) -> str:
    return page.partition('<section id="literature"')[2].partition("</section>")[0]


def words_of(fragment: str) -> str:
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", fragment)))


@pytest.fixture(scope="module")
def plain(seven_run: Path) -> str:
    return section_of((seven_run / "report.html").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def pooled(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("pooled")
    study = Path(shutil.copytree(SEVEN, folder / "study"))
    path = study / "study.toml"
    path.write_text(path.read_text(encoding="utf-8") + "pool_evidence = true\n", encoding="utf-8")
    run_study(study, folder / "run")
    return section_of((folder / "run" / "report.html").read_text(encoding="utf-8"))


def test_the_cohort_stands_beside_each_series_with_centre_and_year(plain: str) -> None:
    words = words_of(plain)
    assert (
        "This cohort this study; IVIG 1989 to 1994 improved while receiving IVIG, confirmed at a "
        "later visit 6 of 7 86 % (42 to >99 %)"
    ) in words
    assert "Lang 1991 Toronto; 1991 improved 5 of 5 100 % (48 to 100 %)" in words
    assert "Manlhiot 2008 Toronto; 2008 infusions with a reaction" in words
    assert "92 of 1,056 8.7 % (7.1 to 10.6 %)" in words
    assert "centre not noted; 1995" in words


def test_what_has_no_denominator_has_no_share(plain: str) -> None:
    assert re.search(
        r"Series of 1997 centre not noted; 1997 held on a markedly reduced dose .{0,130} 2 –",
        words_of(plain),
    )


def test_overlap_second_line_drugs_and_time_are_said(plain: str) -> None:
    words = words_of(plain)
    assert "Lang 1991 and Al-Mayouf 2000 may hold the same children: do not add them up." in words
    assert "Ten of 18 took another second-line drug." in words
    assert (
        "Time is counted from diagnosis; the other series count from the first infusion." in words
    )
    assert "This cohort's records are invented" in words


def test_a_printed_interval_that_differs_is_noted_beside_our_own(plain: str) -> None:
    assert (
        "The publication prints 19.6 to 64.6 %; the exact interval, shown here, is 20.3 to 66.5 %."
    ) in words_of(plain)


def test_adults_stand_apart_in_figures_of_their_own(plain: str) -> None:
    children, apart = plain.split("Adults, apart")
    for name in ("Dalakas 1993", "ProDERM 2022", "Lim 2020", "TORJ 9:77"):
        assert name not in children
        assert name in apart
    assert "This cohort:" not in apart
    assert "Lang 1991" not in apart.partition("In words only")[0]


def test_nothing_is_pooled_unless_asked(plain: str, pooled: str) -> None:
    assert "Nothing is pooled." in words_of(plain)
    assert "Pooled," not in plain
    words = words_of(pooled)
    assert "They are pooled because the study asks for it" in words
    assert re.search(r"Pooled, 5 series one a centre .* – 74 % \(51 to 88 %\)", words)
    assert "A further, similar series would lie within 48 to 90 %." in words
    assert "Not pooled: only 2 series, one a centre; at least 3 are pooled." in words
    assert "DerSimonian and Laird" in words


def test_every_figure_says_in_words_what_it_shows(plain: str) -> None:
    labels = re.findall(r'role="img" aria-label="([^"]+)"', plain)
    assert len(labels) == 7
    assert "Al-Mayouf 2000: 12 of 18, 67 % (41 to 87 %)" in html.unescape(labels[0])


def test_an_adult_study_stands_beside_adults(tmp_path: Path) -> None:
    study = Path(shutil.copytree(SEVEN, tmp_path / "study"))
    path = study / "study.toml"
    text = path.read_text(encoding="utf-8").replace('population = "jdm"', 'population = "adult"')
    path.write_text(text, encoding="utf-8")
    run_study(study, tmp_path / "run")
    section = section_of((tmp_path / "run" / "report.html").read_text(encoding="utf-8"))
    own, apart = section.split("Children, apart")
    assert "This cohort" in own
    assert "Dalakas 1993" in own
    assert "This cohort:" not in apart
    assert "Lang 1991" in apart


@pytest.mark.parametrize(("high", "end"), [(99.0, 100), (51.0, 100), (10.6, 20), (6.0, 10), (0, 1)])
def test_the_axis_ends_just_beyond_the_highest_interval(high: float, end: float) -> None:
    row = {"lane": "a", "kind": "series", "share": 0.0, "low": 0.0, "high": high, "text": "a"}
    (panel,) = draw_forest([row], "per cent", "a")["vconcat"]
    domain = panel["layer"][0]["encoding"]["x"]["scale"]["domain"]
    assert domain == [0, end]


def test_vega_lite_accepts_a_forest_plot() -> None:
    vl_convert = pytest.importorskip("vl_convert")
    row = {"lane": "a", "kind": "series", "share": 50.0, "low": 20.0, "high": 70.0, "text": "a"}
    wide = {**row, "lane": "b", "kind": "pooled", "least": 10.0, "most": 90.0}
    spec = draw_forest([row, wide], "per cent", "a")
    check_spec(spec)
    svg = vl_convert.vegalite_to_svg(spec, vl_version="6.4")
    assert svg.startswith("<svg")
    assert "NaN" not in svg
