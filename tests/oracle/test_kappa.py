"""Kappa against R's vcd and psych (recorded), published tables and a numerical delta method."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial

import pytest

from heliotrope.estimate.kappa import (
    CONSTANT,
    FULL_AGREEMENT,
    NOBODY,
    ONE_CLASS,
    ONE_CLUSTER,
    Kappa,
    Rated,
    estimate_clustered_proportion,
    estimate_cohen_kappa,
    estimate_fleiss_kappa,
    make_weights,
)

LEVEL = 0.95
CLASSES = ("a", "b", "c")

# Rows: first rater. R: vcd 1.4-11 Kappa(m), Kappa(m)$Weighted (equal spacing), confint().
FIRST = ((53, 5, 2), (11, 14, 5), (1, 6, 3))
SECOND = ((88, 14, 18), (10, 40, 10), (2, 6, 12))


def rate(table: Sequence[Sequence[int]]) -> list[Rated]:
    """Turn a table of agreement into units, each of a child of its own."""
    pairs = [
        (CLASSES[row], CLASSES[column])
        for row, line in enumerate(table)
        for column, count in enumerate(line)
        for _ in range(count)
    ]
    return [Rated(pair, child) for child, pair in enumerate(pairs)]


def read(kappa: Kappa) -> tuple[float, float]:
    assert kappa.value is not None
    assert kappa.standard_error is not None
    return kappa.value, kappa.standard_error


def read_interval(kappa: Kappa) -> tuple[float, float]:
    assert kappa.interval is not None
    return kappa.interval.low, kappa.interval.high


@pytest.mark.parametrize(
    ("table", "value", "error"),
    [
        (FIRST, 0.4285714285714285, 0.0759588315346638),
        (SECOND, 0.4915254237288135, 0.0510018155760779),
    ],
)
def test_cohen_kappa_against_r_vcd(
    table: Sequence[Sequence[int]], value: float, error: float
) -> None:
    found = read(estimate_cohen_kappa(rate(table), LEVEL))
    assert found == pytest.approx((value, error), abs=1e-12)


@pytest.mark.parametrize(
    ("table", "value", "error"),
    [
        (FIRST, 0.4923076923076921, 0.0717269427434705),
        (SECOND, 0.4736842105263159, 0.0544323091776415),
    ],
)
def test_linearly_weighted_kappa_against_r_vcd(
    table: Sequence[Sequence[int]], value: float, error: float
) -> None:
    found = read(estimate_cohen_kappa(rate(table), LEVEL, make_weights(CLASSES)))
    assert found == pytest.approx((value, error), abs=1e-12)


def test_the_interval_against_r_vcd_and_r_psych() -> None:
    kappa = estimate_cohen_kappa(rate(FIRST), LEVEL)
    assert read_interval(kappa) == pytest.approx((0.279694854455742, 0.577448002687115))
    kappa = estimate_cohen_kappa(rate(SECOND), LEVEL)
    assert read_interval(kappa) == pytest.approx((0.391563702053547, 0.591487145404080))


def test_cohen_kappa_of_a_table_worked_by_hand() -> None:
    """20 both yes, 5 and 10 differ, 15 both no: agreement 0.7, by chance 0.5, kappa 0.4."""
    kappa = estimate_cohen_kappa(rate(((20, 5), (10, 15))), LEVEL)
    assert kappa.value == pytest.approx(0.4)
    assert (kappa.units, kappa.clusters) == (50, 50)


# Fourteen raters, ten subjects, five classes: the worked example of Fleiss' kappa, 0.210.
TEN_SUBJECTS = (
    (0, 0, 0, 0, 14),
    (0, 2, 6, 4, 2),
    (0, 0, 3, 5, 6),
    (0, 3, 9, 2, 0),
    (2, 2, 8, 1, 1),
    (7, 7, 0, 0, 0),
    (3, 2, 6, 3, 0),
    (2, 5, 3, 2, 2),
    (6, 5, 2, 1, 0),
    (0, 2, 2, 3, 7),
)


def rate_subjects(subjects: Sequence[Sequence[int]]) -> list[Rated]:
    return [
        Rated(tuple(str(word) for word, count in enumerate(line) for _ in range(count)), number)
        for number, line in enumerate(subjects)
    ]


def test_fleiss_kappa_of_a_worked_example() -> None:
    kappa = estimate_fleiss_kappa(rate_subjects(TEN_SUBJECTS), LEVEL)
    assert kappa.value is not None
    assert round(kappa.value, 3) == 0.210


def test_fleiss_kappa_of_two_raters_is_scotts_pi() -> None:
    """Agreement 0.7; by chance 0.55^2 + 0.45^2 = 0.505; pi = 0.195/0.495."""
    kappa = estimate_fleiss_kappa(rate(((20, 5), (10, 15))), LEVEL)
    assert kappa.value == pytest.approx(0.195 / 0.495)


def delta_method(
    units: Sequence[Rated], value_of: Callable[[Sequence[Rated]], float | None]
) -> float:
    """Standard error by moving the weight of each child a little: slow, and free of algebra."""
    step = 10**6
    base = value_of([Rated(unit.classes, unit.cluster, step) for unit in units])
    assert base is not None
    squares = 0.0
    for child in {unit.cluster for unit in units}:
        moved = value_of(
            [Rated(unit.classes, unit.cluster, step + (unit.cluster == child)) for unit in units]
        )
        assert moved is not None
        squares += ((moved - base) * step) ** 2
    return math.sqrt(squares)


@pytest.mark.parametrize("visits", [1, 3])
def test_every_standard_error_is_that_of_a_numerical_delta_method(visits: int) -> None:
    """Also where several visits are of one child."""
    two = [Rated(unit.classes, number // visits) for number, unit in enumerate(rate(FIRST))]
    many = [
        Rated(unit.classes, number // visits)
        for number, unit in enumerate(rate_subjects(TEN_SUBJECTS))
    ]
    weights = make_weights(CLASSES)

    def estimate(rated: Sequence[Rated], kind: str) -> Kappa:
        if kind == "fleiss":
            return estimate_fleiss_kappa(rated, LEVEL)
        return estimate_cohen_kappa(rated, LEVEL, weights if kind == "weighted" else None)

    def value_of(kind: str, rated: Sequence[Rated]) -> float | None:
        return estimate(rated, kind).value

    for units, kind in ((two, "cohen"), (two, "weighted"), (many, "fleiss")):
        error = estimate(units, kind).standard_error
        slow = delta_method(units, partial(value_of, kind))
        alone = [Rated(unit.classes, number) for number, unit in enumerate(units)]
        assert error == pytest.approx(max(slow, delta_method(alone, partial(value_of, kind))), 1e-4)


def test_visits_of_one_child_that_say_the_same_tell_no_more_than_one_visit() -> None:
    once = estimate_cohen_kappa(rate(FIRST), LEVEL)
    often = [Rated(unit.classes, unit.cluster, 5) for unit in rate(FIRST)]
    assert read(estimate_cohen_kappa(often, LEVEL)) == pytest.approx(read(once))


def test_visits_of_one_child_that_cancel_out_make_no_interval_narrow() -> None:
    """Three visits of one child agree on b and one does not: alone they would give no width."""
    units = [Rated(("a", "a"), child, 20) for child in range(10)]
    units += [Rated(("b", "b"), 10, 3), Rated(("b", "a"), 10)]
    kappa = estimate_cohen_kappa(units, LEVEL)
    alone = [
        Rated(unit.classes, (number, i))
        for number, unit in enumerate(units)
        for i in range(unit.count)
    ]
    assert read_interval(kappa) == pytest.approx(read_interval(estimate_cohen_kappa(alone, LEVEL)))


def test_what_has_no_kappa_says_why() -> None:
    same = [Rated(("a", "a"), 1), Rated(("b", "b"), 2)]
    assert estimate_cohen_kappa([], LEVEL).refused == NOBODY
    assert estimate_fleiss_kappa([], LEVEL).refused == NOBODY
    assert estimate_cohen_kappa(same[:1], LEVEL).refused == ONE_CLASS
    assert estimate_fleiss_kappa(same[:1], LEVEL).refused == ONE_CLASS
    full = estimate_cohen_kappa(same, LEVEL)
    assert (full.value, full.interval, full.refused) == (1.0, None, FULL_AGREEMENT)
    flat = estimate_cohen_kappa([Rated(("a", "a"), 1), Rated(("a", "b"), 2)], LEVEL)
    assert (flat.value, flat.interval, flat.refused) == (0.0, None, CONSTANT)
    one = estimate_cohen_kappa([Rated(("a", "b"), 1), Rated(("b", "b"), 1)], LEVEL)
    assert (one.interval, one.refused) == (None, ONE_CLUSTER)


def test_a_share_of_visits_is_as_sure_as_its_children() -> None:
    apart = estimate_clustered_proportion([(1, 1)] * 30 + [(0, 1)] * 10, LEVEL)
    together = estimate_clustered_proportion([(10, 10)] * 3 + [(0, 10)], LEVEL)
    assert together.low < apart.low
    assert together.high > apart.high


def test_the_interval_of_a_share_of_visits_against_r_survey() -> None:
    """R: survey 4.1, svyciprop(~y, svydesign(id = ~child), method = "beta")."""
    children = [(20, 20), (0, 20), (18, 20), (3, 5), (7, 10)]
    found = estimate_clustered_proportion(children, LEVEL)
    assert (found.low, found.high) == pytest.approx((0.0436074051958971, 0.9962718251715886))


def test_agreement_throughout_counts_children_not_visits() -> None:
    seven = estimate_clustered_proportion([(20, 20)] * 7, LEVEL)
    assert (round(seven.low, 4), seven.high) == (0.5904, 1.0)
    none = estimate_clustered_proportion([(0, 20)] * 7, LEVEL)
    assert (none.low, round(none.high, 4)) == (0.0, 0.4096)
