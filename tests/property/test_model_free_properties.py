"""What must hold for every estimate without a model, whatever was recorded."""

from __future__ import annotations

import math
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heliotrope.classify.evaluate import evaluate
from heliotrope.definitions.load import read_rulebook
from heliotrope.estimate.events.after_stopping_first import estimate_after_stopping_first
from heliotrope.estimate.events.beta_binomial import estimate_clustered_share
from heliotrope.estimate.events.clustered_reactions import estimate_clustered_reactions
from heliotrope.estimate.events.flares import estimate_flares
from heliotrope.estimate.events.reaction_comparisons import estimate_reaction_comparisons
from heliotrope.estimate.inputs import Inputs
from heliotrope.estimate.rows import Row, make_results
from heliotrope.estimate.timing.cycle import estimate_cycle
from heliotrope.estimate.timing.first_response import estimate_first_response
from heliotrope.estimate.timing.turnbull import estimate_onset
from heliotrope.records.canonical import CANONICAL
from heliotrope.records.shard import Shard

RULEBOOK = read_rulebook()

D0 = date(2020, 1, 1)

ESTIMATES = (
    estimate_first_response,
    estimate_cycle,
    estimate_after_stopping_first,
    estimate_flares,
    estimate_clustered_reactions,
    estimate_reaction_comparisons,
)

Tables = dict[str, list[dict[str, Any]]]

MEASURES = ["physician_global", "creatine_kinase", "cmas", "adl", "physician_judgement"]


@st.composite
def some_children(draw: st.DrawFn) -> Tables:
    """Draw a few children with infusions, visits, flares, fevers, in any order and number."""
    made: Tables = {"infusion": [], "assessment": [], "event": [], "patient": []}
    days = st.integers(-60, 500)
    for child in range(draw(st.integers(0, 4))):
        name = {"patient_id": f"c{child}"}
        made["patient"].append({**name, "death_date": draw(st.none() | days.map(day))})
        for when in draw(st.lists(st.integers(0, 400), max_size=6)):
            made["infusion"].append(
                {
                    **name,
                    "date": day(when),
                    "route": draw(st.sampled_from(["iv", "iv", "iv", "sc"])),
                    "dose": draw(st.sampled_from([0.4, 2.0, 2.0])),
                    "dose_unit": "g/kg",
                    "product": draw(st.sampled_from([None, "X", "Y"])),
                    "rate": draw(st.sampled_from([None, "25 mL/h", "2 mL/kg/h", "slow"])),
                }
            )
        for when in draw(st.lists(days, max_size=8)):
            measure = draw(st.sampled_from(MEASURES))
            value = draw(st.sampled_from([0.0, 1.0, 4.5, 10.0]))
            text = "improved" if measure == "physician_judgement" else None
            made["assessment"].append(
                {**name, "date": day(when), "measure": measure, "value": value, "text": text}
            )
        for when in draw(st.lists(days, max_size=5)):
            kind = draw(st.sampled_from(["flare", "adverse_event", "ivig_stopped"]))
            term = {"adverse_event": "fever", "ivig_stopped": "planned_after_response"}
            made["event"].append(
                {**name, "date": day(when), "kind": kind, "term": term.get(kind, "flare")}
            )
    return made


def day(number: int) -> date:
    return D0 + timedelta(days=number)


def estimate(made: Tables) -> list[Row]:
    """Judge the children by the definitions and give every row of these estimates."""
    records = {}
    for place, (name, rows) in enumerate(made.items()):
        schema = CANONICAL[name].create_empty().schema
        filled = [
            {c: row.get(c) for c in schema} | {"row_id": 1000 * place + number}
            for number, row in enumerate(rows)
        ]
        records[name] = pl.DataFrame(filled, schema=schema)
    tables = evaluate(Shard.from_tables(records), RULEBOOK).tables
    inputs = Inputs.of(tables, records, RULEBOOK)
    return [row for estimate in ESTIMATES for row in estimate(inputs)]


few = settings(deadline=None, max_examples=6)


