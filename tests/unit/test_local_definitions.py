"""A study adds a measure, a rule and a correction of its own: one file each, no Python."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from textwrap import dedent

import polars as pl
import pytest
from typer.testing import CliRunner

from heliotrope.cli import app
from heliotrope.definitions.load import SHIPPED, Rulebook
from heliotrope.definitions.validate import check_definitions, reachable_states
from heliotrope.pipeline import RunOptions, run_study
from heliotrope.run.manifest import read_manifest
from heliotrope.run.verification import verify_run
from heliotrope.study import read_study

MEASURE = """
    id = "measures_bulbar"
    version = "0.1.0"
    kind = "measures"
    title = "Bulbar function"
    wording = "A scale of our clinic for speech and swallowing."
    verified = false

    [[measures]]
    id = "bulbar_scale"
    title = "Bulbar scale"
    domain = "swallowing"
    unit = "none"
    better = "low"
    minimum = 0
    maximum = 12
    sources = [{ citation = "our clinic's own scale", flag = "P" }]
"""

RULE = """
    id = "bulbar_worsening"
    version = "0.1.0"
    kind = "rule"
    title = "Bulbar worsening"
    wording = "Two points worse than the best so far, again two weeks or more later."
    verified = false
    reference = "best_so_far"

    [root]
    node = "confirmed"
    id = "root"
    at_least_days = 14

    [root.of]
    node = "leaf"
    id = "two_points"
    measure = "bulbar_scale"
    quantity = "worsening"
    better = "low"
    operator = ">="
    threshold = 2
    unit = "none"

    [[sources]]
    citation = "our clinic"
    flag = "P"
