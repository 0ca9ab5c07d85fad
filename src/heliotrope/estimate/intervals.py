"""Intervals for a count of children, for two counts compared, and for a count of reactions.

SciPy's special functions are imported when first needed, so that loading the program stays quick.
"""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Interval:
    """The lower and upper end of an interval."""

    low: float
    high: float


def estimate_proportion_exact(count: int, total: int, level: float) -> Interval:
    """Exact (Clopper-Pearson) interval of a proportion: the one every headline shows.

    Holds its level in samples of any size, at the price of being wide. Edge cases: none of n gives
    0 as lower end, all of n gives 1 as upper end. Source: Clopper and Pearson, Biometrika 1934,
    doi 10.1093/biomet/26.4.404.

    >>> interval = estimate_proportion_exact(4, 7, 0.95)
    >>> round(interval.low, 7), round(interval.high, 7)
    (0.1840516, 0.9010117)
    """
    from scipy.special import betaincinv

    _check_count(count, total)
    tail = (1 - level) / 2
    low = float(betaincinv(count, total - count + 1, tail)) if count > 0 else 0.0
    high = float(betaincinv(count + 1, total - count, 1 - tail)) if count < total else 1.0
    return Interval(low, high)


def estimate_proportion_wilson(count: int, total: int, level: float) -> Interval:
    """Score (Wilson) interval of a proportion, printed beside the exact one.

    Shorter than the exact interval and close to its level on average. Source: Wilson, J Am Stat
    Assoc 1927, doi 10.1080/01621459.1927.10502953.

    >>> interval = estimate_proportion_wilson(4, 7, 0.95)
    >>> round(interval.low, 3), round(interval.high, 3)
    (0.25, 0.842)
    """
    _check_count(count, total)
    z = compute_normal_quantile(1 - (1 - level) / 2)
    share = count / total
    weight = z * z / total
    centre = (share + weight / 2) / (1 + weight)
    half = z / (1 + weight) * math.sqrt(share * (1 - share) / total + weight / (4 * total))
    low = 0.0 if count == 0 else centre - half
    high = 1.0 if count == total else centre + half
    return Interval(low, high)


def estimate_difference_newcombe(
    first: tuple[int, int], second: tuple[int, int], level: float
) -> Interval:
    """Interval of the difference of two independent proportions, first less second (count, total).

    Newcombe's hybrid of the two score intervals: never beyond -1 or 1, and sound in small groups.
    Source: Newcombe, Stat Med 1998;17:873-890, method 10,
    doi 10.1002/(SICI)1097-0258(19980430)17:8<873::AID-SIM779>3.0.CO;2-I.

    >>> interval = estimate_difference_newcombe((56, 70), (48, 80), 0.95)
    >>> round(interval.low, 4), round(interval.high, 4)
    (0.0524, 0.3339)
    """
    one, other = (estimate_proportion_wilson(*group, level) for group in (first, second))
    share, compared = (count / total for count, total in (first, second))
    below = math.hypot(share - one.low, other.high - compared)
    above = math.hypot(one.high - share, compared - other.low)
    return Interval(share - compared - below, share - compared + above)


def estimate_difference_wald(
    first: tuple[int, int], second: tuple[int, int], level: float
) -> Interval:
    """Plain (Wald) interval of the same difference, as most trials print it.

    Too short in small groups, and without any width where each group has none or all: it stands
    beside Newcombe's only so that a published one can be found again.

    >>> interval = estimate_difference_wald((37, 47), (21, 48), 0.95)
    >>> round(interval.low, 4), round(interval.high, 4)
    (0.167, 0.5324)
    """
    _check_count(*first)
    _check_count(*second)
    share, compared = (count / total for count, total in (first, second))
    variance = share * (1 - share) / first[1] + compared * (1 - compared) / second[1]
    half = compute_normal_quantile(1 - (1 - level) / 2) * math.sqrt(variance)
    return Interval(share - compared - half, share - compared + half)


def estimate_rate_exact(count: int, exposure: float, level: float) -> Interval:
    """Exact Poisson interval of a rate, e.g. reactions per infusion day.

    It takes reactions as independent; several in one child make it too narrow, which is why the
    number of children with a reaction always stands beside it.

    >>> interval = estimate_rate_exact(3, 60, 0.95)
    >>> round(interval.low, 7), round(interval.high, 7)
    (0.0103112, 0.1461212)
    """
    from scipy.special import gammaincinv

    if count < 0 or exposure <= 0:
        raise ValueError(f"a rate needs a count >= 0 and an exposure > 0, not {count}, {exposure}")
    tail = (1 - level) / 2
    low = float(gammaincinv(count, tail)) if count > 0 else 0.0
    return Interval(low / exposure, float(gammaincinv(count + 1, 1 - tail)) / exposure)


def estimate_upper_bound_of_none(exposure: float, level: float) -> float:
    """Upper bound of a rate when nothing was recorded: the exact form of the rule of three.

    One-sided, so that 'none in 100 infusions' says 'fewer than 3 in 100' at the 95 % level.

    >>> round(estimate_upper_bound_of_none(100, 0.95), 4)
    0.03
    """
    if exposure <= 0:
        raise ValueError(f"a bound needs an exposure > 0, not {exposure}")
    return -math.log(1 - level) / exposure


def compute_normal_quantile(probability: float) -> float:
    """Return the point under which this share of a standard normal distribution lies.

    >>> round(compute_normal_quantile(0.975), 6)
    1.959964
    """
    from scipy.special import ndtri

    return float(ndtri(probability))


def compute_student_quantile(probability: float, degrees: int) -> float:
    """Return the point under which this share of Student's t distribution lies.

    >>> round(compute_student_quantile(0.975, 6), 4)
    2.4469
    """
    from scipy.special import stdtrit

    return float(stdtrit(degrees, probability))


def _check_count(count: int, total: int) -> None:
    if total < 1 or not 0 <= count <= total:
        raise ValueError(f"a proportion needs 0 <= count <= total and total >= 1: {count}/{total}")
