"""The total improvement score, from the first visit to the last word of its bounds."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest
from tests.spec.ascii_table import read_rows
from tests.spec.visit_frames import BASELINES, CHANGES, Pair, make_frames, read_pair

from heliotrope.classify.scores import classify_scores
from heliotrope.definitions.load import Rulebook, read_rulebook
from heliotrope.definitions.settings import MeasureSetting, Settings

IMACS = """
    id   | physician_global | patient_global | mmt8    | chaq     | creatine_kinase | extramuscular_global | score | degree   | attainable
    TV1  | 8>0              | 8>0            | 40>80   | 2.5>0    | 3000>100 /200   | 6>0                  | 100   | major    | 100
    TV2  | 5>5              | 5>5            | 60>60   | 1>1      | 1000>1000 /200  | 3>3                  | 0     | none     | 87.5
    TV3  | 3>8              | 3>8            | 70>40   | 0.5>2.5  | 300>3000 /200   | 1>5                  | 0     | none     | 62.5
    TV4  | 5>4.5            | 5>4.5          | 60>61.6 | 1>0.85   | 1000>850 /200   | 3>2.5                | 0     | none     | 87.5
    TV5  | 5>4.4            | 5>4.4          | 60>62   | 1>0.75   | 1000>840 /200   | 3>2.4                | 35    | minimal  | 87.5
    TV6  | 6>3              | 5>3.5          | 56>68   | 1.5>0.75 | 1800>450 /200   | 3>1.5                | 62.5  | moderate | 90
    TV7  | 9>5              | 9>5            | 50>74   | 2.2>1.0  | 2200>1000 /200  | 8>4                  | 82.5  | major    | 100
    TV9  | 1.5>0            | 1>0            | 76>80   | 0.25>0   | 250>100 /200    | 0.5>0                | 25    | none     | 27.5
    TV10 | 6>6              | 6>6            | 40>70   | 2>2      | 200>200 /200    | 2>2                  | 32.5  | minimal  | 87.5
    TV11 | 6>4              | 6>5.5          | 60>66   | 1.5>1.25 | 300>300 /200    | 2>2                  | 30    | minimal  | 82.5
"""

MEASURES = [
    "physician_global",
    "patient_global",
    "mmt8",
    "chaq",
    "creatine_kinase",
    "extramuscular_global",
]


@pytest.fixture(scope="module")
def rulebook() -> Rulebook:
    return read_rulebook()


def score(pairs: list[Pair], rulebook: Rulebook, definition_id: str) -> dict[str, object]:
    """Score one visit by one definition."""
    changes, baselines = make_frames(pairs)
    table = classify_scores(changes, baselines, rulebook).table
    return table.row(
        by_predicate=pl.col("definition_id") == definition_id,
        named=True,
    )


@pytest.mark.parametrize("vector", read_rows(IMACS), ids=lambda vector: vector["id"])
def test_imacs_vectors(vector: dict[str, object], rulebook: Rulebook) -> None:
    found = score([read_pair(name, vector[name]) for name in MEASURES], rulebook, "tis_jdm_imacs")
    assert found["score_lower"] == found["score_upper"] == vector["score"]
    assert found["category"] == vector["degree"]
    assert found["score_max_attainable"] == vector["attainable"]
    assert found["state"] == ("not_met" if vector["degree"] == "none" else "met")
    assert found["reason"] is None
    assert found["measures_present"] == MEASURES


def test_printo_vector_8_without_quality_of_life(rulebook: Rulebook) -> None:
    drawn = {
        "physician_global": "7>2",
        "patient_global": "6>2",
        "cmas": "25>40",
        "chaq": "2>0.5",
        "disease_activity_score": "12>4",
    }
    found = score([read_pair(*pair) for pair in drawn.items()], rulebook, "tis_jdm_printo")
    assert (found["score_lower"], found["score_upper"]) == (80, 87.5)
    assert (found["category"], found["state"], found["reason"]) == ("major", "met", None)


def test_vector_9_only_falls_to_normal_so_it_stays_under_what_could_be_reached(
    rulebook: Rulebook,
) -> None:
    (vector,) = [row for row in read_rows(IMACS) if row["id"] == "TV9"]
    pairs = [read_pair(name, vector[name]) for name in MEASURES]
    pairs[4] = read_pair("creatine_kinase", "250>0.001 /200")
    assert score(pairs, rulebook, "tis_jdm_imacs")["score_lower"] == 27.5


@pytest.mark.parametrize(
    ("vector", "adult"),
    [("TV2", "none"), ("TV9", "minimal"), ("TV5", "minimal"), ("TV6", "major"), ("TV1", "major")],
)
def test_adults_have_lower_thresholds(vector: str, adult: str, rulebook: Rulebook) -> None:
    (row,) = [row for row in read_rows(IMACS) if row["id"] == vector]
    found = score([read_pair(name, row[name]) for name in MEASURES], rulebook, "tis_adult")
    assert (found["score_lower"], found["category"]) == (row["score"], adult)


BOUNDS = """
    what is missing                | physician_global | mmt8  | patient_global | chaq  | extramuscular_global | lower | upper | category      | state         | reason
    the enzyme                     | 8>0              | 40>80 | 8>0            | 2.5>0 | 6>0                  | 92.5  | 100   | major         | met           | -
    two that cannot matter         | 5>5              | 60>60 | 5>5            | -     | 3>3                  | 0     | 17.5  | none          | not_met       | -
    what decides on any degree     | 5>4.4            | 60>62 | -              | -     | 3>2.4                | 25    | 52.5  | indeterminate | not_evaluable | bounds_straddle
    what decides on which degree   | 5>4.4            | 60>68 | -              | 2>1.8 | 3>2.4                | 30    | 47.5  | indeterminate | met           | bounds_straddle
    the physician global           | -                | 40>80 | 8>0            | 2.5>0 | 6>0                  | 72.5  | 100   | not_evaluable | not_evaluable | no_physician_global
    the physician's baseline       | >0               | 40>80 | 8>0            | 2.5>0 | 6>0                  | 72.5  | 100   | not_evaluable | not_evaluable | no_physician_global
    strength                       | 8>0              | -     | 8>0            | 2.5>0 | 6>0                  | 60    | 100   | not_evaluable | not_evaluable | no_strength
