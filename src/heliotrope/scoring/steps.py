"""What a score lacks for its next degree: points, and the smallest change that would give some."""

from __future__ import annotations

from collections.abc import Iterable

from heliotrope.definitions.measure import Measure
from heliotrope.definitions.score import Component, Scale, ScoreDefinition
from heliotrope.records.exact import compare
from heliotrope.scoring.report import ComponentPoints, NextBand, NextCategory


def find_next_band(
    component: Component, part: ComponentPoints, scale: Scale | None, upper_limit: float | None
) -> NextBand | None:
    """Find the smallest change of a measure from here that would give more points.

    None where the part is not graded, has all its points, or cannot reach them from its baseline.
    ``value`` is the value to be passed: bands are open below, so reaching it is not enough.
    """
    if part.points is None or part.baseline is None or scale is None:
        return None
    denominator = scale.denominator
    if denominator is None and scale.upper_limits is not None and upper_limit is not None:
        denominator = scale.upper_limits * upper_limit
    gains = [
        (edge, points)
        for edge, points in zip(component.edges, component.points[1:], strict=True)
        if points > part.points
    ]
    if denominator is None or not gains:
        return None
    edge, points = gains[0]
    is_low_better = _is_low_better(component, part.measure)
    change = edge * denominator / 100
    value = part.baseline - change if is_low_better else part.baseline + change
    is_in_reach = scale.best is None or compare(value, ">" if is_low_better else "<", scale.best)
    if not is_in_reach:
        return None
    return NextBand(
        gain=points - part.points,
        above_percent=edge,
        value=round(value, 6),
        is_low_better=is_low_better,
    )


def _is_low_better(component: Component, measure: str | None) -> bool:
    return any(item.measure == measure and item.better == "low" for item in component.candidates)


def find_next_category(
    definition: ScoreDefinition, lower: float, attainable: float
) -> NextCategory | None:
    """Find the next degree over a score's lower bound; None when the highest is reached.

    ``attainable``: the most points that could be reached from this baseline.
    """
    above = [item for item in definition.categories if compare(lower, "<", item.at_least)]
    if not above:
        return None
    following = min(above, key=lambda item: item.at_least)
    return NextCategory(
        name=following.name,
        at_least=following.at_least,
        points_missing=following.at_least - lower,
        is_attainable=bool(compare(attainable, ">=", following.at_least)),
    )


def find_cautions(
    recorded: Iterable[str], age_years: float | None, measures: dict[str, Measure]
) -> tuple[str, ...]:
    """Say which measures a healthy child of this age may not reach the best value of.

    Missing: without an age nothing is said.
    """
    if age_years is None:
        return ()
    return tuple(
        f"{measures[name].title} at {age_years:g} years (under {caution.under_age_years}): "
        f"{caution.wording}"
        for name in recorded
        for caution in measures[name].cautions
        if age_years < caution.under_age_years
    )