"""

VISITS = [
    ("2020-01-01", 6), ("2020-02-01", 2), ("2020-03-01", 4), ("2020-03-10", 4),
    ("2020-03-20", 4), ("2020-04-20", 3),
]  # fmt: skip


OURS = {"bulbar_worsening", "inactive_disease_2015", "inactive_disease_2015@0.9.0"}


@dataclass(frozen=True)
class Ran:
    """A run of a study with definitions of its own."""

    folder: Path
    out: Path
    rulebook: Rulebook

    def states(self, definition_id: str) -> list[tuple[str, str]]:
        table = pl.read_parquet(self.out / "tables" / "state.parquet")
        rows = table.filter(pl.col("definition_id") == definition_id).sort("date")
        return [(row["date"].isoformat(), row["state"]) for row in rows.iter_rows(named=True)]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Ran:
    folder = tmp_path_factory.mktemp("study")
    ours = folder / "ours"
    ours.mkdir()
    (ours / "bulbar.toml").write_text(dedent(MEASURE), encoding="utf-8")
    (ours / "bulbar_worsening.toml").write_text(dedent(RULE), encoding="utf-8")
    shipped = (SHIPPED / "states" / "inactive_disease_2015.toml").read_text(encoding="utf-8")
    corrected = (
        shipped.replace("threshold = 0.2", "threshold = 0.5")
        .replace('version = "1.0.0"', 'version = "1.0.1"')
        .replace("verified = true", "verified = false")
    )
    (ours / "inactive_disease_2015.toml").write_text(corrected, encoding="utf-8")
    first_try = corrected.replace('"1.0.1"', '"0.9.0"').replace("threshold = 0.5", "threshold = 9")
    (ours / "inactive_disease_2015@0.9.0.toml").write_text(first_try, encoding="utf-8")
    (folder / "study.toml").write_text('definitions = "ours"\n', encoding="utf-8")
    assessment = ["patient_id,date,measure,value,unit"]
    assessment += [f"C1,{day},bulbar_scale,{value}," for day, value in VISITS]
    for measure, value, unit in (
        ("physician_global", 0.4, "cm"), ("creatine_kinase", 100, "U/L"), ("mmt8", 80, ""),
    ):  # fmt: skip
        assessment.append(f"C1,2020-04-20,{measure},{value},{unit}")
    (folder / "assessment.csv").write_text("\n".join(assessment) + "\n", encoding="utf-8")
    (folder / "infusion.csv").write_text(
        "patient_id,date,route,dose,dose_unit\nC1,2020-01-02,iv,40,g\n", encoding="utf-8"
    )
    out = tmp_path_factory.mktemp("runs") / "run"
    run_study(folder, out, RunOptions(), None)
    return Ran(folder, out, read_study(folder).read_rulebook())


def test_its_rule_is_evaluated_against_the_best_so_far(ran: Ran) -> None:
    """Worse than 2 from 1 March on; nine days later is too soon to confirm, 19 days is not."""
    assert ran.states("bulbar_worsening") == [
        ("2020-02-01", "not_met"),
        ("2020-03-01", "not_met"),
        ("2020-03-10", "not_met"),
        ("2020-03-20", "met"),
        ("2020-04-20", "not_met"),
    ]


def test_its_correction_replaces_the_shipped_rule(ran: Ran) -> None:
    assert ran.states("inactive_disease_2015") == [("2020-04-20", "met")]
    assert ran.states("inactive_by_physician_global") == [("2020-04-20", "not_met")]


def test_the_versions_it_replaced_are_judged_beside_it(ran: Ran) -> None:
    """Physician global 0.4: over 0.2 as shipped, within 0.5 in the correction and 9 before it."""
    assert ran.states("inactive_disease_2015@1.0.0") == [("2020-04-20", "not_met")]
    assert ran.states("inactive_disease_2015@0.9.0") == [("2020-04-20", "met")]
    compared = CliRunner().invoke(
        app,
        [
            "compare",
            str(ran.out),
            "inactive_disease_2015",
            "inactive_disease_2015@1.0.0",
            "--json",
        ],
    )
    assert compared.exit_code == 0, compared.output
    (pair,) = json.loads(compared.output)["pairs"]
    (change,) = pair["changes"]
    assert (change["first"], change["second"]) == ("met", "not_met")
    assert [way[0]["node"] for way in change["ways"]] == ["physician_global"]


def test_it_is_traced_to_its_cells_and_marked_local(ran: Ran) -> None:
    trace = pl.read_parquet(ran.out / "trace" / "trace.parquet")
    sources = pl.read_parquet(ran.out / "trace" / "trace_source.parquet")
    versions = dict(trace.select("definition_id", "definition_version").unique().iter_rows())
    assert versions["bulbar_worsening"] == "0.1.0+local"
    assert versions["inactive_disease_2015"] == "1.0.1+local"
    assert versions["inactive_disease_2013"] == "1.0.0"
    assert not any(
        version.endswith("+local") for name, version in versions.items() if name not in OURS
    )
    leaf = trace.filter(
        (pl.col("node") == "two_points") & (pl.col("date") == pl.date(2020, 3, 20))
    ).row(0, named=True)
    assert (leaf["value"], leaf["operator"], leaf["threshold"]) == (2, ">=", 2)
    cells = sources.filter(pl.col("trace_id") == leaf["trace_id"])
    assert cells.height == 2, "the value, and the best one before"


def test_it_is_replayed(ran: Ran) -> None:
    verified = verify_run(ran.out)
    assert verified.replayed > 0
    assert (verified.disagreements, verified.changed, verified.definitions_changed) == ((), (), ())


def test_it_is_validated_with_the_others(ran: Ran) -> None:
    assert [str(fault) for fault in check_definitions(ran.rulebook)] == []
    reachable = reachable_states(ran.rulebook.definitions["bulbar_worsening"])
    assert set(reachable) == {"root", "two_points", "previous_visit"}


def test_it_is_listed_and_shown(ran: Ran) -> None:
    local = ["--local", str(ran.folder / "ours")]
    listed = CliRunner().invoke(app, ["definitions", "list", "--json", *local])
    marks = {item["id"]: item["is_local"] for item in json.loads(listed.output)}
    assert {name for name, is_local in marks.items() if is_local} == {"measures_bulbar", *OURS}
    shown = CliRunner().invoke(app, ["definitions", "show", "bulbar_worsening", *local])
    assert "Two points worse than the best so far" in shown.output
    assert "from a study's own folder" in " ".join(shown.output.split())


def test_manifest_and_report_say_local(ran: Ran) -> None:
    manifest = read_manifest(ran.out)
    local = {item["id"] for item in manifest["definitions"] if item["local"]}
    assert local == {"measures_bulbar", *OURS}
    report = (ran.out / "report.html").read_text(encoding="utf-8")
    assert "definitions of this study's own folder" in report.replace("&#39;", "'")
    assert "bulbar_worsening" in report
