"""Clinically inactive disease: the rule of 2013 and its revision of 2015."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest
from tests.spec.ascii_table import read_frame, read_rows

from heliotrope.classify.states import classify_states
from heliotrope.classify.trace import Classified
from heliotrope.definitions.load import Rulebook, read_rulebook
from heliotrope.definitions.settings import MeasureSetting, Settings

VISITS = """
    what is seen                        | creatine_kinase | cmas | mmt8 | physician_global | rule_2013     | rule_2015
    all four, each on its edge          | 150             | 48   | 78   | 0.2              | met           | met
    strength and enzyme, with a rash    | 150             | 48   | 78   | 2.0              | met           | not_met
    three of four with the physician    | 151             | 48   | 78   | 0.2              | met           | met
    two of four with the physician      | 151             | 47   | 78   | 0.2              | not_met       | not_met
    CMAS not done                       | 150             | -    | 78   | 0.2              | met           | met
    CMAS and MMT8 not done              | 150             | -    | -    | 0.2              | not_evaluable | not_evaluable
    enzyme too high, CMAS not done      | 151             | -    | 78   | 0.2              | not_evaluable | not_evaluable
    enzyme and MMT8 fail, rest not done | 151             | -    | 77   | -                | not_met       | not_met
    physician alone, active             | -               | -    | -    | 0.3              | not_evaluable | not_met
    physician not asked                 | 150             | 48   | 78   | -                | met           | not_evaluable
    just over the edge                  | 150.1           | 47.9 | 77.9 | 0.21             | not_met       | not_met
"""

MEASURES = ["creatine_kinase", "cmas", "mmt8", "physician_global"]


@pytest.fixture(scope="module")
def rulebook() -> Rulebook:
    return read_rulebook()


def classify(values: pl.DataFrame, rulebook: Rulebook, birth: date | None = None) -> Classified:
    """Classify visit values of one child."""
    values = values.with_columns(
        pl.lit("child").alias("patient_id"),
        pl.col("value").cast(pl.Float64),
        pl.int_range(pl.len(), dtype=pl.Int64).alias("row_id"),
    )
    patients = pl.DataFrame(
        {"patient_id": ["child"], "birth_date": [birth]},
        schema={"patient_id": pl.String, "birth_date": pl.Date},
    )
    return classify_states(values, patients, rulebook)


@pytest.mark.parametrize("visit", read_rows(VISITS), ids=lambda visit: str(visit["what is seen"]))
def test_both_rules(visit: dict[str, object], rulebook: Rulebook) -> None:
    recorded = {name: visit[name] for name in MEASURES if visit[name] is not None}
    values = pl.DataFrame(
        {"measure": list(recorded), "value": [float(str(value)) for value in recorded.values()]}
    ).with_columns(date=date(2020, 1, 1))
    states = dict(classify(values, rulebook).table.select("definition_id", "state").iter_rows())
    assert states == {
        "inactive_disease_2013": visit["rule_2013"],
        "inactive_disease_2015": visit["rule_2015"],
    }


def test_each_visit_with_any_of_the_measures_has_a_row(rulebook: Rulebook) -> None:
    values = read_frame("""
        date       | measure          | value
        2020-01-01 | creatine_kinase  | 100
        2020-01-02 | weight           | 30
        2020-01-03 | physician_global | 1
        2020-01-03 | cmas             | 50
    """)
    table = classify(values, rulebook).table
    assert table.height == 2 * 2
    assert set(table["date"]) == {date(2020, 1, 1), date(2020, 1, 3)}
    assert table["regimen"].is_null().all()
    reasons = table.filter(pl.col("state") == "not_evaluable")["reason"]
    assert set(reasons) == {"measures_missing"}


AGES = """
    birth      | visit      | flagged
    2015-01-02 | 2020-01-01 | true
    2015-01-01 | 2020-01-01 | false
    2016-02-29 | 2021-02-27 | true
    2016-02-29 | 2021-02-28 | false
    -          | 2020-01-01 | false
"""


@pytest.mark.parametrize("row", read_rows(AGES))
def test_a_cmas_before_the_fifth_birthday_is_flagged(
    row: dict[str, date], rulebook: Rulebook
) -> None:
    values = pl.DataFrame({"date": [row["visit"]], "measure": ["cmas"], "value": [40.0]})
    classified = classify(values, rulebook, row["birth"])
    assert (
        classified.table["flags"].to_list()
        == [["cmas_under_5_years"] if row["flagged"] else []] * 2
    )
    states = classified.nodes.filter(pl.col("node") == "cmas")["state"]
    assert set(states) == {"not_met"}, "a flag changes no state"


def test_a_threshold_is_not_used_on_another_scale() -> None:
    settings = Settings(measures={"mmt8": MeasureSetting(max=150, direction="high")})
    values = pl.DataFrame({"date": [date(2020, 1, 1)], "measure": ["mmt8"], "value": [140.0]})
    nodes = classify(values, read_rulebook(settings)).nodes.filter(pl.col("node") == "mmt8")
    assert set(nodes["state"]) == {"not_evaluable"}
    assert set(nodes["reason"]) == {"other_scale"}


def test_a_child_without_any_measure_has_one_root_under_each_rule(rulebook: Rulebook) -> None:
    values = pl.DataFrame({"date": [date(2020, 1, 1)], "measure": ["weight"], "value": [30.0]})
    classified = classify(values, rulebook)
    assert classified.table.is_empty()
    assert (
        classified.nodes.select("node", "state", "reason", "date").rows()
        == [("root", "not_evaluable", "nothing_recorded", None)] * 2
    )