"""


@pytest.mark.parametrize("row", read_rows(BOUNDS), ids=lambda row: str(row["what is missing"]))
def test_bounds_when_measures_are_missing(row: dict[str, object], rulebook: Rulebook) -> None:
    pairs = [read_pair(name, row[name]) for name in MEASURES if row.get(name) is not None]
    found = score(pairs, rulebook, "tis_jdm_imacs")
    names = ["score_lower", "score_upper", "category", "state", "reason"]
    expected = [row[name] for name in ("lower", "upper", "category", "state", "reason")]
    assert [found[name] for name in names] == expected


STRENGTH = """
    mmt8  | mmt_total | cmas  | imacs     | printo | flags
    40>80 | 100>100   | 26>26 | mmt8      | cmas   | -
    -     | 100>200   | 26>26 | mmt_total | cmas   | -
    40>   | 100>200   | 26>26 | mmt_total | cmas   | -
    >80   | 100>200   | 26>26 | mmt_total | cmas   | -
    40>80 | 100>100   | 26>   | mmt8      | mmt8   | -
    -     | -         | 26>52 | cmas      | cmas   | strength_by_cmas
    -     | 100>200   | -     | mmt_total | -      | -
"""


@pytest.mark.parametrize("row", read_rows(STRENGTH))
def test_strength_is_chosen_per_pair_of_visits(row: dict[str, object], rulebook: Rulebook) -> None:
    names = ("mmt8", "mmt_total", "cmas")
    pairs = [read_pair(name, row[name]) for name in names if row[name] is not None]
    changes, baselines = make_frames([Pair("physician_global", 5, 5), *pairs])
    classified = classify_scores(changes, baselines, rulebook)
    for definition, column in (("tis_jdm_imacs", "imacs"), ("tis_jdm_printo", "printo")):
        node = classified.nodes.row(
            by_predicate=(pl.col("definition_id") == definition) & (pl.col("node") == "strength"),
            named=True,
        )
        assert node["label"] == row[column]
    imacs = classified.table.filter(pl.col("definition_id") == "tis_jdm_imacs")
    assert imacs["flags"].to_list() == [[row["flags"]] if row["flags"] else []]


ENZYMES = """
    creatine_kinase | aldolase  | lactate_dehydrogenase | alanine_aminotransferase | chosen                | percent | reason
    1000>400 /200   | -         | -                     | -                        | creatine_kinase       | 20      | -
    1000>400 /200   | 60>24 /10 | -                     | -                        | aldolase              | 60      | -
    1000>400 /200   | 50>20 /10 | 1250>650 /250         | -                        | creatine_kinase       | 20      | -
    -               | 50>20 /10 | 1250>650 /250         | 250>10 /50               | aldolase              | 50      | -
    -               | -         | 1250>650 /250         | 250>10 /50               | lactate_dehydrogenase | 80      | -
    9000>400        | 12>12 /10 | -                     | -                        | aldolase              | 0       | -
    9000>400        | -         | -                     | -                        | -                     | -       | no_upper_limit
    >400            | -         | -                     | -                        | -                     | -       | no_baseline
    1000> /200      | 12>6 /10  | -                     | -                        | -                     | -       | chosen_enzyme_not_recorded
    100>50 /200     | 4>4 /10   | -                     | -                        | creatine_kinase       | 1.666666667 | enzyme_floor
    -               | -         | -                     | -                        | -                     | -       | not_recorded
