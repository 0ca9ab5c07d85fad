"""Confirmed deterioration: limbs, reference, floors, two visits."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest
from tests.spec.ascii_table import read_rows
from tests.spec.visit_frames import Pair, make_frames, read_pair

from heliotrope.classify.deterioration import classify_deterioration
from heliotrope.definitions.load import Rulebook, read_rulebook
from heliotrope.definitions.rule import RuleDefinition

FLOORS = {
    "physician_global": 1.0,
    "patient_global": 1.0,
    "extramuscular_global": 1.0,
    "chaq": 0.25,
}

LIMBS = """
    what is seen                                      | physician_global | mmt8     | extramuscular_global | patient_global | chaq      | is_worse | with_floors | small
    nothing changed                                   | 3>3              | 70>70    | 1>1                  | 3>3            | 1>1       | false    | false       | false
    all better                                        | 3>1              | 60>80    | 1>0                  | 3>1            | 1>0       | false    | false       | false
    physician 2 cm and MMT8 20 %, both on the edge    | 4>6              | 70>56    | 4>4                  | 3>3            | 1>1       | true     | true        | false
    physician just under 2 cm                         | 4>5.9            | 70>56    | 4>4                  | 3>3            | 1>1       | false    | false       | false
    MMT8 just under 20 %                              | 4>6              | 70>57    | 4>4                  | 3>3            | 1>1       | false    | false       | false
    extramuscular 2 cm, alone                         | -                | -        | 0>2                  | -              | -         | true     | true        | false
    extramuscular, 1.1 to 3.1                         | 3>3              | 70>70    | 1.1>3.1              | 3>3            | 1>1       | true     | true        | false
    three of five by 30 %, on the edge                | 3>3.9            | 70>70    | 1>1                  | 3>3.9          | 1>1.3     | true     | false       | true
    the same three, large enough                      | 4>5.2            | 70>70    | 1>1                  | 4>5.2          | 1>1.3     | true     | true        | false
    two of five by 30 %                               | 3>3.9            | 70>70    | 1>1                  | 3>3.9          | 1>1.25    | false    | false       | true
    three of three recorded                           | 4>5.2            | -        | -                    | 4>5.2          | 1>1.5     | true     | true        | false
    two of two recorded                               | 4>5.2            | -        | -                    | 4>5.2          | -         | -        | -           | false
    one of two recorded, extramuscular unchanged      | 4>5.2            | -        | 2>2                  | -              | -         | -        | -           | false
    a small rise from near remission                  | 0.2>0.4          | 80>80    | 0.1>0.2              | 0.2>0.4        | 0.125>0.25| true     | false       | true
    from a reference of 0 a percentage has no meaning | 0>1              | 80>80    | 0>1                  | 0>1            | 0>1       | -        | -           | false
    but an absolute change has one                    | 0>1              | 80>80    | 0>2                  | 0>1            | 0>1       | true     | true        | false
    the baseline is missing                           | >6               | 70>70    | 1>1                  | 3>3            | 1>1       | false    | false       | false
    two baselines are missing                         | >6               | 70>50    | 1>1                  | >9             | 1>1       | -        | -           | false
"""

MEASURES = ["physician_global", "mmt8", "extramuscular_global", "patient_global", "chaq"]


@pytest.fixture(scope="module")
def definition() -> RuleDefinition:
    return read_rulebook().get("confirmed_deterioration", RuleDefinition)


@pytest.mark.parametrize("row", read_rows(LIMBS), ids=lambda row: str(row["what is seen"]))
def test_one_visit(row: dict[str, object], definition: RuleDefinition) -> None:
    changes, _ = make_frames(
        read_pair(name, row[name]) for name in MEASURES if row[name] is not None
    )
    plain = classify_deterioration(changes, definition).table.row(0, named=True)
    floored = classify_deterioration(changes, definition, FLOORS).table.row(0, named=True)
    assert plain["is_worse"] is row["is_worse"]
    assert floored["is_worse"] is row["with_floors"]
    assert floored["is_small_reference"] is row["small"]
    assert not plain["is_small_reference"], "without floors nothing is too small"
    assert plain["is_confirmed"] is (None if row["is_worse"] is None else False)


COURSE = """
    day | extramuscular_global | state         | first      | confirming
    28  | 3                    | not_met       | -          | -
    56  | 4                    | met           | 2020-01-29 | 2020-02-26
    84  | 4                    | met           | 2020-02-26 | 2020-03-25
    112 | 1                    | not_met       | -          | -
    140 | 4                    | not_met       | -          | -
    168 | 1                    | not_met       | -          | -
    196 | 4                    | not_met       | -          | -
    224 | 4                    | met           | 2020-07-15 | 2020-08-12
