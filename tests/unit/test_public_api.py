"""The public API: few names, each of them there."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

import heliotrope

PROJECT = Path(heliotrope.__file__).parents[2] / "pyproject.toml"


@pytest.mark.parametrize("name", heliotrope.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(heliotrope, name) is not None


def test_the_api_stays_small() -> None:
    assert len(heliotrope.__all__) <= 25
    assert dir(heliotrope) == sorted(heliotrope.__all__)


def test_another_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'dose'"):
        _ = heliotrope.dose


def test_the_version_is_that_of_the_project() -> None:
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
    assert project["version"] == heliotrope.__version__