"""


@pytest.mark.parametrize("row", read_rows(ENZYMES))
def test_the_enzyme_is_the_most_abnormal_at_baseline(
    row: dict[str, object], rulebook: Rulebook
) -> None:
    names = ("creatine_kinase", "aldolase", "lactate_dehydrogenase", "alanine_aminotransferase")
    pairs = [read_pair(name, row[name]) for name in names if row[name] is not None]
    changes, baselines = make_frames([Pair("physician_global", 5, 5), *pairs])
    nodes = classify_scores(changes, baselines, rulebook).nodes
    node = nodes.row(
        by_predicate=(pl.col("definition_id") == "tis_jdm_imacs") & (pl.col("node") == "enzyme"),
        named=True,
    )
    assert [node["label"], node["value"], node["reason"]] == [
        row[name] for name in ("chosen", "percent", "reason")
    ]


def test_the_enzyme_keeps_its_baseline_limit(rulebook: Rulebook) -> None:
    changes, baselines = make_frames([Pair("creatine_kinase", 1000, 400, 200)])
    moved = changes.with_columns(upper_limit=pl.lit(50.0))
    first, second = (
        classify_scores(frame, baselines, rulebook).table for frame in (changes, moved)
    )
    assert first.equals(second)


def test_an_instrument_without_a_known_range_is_refused_until_declared() -> None:
    pairs = [Pair("physician_global", 8, 0), Pair("cmas", 20, 52), Pair("chq_physical", 20, 50)]
    declared = MeasureSetting(min=0, max=60, direction="high")
    refused = score(pairs, read_rulebook(), "tis_jdm_printo")
    allowed = score(
        pairs, read_rulebook(Settings(measures={"chq_physical": declared})), "tis_jdm_printo"
    )
    assert (refused["score_lower"], allowed["score_lower"]) == (52.5, 60)
    assert "chq_physical" not in refused["measures_present"]
    assert (refused["score_max_attainable"], allowed["score_max_attainable"]) == (52.5, 60)


@pytest.mark.parametrize(
    ("maximum", "percent", "reason"),
    [(80, 5, None), (150, 2.666666667, None), (100, None, "range_not_published")],
)
def test_only_published_scales_of_an_instrument_are_taken(
    maximum: float, percent: float | None, reason: str | None
) -> None:
    settings = Settings(measures={"mmt8": MeasureSetting(max=maximum, direction="high")})
    changes, baselines = make_frames([Pair("mmt8", 76, 80)])
    nodes = classify_scores(changes, baselines, read_rulebook(settings)).nodes
    node = nodes.row(
        by_predicate=(pl.col("definition_id") == "tis_jdm_imacs") & (pl.col("node") == "strength"),
        named=True,
    )
    assert (node["value"], node["reason"]) == (percent, reason)


def test_nobody_vanishes(rulebook: Rulebook) -> None:
    changes, baselines = make_frames([Pair("weight", 20, 21, patient_id="weighed")])
    cohort = pl.DataFrame(
        {"patient_id": ["weighed", "empty", "untreated"], "regimen": [1, 1, None]},
        schema={"patient_id": pl.String, "regimen": pl.Int32},
    )
    classified = classify_scores(changes, baselines, rulebook, cohort)
    assert classified.table.is_empty()
    assert classified.nodes.height == 3 * 3
    assert set(classified.nodes["state"]) == {"not_evaluable"}
    assert set(classified.nodes["label"]) == {"not_evaluable"}
    assert classified.nodes["date"].is_null().all()


def test_no_rows_at_all_give_empty_frames_of_the_right_shape(rulebook: Rulebook) -> None:
    classified = classify_scores(
        pl.DataFrame(schema=CHANGES), pl.DataFrame(schema=BASELINES), rulebook
    )
    assert classified.table.is_empty()
    assert classified.nodes.is_empty()


def test_each_visit_is_scored_against_its_own_regimen(rulebook: Rulebook) -> None:
    pairs = [
        Pair("physician_global", 8, 4, day=10),
        Pair("mmt8", 40, 60, day=10),
        Pair("physician_global", 8, 8, day=40),
        Pair("mmt8", 40, 40, day=40),
        Pair("physician_global", 4, 4, day=400, regimen=2),
        Pair("mmt8", 60, 80, day=400, regimen=2),
    ]
    changes, baselines = make_frames(pairs)
    table = classify_scores(changes, baselines, rulebook).table
    found = table.filter(pl.col("definition_id") == "tis_jdm_imacs").select(
        "regimen", "date", "score_lower", "score_max_attainable"
    )
    assert found.rows() == [
        (1, date(2020, 1, 11), 45.0, 52.5),
        (1, date(2020, 2, 10), 0.0, 52.5),
        (2, date(2021, 2, 4), 27.5, 45.0),
    ]


def test_the_trace_names_the_cells_used_and_passed_over(rulebook: Rulebook) -> None:
    changes, baselines = make_frames(
        [Pair("mmt8", 40, 80), Pair("cmas", 20, 52), Pair("mmt_total", None, 200)]
    )
    nodes = classify_scores(changes, baselines, rulebook).nodes
    node = nodes.row(
        by_predicate=(pl.col("definition_id") == "tis_jdm_imacs") & (pl.col("node") == "strength"),
        named=True,
    )
    assert {(item["row_id"], item["role"], item["reason"]) for item in node["sources"]} == {
        (0, "used", None),
        (10_000_000, "used", None),
        (1, "rejected", "another_measure_preferred"),
        (10_000_001, "rejected", "another_measure_preferred"),
        (2, "rejected", "no_baseline"),
    }
