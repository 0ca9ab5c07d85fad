"""The committed cohort of thirty children is what its generator writes."""

from __future__ import annotations

import runpy
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
TABLES = ["patient", "assessment", "infusion", "medication", "event", "indication"]


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("modern_cohort")
    generator = runpy.run_path(str(EXAMPLES / "make_modern_cohort.py"))
    generator["write_modern_cohort"](folder)
    return folder


@pytest.mark.parametrize("table", TABLES)
def test_the_generator_writes_the_committed_file(table: str, written: Path) -> None:
    committed = (EXAMPLES / "modern_cohort" / f"{table}.csv").read_text(encoding="utf-8")
    assert (written / f"{table}.csv").read_text(encoding="utf-8") == committed


def test_no_clinician_labelled_the_children() -> None:
    assert not (EXAMPLES / "modern_cohort" / "adjudication.csv").exists()


def test_the_first_line_says_that_the_records_are_synthetic() -> None:
    readme = (EXAMPLES / "modern_cohort" / "README.md").read_text(encoding="utf-8")
    assert "synthetic" in readme.splitlines()[0]
