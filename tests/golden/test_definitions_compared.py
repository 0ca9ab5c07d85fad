"""Definitions compared over both example studies: tables, kappas, who changes class and why."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import pytest
from tests.conftest import writing_no_page
from typer.testing import CliRunner

from heliotrope.classify.deciding import Decision, find_deciding
from heliotrope.cli import app
from heliotrope.comparison.compare import compare_run
from heliotrope.comparison.result import Comparison
from heliotrope.definitions.comparable import ComparisonOptions, find_units
from heliotrope.definitions.load import SHIPPED
from heliotrope.errors import UserError
from heliotrope.estimate.definition_agreement import UNDECIDED
from heliotrope.pipeline import run_study
from heliotrope.report.read_run import RunTables
from heliotrope.run.verification import read_rulebook_of

EXAMPLES = Path(__file__).parents[2] / "examples"
INACTIVE = ("inactive_disease_2013", "inactive_disease_2015")
SCORES = ("tis_jdm_imacs", "tis_jdm_printo", "tis_adult")


@dataclass(frozen=True)
class Runs:
    modern: Path
    seven: Path


@pytest.fixture(scope="module")
def runs(seven_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Runs:
    """Runs of both studies; the modern one with a response definition of its own beside it."""
    folder = tmp_path_factory.mktemp("compared")
    study = folder / "study"
    (study / "own").mkdir(parents=True)
    for path in (EXAMPLES / "modern_cohort").glob("*.csv"):
        (study / path.name).write_bytes(path.read_bytes())
    (study / "study.toml").write_text('id = "own"\ndefinitions = "own"\n', encoding="utf-8")
    shipped = (SHIPPED / "ivig" / "jdm_ivig_response.toml").read_text(encoding="utf-8")
    own = re.sub(r'^id = "jdm_ivig_response"', 'id = "a_clinic_response"', shipped, flags=re.M)
    own = re.sub(r"^rapid_last_day = 7$", "rapid_last_day = 14", own, flags=re.M)
    (study / "own" / "response.toml").write_text(own, encoding="utf-8")
    found = Runs(folder / "modern", seven_run)
    with writing_no_page():
        run_study(study, found.modern)
    return found


def read(comparison: Comparison, statistic: str) -> str:
    rows = comparison.pairs[0].rows
    (row,) = [row for row in rows if row.statistic == statistic]
    return row.formatted


def read_cells(comparison: Comparison) -> dict[str, int]:
    return {
        ":".join(row.variable.split(":")[2:]): int(row.value or 0)
        for row in comparison.pairs[0].rows
        if row.analysis.endswith("_cell")
    }


def test_the_two_rules_of_inactive_disease(runs: Runs) -> None:
    found = compare_run(runs.modern, INACTIVE)
    assert (found.unit, found.language, found.units, found.children) == ("visit", "state", 430, 30)
    assert read_cells(found) == {
        "met:met": 3,
        "met:not_met": 1,
        "not_met:not_met": 389,
        "not_evaluable:not_met": 15,
        "not_evaluable:not_evaluable": 22,
    }
    assert read(found, "proportion_clustered") == "392/393 (99.7 %; 98.5-100.0)"
    assert read(found, "kappa") == "0.86 (0.58-1.00)"


def test_the_physician_global_decides_between_2013_and_2015(runs: Runs) -> None:
    (change,) = [
        change
        for change in compare_run(runs.modern, INACTIVE).pairs[0].changes
        if change.is_between_classes
    ]
    assert (change.patient_id, change.first, change.second) == ("P0000018", "met", "not_met")
    ((node,),) = change.ways
    assert (change.decided_in, node.node, node.would_be) == (
        "inactive_disease_2015",
        "physician_global",
        "met",
    )
    assert (node.value, node.operator, node.threshold, node.unit) == (1.2, "<=", 0.2, "cm")


def test_scores_of_children_and_adults_differ_by_their_degrees_alone(runs: Runs) -> None:
    found = compare_run(runs.modern, ["tis_jdm_imacs", "tis_adult"])
    assert found.language == "label"
    between = [change for change in found.pairs[0].changes if change.is_between_classes]
    assert between
    assert {change.kind for change in between} == {"cut_off"}
    assert read(found, "kappa_weighted") == "0.90 (0.83-0.98)"


def test_three_scores_have_a_kappa_together(runs: Runs) -> None:
    found = compare_run(runs.modern, SCORES, ComparisonOptions(week=24))
    assert found.unit == "regimen"
    assert len(found.pairs) == 3
    (together,) = [row for row in found.together if row.statistic == "kappa_fleiss"]
    assert together.formatted == "1.00 (no interval: full agreement)"
    assert (found.units, found.without_regimen) == (23, 7)


def test_a_response_of_the_clinic_stands_beside_the_shipped_one(runs: Runs) -> None:
    """Named so that it sorts first: it fills no table of the run, and its trace holds."""
    found = compare_run(runs.modern, ["jdm_ivig_response", "a_clinic_response"])
    assert (found.unit, found.language) == ("regimen", "label")
    assert [item.is_local for item in found.definitions] == [False, True]
    changes = found.pairs[0].changes
    assert {(change.first, change.second) for change in changes} == {("intermediate", "rapid")}
    for change in changes:
        assert [node.node for node in change.ways[0]] == ["onset_by_rapid"]
        assert change.ways[0][0].value == 14
    response = RunTables(runs.modern).table("response")
    assert set(response["definition_id"]) == {"jdm_ivig_response"}


def test_score_against_response_at_a_week(runs: Runs) -> None:
    found = compare_run(
        runs.modern, ["tis_jdm_imacs", "jdm_ivig_response"], ComparisonOptions(week=24)
    )
    assert read(found, "proportion_exact") == "14/15 (93 %; 68 to >99)"
    assert read(found, "kappa") == "0.63 (-0.01 to 1.00)"


def test_what_nobody_recorded_is_refused_not_agreed(runs: Runs) -> None:
    found = compare_run(runs.seven, INACTIVE)
    rows = {row.statistic: row for row in found.pairs[0].rows if row.statistic != "n"}
    assert (
        rows["proportion_exact"].refused == "no visit could be decided by all of these definitions"
    )
    assert rows["kappa"].refused == "nothing was classified by all of them"
    assert not found.pairs[0].changes


def test_flipping_what_decided_gives_the_other_class(runs: Runs) -> None:
    """Of every pair of rules and scores: the change named does make the two agree."""
    tables = RunTables(runs.modern)
    rulebook = read_rulebook_of(tables.manifest)
    names = ["inactive_disease_2013", "inactive_by_cmas", "improvement_imacs_2004", *SCORES[:2]]
    shown = 0
    for first, second in combinations(names, 2):
        for change in compare_run(runs.modern, [first, second]).pairs[0].changes:
            if change.kind == "leaves":
                assert {change.first, change.second}.isdisjoint(UNDECIDED)
                assert change.decided_in in (first, second)
                assert change.ways
                shown += 1
    assert shown > 20
    trace = tables.trace(["P0000018"], INACTIVE).filter(date=change_date(runs))
    decisions = [
        Decision(
            tuple(trace.filter(definition_id=name).iter_rows(named=True)),
            rulebook.definitions[name],
            "state",
        )
        for name in INACTIVE
    ]
    deciding = find_deciding(*decisions)
    assert find_deciding(*reversed(decisions)).ways == deciding.ways
    for way in deciding.ways:
        changed = {
            node.node: decisions[1].by_node[node.node] | {"value": 0.1, "state": node.would_be}
            for node in way
        }
        assert decisions[1].replay(changed) == decisions[0].word


def change_date(runs: Runs) -> object:
    changes = compare_run(runs.modern, INACTIVE).pairs[0].changes
    return next(change.date for change in changes if change.is_between_classes)


def test_every_definition_compares_with_the_response(runs: Runs) -> None:
    """No pair ends in a fault: each compares, or says what to do."""
    tables = RunTables(runs.seven)
    rulebook = read_rulebook_of(tables.manifest)
    names = [name for name in tables.traced_definitions() if find_units(rulebook.definitions[name])]
    for name in set(names) - {"jdm_ivig_response"}:
        found = compare_run(
            runs.seven, [name, "jdm_ivig_response"], ComparisonOptions(week=24, language="state")
        )
        assert found.units == 7


def test_what_the_terminal_says(runs: Runs) -> None:
    said = CliRunner().invoke(app, ["compare", str(runs.modern), *INACTIVE]).output
    assert "430 visits of 30 children, compared by state" in said
    assert "Agree: 392/393 (99.7 %; 98.5-100.0); the interval counts children." in said
    assert "Physician global activity: 1.2 cm, asked" in said
    assert "no definition here was checked" in said
    local = CliRunner().invoke(
        app, ["compare", str(runs.modern), "jdm_ivig_response", "a_clinic_response"]
    )
    assert "(local)" in local.output
    assert "Left out, for want of a regimen of IVIG: 7 children." in local.output


def test_what_the_json_says(runs: Runs) -> None:
    done = CliRunner().invoke(app, ["compare", str(runs.modern), *INACTIVE, "--json"])
    content = json.loads(done.output)
    assert content["classes"][:2] == ["met", "not_met"]
    (pair,) = content["pairs"]
    assert {row["statistic"] for row in pair["results"]} == {"n", "proportion_clustered", "kappa"}
    assert {change["kind"] for change in pair["changes"]} == {"leaves", "missing"}


@pytest.mark.parametrize(
    ("names", "options", "message"),
    [
        (
            ["tis_jdm_imacs"],
            ComparisonOptions(),
            "Expected: two or more different definitions\nFound:    tis_jdm_imacs\n"
            "To do:    name them after the run folder; `heliotrope definitions list` names all",
        ),
        (
            ["tis_jdm_imacs", "aggravation_after_discontinuation"],
            ComparisonOptions(),
            "Expected: definitions that all decide over a visit\n"
            "Found:    aggravation_after_discontinuation is decided once a regimen\n"
            "To do:    add --week 24 to read the others at the visit nearest to that week of each "
            "regimen, or compare definitions that decide at visits",
        ),
        (
            ["tis_jdm_imacs", "tis_jdm_printo"],
            ComparisonOptions(unit="regimen"),
            "Expected: definitions that all decide over a regimen\n"
            "Found:    tis_jdm_imacs, tis_jdm_printo are decided at visits\n"
            "To do:    add --week 24 to read each at the visit nearest to that week of each "
            "regimen, or leave out --unit regimen",
        ),
        (
            ["tis_jdm_imacs", "tis_jdm_printo"],
            ComparisonOptions(unit="visit", week=24),
            "Expected: --week, or --unit visit\nFound:    both\n"
            "To do:    leave out --unit: with a week each regimen is read once",
        ),
        (
            [*INACTIVE],
            ComparisonOptions(language="label"),
            "Expected: definitions with the same labels, for --by label\n"
            "Found:    inactive_disease_2013: no labels; inactive_disease_2015: no labels\n"
            "To do:    leave out --by label: their states are compared then",
        ),
        (
            ["tis_jdm_imacs", "reaction_windows"],
            ComparisonOptions(),
            "Expected: definitions that class a child (a rule, a score, the response, the "
            "aggravation)\nFound:    reaction_windows is of kind reaction_windows\n"
            "To do:    leave it out; `heliotrope definitions list` names the others",
        ),
    ],
)
def test_what_cannot_be_compared_says_what_to_do(
    names: list[str], options: ComparisonOptions, message: str, runs: Runs
) -> None:
    with pytest.raises(UserError) as refused:
        compare_run(runs.modern, names, options)
    assert str(refused.value) == message


def test_an_unknown_definition_names_the_nearest(runs: Runs) -> None:
    with pytest.raises(UserError, match=r"did you mean tis_jdm_imacs\? the run applied "):
        compare_run(runs.modern, ["tis_jdm_imac", "tis_adult"])


def test_a_definition_changed_since_the_run_is_not_compared(runs: Runs, tmp_path: Path) -> None:
    copy = tmp_path / "run"
    copy.mkdir()
    for path in runs.seven.iterdir():
        (copy / path.name).symlink_to(path)
    (copy / "manifest.json").unlink()
    manifest = json.loads((runs.seven / "manifest.json").read_text(encoding="utf-8"))
    for item in manifest["definitions"]:
        item["sha256"] = "0" if item["id"] == "tis_adult" else item["sha256"]
    (copy / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    with pytest.raises(UserError, match="the definition tis_adult as it was when the run was made"):
        compare_run(copy, ["tis_jdm_imacs", "tis_adult"])
