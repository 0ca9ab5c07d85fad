"""What must hold for every comparison with untreated children, whoever they are."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from heliotrope.definitions.load import read_rulebook
from heliotrope.definitions.registry_comparison import REGISTRY_COMPARISON, RegistryComparison
from heliotrope.estimate.logistic import Numbers, fit_least_squares, fit_logistic
from heliotrope.estimate.registry.design import make_registry
from heliotrope.estimate.registry.gee import Visits, fit_gee
from heliotrope.estimate.registry.marginal import Contrast, Weighting, contrast_activity
from heliotrope.estimate.registry.resampling import draw_children
from heliotrope.estimate.registry.trials import contrast_trials
from heliotrope.estimate.registry.weights import estimate_weights
from heliotrope.simulate.registry import read_registry_settings, simulate_registry
from heliotrope.simulate.registry_tables import make_intervals

few = settings(deadline=None, max_examples=12)

seeds = st.integers(0, 10_000)


def find_numbers() -> RegistryComparison:
    numbers = read_rulebook().get(REGISTRY_COMPARISON, RegistryComparison)
    return numbers.model_copy(
        update={"intervals": numbers.intervals.model_copy(update={"days": 91})}
    )


NUMBERS = find_numbers()


def invent(seed: int, **changes: object) -> pl.DataFrame:
    chosen = read_registry_settings(**changes)
    return make_intervals(chosen, simulate_registry(chosen, seed))


def compare(frame: pl.DataFrame, multiplicity: Numbers | None = None) -> list[Contrast]:
    """Compare by weights and by trials; ``multiplicity`` adds one resample."""
    registry = make_registry(frame, NUMBERS)
    draws = np.zeros((0, registry.children)) if multiplicity is None else multiplicity[None, :]
    everyone = np.vstack([np.ones((1, registry.children)), draws])
    weights = estimate_weights(registry, NUMBERS, everyone)
    weighting = Weighting(weights.truncated[0], weights.truncated[1:])
    found = (
        contrast_activity(registry, weighting, draws),
        contrast_trials(registry, NUMBERS, weights, draws),
    )
    return [contrast for contrast in found if contrast is not None]


def values(contrasts: list[Contrast]) -> list[float]:
    return [number for contrast in contrasts for number in (contrast.value, contrast.error)]


@few
@given(seed=seeds)
def test_weights_average_about_1_where_treatment_is_random(seed: int) -> None:
    frame = invent(seed, children=150, decisions={"start_per_cm": 0.0, "stop_per_cm": 0.0})
    registry = make_registry(frame, NUMBERS)
    weights = estimate_weights(registry, NUMBERS, np.ones((1, registry.children)))
    assert weights.truncated.mean() == pytest.approx(1, abs=0.06)
    assert np.median(weights.truncated) == pytest.approx(1, abs=0.1)


@few
@given(seed=seeds, shuffle=seeds)
def test_neither_order_nor_names_of_children_change_anything(seed: int, shuffle: int) -> None:
    frame = invent(seed)
    names = frame["patient_id"].unique(maintain_order=True)
    other = names.sample(fraction=1.0, shuffle=True, seed=shuffle)
    renamed = frame.with_columns(
        pl.col("patient_id").replace_strict(dict(zip(names, other, strict=True)))
    ).sample(fraction=1.0, shuffle=True, seed=shuffle)
    assert values(compare(renamed)) == pytest.approx(values(compare(frame)), rel=1e-6)


@few
@given(seed=seeds, days=st.integers(-3000, 3000))
def test_a_shift_of_the_calendar_changes_nothing(seed: int, days: int) -> None:
    frame = invent(seed)
    moved = frame.with_columns(pl.col("calendar_year") + days / 365.25)
    assert values(compare(moved)) == pytest.approx(values(compare(frame)), rel=1e-6)


@few
@given(seed=seeds, data=st.data())
def test_drawing_a_child_twice_is_having_it_twice(seed: int, data: st.DataObject) -> None:
    """The resamples of the bootstrap are the estimate of the registry drawn."""
    frame = invent(seed)
    names = frame["patient_id"].unique(maintain_order=True).to_list()
    twice = data.draw(st.sets(st.sampled_from(names), min_size=1))
    copies = frame.filter(pl.col("patient_id").is_in(list(twice))).with_columns(
        pl.col("patient_id") + "b"
    )
    drawn = np.array([2.0 if name in twice else 1.0 for name in names])
    resampled = [float(contrast.resampled[0]) for contrast in compare(frame, drawn)]
    registry, doubled = (
        make_registry(rows, NUMBERS) for rows in (frame, pl.concat([frame, copies]))
    )
    # Columns are standardised over the children at hand: only the penalty can tell the difference.
    assert doubled.children == registry.children + len(twice)
    found = [contrast.value for contrast in compare(pl.concat([frame, copies]))]
    assert resampled == pytest.approx(found, abs=0.03)


@few
@given(seed=seeds)
def test_a_registry_twice_over_has_the_same_estimate_and_smaller_errors(seed: int) -> None:
    """Children copied under new names are new clusters: the error shrinks by the root of two."""
    frame = invent(seed)
    copied = pl.concat([frame, frame.with_columns(pl.col("patient_id") + "b")])
    unweighted = [
        contrast_activity(make_registry(rows, NUMBERS), None, np.zeros((0, n)))
        for rows, n in ((frame, 78), (copied, 156))
    ]
    once, both = unweighted
    assert once is not None
    assert both is not None
    assert both.value == pytest.approx(once.value)
    assert both.error == pytest.approx(once.error / np.sqrt(2))


@few
@given(seed=seeds)
def test_visits_copied_within_a_child_do_not_shrink_the_error(seed: int) -> None:
    generator = np.random.default_rng(seed)
    child = np.repeat(np.arange(30), 4)
    design = np.column_stack([np.ones(120), generator.normal(size=120)])
    outcome = generator.normal(size=30)[child] + generator.normal(size=120)
    once = fit_gee(Visits(design, outcome, np.ones(120), child), "gaussian")
    both = fit_gee(
        Visits(
            np.vstack([design, design]),
            np.concatenate([outcome, outcome]),
            np.ones(240),
            np.concatenate([child, child]),
        ),
        "gaussian",
    )
    assert both.coefficients.tolist() == pytest.approx(once.coefficients.tolist())
    assert both.error(1) == pytest.approx(once.error(1))


@few
@given(seed=seeds, draws=st.integers(1, 12))
def test_fitting_many_resamples_at_once_is_fitting_each_alone(seed: int, draws: int) -> None:
    generator = np.random.default_rng(seed)
    design = np.column_stack([np.ones(60), generator.normal(size=(60, 2))])
    outcome = (generator.random(60) < 0.4).astype(float)
    weights = draw_children(60, draws, seed)
    penalty = np.array([0.0, 0.1, 0.1])
    together = fit_logistic(design, outcome, weights, penalty).coefficients
    means = fit_least_squares(design, outcome, weights)
    for row in range(draws):
        alone = fit_logistic(design, outcome, weights[[row]], penalty).coefficients[0]
        mean = fit_least_squares(design, outcome, weights[[row]])[0]
        assert together[row].tolist() == pytest.approx(alone.tolist(), abs=1e-6)
        assert means[row].tolist() == pytest.approx(mean.tolist(), abs=1e-8)
