"""What must hold of every agreement: with oneself, the other way round, whatever the names."""

from __future__ import annotations

import math
from collections.abc import Sequence

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heliotrope.estimate.definition_agreement import (
    UNDECIDED,
    Words,
    estimate_definition_agreement,
    gather_alike,
)
from heliotrope.estimate.kappa import (
    Kappa,
    Rated,
    estimate_clustered_proportion,
    estimate_cohen_kappa,
    estimate_fleiss_kappa,
    make_weights,
)
from heliotrope.estimate.rows import Row, Topic

CLASSES = ("none", "minimal", "moderate", "major")
LEVEL = 0.95
TOPIC = Topic(
    "definition_agreement", LEVEL, (0.25, 0.75), "descriptive_estimates", "0.1.0", "visit"
)
WEIGHTS = make_weights(CLASSES)

words = st.sampled_from(CLASSES)
ratings = st.lists(
    st.tuples(words, words, st.integers(1, 6)).map(lambda item: Rated(item[:2], item[2])),
    min_size=1,
    max_size=40,
)


def value_of(kappa: Kappa) -> float:
    return math.nan if kappa.value is None else round(kappa.value, 9)


@settings(deadline=None)
@given(ratings)
def test_kappa_with_oneself_is_1_or_has_no_meaning(units: list[Rated]) -> None:
    same = [Rated((unit.classes[0], unit.classes[0]), unit.cluster) for unit in units]
    for kappa in (
        estimate_cohen_kappa(same, LEVEL),
        estimate_cohen_kappa(same, LEVEL, WEIGHTS),
        estimate_fleiss_kappa(same, LEVEL),
    ):
        has_two = len({unit.classes for unit in same}) > 1
        assert kappa.value == (1.0 if has_two else None)
        assert kappa.interval is None


@settings(deadline=None)
@given(ratings)
def test_kappa_is_symmetric(units: list[Rated]) -> None:
    turned = [Rated(unit.classes[::-1], unit.cluster) for unit in units]
    for weights in (None, WEIGHTS):
        first = estimate_cohen_kappa(units, LEVEL, weights)
        second = estimate_cohen_kappa(turned, LEVEL, weights)
        assert value_of(first) == pytest.approx(value_of(second), nan_ok=True)
        assert (first.standard_error or 0) == pytest.approx(second.standard_error or 0)


@settings(deadline=None)
@given(ratings)
def test_kappa_stays_within_its_bounds_and_its_interval_holds_it(units: list[Rated]) -> None:
    for kappa in (estimate_cohen_kappa(units, LEVEL), estimate_fleiss_kappa(units, LEVEL)):
        if kappa.value is not None:
            assert -1 - 1e-9 <= kappa.value <= 1 + 1e-9
        if kappa.interval is not None and kappa.value is not None:
            assert kappa.interval.low <= kappa.value + 1e-9
            assert kappa.interval.high >= kappa.value - 1e-9


@settings(deadline=None)
@given(ratings, st.permutations(CLASSES))
def test_kappa_does_not_know_the_names_of_classes_or_the_order_of_units(
    units: list[Rated], names: list[str]
) -> None:
    renamed = dict(zip(CLASSES, names, strict=True))
    other = [
        Rated(tuple(renamed[word] for word in unit.classes), unit.cluster)
        for unit in reversed(units)
    ]
    first, second = (estimate_cohen_kappa(found, LEVEL) for found in (units, other))
    assert value_of(first) == pytest.approx(value_of(second), nan_ok=True)
    assert (first.standard_error or 0) == pytest.approx(second.standard_error or 0)


@settings(deadline=None)
@given(ratings)
def test_visits_of_one_child_never_make_an_interval_narrower(units: list[Rated]) -> None:
    alone = [Rated(unit.classes, number) for number, unit in enumerate(units)]
    clustered = estimate_cohen_kappa(units, LEVEL).standard_error
    apart = estimate_cohen_kappa(alone, LEVEL).standard_error
    if clustered is not None and apart is not None:
        assert clustered >= apart - 1e-9


@settings(deadline=None)
@given(
    st.lists(
        st.integers(0, 5).flatmap(lambda n: st.tuples(st.just(n), st.integers(max(n, 1), 8))),
        min_size=1,
        max_size=12,
    )
)
def test_a_share_of_visits_lies_in_its_interval(children: list[tuple[int, int]]) -> None:
    interval = estimate_clustered_proportion(children, LEVEL)
    share = sum(n for n, _ in children) / sum(total for _, total in children)
    assert 0 <= interval.low <= share + 1e-9
    assert share - 1e-9 <= interval.high <= 1


def frame(pairs: Sequence[tuple[str, str, int]]) -> pl.DataFrame:
    return pl.DataFrame(
        [(f"P{child}", one, other) for one, other, child in pairs],
        schema={"patient_id": pl.String, "one": pl.String, "other": pl.String},
        orient="row",
    )


def by_name(
    rows: Sequence[Row], first: str, second: str
) -> dict[tuple[str, str, str], tuple[float, ...]]:
    return {
        (row.analysis, row.variable.removeprefix(f"{first}:{second}"), row.statistic): tuple(
            math.nan if number is None else number for number in (row.value, row.low, row.high)
        )
        for row in rows
    }


any_word = st.sampled_from((*CLASSES, *UNDECIDED))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(any_word, any_word, st.integers(1, 5)), min_size=1, max_size=40))
def test_nobody_vanishes_from_a_comparison(pairs: list[tuple[str, str, int]]) -> None:
    rows = estimate_definition_agreement(
        frame(pairs), ["one", "other"], Words(CLASSES, is_ordered=True), TOPIC
    )
    counts = {row.variable: row.value for row in rows if row.statistic == "n"}
    decided = [counts[f"one:other:decided_by_{who}"] for who in ("all", "some", "none")]
    assert sum(number or 0 for number in decided) == len(pairs)
    cells = [row.value or 0 for row in rows if row.analysis.endswith("_cell")]
    assert sum(cells) == len(pairs)
    turned = estimate_definition_agreement(
        frame(pairs), ["other", "one"], Words(CLASSES, is_ordered=True), TOPIC
    )
    here, there = by_name(rows, "one", "other"), by_name(turned, "other", "one")
    for key, numbers in here.items():
        if not key[0].endswith("_cell"):
            assert there[key] == pytest.approx(numbers, nan_ok=True)


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.integers(1, 9), *[st.sampled_from([*CLASSES[:2], *UNDECIDED])] * 3),
        min_size=1,
        max_size=40,
    )
)
def test_children_alike_are_counted_by_one_of_them(
    visits: list[tuple[int, str, str, str]],
) -> None:
    names = ["one", "other", "third"]
    units = pl.DataFrame(visits, schema=["patient_id", *names], orient="row")
    # every child a second time, under another name: whatever the visits are, some are alike
    units = pl.concat([units, units.with_columns(pl.col("patient_id") + 100)])
    words = Words(CLASSES[:2], is_ordered=True)
    alike = gather_alike(units, names)
    assert alike["patient_id"].n_unique() < units["patient_id"].n_unique()
    found = estimate_definition_agreement(alike, names, words, TOPIC)
    wanted = estimate_definition_agreement(units, names, words, TOPIC)
    assert [(row.variable, row.statistic, row.refused, row.n_evaluable) for row in found] == [
        (row.variable, row.statistic, row.refused, row.n_evaluable) for row in wanted
    ]
    for name in ("value", "low", "high"):
        assert [getattr(row, name) for row in found] == pytest.approx(
            [getattr(row, name) for row in wanted]
        )
