"""Values exactly on an edge of the score, against integer and rational arithmetic."""

from __future__ import annotations

from fractions import Fraction
from itertools import product

import polars as pl
import pytest
from tests.spec.visit_frames import Pair, make_frames

from heliotrope.classify.scores import classify_scores
from heliotrope.definitions.load import Rulebook, read_rulebook
from heliotrope.definitions.score import ScoreDefinition

EDGES = (5, 15, 25, 40)


@pytest.fixture(scope="module")
def rulebook() -> Rulebook:
    return read_rulebook()


def grade(rulebook: Rulebook, component: str, pairs: list[Pair], score: str) -> list[float]:
    """Points of one component for many children, one pair each, in the order given."""
    changes, baselines = make_frames(pairs)
    nodes = classify_scores(changes, baselines, rulebook).nodes
    found = nodes.filter((pl.col("definition_id") == score) & (pl.col("node") == component)).select(
        "patient_id", "points"
    )
    points = dict(found.iter_rows())
    return [points[pair.patient_id] for pair in pairs]


def test_all_5151_visual_analogue_pairs_are_graded_as_by_integers(rulebook: Rulebook) -> None:
    """319 pairs at 0.1 steps lie on an edge; floats without rounding misgrade 26 of the 5,151."""
    tenths = [(before, after) for before in range(101) for after in range(before + 1)]
    naive_points = []
    exact_points = []
    for before, after in tenths:
        naive = (before / 10 - after / 10) / 10 * 100
        exact = before - after  # a tenth of a centimetre is one percent of the scale
        naive_points.append(sum(naive > edge for edge in EDGES))
        exact_points.append(sum(exact > edge for edge in EDGES))
    assert len(tenths) == 5151
    assert sum(before - after in EDGES for before, after in tenths) == 319
    assert sum(a != b for a, b in zip(naive_points, exact_points, strict=True)) == 26

    pairs = [
        Pair("physician_global", before / 10, after / 10, patient_id=f"{before}-{after}")
        for before, after in tenths
    ]
    points = (0, 7.5, 15, 17.5, 20)
    assert grade(rulebook, "physician_global", pairs, "tis_jdm_imacs") == [
        points[band] for band in exact_points
    ]


@pytest.mark.parametrize(
    ("measure", "component", "score", "top", "step", "edges", "points"),
    [
        ("mmt8", "strength", "tis_jdm_imacs", 80, 1, (2, 10, 20, 30), (0, 10, 20, 27.5, 32.5)),
        ("cmas", "strength", "tis_jdm_printo", 52, 1, (2, 10, 20, 30), (0, 10, 20, 27.5, 32.5)),
        ("mmt_total", "strength", "tis_adult", 260, 4, (2, 10, 20, 30), (0, 10, 20, 27.5, 32.5)),
        ("chaq", "function", "tis_jdm_imacs", 3, Fraction(1, 8), EDGES, (0, 5, 7.5, 7.5, 10)),
        (
            "disease_activity_score",
            "disease_activity",
            "tis_jdm_printo",
            20,
            1,
            EDGES,
            (0, 7.5, 12.5, 15, 20),
        ),
    ],
)  # fmt: skip
def test_every_pair_of_an_instrument_against_fractions(
    rulebook: Rulebook,
    measure: str,
    component: str,
    score: str,
    top: int,
    step: Fraction | int,
    edges: tuple[int, ...],
    points: tuple[float, ...],
) -> None:
    is_high_better = component == "strength"
    values = [step * number for number in range(int(Fraction(top) / step) + 1)]
    pairs, expected = [], []
    for before, after in product(values, repeat=2):
        gain = (after - before if is_high_better else before - after) * Fraction(100, top)
        expected.append(points[sum(gain > edge for edge in edges)])
        pairs.append(
            Pair(measure, float(before), float(after), patient_id=f"{float(before)}-{float(after)}")
        )
    assert grade(rulebook, component, pairs, score) == expected


@pytest.mark.parametrize(
    ("measure", "multiple"),
    [
        ("creatine_kinase", 15),
        ("aldolase", 6),
        ("lactate_dehydrogenase", 3),
        ("aspartate_aminotransferase", 3),
        ("alanine_aminotransferase", 3),
    ],
)
def test_enzymes_against_fractions_of_the_upper_limit(
    rulebook: Rulebook, measure: str, multiple: int
) -> None:
    """Falls of exactly 5, 15, 25 and 40 % of the range, and a tenth more."""
    points = (0, 2.5, 5, 7.5, 7.5)
    pairs, expected = [], []
    for limit, edge, more in product((170, 7.3, 245, 33.3), EDGES, (0, 0.1)):
        fall = Fraction(str(limit)) * multiple * edge / 100 + Fraction(str(more))
        before = Fraction(str(limit)) * multiple
        percent = fall / (Fraction(str(limit)) * multiple) * 100
        expected.append(points[sum(percent > each for each in EDGES)])
        pairs.append(
            Pair(
                measure,
                float(before),
                float(before - fall),
                limit,
                patient_id=f"{limit}-{edge}-{more}",
            )
        )
    assert grade(rulebook, "enzyme", pairs, "tis_jdm_imacs") == expected


def test_the_score_takes_41_values_all_multiples_of_two_and_a_half(rulebook: Rulebook) -> None:
    """Combinations of bands of the six measures, through the whole classifier."""
    definition = rulebook.get("tis_jdm_imacs", ScoreDefinition)
    improvements = {
        "physician_global": [10, 9.0, 8.0, 7.0, 0],
        "patient_global": [10, 9.0, 0],
        "mmt8": [0, 5, 12, 20, 80],
        "chaq": [3, 2.7, 2.4, 0],
        "creatine_kinase": [3000, 2700, 100],
        "extramuscular_global": [10, 9.0, 0],
    }
    worst = {name: values[0] for name, values in improvements.items()}
    combinations = list(product(*improvements.values()))
    pairs = [
        Pair(name, worst[name], value, 200, patient_id=str(number))
        for number, values in enumerate(combinations)
        for name, value in zip(improvements, values, strict=True)
    ]
    changes, baselines = make_frames(pairs)
    table = classify_scores(changes, baselines, rulebook).table.filter(
        pl.col("definition_id") == definition.id
    )
    assert table.height == len(combinations)
    assert table["score_lower"].equals(table["score_upper"], check_names=False)
    found = sorted(table["score_lower"].unique())
    assert found == [2.5 * number for number in range(41)]
    assert (table["score_max_attainable"] == 100).all()