"""


def test_a_course_of_visits(definition: RuleDefinition) -> None:
    """Not met on the first of two visits and after recovery; dated on the confirming visit."""
    rows = read_rows(COURSE)
    still = [("physician_global", 3), ("mmt8", 70), ("patient_global", 3), ("chaq", 1)]
    pairs = [
        Pair(measure, value, value, day=int(str(row["day"])))
        for row in rows
        for measure, value in still
    ] + [
        Pair(
            "extramuscular_global",
            1,
            float(str(row["extramuscular_global"])),
            day=int(str(row["day"])),
        )
        for row in rows
    ]
    changes, _ = make_frames(pairs)
    table = classify_deterioration(changes, definition).table.sort("date")
    assert table.select("state", "first_date", "confirming_date").rows() == [
        (row["state"], row["first"], row["confirming"]) for row in rows
    ]


def test_the_next_visit_that_has_the_measures_confirms(definition: RuleDefinition) -> None:
    pairs = [
        Pair("extramuscular_global", 1, 3, day=10),
        Pair("creatine_kinase", 200, 900, day=20),
        Pair("extramuscular_global", 1, 3, day=30),
    ]
    changes, _ = make_frames(pairs)
    table = classify_deterioration(changes, definition).table
    assert table.select("date", "state").rows() == [
        (date(2020, 1, 11), "not_met"),
        (date(2020, 1, 31), "met"),
    ]


def test_regimens_and_children_do_not_confirm_each_other(definition: RuleDefinition) -> None:
    pairs = [
        Pair("extramuscular_global", 1, 3, day=10, patient_id="a", regimen=1),
        Pair("extramuscular_global", 1, 3, day=20, patient_id="a", regimen=2),
        Pair("extramuscular_global", 1, 3, day=15, patient_id="b", regimen=1),
    ]
    changes, _ = make_frames(pairs)
    table = classify_deterioration(changes, definition).table
    assert set(table["state"]) == {"not_met"}
    assert table["is_worse"].all()


def test_any_reference_can_be_given(definition: RuleDefinition) -> None:
    changes, _ = make_frames([Pair("extramuscular_global", 3, 4, day=10)])
    best_state = changes.with_columns(baseline_value=pl.lit(1.0))
    assert not classify_deterioration(changes, definition).table["is_worse"].any()
    assert classify_deterioration(best_state, definition).table["is_worse"].all()


def test_every_child_and_regimen_has_a_root(definition: RuleDefinition) -> None:
    changes, _ = make_frames([Pair("extramuscular_global", 1, 3, patient_id="seen")])
    cohort = pl.DataFrame(
        {"patient_id": ["seen", "seen", "unseen"], "regimen": [1, 2, None]},
        schema={"patient_id": pl.String, "regimen": pl.Int32},
    )
    nodes = classify_deterioration(changes, definition, cohort=cohort).nodes
    roots = nodes.filter(pl.col("node") == "root").sort("patient_id", "regimen")
    assert roots.select("patient_id", "regimen", "state", "reason").rows() == [
        ("seen", 1, "not_met", None),
        ("seen", 2, "not_evaluable", "nothing_recorded"),
        ("unseen", None, "not_evaluable", "no_regimen"),
    ]


def test_the_trace_shows_both_cells_of_a_leaf(definition: RuleDefinition) -> None:
    changes, _ = make_frames([Pair("mmt8", 70, 49)])
    nodes = classify_deterioration(changes, definition).nodes
    leaf = nodes.row(by_predicate=pl.col("node") == "mmt8_30_percent", named=True)
    assert (leaf["value"], leaf["unit"], leaf["operator"], leaf["threshold"]) == (30, "%", ">=", 30)
    assert leaf["state"] == "met"
    assert leaf["parent"] == "three_of_five_core_measures"
    assert [item["row_id"] for item in leaf["sources"]] == [0, 10_000_000]


def test_shipped_definition_needs_two_visits_of_the_same_rule() -> None:
    rulebook: Rulebook = read_rulebook()
    assert rulebook.get("confirmed_deterioration", RuleDefinition).root.node == "confirmed"
