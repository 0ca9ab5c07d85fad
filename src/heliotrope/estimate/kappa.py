"""Agreement beyond chance: Cohen's kappa, weighted kappa and Fleiss' kappa, with intervals.

The interval is that of the delta method, on the scale of kappa. Each rated unit adds its share to
the variance; units of one cluster (the visits of one child) are added up first, so that a child
seen often does not count as many children. With one unit a cluster this is exactly the published
large-sample formula, and never less than that is taken: with few children the parts of one child
may cancel out by chance.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from heliotrope.estimate.intervals import (
    Interval,
    compute_normal_quantile,
    compute_student_quantile,
    estimate_proportion_exact,
)
from heliotrope.estimate.wording import worded

Pair = tuple[str, str]

Weights = Mapping[Pair, float]

NOBODY = worded("nothing was classified by all of them")

ONE_CLASS = worded("only one class was given at all, so agreement by chance is complete")

FULL_AGREEMENT = worded("full agreement")

ONE_CLUSTER = worded("one child")

CONSTANT = worded("one of them gave one class only")


@dataclass(frozen=True)
class Kappa:
    """Agreement beyond chance: 1 is full agreement, 0 what chance gives, under 0 less than that.

    ``value`` is None where it is not defined, ``interval`` where none can be given
    (with full agreement the delta method's has no width: read the interval of the share);
    ``refused`` says why. ``units`` were rated, in ``clusters`` (children).
    """

    value: float | None
    standard_error: float | None
    interval: Interval | None
    units: int
    clusters: int
    refused: str | None


@dataclass(frozen=True)
class Rated:
    """Units of one child that were given the same classes, in the order of the raters.

    ``clusters``: so many children are alike in all their units, and are counted by one of them.
    """

    classes: tuple[str, ...]
    cluster: Hashable
    count: int = 1
    clusters: int = 1

    @property
    def total(self) -> int:
        """The units of all these children."""
        return self.count * self.clusters


def estimate_cohen_kappa(
    units: Sequence[Rated], level: float, weights: Weights | None = None
) -> Kappa:
    """Cohen's kappa of two raters, or weighted kappa, with its large-sample interval.

    ``weights`` gives the credit of each pair of classes, 1 for equal ones (see
    ``make_weights``); left out, only equal classes agree. Symmetric in the raters where the
    weights are. Edge cases: nothing rated, or one class given throughout: refused; full
    agreement: 1 without an interval. Source: Fleiss, Cohen and Everitt, Psychol Bull
    1969;72:323-327, doi 10.1037/h0028106; clusters are added up before they are squared.

    >>> units = [Rated(("a", "a"), n) for n in range(8)] + [Rated(("a", "b"), n) for n in (8, 9)]
    >>> units += [Rated(("b", "b"), n) for n in range(10, 20)]
    >>> kappa = estimate_cohen_kappa(units, 0.95)
    >>> round(kappa.value, 3), round(kappa.interval.low, 3), kappa.interval.high
    (0.8, 0.542, 1.0)
    """
    table: Counter[Pair] = Counter()
    for unit in units:
        table[unit.classes[0], unit.classes[1]] += unit.total
    total = table.total()
    rows: Counter[str] = Counter()
    columns: Counter[str] = Counter()
    for (first, second), count in table.items():
        rows[first] += count
        columns[second] += count

    def credit(first: str, second: str) -> float:
        return weights[first, second] if weights is not None else float(first == second)

    if not total:
        return _refuse(units, NOBODY)
    row_credit = {
        first: sum(credit(first, b) * n for b, n in columns.items()) / total for first in rows
    }
    column_credit = {
        second: sum(credit(a, second) * n for a, n in rows.items()) / total for second in columns
    }
    observed = sum(credit(*pair) * count for pair, count in table.items()) / total
    expected = sum(row_credit[first] * count for first, count in rows.items()) / total

    def move_expected(classes: tuple[str, ...]) -> float:
        return row_credit[classes[0]] + column_credit[classes[1]] - 2 * expected

    return _combine(
        units,
        level,
        _Shares(observed, expected, lambda classes: credit(classes[0], classes[1]), move_expected),
    )


def estimate_fleiss_kappa(units: Sequence[Rated], level: float) -> Kappa:
    """Fleiss' kappa of any number of raters, all of whom rated every unit.

    It takes the raters as exchangeable; for two it is Scott's pi, a little under Cohen's kappa.
    Edge cases as of Cohen's kappa. Source: Fleiss, Psychol Bull 1971;76:378-382, doi
    10.1037/h0031619; interval by the delta method for units drawn at random (not the
    null-hypothesis error of 1971).

    >>> units = [Rated(("a", "a", "b"), 1), Rated(("b", "b", "b"), 2), Rated(("a", "a", "a"), 3)]
    >>> round(estimate_fleiss_kappa(units, 0.95).value, 4)
    0.55
    """
    if not units:
        return _refuse(units, NOBODY)
    total, raters = _count(units), len(units[0].classes)
    given: Counter[str] = Counter()
    for unit in units:
        for word in unit.classes:
            given[word] += unit.total
    share = {word: count / (total * raters) for word, count in given.items()}
    expected = sum(part * part for part in share.values())

    def agree(classes: tuple[str, ...]) -> float:
        pairs = sum(count * (count - 1) for count in Counter(classes).values())
        return pairs / (raters * (raters - 1))

    observed = sum(unit.total * agree(unit.classes) for unit in units) / total

    def move_expected(classes: tuple[str, ...]) -> float:
        own = sum(share[word] for word in classes) / raters
        return 2 * (own - expected)

    return _combine(units, level, _Shares(observed, expected, agree, move_expected))


@dataclass(frozen=True)
class _Shares:
    """Observed and expected agreement, and how much one unit moves each of them."""

    observed: float
    expected: float
    agree: Callable[[tuple[str, ...]], float]
    move_expected: Callable[[tuple[str, ...]], float]


def _combine(units: Sequence[Rated], level: float, shares: _Shares) -> Kappa:
    """Put observed and expected agreement together, with the variance of the clusters' sums."""
    observed, expected = shares.observed, shares.expected
    room = 1 - expected
    if math.isclose(room, 0, abs_tol=1e-12):
        return _refuse(units, ONE_CLASS)
    total, clusters = _count(units), count_clusters(units)
    value = (observed - expected) / room
    if math.isclose(observed, 1, abs_tol=1e-12):
        return Kappa(1.0, None, None, total, clusters, FULL_AGREEMENT)
    if clusters == 1:
        return Kappa(value, None, None, total, clusters, ONE_CLUSTER)
    alike = {unit.cluster: unit.clusters for unit in units}
    moved: defaultdict[Hashable, float] = defaultdict(float)
    alone = 0.0
    for unit in units:
        move = (shares.agree(unit.classes) - observed) * room
        move -= shares.move_expected(unit.classes) * (1 - observed)
        move /= room * room
        moved[unit.cluster] += unit.count * move
        alone += unit.total * move * move
    together = sum(alike[cluster] * part * part for cluster, part in moved.items())
    error = math.sqrt(max(alone, together)) / total
    if math.isclose(error, 0, abs_tol=1e-9):
        return Kappa(value, None, None, total, clusters, CONSTANT)
    half = compute_normal_quantile(1 - (1 - level) / 2) * error
    return Kappa(
        value=value,
        standard_error=error,
        interval=Interval(max(-1.0, value - half), min(1.0, value + half)),
        units=total,
        clusters=clusters,
        refused=None,
    )


def _refuse(units: Sequence[Rated], reason: str) -> Kappa:
    return Kappa(None, None, None, _count(units), count_clusters(units), reason)


def _count(units: Sequence[Rated]) -> int:
    return sum(unit.total for unit in units)


def count_clusters(units: Sequence[Rated]) -> int:
    """Count the children whose units these are."""
    return sum({unit.cluster: unit.clusters for unit in units}.values())


def make_weights(ordered: Sequence[str]) -> Weights:
    """Credit each pair of ordered classes: 1 for equal ones, falling with the steps between them.

    Linear weights (Cicchetti and Allison, Am J EEG Technol 1971;11:101-110): one step off among k
    classes costs 1/(k - 1).

    >>> weights = make_weights(["none", "minimal", "major"])
    >>> weights["none", "none"], weights["minimal", "none"], weights["none", "major"]
    (1.0, 0.5, 0.0)
    """
    steps = max(len(ordered) - 1, 1)
    return {
        (first, second): 1 - abs(here - there) / steps
        for here, first in enumerate(ordered)
        for there, second in enumerate(ordered)
    }


def estimate_clustered_proportion(counts: Iterable[tuple[int, int]], level: float) -> Interval:
    """Exact interval of a share of visits, widened because visits of one child are alike.

    ``counts``: (agreeing, all) of each child. The exact interval is taken for the number of
    independent visits that would be as informative. With one visit a child it is the exact
    interval itself; where all or none agree, which says nothing of how alike a child's visits
    are, each child counts once. Source: Korn and Graubard, Surv Methodol 1998;24:193-201.

    >>> alone = estimate_clustered_proportion([(1, 1)] * 4 + [(0, 1)] * 3, 0.95)
    >>> round(alone.low, 4), round(alone.high, 4)
    (0.1841, 0.901)
    >>> often = estimate_clustered_proportion([(20, 20), (0, 20), (18, 20)], 0.95)
    >>> often.low < 0.1 and often.high > 0.97
    True
    """
    children = list(counts)
    agreeing, total = (sum(child[place] for child in children) for place in (0, 1))
    if all(visits == 1 for _, visits in children):
        return estimate_proportion_exact(agreeing, total, level)
    if agreeing in (0, total):
        alike = len(children) if agreeing else 0
        return estimate_proportion_exact(alike, len(children), level)
    return _widen(children, agreeing / total, total, level)


def _widen(children: Sequence[tuple[int, int]], share: float, total: int, level: float) -> Interval:
    """Take the exact interval for the effective number of visits, between one and all of them."""
    from scipy.special import betaincinv

    if len(children) == 1:
        return Interval(0.0, 1.0)
    groups = len(children)
    spread = sum((agreeing - share * visits) ** 2 for agreeing, visits in children)
    variance = spread / total**2 * groups / (groups - 1)
    effective = total if variance == 0 else share * (1 - share) / variance
    tail = 1 - (1 - level) / 2
    penalty = compute_student_quantile(tail, total - 1) / compute_student_quantile(tail, groups - 1)
    effective = min(float(total), effective * penalty**2)
    met, rest = share * effective, (1 - share) * effective
    low = float(betaincinv(met, rest + 1, 1 - tail))
    high = float(betaincinv(met + 1, rest, tail))
    return Interval(low, high)
