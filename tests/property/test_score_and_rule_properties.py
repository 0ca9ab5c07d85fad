"""What must hold for any records: of scores, states and deterioration."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.spec.visit_frames import Pair, make_frames

from heliotrope.classify.deterioration import classify_deterioration
from heliotrope.classify.replay import replay
from heliotrope.classify.scores import classify_scores
from heliotrope.classify.states import classify_states
from heliotrope.classify.trace_rows import number_trace
from heliotrope.definitions.load import Rulebook, read_rulebook
from heliotrope.definitions.rule import RuleDefinition

RULEBOOK: Rulebook = read_rulebook()
DETERIORATION = RULEBOOK.get("confirmed_deterioration", RuleDefinition)

RANGES = {
    "physician_global": (100, 10),
    "patient_global": (100, 10),
    "extramuscular_global": (100, 10),
    "chaq": (24, 3),
    "mmt8": (80, 80),
    "mmt_total": (260, 260),
    "cmas": (52, 52),
    "disease_activity_score": (20, 20),
    "creatine_kinase": (60, 6000),
    "aldolase": (40, 40),
    "weight": (60, 60),
}
ENZYMES = ["creatine_kinase", "aldolase"]


@st.composite
def draw_pair(draw: st.DrawFn) -> Pair:
    measure = draw(st.sampled_from(sorted(RANGES)))
    steps, top = RANGES[measure]
    values = st.none() | st.integers(0, steps).map(lambda number: number * top / steps)
    return Pair(
        measure=measure,
        baseline=draw(values),
        value=draw(values),
        upper_limit=draw(st.none() | st.sampled_from([8.0, 150.0, 200.0])),
        day=draw(st.sampled_from([10, 28, 56])),
        patient_id=draw(st.sampled_from(["Ada", "Ben"])),
        regimen=draw(st.sampled_from([1, 2])),
    )


def unique_pairs(pairs: list[Pair]) -> list[Pair]:
    """Keep one value a visit and measure, and one baseline a regimen and measure."""
    seen: dict[tuple[object, ...], Pair] = {}
    references: dict[tuple[object, ...], Pair] = {}
    for pair in pairs:
        place = (pair.patient_id, pair.regimen, pair.measure)
        reference = references.setdefault(place, pair)
        seen.setdefault(
            (*place, pair.day),
            Pair(
                **{
                    **pair.__dict__,
                    "baseline": reference.baseline,
                    "upper_limit": reference.upper_limit,
                }
            ),
        )
    return list(seen.values())


PAIRS = st.lists(draw_pair(), min_size=1, max_size=30).map(unique_pairs)

few = settings(max_examples=12, deadline=None)


def classify(changes: pl.DataFrame, baselines: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Classify by all definitions; everything sorted by its key."""
    scores = classify_scores(changes, baselines, RULEBOOK)
    worse = classify_deterioration(changes, DETERIORATION)
    values = changes.select("patient_id", "date", "measure", "value", "row_id")
    patients = pl.DataFrame({"patient_id": ["Ada", "Ben"]}).with_columns(
        birth_date=pl.lit(None, pl.Date)
    )
    values = values.unique(["patient_id", "date", "measure"], keep="first", maintain_order=True)
    states = classify_states(values.sort("row_id"), patients, RULEBOOK)
    trace, sources = number_trace([scores.nodes, worse.nodes, states.nodes]).spell()
    return {
        "scores": scores.table.sort("patient_id", "regimen", "definition_id", "date"),
        "worse": worse.table.sort("patient_id", "regimen", "date"),
        "states": states.table.sort("patient_id", "definition_id", "date"),
        "trace": trace,
        "sources": sources,
    }


def assert_same(first: dict[str, pl.DataFrame], second: dict[str, pl.DataFrame]) -> None:
    for name, frame in first.items():
        assert frame.equals(second[name]), name


