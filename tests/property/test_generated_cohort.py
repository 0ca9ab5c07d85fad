"""What must hold for every simulated cohort, whatever its seed and size."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from pydantic import ValidationError

from heliotrope.definitions.load import read_rulebook
from heliotrope.definitions.measure import measures_of
from heliotrope.simulate.activity import compute_pulse
from heliotrope.simulate.cohort import (
    simulate_blocks,
    simulate_cohort,
    write_cohort_csv,
    write_csv,
)
from heliotrope.simulate.parameters import SIMULATION, Simulation, read_simulation
from heliotrope.simulate.tables import COLUMNS

SEEDS = st.integers(min_value=0, max_value=10_000)
LABELS = ["rapid", "slow", "transient", "slow_maintained", "intermediate", "late"]


@given(seed=SEEDS, few=st.integers(1, 8), more=st.integers(0, 12))
@settings(max_examples=8, deadline=None)
def test_a_child_is_the_same_in_a_cohort_of_any_size(seed: int, few: int, more: int) -> None:
    small, large = simulate_cohort(few, seed), simulate_cohort(few + more, seed)
    named = small["patient"].select("patient_id")
    for name, table in small.items():
        assert_frame_equal(table, large[name].join(named, on="patient_id", how="semi"))


def test_a_child_is_the_same_beyond_the_first_block() -> None:
    size = read_simulation().children_per_block
    cohort = simulate_cohort(size + 2, seed=3)
    second = list(simulate_blocks(2 * size, seed=3))[1].tables
    named = cohort["patient"].tail(2).select("patient_id")
    assert named["patient_id"].to_list() == second["patient"]["patient_id"].head(2).to_list()
    for name, table in cohort.items():
        assert_frame_equal(
            table.join(named, on="patient_id", how="semi"),
            second[name].join(named, on="patient_id", how="semi"),
        )


@given(seed=SEEDS, share=st.sampled_from([0.0, 0.1, 0.5, 1.0]), few=st.integers(1, 8))
@settings(max_examples=6, deadline=None)
def test_a_child_is_the_same_at_one_share_with_ivig_in_a_cohort_of_any_size(
    seed: int, share: float, few: int
) -> None:
    small, large = next(simulate_blocks(few, seed, share)), next(simulate_blocks(30, seed, share))
    named = small.tables["patient"].select("patient_id")
    for name, table in small.tables.items():
        assert_frame_equal(table, large.tables[name].join(named, on="patient_id", how="semi"))
    assert_frame_equal(small.truth, large.truth.head(few))


def test_the_share_with_ivig_is_that_of_the_records_and_grows_by_the_same_children() -> None:
    treated = dict[float, set[str]]()
    for share in (0.0, 0.1, 0.5, 1.0):
        block = next(simulate_blocks(500, 3, share))
        treated[share] = set(block.tables["infusion"]["patient_id"])
        assert treated[share] == set(block.truth.filter("has_ivig")["patient_id"])
    assert (len(treated[0.0]), len(treated[1.0])) == (0, 500)
    assert len(treated[0.1]) == pytest.approx(50, abs=20)
    assert treated[0.1] < treated[0.5]


def test_another_seed_gives_other_children() -> None:
    one, other = simulate_cohort(5, seed=1), simulate_cohort(5, seed=2)
    assert not one["assessment"].equals(other["assessment"])


def test_a_cohort_has_at_least_one_child() -> None:
    with pytest.raises(ValueError, match="at least one child, not 0"):
        simulate_cohort(0, seed=1)


@given(seed=SEEDS)
@settings(max_examples=8, deadline=None)
def test_tables_have_the_canonical_columns_and_types(seed: int) -> None:
    for name, table in simulate_cohort(4, seed).items():
        assert dict(table.schema) == COLUMNS[name]


@given(seed=SEEDS)
@settings(max_examples=8, deadline=None)
def test_nothing_is_recorded_after_follow_up_or_before_birth(seed: int) -> None:
    tables = simulate_cohort(25, seed)
    lived = tables["patient"].select("patient_id", "birth_date", "followup_end")
    for name, column in [
        ("assessment", "date"),
        ("infusion", "date"),
        ("medication", "start_date"),
        ("medication", "end_date"),
        ("event", "date"),
        ("event", "end_date"),
        ("indication", "date"),
    ]:
        dated = tables[name].join(lived, on="patient_id")
        assert dated.filter(pl.col(column) > pl.col("followup_end")).is_empty(), (name, column)
        assert dated.filter(pl.col(column) < pl.col("birth_date")).is_empty(), (name, column)


@given(seed=SEEDS)
@example(seed=357)  # a rise of the dose on the day of a planned change
@settings(max_examples=8, deadline=None)
def test_periods_of_a_drug_are_in_order_and_do_not_overlap(seed: int) -> None:
    medication = simulate_cohort(25, seed)["medication"]
    steroid = medication.filter(pl.col("drug").is_in(["prednisone", "prednisolone"]))
    assert medication.filter(pl.col("end_date") < pl.col("start_date")).is_empty()
    following = steroid.with_columns(
        next_start=pl.col("start_date").shift(-1).over("patient_id", order_by="start_date")
    )
    assert following.filter(pl.col("next_start") <= pl.col("end_date")).is_empty()
    assert following.filter(
        pl.col("next_start").is_not_null() & pl.col("end_date").is_null()
    ).is_empty()
    assert (steroid["dose"] > 0).all()


@given(seed=SEEDS)
@settings(max_examples=6, deadline=None)
def test_values_lie_in_the_range_of_their_measure(seed: int) -> None:
    measures = measures_of(read_rulebook())
    assessment = simulate_cohort(40, seed)["assessment"]
    assert set(assessment["measure"]) <= set(measures)
    for (name,), rows in assessment.group_by("measure"):
        measure = measures[str(name)]
        values = rows["value"].drop_nulls()
        if measure.minimum is not None:
            assert (values >= measure.minimum).all(), name
        if measure.maximum is not None:
            assert (values <= measure.maximum).all(), name


def test_one_value_of_a_measure_a_day() -> None:
    assessment = simulate_cohort(200, seed=4)["assessment"]
    assert assessment.select("patient_id", "date", "measure").is_duplicated().sum() == 0


def test_no_label_of_response_is_in_the_records() -> None:
    for name, table in simulate_cohort(200, seed=5).items():
        for column in table.select(pl.col(pl.String)).get_columns():
            assert not column.is_in(LABELS).any(), (name, column.name)


def test_the_truth_stands_beside_the_tables_one_row_a_child() -> None:
    block = next(simulate_blocks(60, seed=6))
    assert block.truth["patient_id"].to_list() == block.tables["patient"]["patient_id"].to_list()
    treated = block.tables["infusion"].filter(pl.col("route") == "iv")["patient_id"].unique()
    known = block.truth.filter("has_ivig")["patient_id"]
    assert set(treated) == set(known)
    assert len(known) < len(block.truth)


def test_writing_in_blocks_gives_the_same_files(tmp_path: Path) -> None:
    patients = read_simulation().children_per_block + 3
    write_csv(simulate_cohort(patients, seed=7), tmp_path / "at_once")
    write_cohort_csv(patients, 7, tmp_path / "in_blocks")
    for name in COLUMNS:
        at_once = (tmp_path / "at_once" / f"{name}.csv").read_bytes()
        assert at_once == (tmp_path / "in_blocks" / f"{name}.csv").read_bytes()


@given(onset=st.floats(0.5, 20), decay=st.floats(0.5, 40))
@settings(max_examples=30, deadline=None)
def test_a_pulse_rises_from_nothing_to_one_and_falls(onset: float, decay: float) -> None:
    days = np.linspace(-10, 400, 20_000)
    pulse = compute_pulse(days, np.array([onset]), np.array([decay]))
    assert (pulse[days <= 0] == 0).all()
    assert pulse.max() == pytest.approx(1, abs=1e-3)
    assert pulse[-1] < pulse.max()


def test_parameters_say_that_they_are_invented() -> None:
    content = tomllib.loads(SIMULATION.read_text(encoding="utf-8"))
    assert content["flag"] == "P"
    assert content["remark"] == "invented for simulation"


def test_shares_of_the_archetypes_must_add_up() -> None:
    content = tomllib.loads(SIMULATION.read_text(encoding="utf-8"))
    content["archetypes"][0]["share"] += 0.1
    with pytest.raises(ValidationError, match=r"add up to 1\.1, not 1"):
        Simulation.model_validate(content)
