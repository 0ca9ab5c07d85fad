"""What must not be loaded before it is needed: the structure behind a fast ``--help``."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ["polars", "dataframely", "numpy", "scipy", "pydantic", "rich.console", "jax", "pyspark"]

HELP = """
from typer.testing import CliRunner
from heliotrope.cli import app
result = CliRunner().invoke(app, {arguments})
assert result.exit_code == 0, result.output
assert "heliotrope" in result.output or "Usage" in result.output
"""


def _loaded_by(code: str) -> list[str]:
    report = f"import sys; print(*[name for name in {HEAVY} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{report}"], capture_output=True, text=True, check=True
    )
    return done.stdout.split()


def test_the_measuring_itself_sees_a_heavy_module() -> None:
    assert "polars" in _loaded_by("import heliotrope.records.shard")


def test_importing_heliotrope_loads_nothing_heavy() -> None:
    assert _loaded_by("import heliotrope") == []


@pytest.mark.parametrize("arguments", [["--help"], ["--version"]])
def test_asking_for_help_loads_nothing_heavy(arguments: list[str]) -> None:
    assert _loaded_by(HELP.format(arguments=arguments)) == []


def test_the_help_of_a_command_loads_only_what_typer_reads_its_arguments_with() -> None:
    assert set(_loaded_by(HELP.format(arguments=["run", "--help"]))) <= {"pydantic"}


def test_reading_a_public_name_loads_what_it_needs() -> None:
    assert "polars" in _loaded_by("import heliotrope; heliotrope.Shard")


def test_importing_the_pipeline_loads_no_model_and_no_spark() -> None:
    loaded = _loaded_by("import heliotrope.pipeline")
    assert "jax" not in loaded
    assert "pyspark" not in loaded
