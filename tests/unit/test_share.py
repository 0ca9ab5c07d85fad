"""Sharing a run: every analysis has a class, nothing of a child is in the folder, secrets stay."""

from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from pydantic import ValidationError
from tests.unit.test_disclosure_attack import FAMILIES, find_pinned
from typer.testing import CliRunner

import heliotrope.estimate
from heliotrope.cli import app
from heliotrope.definitions.disclosure import (
    DISCLOSURE_CONTROL,
    DisclosureControl,
    DisclosureLimits,
    ShareSettings,
)
from heliotrope.definitions.load import read_rulebook
from heliotrope.errors import UserError
from heliotrope.estimate.rows import Topic, make_results
from heliotrope.report.disclosure.control import control_results
from heliotrope.report.disclosure.identifiers import (
    SECRET_VARIABLE,
    count_study_day,
    hide_identifier,
    read_secret,
)
from heliotrope.report.disclosure.share import ShareOptions, share_run

RULEBOOK = read_rulebook()
CONTROL = RULEBOOK.get(DISCLOSURE_CONTROL, DisclosureControl)
TOPIC = Topic("responded", 0.95, (0.25, 0.75), "x", "1.0.0")


def list_documented_analyses() -> set[str]:
    """Read the analyses from the table in the documentation of the room that makes them."""
    table = (heliotrope.estimate.__doc__ or "").split("Analyses\n")[1].split("====\nanalysis")[1]
    return set(re.findall(r"^([a-z][a-z0-9_]+) {2,}", table, flags=re.MULTILINE))


