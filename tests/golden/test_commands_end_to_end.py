"""Every command on the seven children, as a newcomer would type it.

The demo and a refusal run in a process of their own; the rest through the same ``main`` here.
"""

from __future__ import annotations

import contextlib
import io
import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

import heliotrope
from heliotrope import cli
from heliotrope.definitions.drug import drugs_of
from heliotrope.definitions.load import read_rulebook
from heliotrope.pipeline import run_study

ROOT = Path(heliotrope.__file__).parents[2]
SEVEN = ROOT / "examples" / "seven_children"
GLOSSARY = ROOT / "GLOSSARY.md"
CHILDREN = [f"S{number:02}" for number in range(1, 8)]


def _call(*arguments: str | Path, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "heliotrope", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, cwd=cwd)


def _call_here(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Call the command line in this process: what is imported need not be imported again."""
    said, complained = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["heliotrope", *map(str, arguments)])
        patch.setattr(sys, "stdout", said)
        patch.setattr(sys, "stderr", complained)
        with pytest.raises(SystemExit) as stopped:
            cli.main()
    code = int(stopped.value.code or 0)
    return subprocess.CompletedProcess(arguments, code, said.getvalue(), complained.getvalue())


MODELLED = {
    "pulse_model",
    "pulse_model_check",
    "pulse_model_child",
    "pulse_model_prior",
    "pulse_model_sensitivity",
    "pulse_model_what_if",
}
"""The analyses of the model, as the dictionary of the room names them."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("commands")


@pytest.fixture(scope="module")
def demo(folder: Path) -> subprocess.CompletedProcess[str]:
    return _call("demo", cwd=folder)


@pytest.fixture(scope="module")
def run(folder: Path, demo: subprocess.CompletedProcess[str]) -> Path:
    assert demo.returncode == 0, demo.stderr
    return folder / "heliotrope-demo"


def test_demo_says_what_it_found_and_where_the_report_is(
    demo: subprocess.CompletedProcess[str],
) -> None:
    said = " ".join(demo.stdout.split())
    assert "7 of 7 children received IVIG" in said
    assert "Improved while receiving IVIG" in said
    assert "Report: heliotrope-demo/report.html" in said
    assert "not validated against clinicians' judgement" in said
    assert demo.stderr == ""


def test_demo_fits_the_model_and_a_run_may_leave_it_out(run: Path, folder: Path) -> None:
    results = pl.read_parquet(run / "results.parquet")
    modelled = {name for name in results["analysis"].unique() if name.startswith("pulse_model")}
    assert modelled == MODELLED
    fitted = results.filter(pl.col("analysis") == "pulse_model")
    figures = dict(fitted.select("variable", "value").filter(pl.col("value").is_not_null()).rows())
    assert figures["children"] == 7
    assert figures["fit"] > 0
    left_out = _call_here("run", SEVEN, "--no-model", "--out", folder / "without")
    assert left_out.returncode == 0, left_out.stderr
    assert "Pulse model" not in left_out.stdout
    results = pl.read_parquet(folder / "without" / "results.parquet")
    reasons = results.filter(pl.col("analysis") == "pulse_model")["refused"].to_list()
    assert reasons == ["this run was told to leave the pulse model out"]


def test_demo_can_be_run_again_in_the_same_place(run: Path) -> None:
    with contextlib.chdir(run.parent):
        assert _call_here("demo", "--no-model").returncode == 0
    assert (run / "report.html").stat().st_size > 0


def test_another_run_never_overwrites(run: Path) -> None:
    before = (run / "manifest.json").stat().st_mtime_ns
    refused = _call("run", SEVEN, "--out", run)
    assert refused.returncode == 3
    assert "exists" in refused.stderr
    assert (run / "manifest.json").stat().st_mtime_ns == before


@pytest.mark.parametrize("child", CHILDREN)
def test_every_child_is_explained_down_to_cells_that_stand_there(run: Path, child: str) -> None:
    decisions = heliotrope.explain_patient(run, child).to_json()["decisions"]
    assert "jdm_ivig_response" in {decision["definition_id"] for decision in decisions}
    cells = [cell for decision in decisions for cell in _cells(decision["root"])]
    assert cells
    for cell in cells:
        lines = (SEVEN / cell["file"]).read_text(encoding="utf-8").splitlines()
        assert lines[cell["row"] - 1].startswith(child)
        assert cell["column"] in lines[0].split(",")


def _cells(node: dict) -> list[dict]:
    return [*node["cells"], *(cell for child in node["children"] for cell in _cells(child))]


def test_explain_in_words(run: Path) -> None:
    explained = _call_here("explain", run, "S01", "--definition", "jdm_ivig_response")
    assert "Child S01" in explained.stdout
    assert "Pattern: rapid" in explained.stdout
    assert "What would have given another class (a reading of the rule, not advice)" in (
        " ".join(explained.stdout.split())
    )
    assert "by visit" in explained.stdout


@pytest.mark.usefixtures("without_a_page")
def test_verify_holds_until_a_file_changes(run: Path, folder: Path) -> None:
    assert "The run holds." in _call_here("verify", run).stdout
    study, out = folder / "copy", folder / "run-of-copy"
    study.mkdir()
    for source in SEVEN.iterdir():
        (study / source.name).write_bytes(source.read_bytes())
    run_study(study, out)
    with (study / "event.csv").open("a", encoding="utf-8") as events:
        events.write("\n")
    changed = _call_here("verify", out)
    assert changed.returncode == 3
    assert "event.csv" in changed.stdout


def test_check_finds_no_error_and_the_accounting_adds_up() -> None:
    checked = _call_here("check", SEVEN, "--json")
    assert checked.returncode == 0
    content = json.loads(checked.stdout)
    assert content["counts"].get("error", 0) == 0
    for row in content["accounting"]:
        for what in ("rows", "cells"):
            parts = [row[f"{what}_{part}"] for part in ("used", "ignored", "quarantined")]
            assert row[f"{what}_in"] == sum(parts)


def test_init_writes_a_study_that_check_reads(folder: Path) -> None:
    made = _call_here("init", folder / "new-study")
    assert made.returncode == 0
    assert "heliotrope check" in made.stdout
    empty = _call_here("check", folder / "new-study")
    assert empty.returncode == 3
    assert empty.stderr.startswith("Expected: at least one row of records")


def test_every_word_in_the_tables_stands_in_the_glossary(run: Path, modern_run: Path) -> None:
    glossary = GLOSSARY.read_text(encoding="utf-8")
    drugs = set(drugs_of(read_rulebook()))
    words = (_words(run) | _words(modern_run)) - drugs
    assert len(words) > 20
    unexplained = sorted(word for word in words if f"`{word}`" not in glossary)
    assert unexplained == [], "explain these in GLOSSARY.md"


def _words(run: Path) -> set[str]:
    """Collect every reason and flag of a run; a reaction's reason is its term."""
    words: set[str] = set()
    for path in run.rglob("*.parquet"):
        if path.is_dir() or "records" in path.parts or "quarantine" in path.parts:
            continue
        table = pl.read_parquet(path, glob=False)
        if "definition_id" in table.columns:
            table = table.filter(pl.col("definition_id") != "reaction_windows")
        for name in {"flags", "confounded_by"} & set(table.columns):
            words |= set(table[name].explode().drop_nulls())
        if "reason" in table.columns:
            words |= set(table["reason"].drop_nulls())
    return words
