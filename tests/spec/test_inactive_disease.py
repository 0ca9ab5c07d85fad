"""Clinically inactive disease: rows, roots and flags; the states stand in the chapters."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest
from tests.spec.ascii_table import read_frame, read_rows

from heliotrope.classify.states import classify_states
from heliotrope.classify.trace import Classified
from heliotrope.definitions.load import Rulebook, read_rulebook
from heliotrope.definitions.rule import RuleDefinition

BOTH = ("inactive_disease_2013", "inactive_disease_2015")


@pytest.fixture(scope="module")
def rulebook() -> Rulebook:
    """Hold the two rules, and what they need, alone."""
    whole = read_rulebook()
    others = [rule.id for rule in whole.of_kind(RuleDefinition) if rule.id not in BOTH]
    kept = {name: item for name, item in whole.definitions.items() if name not in others}
    return Rulebook(kept, whole.settings)


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


def test_a_child_without_any_measure_has_one_root_under_each_rule(rulebook: Rulebook) -> None:
    values = pl.DataFrame({"date": [date(2020, 1, 1)], "measure": ["weight"], "value": [30.0]})
    classified = classify(values, rulebook)
    assert classified.table.is_empty()
    assert (
        classified.nodes.select("node", "state", "reason", "date").rows()
        == [("root", "not_evaluable", "nothing_recorded", None)] * 2
    )
