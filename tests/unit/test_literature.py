"""This cohort beside the literature: what was published, what is drawn, what is pooled."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from pydantic import ValidationError

from heliotrope.definitions.evidence import Evidence
from heliotrope.definitions.literature import BESIDE_THE_LITERATURE, Literature
from heliotrope.definitions.load import SHIPPED, Rulebook, read_rulebook
from heliotrope.definitions.settings import Settings
from heliotrope.estimate.cohort import estimate_all
from heliotrope.estimate.literature import choose_for_pooling, list_series
from heliotrope.records.canonical import CANONICAL
from heliotrope.records.results import TABLES
from heliotrope.study import read_study

PUBLISHED = {
    ("responded", "series_1997"): (6, 7),
    ("responded", "lang_1991"): (5, 5),
    ("responded", "sansome_dubowitz_1995"): (9, 9),
    ("responded", "pediatr_neurol_1995"): (2, 2),
    ("responded", "pediatr_res_1997"): (7, 10),
    ("responded", "al_mayouf_2000"): (12, 18),
    ("responded", "dalakas_1993"): (11, 12),
    ("responded", "proderm_2022"): (37, 47),
    ("responded", "lim_2020"): (8, 19),
    ("responded", "skin_predominant_torj"): (23, 27),
    ("steroid_reduced", "series_1997"): (2, None),
    ("steroid_reduced", "lang_1991"): (5, 5),
    ("steroid_reduced", "sansome_dubowitz_1995"): (6, 8),
    ("steroid_reduced", "pediatr_neurol_1995"): (1, None),
    ("steroid_reduced", "pediatr_res_1997"): (8, 10),
    ("steroid_reduced", "al_mayouf_2000"): (12, 18),
    ("worse_after_stopping", "series_1997"): (4, 6),
    ("worse_after_stopping", "pediatr_res_1997"): (2, 2),
    ("worse_after_stopping", "skin_predominant_torj"): (10, 19),
    ("reactions", "series_1997"): (4, None),
    ("reactions", "manlhiot_2008"): (92, 1056),
    ("children_with_reaction", "pediatr_neurol_1995"): (2, 2),
    ("children_with_reaction", "manlhiot_2008"): (25, 38),
}
IMPROVED = {"outcome": "responded", "meaning": "improved", "events": 5, "of": 5}
TORONTO = {"lang_1991", "al_mayouf_2000", "manlhiot_2008", "lam_2011"}
ADULTS = {"dalakas_1993", "proderm_2022", "lim_2020", "skin_predominant_torj"}


@pytest.fixture(scope="module")
def rulebook() -> Rulebook:
    return read_rulebook()


def make(name: str, rows: list[dict[str, Any]]) -> pl.DataFrame:
    schema = (TABLES | CANONICAL)[name].create_empty().schema
    filled = [
        {
            column: row.get(column, [] if dtype == pl.List(pl.String) else None)
            for column, dtype in schema.items()
        }
        for row in rows
    ]
    return pl.DataFrame(filled, schema=schema)


def estimate(rulebook: Rulebook, *responded: str) -> pl.DataFrame:
    """The rows of a cohort of children with one regimen each, improved or not as said."""
    children = [f"child {number}" for number, _ in enumerate(responded)]
    tables = {
        "regimen": make("regimen", [{"patient_id": c, "regimen": 1} for c in children]),
        "response": make(
            "response",
            [
                {"patient_id": c, "regimen": 1, "responded": word}
                for c, word in zip(children, responded, strict=True)
            ],
        ),
    }
    return estimate_all(tables, {}, rulebook)


def with_pooling(rulebook: Rulebook) -> Rulebook:
    return Rulebook(rulebook.definitions, Settings(pool_evidence=True))


def exact(rows: pl.DataFrame, group: str, variable: str) -> dict[str, Any]:
    found = rows.filter(
        analysis="literature", group=group, variable=variable, statistic="proportion_exact"
    )
    assert found.height == 1
    return found.row(0, named=True)


class TestWhatWasPublished:
    def test_every_count_is_the_one_read_and_there_is_no_other(self, rulebook: Rulebook) -> None:
        held = {
            (count.outcome, item.id): (count.events, count.of)
            for item in rulebook.of_kind(Evidence)
            for count in item.counts
        }
        assert held == PUBLISHED

    def test_who_is_an_adult_and_which_series_overlap(self, rulebook: Rulebook) -> None:
        evidence = rulebook.of_kind(Evidence)
        assert {item.id for item in evidence if item.population == "adults"} == ADULTS
        assert {item.id for item in evidence if item.centre == "Toronto"} == TORONTO
        for item in evidence:
            assert set(item.overlaps) == (TORONTO - {item.id} if item.id in TORONTO else set())
        assert [item.id for item in evidence if item.counted_from == "diagnosis"] == ["lam_2011"]

    def test_every_study_has_a_source_of_its_own(self, rulebook: Rulebook) -> None:
        evidence = rulebook.of_kind(Evidence)
        assert len(evidence) == 16
        assert all(item.sources and item.verified for item in evidence)
        assert len({item.short_name for item in evidence}) == 16

    @pytest.mark.parametrize(
        ("change", "message"),
        [
            ({"children": None}, "number of children is missing"),
            ({"population": "adults"}, "number of adults is missing"),
            ({"overlaps": ["lang_1991"]}, "overlaps itself"),
            (
                {"counts": [{"outcome": "responded", "meaning": "all", "events": 6, "of": 5}]},
                "6 of 5",
            ),
            ({"counts": [IMPROVED, IMPROVED]}, "two counts of one outcome"),
            ({"counts": [{**IMPROVED, "printed_low": 1}]}, "two ends"),
        ],
    )
    def test_a_series_that_cannot_be_is_refused(self, change: dict[str, Any], message: str) -> None:
        content = tomllib.loads((SHIPPED / "evidence" / "lang_1991.toml").read_text("utf-8"))
        with pytest.raises(ValidationError, match=message):
            Evidence.model_validate(content | change)


class TestRows:
    def test_the_cohort_stands_beside_children_and_adults_in_groups_of_their_own(
        self, rulebook: Rulebook
    ) -> None:
        rows = estimate(rulebook, "confirmed", "unconfirmed", "no")
        assert exact(rows, "this_cohort", "responded:confirmed")["formatted"].startswith("1/3")
        assert exact(rows, "this_cohort", "responded:ever_improved")["formatted"].startswith("2/3")
        for (outcome, name), (events, of) in PUBLISHED.items():
            group = "adults" if name in ADULTS else "children"
            row = exact(rows, group, f"{outcome}:{name}")
            assert (row["definition_id"], row["refused"] is None) == (name, of is not None)
            if of is not None:
                assert (row["value"], row["n_evaluable"]) == (events / of, of)
        assert not rows.filter(analysis="literature_pooled").height

    def test_our_own_exact_interval_not_the_printed_one(self, rulebook: Rulebook) -> None:
        row = exact(estimate(rulebook, "no"), "adults", "responded:lim_2020")
        assert (round(row["low"], 3), round(row["high"], 3)) == (0.203, 0.665)

    def test_a_cohort_without_ivig_is_compared_with_nothing(self, rulebook: Rulebook) -> None:
        rows = estimate_all({}, {}, with_pooling(rulebook))
        (row,) = rows.filter(pl.col("analysis").str.starts_with("literature")).to_dicts()
        assert row["refused"].startswith("no course of intravenous immunoglobulin")

    def test_an_infusion_counts_once_however_many_reactions_it_had(
        self, rulebook: Rulebook
    ) -> None:
        day = pl.date(2020, 1, 1)
        infusions = [{"patient_id": c, "regimen": 1, "course": 1, "route": "iv"} for c in "aab"]
        tables = {
            "regimen": make("regimen", [{"patient_id": c, "regimen": 1} for c in "ab"]),
            "infusion_day": make("infusion_day", infusions),
            "reaction": make(
                "reaction",
                [
                    {"patient_id": "a", "regimen": 1, "window": "w", "group": 1, "row_id": 1},
                    {"patient_id": "a", "regimen": 1, "window": "w", "group": 1, "row_id": 2},
                    {"patient_id": "a", "regimen": 1, "window": "w", "group": 2, "row_id": 3},
                    {"patient_id": "b", "regimen": 1, "window": "outside", "group": 1, "row_id": 4},
                ],
            ).with_columns(infusion_day=day),
        }
        row = exact(estimate_all(tables, {}, rulebook), "this_cohort", "reactions:any_occasion")
        assert row["formatted"].startswith("1/3")


class TestPooling:
    def test_only_where_the_study_asks(self, tmp_path: Path) -> None:
        (tmp_path / "patient.csv").write_text("patient_id\na\n", encoding="utf-8")
        (tmp_path / "study.toml").write_text("[report]\npool_evidence = true\n", encoding="utf-8")
        assert read_study(tmp_path).settings.pool_evidence
        (tmp_path / "study.toml").write_text('id = "a"\n', encoding="utf-8")
        assert not read_study(tmp_path).settings.pool_evidence

    def test_one_series_a_centre_the_largest(self, rulebook: Rulebook) -> None:
        literature = rulebook.get(BESIDE_THE_LITERATURE, Literature)
        responded = next(item for item in literature.outcomes if item.id == "responded")
        children = [i for i in rulebook.of_kind(Evidence) if i.population == "children"]
        chosen = {item.evidence.id for item in choose_for_pooling(list_series(children, responded))}
        assert "al_mayouf_2000" in chosen
        assert "lang_1991" not in chosen
        assert len(chosen) == 5

    def test_adults_never_with_children(self, rulebook: Rulebook) -> None:
        rows = estimate(with_pooling(rulebook), "confirmed").filter(analysis="literature_pooled")
        pooled = rows.filter(pl.col("variable").str.contains(":"))
        for row in pooled.iter_rows(named=True):
            is_adult = row["variable"].partition(":")[2] in ADULTS
            assert row["group"] == ("adults" if is_adult else "children")
        assert set(rows["group"]) == {"adults", "children"}

    def test_two_series_are_not_pooled_and_a_prediction_interval_is_wider(
        self, rulebook: Rulebook
    ) -> None:
        rows = estimate(with_pooling(rulebook), "confirmed").filter(
            analysis="literature_pooled", group="children"
        )
        refused = rows.filter(
            variable="worse_after_stopping", statistic="proportion_random_effects"
        )
        assert refused["refused"].to_list() == [
            "only 2 series, one a centre; at least 3 are pooled"
        ]
        middle, spread = (
            rows.filter(variable="responded", statistic=name).row(0, named=True)
            for name in ("proportion_random_effects", "prediction_interval")
        )
        assert spread["low"] < middle["low"] < middle["value"] < middle["high"] < spread["high"]

    def test_the_published_rows_are_the_same_with_and_without(self, rulebook: Rulebook) -> None:
        without = estimate(rulebook, "confirmed")
        pooled = estimate(with_pooling(rulebook), "confirmed")
        assert pooled.filter(pl.col("analysis") != "literature_pooled").equals(without)


def test_no_wording_of_a_series_claims_what_nobody_showed(rulebook: Rulebook) -> None:
    for item in rulebook.of_kind(Evidence):
        text = " ".join([item.title, item.wording, *(s.text for s in item.statements)])
        assert not re.search(r"responded to IVIG|no benefit|\bsafe\b", text), item.id


def test_a_controlled_trial_gives_its_difference_with_both_intervals(rulebook: Rulebook) -> None:
    rows = estimate(rulebook, "confirmed").filter(
        (pl.col("analysis") == "literature") & pl.col("variable").str.contains("proderm")
    )
    told = {row["statistic"]: row for row in rows.to_dicts() if row["statistic"] != "n"}
    assert told["difference_wald"]["formatted"] == "35.0 points (16.7 to 53.2)"
    newcombe = told["difference_newcombe"]
    assert newcombe["value"] == pytest.approx(37 / 47 - 21 / 48)
    assert (newcombe["n_evaluable"], newcombe["group"]) == (95, "adults")
    compared = rows.filter(pl.col("variable").str.ends_with(":compared")).row(0, named=True)
    assert (compared["value"], compared["n_evaluable"]) == (21, 48)


def test_only_a_share_can_be_compared() -> None:
    from heliotrope.definitions.evidence import PublishedCount

    other = {"wording": "with placebo", "events": 1, "of": 3}
    with pytest.raises(ValidationError, match="denominator of its own"):
        PublishedCount.model_validate({**IMPROVED, "of": None, "compared_with": other})
