"""The parts of the comparison, worked out by hand: effective children, strata, steps, resamples."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest

from heliotrope.definitions.load import read_rulebook
from heliotrope.definitions.registry_comparison import REGISTRY_COMPARISON, RegistryComparison
from heliotrope.estimate.registry.comparison import (
    compare_registry,
    find_refusal_of_children,
    find_refusal_of_weights,
    simulate_resampled,
)
from heliotrope.estimate.registry.design import make_registry
from heliotrope.estimate.registry.diagnostics import (
    compare_balance,
    count_effective,
    list_strata,
)
from heliotrope.estimate.registry.g_formula import make_steps, simulate_differences
from heliotrope.estimate.registry.marginal import contrast_activity, contrast_inactive
from heliotrope.estimate.registry.resampling import (
    draw_children,
    find_normal_interval,
    find_percentiles,
)
from heliotrope.estimate.registry.weights import estimate_weights
from heliotrope.simulate.registry import (
    NEVER,
    compute_truth,
    read_registry_settings,
    simulate_registry,
)
from heliotrope.simulate.registry_tables import make_intervals


@pytest.fixture(scope="module")
def numbers() -> RegistryComparison:
    shipped = read_rulebook().get(REGISTRY_COMPARISON, RegistryComparison)
    cut = shipped.intervals.model_copy(update={"days": 91, "last_day": 16 * 91})
    return shipped.model_copy(update={"intervals": cut})


@pytest.fixture(scope="module")
def frame() -> pl.DataFrame:
    settings = read_registry_settings()
    return make_intervals(settings, simulate_registry(settings, 3))


def linear_frame(children: int = 120, steps: int = 8) -> pl.DataFrame:
    """Children whose activity follows 1 + 0.5 x activity - 0.8 x IVIG, without chance."""
    generator = np.random.default_rng(1)
    rows = []
    for child in range(children):
        activity, was, ever = float(generator.uniform(0, 6)), False, False
        first, plan = activity, child % 3
        for step in range(steps):
            on = plan == 1 or (plan == 2 and bool(generator.random() < 0.5))
            after = 1 + 0.5 * activity - 0.8 * on
            rows.append(
                {
                    "patient_id": f"c{child:03d}",
                    "interval": step,
                    "is_treated": on,
                    "was_treated": was,
                    "was_ever_treated": ever,
                    "is_censored": False,
                    "intervals_on": 0,
                    "activity": activity,
                    "activity_age_days": 0,
                    "baseline_activity": first,
                    "age_years": 7.0 + child % 5,
                    "calendar_year": 2010.0,
                    "antibody": "none",
                    "outcome_activity": after,
                    "outcome_inactive": False,
                }
            )
            activity, was, ever = after, on, ever or on
    table = pl.DataFrame(rows)
    others = ("strength", "creatine_kinase", "skin", "steroid", "other_drugs")
    return table.with_columns(
        *[pl.lit(None, pl.Float64).alias(name) for name in others],
        *[pl.lit(None, pl.Int32).alias(f"{name}_age_days") for name in others],
    )


def test_the_g_formula_gives_the_closed_form_of_a_linear_course(
    numbers: RegistryComparison,
) -> None:
    """Started n steps ago, the difference is -0.8 (1 - 0.5^n) / (1 - 0.5)."""
    frame = linear_frame()
    found = simulate_differences(make_steps(frame, numbers), numbers, np.ones((2, 120)))
    length = numbers.intervals.last_day // numbers.g_formula.days
    for day, matrix in found.items():
        start = day // 91
        expected = [-1.6 * (1 - 0.5 ** (n + 1)) for n in range(length - start)]
        at_a_year, at_two = (max(0, at - start) for at in (4, 8))
        read = [-1.6 * (1 - 0.5**n) for n in (at_a_year, at_two)]
        assert matrix.shape == (2, 3)
        assert matrix[0].tolist() == pytest.approx([*read, float(np.mean(expected))], abs=0.01)
        assert matrix[1].tolist() == pytest.approx(matrix[0].tolist())


def test_equal_weights_are_worth_all_children(
    frame: pl.DataFrame, numbers: RegistryComparison
) -> None:
    registry = make_registry(frame, numbers)
    weight = np.ones(len(registry.child))
    treated = int(registry.is_ever_treated.sum())
    assert count_effective(registry, weight, treated=True) == pytest.approx(treated)
    one = registry.child == registry.child[np.flatnonzero(registry.is_treated)[0]]
    heavy = np.where(one, 1e9, 1.0)
    assert count_effective(registry, heavy, treated=True) == pytest.approx(1, abs=1e-6)
    assert count_effective(registry, weight * 7, treated=False) == pytest.approx(
        len(np.unique(registry.child[~registry.is_treated & ~registry.was_ever_treated]))
    )


def test_strata_add_up(frame: pl.DataFrame, numbers: RegistryComparison) -> None:
    registry = make_registry(frame, numbers)
    weights = estimate_weights(registry, numbers, np.ones((1, registry.children)))
    strata = {item.name: item for item in list_strata(registry, weights, numbers)}
    everyone = strata["all"]
    never_before = frame.filter(pl.col("was_ever_treated").not_())
    assert everyone.at_risk == never_before.height
    assert everyone.starts == never_before["is_treated"].sum()
    lower, upper = strata["activity:lower_half"], strata["activity:upper_half"]
    assert lower.at_risk + upper.at_risk == everyone.at_risk
    assert lower.starts + upper.starts == everyone.starts
    assert lower.extreme + upper.extreme == everyone.extreme
    assert lower.starts < upper.starts


def test_weights_balance_what_led_to_a_start(numbers: RegistryComparison) -> None:
    many = read_registry_settings(children=1000)
    registry = make_registry(make_intervals(many, simulate_registry(many, 3)), numbers)
    weights = estimate_weights(registry, numbers, np.ones((1, registry.children)))
    balance = {item.name: item for item in compare_balance(registry, weights)}
    assert balance["activity"].unweighted > 0.4
    assert balance["strength"].unweighted > 0.4
    assert all(abs(item.weighted) < 0.15 for item in balance.values())


def test_few_events_make_no_model_and_a_weight_of_1(
    frame: pl.DataFrame, numbers: RegistryComparison
) -> None:
    nobody_stops = frame.with_columns(
        is_treated=pl.col("is_treated") | pl.col("was_ever_treated"),
        was_treated="was_ever_treated",
        is_censored=pl.lit(False),
    )
    registry = make_registry(nobody_stops, numbers)
    weights = estimate_weights(registry, numbers, np.ones((1, registry.children)))
    assert weights.has_model == {"start": True, "stop": False, "loss": False}
    assert (weights.loss == 0).all()
    assert (weights.treatment[0, registry.was_treated] == 0).all()


def test_nobody_or_everybody_treated_has_no_contrast(
    frame: pl.DataFrame, numbers: RegistryComparison
) -> None:
    for treated in (False, True):
        same = frame.with_columns(
            is_treated=pl.lit(treated),
            was_treated=pl.lit(treated),
            was_ever_treated=pl.lit(treated),
        )
        registry = make_registry(same, numbers)
        nothing = np.zeros((0, registry.children))
        assert contrast_activity(registry, None, nothing) is None
        assert contrast_inactive(registry, None, nothing, numbers) is None


def test_an_empty_table_is_an_error_in_words(
    frame: pl.DataFrame, numbers: RegistryComparison
) -> None:
    with pytest.raises(ValueError, match="at least one interval"):
        make_registry(frame.clear(), numbers)


class TestRefusals:
    def test_unrecorded_activity_before_starts(
        self, frame: pl.DataFrame, numbers: RegistryComparison
    ) -> None:
        unknown = frame.with_columns(activity=pl.lit(None, pl.Float64))
        assert find_refusal_of_children(frame, numbers) is None
        assert "what led to IVIG cannot be adjusted for" in str(
            find_refusal_of_children(unknown, numbers)
        )

    @pytest.mark.parametrize(
        ("weight", "effective", "words"),
        [
            (1.0, (15.0, 15.0), None),
            (1.0, (14.9, 40.0), "the treated children are worth 14.9"),
            (1.0, (20.0, 3.0), "the untreated children are worth 3.0"),
            (0.89, (20.0, 40.0), "the weights average 0.89, not between 0.9 and 1.1"),
            (1.11, (20.0, 40.0), "the weights average 1.11"),
        ],
    )
    def test_weights(
        self,
        numbers: RegistryComparison,
        weight: float,
        effective: tuple[float, float],
        words: str | None,
    ) -> None:
        found = find_refusal_of_weights(np.full(5, weight), effective, numbers)
        assert (found is None) if words is None else (words in str(found))

    def test_refused_weights_leave_no_estimate(
        self, frame: pl.DataFrame, numbers: RegistryComparison
    ) -> None:
        strict = numbers.model_copy(
            update={"refusal": numbers.refusal.model_copy(update={"fewest_effective": 1000.0})}
        )
        comparison = compare_registry(frame, frame, strict)
        assert "worth" in str(comparison.refused)
        assert comparison.activity == {}
        assert comparison.g_formula == {}
        assert comparison.balance


class TestResamples:
    def test_percentiles(self) -> None:
        resampled = np.arange(1.0, 202.0)
        interval = find_percentiles(resampled, 0.95, 0.05)
        assert interval is not None
        assert (interval.low, interval.high) == pytest.approx((6.0, 196.0))

    def test_missing_resamples(self) -> None:
        resampled = np.arange(100.0)
        resampled[:5] = np.nan
        assert find_percentiles(resampled, 0.95, 0.05) is not None
        resampled[5] = np.nan
        assert find_percentiles(resampled, 0.95, 0.05) is None
        assert find_percentiles(np.zeros(0), 0.95, 0.05) is None

    def test_a_seed_gives_the_same_children(self) -> None:
        assert (draw_children(9, 4, 1) == draw_children(9, 4, 1)).all()
        assert (draw_children(9, 4, 1) != draw_children(9, 4, 2)).any()


class TestSimulatedRegistries:
    def test_the_truth_is_the_effect_where_nothing_else_answers(self) -> None:
        settings = read_registry_settings(
            activity={
                "steroid_effect": 0.0,
                "at_diagnosis": 6.0,
                "in_the_long_run": 6.0,
                "severity_sd": 0.2,
            }
        )
        truth = compute_truth(settings, 1, 500)
        assert truth[0] == 0
        assert truth[1:].tolist() == pytest.approx([-1.0] * 16, abs=0.01)

    def test_nobody_starts_where_nobody_may(self) -> None:
        assert not simulate_registry(read_registry_settings(), 1, NEVER).is_treated.any()
        forced = simulate_registry(read_registry_settings(), 1, 3).is_treated
        assert not forced[:, :3].any()
        assert forced[:, 3:].all()

    def test_what_nobody_records_stands_in_no_table(self) -> None:
        settings = read_registry_settings()
        assert "hidden" not in " ".join(
            make_intervals(settings, simulate_registry(settings, 1)).columns
        )


class TestLargeRegistries:
    def test_the_g_formula_is_resampled_and_its_interval_is_normal(self) -> None:
        numbers = read_rulebook().get(REGISTRY_COMPARISON, RegistryComparison)
        settings = read_registry_settings(children=160)
        cut = numbers.intervals.model_copy(update={"days": 91, "last_day": 16 * 91})
        few = numbers.g_formula.model_copy(update={"most_drawn_steps": 1, "courses": 160})
        numbers = numbers.model_copy(update={"intervals": cut, "g_formula": few})
        frame = make_intervals(settings, simulate_registry(settings, 4))
        steps = make_steps(frame, numbers)
        nobody = np.zeros((0, 160))
        found = simulate_resampled(make_registry(frame, numbers), steps, numbers, nobody)
        column = found[91][:, -1]
        assert len(column) == 1 + few.fewest_draws
        alone = simulate_differences(steps, numbers, np.ones((1, 160)))
        assert column[0] == pytest.approx(alone[91][0, -1])
        interval = find_normal_interval(float(column[0]), column[1:], 0.95, 0.05)
        assert interval is not None
        assert interval.high - column[0] == pytest.approx(1.959964 * column[1:].std(ddof=1))
        assert find_normal_interval(0.0, np.array([1.0, np.nan]), 0.95, 0.05) is None

    def test_records_that_follow_from_activity_take_nothing_from_the_effect(
        self, numbers: RegistryComparison
    ) -> None:
        """Strength, enzymes and skin stand at the end of their scale in children who are well."""
        settings = read_registry_settings(children=1000)
        start, last = 91 // settings.interval_days, settings.intervals
        truth = float(compute_truth(settings, 1, 20_000, start)[start + 1 : last + 1].mean())
        found = [
            simulate_differences(
                make_steps(make_intervals(settings, simulate_registry(settings, seed)), numbers),
                numbers,
                np.ones((1, 1000)),
            )[91][0, -1]
            for seed in range(20110, 20116)
        ]
        assert float(np.mean(found)) == pytest.approx(truth, abs=0.06)
