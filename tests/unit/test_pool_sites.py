"""Pooling of sites: what is added, what is a range, what is refused and with which difference."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from heliotrope.definitions.disclosure import DISCLOSURE_CONTROL, DisclosureControl
from heliotrope.definitions.load import read_rulebook
from heliotrope.errors import UserError
from heliotrope.estimate.rows import Row, Topic, make_results
from heliotrope.pooling.pool import ALL_SITES, pool_sites
from heliotrope.report.disclosure.control import control_results
from heliotrope.run.manifest import describe_definitions

RULEBOOK = read_rulebook()
CONTROL = RULEBOOK.get(DISCLOSURE_CONTROL, DisclosureControl)
RESPONSE = ("jdm_ivig_response", RULEBOOK.definitions["jdm_ivig_response"].version)

Words = dict[str, int]

SITES: list[Words] = [
    {"confirmed": 31, "unconfirmed": 9, "no": 12, "not_evaluable": 6},
    {"confirmed": 22, "unconfirmed": 6, "no": 17, "not_evaluable": 9},
    {"confirmed": 48, "unconfirmed": 13, "no": 21, "not_evaluable": 11},
    {"confirmed": 17, "unconfirmed": 8, "no": 8, "not_evaluable": 5},
]
RARE: Words = {"confirmed": 31, "unconfirmed": 2, "no": 12, "not_evaluable": 6}


def make_rows(counts: Words, hazard: tuple[float, float, float] | None) -> list[Row]:
    """Make the rows of a site: the responses, and a hazard ratio with its interval."""
    topic = Topic("responded", 0.95, (0.25, 0.75), *RESPONSE)
    total = sum(count for word, count in counts.items() if word != "not_evaluable")
    rows: list[Row] = []
    for word, count in counts.items():
        if word == "not_evaluable":
            rows.append(topic.count(word, count, total + count))
            continue
        rows.append(topic.count(word, count, total))
        rows += topic.proportion(word, count, total, "nobody")
    if hazard is not None:
        value, low, high = hazard
        name = ("flare_hazard", "all", "off_against_on_ivig", "hazard_ratio")
        rows.append(Row(*name, value, f"{value}", low, high, 0.95, total, *topic_of_model(), None))
    return rows


def topic_of_model() -> tuple[str, str]:
    return "descriptive_estimates", RULEBOOK.definitions["descriptive_estimates"].version


def write_site(
    folder: Path,
    counts: Words,
    hazard: tuple[float, float, float] | None = None,
    changed: Mapping[str, Any] | None = None,
) -> Path:
    """Write a shared set as ``heliotrope share`` does; ``changed`` replaces manifest entries."""
    folder.mkdir()
    rows = make_results(make_rows(counts, hazard))
    control_results(rows, CONTROL, CONTROL.limits, (90,)).write_parquet(folder / "results.parquet")
    manifest = {
        "heliotrope": "0.1.0",
        "shared": "2026-11-28T00:00:00+00:00",
        "site": folder.name,
        "synthetic": True,
        "settings": {"population": "jdm"},
        "definitions": describe_definitions(RULEBOOK),
        "limits": CONTROL.limits.model_dump(),
        "results_sha256": hashlib.sha256((folder / "results.parquet").read_bytes()).hexdigest(),
    } | dict(changed or {})
    (folder / "manifest.json").write_text(json.dumps(manifest), "utf-8")
    return folder


def pick(results: pl.DataFrame, variable: str, statistic: str) -> dict[str, Any]:
    rows = results.filter(
        pl.col("group") == ALL_SITES,
        pl.col("variable") == variable,
        pl.col("statistic") == statistic,
    )
    assert rows.height == 1, rows
    return rows.to_dicts()[0]


def test_counts_are_added_and_the_truth_lies_in_the_range(tmp_path: Path) -> None:
    folders = [write_site(tmp_path / f"s{n}", counts) for n, counts in enumerate(SITES)]
    summary = pool_sites(folders, tmp_path / "pooled", RULEBOOK)
    for word in SITES[0]:
        row = pick(summary.results, word, "n")
        truth = sum(site[word] for site in SITES)
        assert row["low"] <= truth <= row["high"]
        assert row["value"] % 5 == 0
    share = pick(summary.results, "confirmed", "proportion_range")
    evaluable = sum(sum(site.values()) - site["not_evaluable"] for site in SITES)
    assert share["low"] <= sum(site["confirmed"] for site in SITES) / evaluable <= share["high"]
    pooled = pick(summary.results, "confirmed", "proportion_random_effects")
    ends = pick(summary.results, "confirmed", "proportion_random_effects_rounding")
    assert ends["low"] <= pooled["low"] < pooled["value"] < pooled["high"] <= ends["high"]
    without = pick(summary.results, "confirmed:without:s2", "proportion_random_effects")
    assert without["n_evaluable"] == 3
    names = sorted(path.name for path in (tmp_path / "pooled").iterdir())
    assert names == ["manifest.json", "report.html", "results.parquet"]


def test_a_suppressed_count_is_a_range_and_its_share_is_refused(tmp_path: Path) -> None:
    folders = [write_site(tmp_path / f"s{n}", counts) for n, counts in enumerate([*SITES, RARE])]
    summary = pool_sites(folders, tmp_path / "pooled", RULEBOOK)
    row = pick(summary.results, "unconfirmed", "n")
    assert row["value"] is None
    assert row["refused"] is None
    assert row["low"] <= sum(site["unconfirmed"] for site in [*SITES, RARE]) <= row["high"]
    assert "suppressed at s4" in row["formatted"]
    share = pick(summary.results, "unconfirmed", "proportion_random_effects")
    assert "suppressed at s4" in share["refused"]


def test_a_definition_that_differs_refuses_its_rows_and_names_the_difference(
    tmp_path: Path,
) -> None:
    other = describe_definitions(RULEBOOK)
    for item in other:
        if item["id"] == "jdm_ivig_response":
            item |= {"version": "0.2.0", "sha256": "f" * 64}
    hazards = [(1.5, 1.0, 2.25), (2.0, 1.2, 3.3), (1.1, 0.7, 1.7)]
    folders = [
        write_site(tmp_path / "a", SITES[0], hazards[0]),
        write_site(tmp_path / "b", SITES[1], hazards[1]),
        write_site(tmp_path / "c", SITES[2], hazards[2], {"definitions": other}),
    ]
    summary = pool_sites(folders, tmp_path / "pooled", RULEBOOK)
    row = pick(summary.results, "confirmed", "n")
    assert row["value"] is None
    assert "jdm_ivig_response differs" in row["refused"]
    assert "c 0.2.0 (ffffffff)" in row["refused"]
    hazard = pick(summary.results, "off_against_on_ivig", "hazard_ratio")
    assert 1.1 < hazard["value"] < 2.0
    assert hazard["low"] < hazard["value"] < hazard["high"]


def test_a_setting_or_foundation_that_differs_refuses_everything(tmp_path: Path) -> None:
    folders = [
        write_site(tmp_path / "a", SITES[0]),
        write_site(tmp_path / "b", SITES[1], None, {"settings": {"population": "adult"}}),
    ]
    summary = pool_sites(folders, tmp_path / "pooled", RULEBOOK)
    assert summary.pooled == 0
    assert summary.differences[0].startswith("settings: a {")
    assert "adult" in (tmp_path / "pooled" / "report.html").read_text("utf-8")


def test_two_sites_have_no_prediction_and_no_site_to_leave_out(tmp_path: Path) -> None:
    folders = [write_site(tmp_path / f"s{n}", counts) for n, counts in enumerate(SITES[:2])]
    results = pool_sites(folders, tmp_path / "pooled", RULEBOOK).results
    assert "from two" in pick(results, "confirmed", "prediction_interval")["refused"]
    assert not results["variable"].str.contains("without").any()


@pytest.mark.parametrize("fault", ["one", "name", "results", "torn", "nothing"])
def test_sets_that_cannot_be_pooled_are_refused_in_words(tmp_path: Path, fault: str) -> None:
    first = write_site(tmp_path / "a", SITES[0])
    second = write_site(tmp_path / "b", SITES[1])
    if fault == "one":
        folders, said = [first], "two sites or more"
    elif fault == "name":
        again = write_site(tmp_path / "c", SITES[2], None, {"site": "a"})
        folders, said = [first, again], "each site once"
    elif fault == "results":
        same = write_site(tmp_path / "c", SITES[0])
        folders, said = [first, same], "each results once"
    elif fault == "torn":
        content = pl.read_parquet(second / "results.parquet")
        content.head(3).write_parquet(second / "results.parquet")
        folders, said = [first, second], "by their hash"
    else:
        folders, said = [first, tmp_path], "no shared set"
    with pytest.raises(UserError, match=said):
        pool_sites(folders, tmp_path / "pooled", RULEBOOK)
    assert not (tmp_path / "pooled").exists()
