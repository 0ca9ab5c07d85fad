"""The manual's example of a study file is one that the program accepts."""

from __future__ import annotations

import tomllib
from pathlib import Path

import heliotrope
from heliotrope.ingest.mapping import Format, SourceMapping

EXAMPLE = Path(heliotrope.__file__).parents[2] / "docs" / "study_example.toml"


def test_the_example_of_the_manual_is_valid() -> None:
    content = tomllib.loads(EXAMPLE.read_text(encoding="utf-8"))
    mappings = [SourceMapping.model_validate(source) for source in content["source"]]
    assert [mapping.table for mapping in mappings] == ["assessment", "infusion", "medication"]
    assert Format.model_validate(content["format"]).date_format == "DMY"
