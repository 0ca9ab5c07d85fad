"""The manual's example of a study file is one that the program accepts."""

from __future__ import annotations

import tomllib
from pathlib import Path

import heliotrope
from heliotrope.study import StudyFile

EXAMPLE = Path(heliotrope.__file__).parents[2] / "docs" / "study_example.toml"


def test_the_example_of_the_manual_is_valid() -> None:
    content = tomllib.loads(EXAMPLE.read_text(encoding="utf-8"))
    study = StudyFile.model_validate(content)
    assert [source.table for source in study.source] == ["assessment", "infusion", "medication"]
    assert study.format.date_format == "DMY"
