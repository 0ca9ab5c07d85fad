"""How strong an unrecorded cause would have to be to explain an association away: the E-value.

The E-value is the risk ratio that something unrecorded would need with receiving IVIG and with the
outcome, both, beyond everything recorded, to move the estimate to no difference. Source:
VanderWeele and Ding, Ann Intern Med 2017, doi 10.7326/M16-2607.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from heliotrope.definitions.registry_comparison import EValueRule
from heliotrope.estimate.intervals import Interval


@dataclass(frozen=True)
class EValue:
    """The E-value of the estimate, and of the end of its interval nearer to no difference.

    ``limit`` is 1 where the interval holds no difference: nothing need be unrecorded then.
    """

    estimate: float
    limit: float


def compute_e_value(risk_ratio: float) -> float:
    """Turn a risk ratio into its E-value; below 1 its inverse is taken.

    >>> round(compute_e_value(3.9), 2), round(compute_e_value(1 / 3.9), 2), compute_e_value(1.0)
    (7.26, 7.26, 1.0)
    """
    if not risk_ratio > 0:
        raise ValueError(f"a risk ratio is over 0, not {risk_ratio}")
    away = max(risk_ratio, 1 / risk_ratio)
    return away + math.sqrt(away * (away - 1))


def estimate_e_value(risk_ratio: float, interval: Interval) -> EValue:
    """Give the E-value of a risk ratio and of the end of its interval nearer to 1.

    >>> value = estimate_e_value(3.9, Interval(1.8, 8.7))
    >>> round(value.estimate, 2), round(value.limit, 1)
    (7.26, 3.0)
    """
    if interval.low <= 1 <= interval.high:
        return EValue(compute_e_value(risk_ratio), 1.0)
    near = interval.low if risk_ratio > 1 else interval.high
    return EValue(compute_e_value(risk_ratio), compute_e_value(near))


def estimate_e_value_of_difference(
    difference: float, error: float, spread: float, rule: EValueRule
) -> EValue:
    """Give the E-value of a difference of means by way of the standardised difference.

    spread: standard deviation of the outcome. The approximation is the authors': the logarithm of
    the risk ratio is 0.91 times the standardised difference, its interval 1.78 standard errors
    wide on either side.
    """
    middle = rule.log_risk_per_sd * difference / spread
    half = rule.log_risk_limit_per_sd * error / spread
    return estimate_e_value(
        math.exp(middle), Interval(math.exp(middle - half), math.exp(middle + half))
    )


def compute_risk_ratio_of_odds(odds_ratio: float, event_share: float, rule: EValueRule) -> float:
    """Turn an odds ratio into a risk ratio: itself where the event is rare, else its square root.

    >>> rule = EValueRule(log_risk_per_sd=0.91, log_risk_limit_per_sd=1.78, rare_event_share=0.15)
    >>> compute_risk_ratio_of_odds(4.0, 0.4, rule), compute_risk_ratio_of_odds(4.0, 0.1, rule)
    (2.0, 4.0)
    """
    return odds_ratio if event_share < rule.rare_event_share else math.sqrt(odds_ratio)
