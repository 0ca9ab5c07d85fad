"""The children behind a number: exactly those counted, or no link at all."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import polars as pl
import pytest

from heliotrope.definitions.load import Rulebook
from heliotrope.report import section
from heliotrope.report.page import render_report
from heliotrope.report.read_run import RunTables
from heliotrope.report.section import ReportInput
from heliotrope.study import read_study

SEVEN = Path(__file__).parents[2] / "examples" / "seven_children"


@pytest.fixture(scope="module")
def seven(seven_run: Path) -> tuple[Path, Rulebook]:
    return seven_run, read_study(SEVEN).read_rulebook()


def test_each_linked_number_is_as_large_as_its_list(seven: tuple[Path, Rulebook]) -> None:
    page = (seven[0] / "report.html").read_text(encoding="utf-8")
    links = re.findall(r'data-group="([^"]+)">(\d+)', page)
    assert len(links) >= 15
    for name, count in links:
        listed = re.search(rf'id="behind-{name}".*?</dd>', page, re.DOTALL)
        assert listed is not None, name
        assert listed.group(0).count("<a href") == int(count), name


def test_a_count_made_in_another_way_is_no_link(
    seven: tuple[Path, Rulebook], tmp_path: Path
) -> None:
    run = Path(shutil.copytree(seven[0], tmp_path / "run"))
    is_rapid = (pl.col("analysis") == "onset") & (pl.col("variable") == "rapid")
    results = pl.read_parquet(run / "results.parquet").with_columns(
        pl.when(is_rapid & (pl.col("statistic") == "n")).then(2.0).otherwise("value").alias("value")
    )
    results.write_parquet(run / "results.parquet")
    report = ReportInput(run=RunTables(run), rulebook=seven[1])
    assert report.link("2 of 7", "onset", "rapid") == "2 of 7"
    assert "behind-onset-slow" in report.link("2 of 7", "onset", "slow")


def test_too_many_children_are_counted_not_listed(
    seven: tuple[Path, Rulebook], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(section, "LISTED_CHILDREN", 6)
    page = render_report(*seven)
    assert "The 7 treated children are too many for a line each" in page
    assert 'href="#behind-' not in page