@few
@given(made=some_children())
def test_every_row_is_a_number_or_a_reason(made: Tables) -> None:
    rows = estimate(made)
    assert {row.analysis for row in rows} >= {
        "first_response",
        "phase_coverage",
        "after_stopping_first",
        "flare_mean",
        "reactions_clustered",
        "reactions_by_iga",
    }
    for row in rows:
        if row.refused is not None:
            assert row.value is None
            continue
        assert row.value is not None
        assert math.isfinite(row.value), row
        assert "nan" not in row.formatted.lower()
        for end in (row.low, row.high):
            assert end is None or math.isfinite(end), row
        if row.low is not None and row.high is not None:
            assert row.low - 1e-9 <= row.value <= row.high + 1e-9, row
    names = [(row.analysis, row.group, row.variable, row.statistic) for row in rows]
    assert len(names) == len(set(names))
    make_results(rows)


@settings(few, max_examples=3)
@given(made=some_children(), seed=st.integers(0, 20))
def test_the_order_of_children_and_a_shift_of_dates_do_not_matter(made: Tables, seed: int) -> None:
    shift = timedelta(days=1000)
    moved: Tables = {}
    for name, rows in made.items():
        order = np.random.default_rng(seed).permutation(len(rows)) if name == "patient" else None
        ordered = rows if order is None else [rows[int(place)] for place in order]
        moved[name] = [
            {k: v + shift if isinstance(v, date) else v for k, v in row.items()} for row in ordered
        ]
    assert make_results(estimate(made)).equals(make_results(estimate(moved)))


@pytest.mark.parametrize(
    "values",
    [
        {},
        {3: 0.0, 28: 0.0, 31: 0.0, 56: 0.0, 59: 0.0},
        dict.fromkeys(range(-10, 390), 5.0),
        {28: 4.0},
    ],
    ids=["no visit", "all at the floor", "400 visits", "one visit"],
)
@pytest.mark.parametrize("infusions", [[0], [0, 0, 28, 56, 84]])
def test_thin_and_odd_records_give_an_estimate_or_a_refusal(
    values: dict[int, float], infusions: list[int]
) -> None:
    made: Tables = {
        "infusion": [
            {"patient_id": "a", "date": day(when), "route": "iv", "dose": 2.0, "dose_unit": "g/kg"}
            for when in infusions
        ],
        "assessment": [
            {"patient_id": "a", "date": day(when), "measure": "physician_global", "value": value}
            for when, value in values.items()
        ],
    }
    for row in estimate(made):
        assert (row.value is None) == (row.refused is not None), row
        assert row.value is None or math.isfinite(row.value), row


intervals = st.lists(
    st.tuples(st.integers(0, 60), st.integers(0, 60), st.booleans()), min_size=1, max_size=25
)


@settings(deadline=None, max_examples=80)
@given(found=intervals)
def test_turnbull_is_a_maximum_between_what_is_surely_and_possibly_reached(
    found: list[tuple[int, int, bool]],
) -> None:
    after = np.array([float(a) for a, _, _ in found])
    by = np.array([float(a + w) if is_seen else np.inf for a, w, is_seen in found])
    onset = estimate_onset(after, by)
    assert onset.is_maximum
    assert onset.mass.sum() == pytest.approx(1)
    last = 0.0
    for when in range(0, 125, 5):
        least, most = onset.share_by(when)
        assert last - 1e-9 <= least <= most + 1e-9 <= 1 + 2e-9
        last = least
        # Every child's own interval holds mass.
    for a, b in zip(after, by, strict=True):
        held = (onset.after >= a - 1e-9) & (onset.by <= b)
        assert onset.mass[held].sum() > 0


@settings(deadline=None, max_examples=60)
@given(
    counts=st.lists(
        st.integers(1, 30).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))),
        min_size=1,
        max_size=12,
    )
)
def test_a_clustered_share_lies_in_its_interval(counts: list[tuple[int, int]]) -> None:
    hits, trials = (np.array(column) for column in zip(*counts, strict=True))
    found = estimate_clustered_share(hits, trials, 0.95)
    assert 0 <= found.interval.low <= found.share + 1e-9
    assert found.share - 1e-9 <= found.interval.high <= 1
    if found.correlation is not None and found.correlation_interval is not None:
        assert found.correlation_interval.low <= found.correlation + 1e-6
        assert found.correlation <= found.correlation_interval.high + 1e-6
        assert found.gain >= -1e-6