@pytest.fixture(scope="module")
def run(modern_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that is shared from, which writes into it."""
    return Path(shutil.copytree(modern_run, tmp_path_factory.mktemp("runs") / "modern"))


def test_every_shipped_analysis_has_a_class(run: Path) -> None:
    analyses = list_documented_analyses()
    assert len(analyses) > 80
    made = set(pl.read_parquet(run / "results.parquet")["analysis"])
    for name in sorted(analyses | made):
        CONTROL.find(name)


def test_every_withheld_analysis_says_why() -> None:
    assert all(len(reason) > 8 for reason in CONTROL.withheld.values())


@pytest.mark.parametrize(("column", "word"), [("analysis", "analysis"), ("statistic", "statistic")])
def test_what_has_no_class_stops_the_sharing(column: str, word: str) -> None:
    rows = [TOPIC.count("confirmed", 20, 30), replace(TOPIC.count("x", 9), **{column: "new_one"})]
    with pytest.raises(UserError, match=f"none for {word} 'new_one'"):
        control_results(make_results(rows), CONTROL, CONTROL.limits, (90,))


def test_only_one_group_of_children_is_shared() -> None:
    rows = [
        topic.count(word, 20, 40)
        for topic in (TOPIC, TOPIC.of(group="not_confounded"), TOPIC.of(group="later_regimens"))
        for word in ("confirmed", "no")
    ]
    shared = control_results(make_results(rows), CONTROL, CONTROL.limits, (90,))
    assert set(shared["group"]) == {"all"}


def test_a_reason_never_leaves_since_it_can_hold_counts() -> None:
    topic = TOPIC.of("flare_hazard")
    row = topic.refuse("off_against_on_ivig", "hazard_ratio", "only 3 children had a flare", 3)
    shared = control_results(make_results([row]), CONTROL, CONTROL.limits, (90,))
    assert "3" not in str(shared["refused"][0])
    assert shared["n_evaluable"][0] is None


def test_words_of_a_source_are_named_only_where_they_are_printed() -> None:
    topic = TOPIC.of("table1")
    words = {"antibody:NXP2": 20, "antibody:TIF1": 12, "antibody:Miller": 1, "antibody:none": 9}
    rows = [topic.count(word, count, 42) for word, count in words.items()]
    shared = control_results(make_results(rows), CONTROL, CONTROL.limits, (90,))
    assert shared["variable"].to_list() == ["antibody:NXP2", "antibody:TIF1"]


def test_infusions_of_few_children_are_suppressed() -> None:
    rows = [
        TOPIC.of("infusions_with_reaction").count("any_occasion", 30, 300),
        *TOPIC.of("children_with_reaction").proportion("any_occasion", 3, 40, ""),
    ]
    shared = control_results(make_results(rows), CONTROL, CONTROL.limits, (90,))
    assert shared["value"].null_count() == shared.height


def test_nothing_of_a_child_is_in_the_shared_folder(run: Path, tmp_path: Path) -> None:
    summary = share_run(run, RULEBOOK, ShareOptions(out=tmp_path / "share", site="ward_7"))
    names = sorted(path.name for path in summary.folder.iterdir())
    assert names == ["manifest.json", "report.html", "results.parquet"]
    children = pl.read_parquet(run / "tables" / "response.parquet")["patient_id"].unique()
    texts = [(summary.folder / name).read_text("utf-8") for name in names[:2]]
    shared = pl.read_parquet(summary.folder / "results.parquet")
    texts.append(shared.write_csv())
    folder = json.loads((run / "manifest.json").read_text("utf-8"))["study"]["folder"]
    for text in texts:
        assert folder not in text
        assert not [child for child in children if re.search(rf"\b{re.escape(child)}\b", text)]
        assert not re.search(r"\b20[012]\d-\d\d-\d\d\b(?!T|<)", text.replace(_today(texts), ""))
    counts = shared.filter(pl.col("statistic") == "n", pl.col("value").is_not_null())["value"]
    assert counts.len() > 20
    assert (counts % CONTROL.limits.rounding_base == 0).all()
    wholes = shared["n_evaluable"].drop_nulls()
    assert (wholes % CONTROL.limits.rounding_base == 0).all()
    assert not set(shared["statistic"]) & {"minimum", "maximum", "at_risk", "events"}
    assert json.loads(texts[0])["site"] == "ward_7"


def _today(texts: list[str]) -> str:
    return str(json.loads(texts[0])["shared"])[:10]


def test_no_suppressed_count_of_a_real_run_is_found(run: Path) -> None:
    """The attacker of ``test_disclosure_attack`` on a whole run, with all that it shares."""
    results = pl.read_parquet(run / "results.parquet")
    counts = results.filter(pl.col("group") == "all", pl.col("statistic") == "n")
    truth: dict[str, dict[str, int]] = {}
    for analysis, (inside, outside) in FAMILIES.items():
        own = counts.filter(pl.col("analysis") == analysis)
        found = dict(zip(own["variable"], own["value"], strict=True))
        truth[analysis] = {word: round(found.get(word, 0)) for word in (*inside, *outside)}
    assert any(0 < count < CONTROL.limits.least_count for count in truth["responded"].values())
    shared = control_results(results, CONTROL, CONTROL.limits, (90, 180))
    assert find_pinned(shared, truth, CONTROL.limits) == []


def test_the_share_of_a_run_may_be_written_again(run: Path) -> None:
    first = share_run(run, RULEBOOK, ShareOptions())
    again = share_run(run, RULEBOOK, ShareOptions())
    assert first.folder == again.folder == run / "share"
    with pytest.raises(UserError, match="exists"):
        share_run(run, RULEBOOK, ShareOptions(out=run / "share"))


def test_rows_per_child_need_the_studys_word_and_the_sites_secret(
    run: Path, tmp_path: Path
) -> None:
    manifest = json.loads((run / "manifest.json").read_text("utf-8"))
    manifest["study"]["share"]["rows_per_child"] = True
    asked = tmp_path / "asked"
    asked.mkdir()
    for name in ("results.parquet", "tables"):
        (asked / name).symlink_to(run / name)
    (asked / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    with pytest.raises(UserError, match="secret"):
        share_run(asked, RULEBOOK, ShareOptions())
    secret = b"a secret that nobody guesses"
    summary = share_run(asked, RULEBOOK, ShareOptions(secret=secret))
    rows = pl.read_parquet(summary.folder / "children.parquet")
    response = pl.read_parquet(run / "tables" / "response.parquet")
    assert rows.height == response.height
    assert set(rows["child"]) == {hide_identifier(c, secret) for c in response["patient_id"]}
    assert rows.filter(pl.col("regimen") == 1)["first_infusion_day"].unique().to_list() == [1]
    assert not [dtype for dtype in rows.schema.values() if dtype == pl.Date]
    kept = "".join(path.read_text("utf-8") for path in summary.folder.glob("*.json"))
    assert secret.decode() not in kept


def test_a_secret_is_long_enough_and_changes_every_name(tmp_path: Path) -> None:
    assert hide_identifier("P1", b"one") != hide_identifier("P1", b"two")
    with pytest.raises(UserError, match="at least 16"):
        read_secret(None, "short", 16)
    with pytest.raises(UserError, match="secret"):
        read_secret(tmp_path / "none", None, 16)


def test_there_is_no_study_day_nought() -> None:
    first = date(2020, 3, 1)
    days = [count_study_day(date(2020, 2, 29), first), count_study_day(first, first)]
    assert days == [-1, 1]
    assert count_study_day(None, first) is None


def test_a_study_sets_limits_that_still_hide() -> None:
    limits = ShareSettings(least_count=11).choose_limits(CONTROL.limits)
    assert (limits.least_count, limits.rounding_base) == (11, 11)
    with pytest.raises(ValidationError, match="under least_count"):
        ShareSettings(least_count=11, rounding_base=5).choose_limits(CONTROL.limits)
    with pytest.raises(ValidationError, match="under least_count"):
        DisclosureLimits.model_validate({**CONTROL.limits.model_dump(), "rounding_base": 4})


def test_the_commands_share_pool_and_export_adam(run: Path, tmp_path: Path) -> None:
    call = CliRunner().invoke
    for site in ("a", "b"):
        done = call(app, ["share", str(run), "--site", site, "--out", str(tmp_path / site)])
        assert done.exit_code == 0, done.output
        assert "before you send" in done.output
    sites = [str(tmp_path / site) for site in ("a", "b")]
    again = call(app, ["pool", *sites, "--out", str(tmp_path / "pooled")])
    assert isinstance(again.exception, UserError)
    assert "each results once" in str(again.exception)
    asked = call(app, ["share", str(run), "--json"], env={SECRET_VARIABLE: "short"})
    assert "at least 16" in str(asked.exception)
    written = call(app, ["export", "adam", str(run), "--out", str(tmp_path / "adam")])
    assert written.exit_code == 0, written.output