@few
@given(PAIRS, st.integers(0, 1000))
def test_row_order_does_not_matter(pairs: list[Pair], seed: int) -> None:
    changes, baselines = make_frames(pairs)
    changes = changes.unique(
        ["patient_id", "date", "measure"], keep="first", maintain_order=True
    )  # a visit belongs to one regimen
    shuffled = (
        changes.sample(fraction=1, shuffle=True, seed=seed),
        baselines.sample(fraction=1, shuffle=True, seed=seed),
    )
    assert_same(classify(changes, baselines), classify(*shuffled))


@few
@given(PAIRS)
def test_strangers_do_not_matter(pairs: list[Pair]) -> None:
    changes, baselines = make_frames(pairs)
    strangers = [frame.with_columns(patient_id=pl.lit("Zoe")) for frame in (changes, baselines)]
    alone = classify(changes, baselines)
    together = classify(
        *(pl.concat([a, b]) for a, b in zip((changes, baselines), strangers, strict=True))
    )
    for name in ("scores", "worse", "states"):
        assert together[name].filter(pl.col("patient_id") != "Zoe").equals(alone[name]), name


@few
@given(PAIRS, st.integers(-3000, 3000))
def test_shifting_all_dates_changes_nothing_else(pairs: list[Pair], days: int) -> None:
    changes, baselines = make_frames(pairs)
    later = [
        frame.with_columns(pl.col(pl.Date) + timedelta(days=days)) for frame in (changes, baselines)
    ]
    first, second = classify(changes, baselines), classify(*later)
    for name in ("scores", "worse", "states"):
        back = second[name].with_columns(pl.col(pl.Date) - timedelta(days=days))
        assert back.equals(first[name]), name


@few
@given(PAIRS)
def test_enzymes_in_another_unit_give_the_same_scores(pairs: list[Pair]) -> None:
    changes, baselines = make_frames(pairs)
    columns = ("value", "upper_limit", "baseline_value", "baseline_upper_limit")
    other_unit = [
        frame.with_columns(
            pl.when(pl.col("measure").is_in(ENZYMES))
            .then(pl.col(name) / 60)
            .otherwise(name)
            .alias(name)
            for name in columns
            if name in frame.columns
        )
        for frame in (changes, baselines)
    ]
    first = classify_scores(changes, baselines, RULEBOOK).table
    assert first.equals(classify_scores(*other_unit, RULEBOOK).table)


@few
@given(PAIRS)
def test_bounds_hold_the_score_and_recording_more_never_widens_them(pairs: list[Pair]) -> None:
    whole = [pair for pair in pairs if pair.baseline is not None and pair.value is not None]
    changes, baselines = make_frames(whole)
    table = classify_scores(changes, baselines, RULEBOOK).table
    assert (table["score_lower"] <= table["score_upper"]).all()
    assert (table["score_lower"] % 2.5 == 0).all()
    assert table["score_upper"].is_between(0, 100).all()
    fewer = changes.filter(pl.col("measure") != "patient_global")
    less = classify_scores(fewer, baselines, RULEBOOK).table
    key = ["patient_id", "regimen", "date", "definition_id"]
    both = table.join(less, on=key, suffix="_less")
    assert (both["score_lower_less"] <= both["score_lower"]).all()
    assert (both["score_upper_less"] >= both["score_upper"]).all()


@few
@given(PAIRS)
def test_every_decision_can_be_replayed_from_its_trace(pairs: list[Pair]) -> None:
    changes, baselines = make_frames(pairs)
    trace = classify(changes, baselines)["trace"]
    key = ["patient_id", "regimen", "definition_id", "date"]
    for _, decision in trace.group_by(key):
        rows = decision.to_dicts()
        (root,) = [row for row in rows if row["node"] == "root"]
        replayed = replay(rows, RULEBOOK)
        assert replayed.agrees_with(root), (replayed, root)
        assert replayed == replay(rows[::-1], RULEBOOK)


@pytest.mark.parametrize("day", [date(2020, 2, 29)])
def test_a_single_perfect_pair_is_never_negative_zero(day: date) -> None:
    changes, baselines = make_frames([Pair("physician_global", 5, 5), Pair("mmt8", 70, 70)])
    values = classify_scores(changes.with_columns(date=day), baselines, RULEBOOK).nodes["value"]
    assert "-0.0" not in {str(value) for value in values}
