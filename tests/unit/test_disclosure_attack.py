"""An attacker on the shared results: nothing suppressed is found by subtraction.

Three attackers. The first knows the rule that chose the cells and tries every table that could have
been printed so. The second has all that is shared of a run and what must hold between its analyses,
and bounds every suppressed count by linear programming, with the rounding undone as far as it can
be. The third looks for what would give a single child away: a range, a day, an identifier, a step.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import combinations_with_replacement
from typing import Any

import numpy as np
import polars as pl
import pytest

from heliotrope.definitions.disclosure import (
    DISCLOSURE_CONTROL,
    DisclosureControl,
    DisclosureLimits,
)
from heliotrope.definitions.load import read_rulebook
from heliotrope.estimate.intervals import estimate_proportion_exact
from heliotrope.estimate.rows import Row, Topic, make_results
from heliotrope.report.disclosure.control import control_results
from heliotrope.report.disclosure.suppress import (
    bound_count,
    choose_suppressed,
    is_share_hidden,
    round_count,
)

CONTROL = read_rulebook().get(DISCLOSURE_CONTROL, DisclosureControl)
LIMITS = CONTROL.limits
LEAST = LIMITS.least_count

# The tables of first regimens: parts that exclude one another, and those outside the shares.
FAMILIES = {
    "responded": (("confirmed", "unconfirmed", "no"), ("not_evaluable",)),
    "response_pattern": (
        (
            "rapid",
            "intermediate",
            "slow_maintained",
            "slow",
            "late",
            "transient",
            "none",
            "ambiguous",
        ),
        ("not_evaluable",),
    ),
    "onset": (("rapid", "intermediate", "slow", "late", "never", "ambiguous"), ("not_evaluable",)),
    "durability": (
        ("sustained", "lost_on_treatment", "lost_after_discontinuation"),
        ("censored", "not_applicable"),
    ),
    "steroid_effect": (
        ("sparing", "reduced", "unchanged", "increased"),
        ("not_on_steroid", "not_evaluable"),
    ),
}


def list_tables(cells: int, most: int) -> Iterator[tuple[int, ...]]:
    """List every table of so many cells with a whole up to ``most``."""
    for cuts in combinations_with_replacement(range(most + 1), cells):
        yield tuple(b - a for a, b in zip((0, *cuts[:-1]), cuts, strict=True))


def is_told(left: set[int], least: int) -> bool:
    """Say whether a count may be small and fewer values than the least count are left for it."""
    return min(left) < least and len(left) < least


TABLES = [(2, 30, 5), (3, 30, 5), (4, 22, 5), (4, 20, 3), (5, 14, 3)]


@pytest.mark.parametrize(("cells", "most", "least"), TABLES)
def test_who_knows_the_rule_cannot_tell_a_suppressed_count(
    cells: int, most: int, least: int
) -> None:
    """Group all tables by what would be printed: a suppressed cell has many values left.

    The attacker sees which cells are printed, their exact values (no rounding) and the exact whole.
    """
    possible: dict[Any, list[tuple[int, ...]]] = defaultdict(list)
    for table in list_tables(cells, most):
        if sum(table) < least:
            continue
        chosen = choose_suppressed(table, least)
        printed = tuple(None if n in chosen else c for n, c in enumerate(table))
        possible[printed, sum(table)].append(table)
    for (printed, _), tables in possible.items():
        for cell, value in enumerate(printed):
            if value is None:
                left = {table[cell] for table in tables}
                assert not is_told(left, least), (printed, tables)
            else:
                assert value >= least


def test_taking_the_smallest_cell_would_let_who_knows_it_subtract() -> None:
    """The attacker succeeds against the textbook rule: it is no straw man."""
    possible: dict[Any, set[int]] = defaultdict(set)
    for table in list_tables(3, 24):
        small = {n for n, count in enumerate(table) if count < LEAST}
        left = sorted(set(range(3)) - small, key=table.__getitem__)
        while small and left and (len(small) < 2 or sum(table[n] for n in small) < LEAST):
            small.add(left.pop(0))
        printed = tuple(None if n in small else count for n, count in enumerate(table))
        if printed[0] is None and sum(table) >= LEAST:
            possible[printed, sum(table)].add(table[0])
    assert any(is_told(left, LEAST) for left in possible.values())


def make_rows(tables: dict[str, dict[str, int]]) -> list[Row]:
    """Make the rows of a cohort from the counts of each family, as the estimates do."""
    rows: list[Row] = []
    for analysis, counts in tables.items():
        inside, outside = FAMILIES[analysis]
        topic = Topic(analysis, 0.95, (0.25, 0.75), "jdm_ivig_response", "0.1.0")
        total = sum(counts[word] for word in inside)
        for word in inside:
            rows.append(topic.count(word, counts[word], total))
            rows += topic.proportion(word, counts[word], total, "nobody")
        whole = sum(counts.values())
        rows += [topic.count(word, counts[word], whole) for word in outside]
    cohort = Topic("cohort", 0.95, (0.25, 0.75), "descriptive_estimates", "0.1.0")
    treated = whole
    return [
        cohort.count("children", treated + 9),
        cohort.count("with_ivig", treated, treated + 9),
        cohort.count("without_ivig", 9, treated + 9),
        *rows,
    ]


CHANCES = (0.3, 0.2, 0.1, 0.1, 0.15, 0.1, 0.05)


def draw_cohort(seed: int, children: int) -> dict[str, dict[str, int]]:
    """Draw the words of each child, linked as they are in a run, and count them."""
    random = np.random.default_rng(seed)
    counts: dict[str, dict[str, int]] = {
        name: dict.fromkeys((*inside, *outside), 0) for name, (inside, outside) in FAMILIES.items()
    }
    for _ in range(children):
        onset = str(random.choice(sum(FAMILIES["onset"], ()), p=CHANCES))
        improved = onset not in ("never", "not_evaluable")
        responded = str(random.choice(["confirmed", "unconfirmed"], p=[0.8, 0.2]))
        pattern = {"never": "none"}.get(onset, onset)
        if not improved:
            responded = "no" if onset == "never" else "not_evaluable"
        counts["onset"][onset] += 1
        counts["responded"][responded] += 1
        counts["response_pattern"][pattern] += 1
        inside, _ = FAMILIES["durability"]
        durability = str(random.choice((*inside, "censored"))) if improved else "not_applicable"
        counts["durability"][durability] += 1
        counts["steroid_effect"][str(random.choice(sum(FAMILIES["steroid_effect"], ())))] += 1
    return counts


UNBOUNDED = 3  # what linprog calls a goal that nothing bounds

GUESSES = [
    ("onset__never", "response_pattern__none"),
    ("onset__never", "responded__no"),
    ("onset__not_evaluable", "responded__not_evaluable"),
    ("response_pattern__not_evaluable", "responded__not_evaluable"),
    *(
        (f"onset__{word}", f"response_pattern__{word}")
        for word in ("rapid", "intermediate", "late", "ambiguous")
    ),
]


class Attacker:
    """Bounds on counts from what is shared, by linear programming over the true counts.

    A variable a count: each word of each family, and the children with and without IVIG. Known: the
    words of a family add up to the treated; words of two families that mean the same children;
    shares, wholes and Clopper-Pearson limits as printed.
    """

    def __init__(
        self,
        shared: pl.DataFrame,
        truth: dict[str, dict[str, int]],
        limits: DisclosureLimits,
    ) -> None:
        self.names = [
            (analysis, word)
            for analysis, (inside, outside) in FAMILIES.items()
            for word in (*inside, *outside)
        ] + [("cohort", "with_ivig"), ("cohort", "without_ivig")]
        self.column = {name: n for n, name in enumerate(self.names)}
        self.limits = limits
        self.equal: list[np.ndarray[Any, Any]] = []
        self.under = [(np.zeros(len(self.names)), 0.0)]
        self.bounds: list[tuple[float, float | None]] = [(0, None)] * len(self.names)
        self._link(truth)
        for row in shared.filter(pl.col("statistic") == "n").iter_rows(named=True):
            self._read(row)

    def _vector(self, **words: float) -> np.ndarray[Any, Any]:
        vector = np.zeros(len(self.names))
        for name, weight in words.items():
            analysis, word = name.split("__")
            vector[self.column[analysis, word]] = weight
        return vector

    def _link(self, truth: dict[str, dict[str, int]]) -> None:
        """State what adds up, and guess rightly which words mean the same children."""
        for analysis, (inside, outside) in FAMILIES.items():
            words = {f"{analysis}__{word}": 1.0 for word in (*inside, *outside)}
            self.equal.append(self._vector(**words, cohort__with_ivig=-1))
        for one, other in GUESSES:
            first, second = one.split("__"), other.split("__")
            if truth[first[0]][first[1]] == truth[second[0]][second[1]]:
                self.equal.append(self._vector(**{one: 1.0, other: -1.0}))

    def _read(self, row: dict[str, Any]) -> None:
        name = row["analysis"], row["variable"]
        if name not in self.column:
            return
        base, least = self.limits.rounding_base, self.limits.least_count
        if row["value"] is not None:
            self.bounds[self.column[name]] = bound_count(round(row["value"]), base, least)
        if row["n_evaluable"] is None:
            return
        low, high = bound_count(row["n_evaluable"], base, least)
        analysis = row["analysis"]
        inside, outside = FAMILIES.get(analysis, ((), ()))
        if analysis == "cohort":
            words = self._vector(cohort__with_ivig=1, cohort__without_ivig=1)
        elif row["variable"] in outside:
            words = self._vector(cohort__with_ivig=1)
        else:
            words = self._vector(**{f"{analysis}__{word}": 1.0 for word in inside})
        self.under += [(words, high), (-words, -low)]

    def bound(self, name: tuple[str, str]) -> tuple[int, int]:
        """Return the least and greatest value that a count can have."""
        from scipy.optimize import linprog

        ends = []
        for sign in (1, -1):
            goal = np.zeros(len(self.names))
            goal[self.column[name]] = sign
            found = linprog(
                goal,
                A_ub=np.array([row for row, _ in self.under]),
                b_ub=[end for _, end in self.under],
                A_eq=np.array(self.equal),
                b_eq=np.zeros(len(self.equal)),
                bounds=self.bounds,
            )
            if found.status == UNBOUNDED:
                ends.append(sign * -1e6)
                continue
            assert found.status == 0, found.message
            ends.append(sign * found.fun)
        return int(np.ceil(ends[0] - 1e-6)), int(np.floor(ends[1] + 1e-6))


def find_pinned(
    shared: pl.DataFrame, truth: dict[str, dict[str, int]], limits: DisclosureLimits
) -> list[str]:
    """Name the suppressed counts that fewer values than the least count are left for."""
    attacker = Attacker(shared, truth, limits)
    pinned = []
    counts = shared.filter(pl.col("statistic") == "n")
    for analysis, words in truth.items():
        printed = counts.filter(pl.col("analysis") == analysis, pl.col("value").is_not_null())
        for word, count in words.items():
            low, high = attacker.bound((analysis, word))
            assert low <= count <= high, "the attacker's own reasoning must hold"
            is_hidden = word not in printed["variable"]
            if is_hidden and is_told(set(range(low, high + 1)), limits.least_count):
                pinned.append(f"{analysis}:{word} in {low} to {high}")
    return pinned


@pytest.mark.parametrize("children", [7, 12, 23, 30, 60, 400])
def test_no_suppressed_count_is_found_from_all_that_is_shared(children: int) -> None:
    for seed in range(4):
        truth = draw_cohort(seed, children)
        shared = control_results(make_results(make_rows(truth)), CONTROL, LIMITS, (90,))
        assert find_pinned(shared, truth, LIMITS) == []


def test_the_attacker_finds_counts_that_are_only_rounded() -> None:
    """The same attacker succeeds where small cells alone are suppressed: it is no straw man."""
    truth = draw_cohort(1, 60)
    rows = make_results(make_rows(truth)).filter(pl.col("statistic") == "n")
    naive = rows.with_columns(
        value=pl.when(pl.col("value") >= LEAST).then("value"),
        n_evaluable=pl.col("n_evaluable"),
    )
    exact = LIMITS.model_copy(update={"rounding_base": 1})
    attacker = Attacker(naive, truth, exact)
    found = [
        (analysis, word)
        for analysis, words in truth.items()
        for word, count in words.items()
        if count < LEAST and attacker.bound((analysis, word)) == (count, count)
    ]
    assert found


def invert_limits(low: float, high: float, whole: int) -> list[int]:
    """Find the counts whose Clopper-Pearson limits are those printed."""
    return [
        count
        for count in range(whole + 1)
        if abs(estimate_proportion_exact(count, whole, 0.95).low - low) < 1e-9
        and abs(estimate_proportion_exact(count, whole, 0.95).high - high) < 1e-9
    ]


def test_limits_and_shares_give_back_only_the_rounded_count() -> None:
    truth = draw_cohort(3, 60)
    shared = control_results(make_results(make_rows(truth)), CONTROL, LIMITS, (90,))
    exact = shared.filter(pl.col("statistic") == "proportion_exact", pl.col("value").is_not_null())
    assert exact.height > 3
    for row in exact.iter_rows(named=True):
        counts = invert_limits(row["low"], row["high"], row["n_evaluable"])
        assert len(counts) == 1
        assert counts[0] % LIMITS.rounding_base == 0
        assert counts[0] == round(row["value"] * row["n_evaluable"])


@pytest.mark.parametrize("base", [5, 10, 15])
def test_two_printed_counts_leave_their_difference_open(base: int) -> None:
    """Counts of groups inside one another: whatever is printed, many differences remain."""
    left: dict[tuple[int, int], set[int]] = defaultdict(set)
    for larger in range(LEAST, 90):
        for smaller in range(LEAST, larger + 1):
            left[round_count(larger, base), round_count(smaller, base)].add(larger - smaller)
    for (larger, smaller), differences in left.items():
        if larger < 75 and smaller > base:
            assert len(differences) >= LEAST


def test_rounding_is_undone_only_to_its_window() -> None:
    for base in (5, 10, 11, 15):
        for count in range(LEAST, 200):
            low, high = bound_count(round_count(count, base), base, LEAST)
            assert low <= count <= high
            assert high - low < base


def test_shares_with_a_small_rest_are_suppressed() -> None:
    assert [is_share_hidden(count, 20, 5) for count in (0, 4, 5, 15, 16, 20)] == [
        True, True, False, False, True, True,
    ]  # fmt: skip


def make_curve(days: Sequence[int], at_risk: int) -> list[Row]:
    topic = Topic("aggravation_time", 0.95, (0.25, 0.75), "x", "1.0.0")
    rows = [topic.count("at_risk_ever", at_risk, at_risk)]
    share, left = 1.0, at_risk
    for day in sorted({*days, 30, 90, 180, 365}):
        events = list(days).count(day)
        share *= 1 - events / left
        for statistic, number in (("at_risk", left), ("events", events)):
            row = topic.count(f"day_{day}", number, left)
            rows.append(Row(**{**row.__dict__, "statistic": statistic}))
        rows.append(
            Row(
                "aggravation_time", "all", f"day_{day}", "survival", share, "", 0.1, 0.9, 0.95, left
            )
        )
        left -= events
    return rows


def test_steps_of_a_shared_curve_are_never_few_children() -> None:
    events = [3, 20, 40, 41, 42, 88, 100, 101, 170, 171, 172, 173, 300]
    shared = control_results(
        make_results(make_curve(events, 40)), CONTROL, LIMITS, (30, 90, 180, 365)
    )
    assert set(shared["statistic"]) == {"survival"}
    assert shared["variable"].to_list() == ["day_90", "day_180"]
    fallen = [round(40 * (1 - share)) for share in shared["value"]]
    assert fallen[0] >= LEAST
    assert fallen[1] - fallen[0] >= LEAST


def test_medians_need_children_on_either_side_and_lose_their_range() -> None:
    topic = Topic("table1", 0.95, (0.25, 0.75), "x", "1.0.0")
    for n, kept in ((9, []), (10, ["median"]), (20, ["median", "quartile_low", "quartile_high"])):
        rows = topic.summary("courses", pl.Series(range(n)).cast(pl.Float64) + 0.123, "none")
        shared = control_results(make_results(rows), CONTROL, LIMITS, (90,))
        assert shared["statistic"].to_list() == kept
        assert shared["formatted"].str.contains("-|to").any() is False or not kept
    assert all(len(f"{value:g}".replace(".", "").lstrip("0")) <= 2 for value in shared["value"])
