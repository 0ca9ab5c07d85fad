"""What the pulse model expected before it read the records: rows of its chart, and in words."""

from __future__ import annotations

from collections.abc import Mapping

from heliotrope.report.charts.prior import PriorRows
from heliotrope.report.find_results import Results
from heliotrope.report.language import _
from heliotrope.report.words import say_flag

PRIOR = "pulse_model_prior"
DAY = ":day_"


def read_prior(results: Results, titles: Mapping[str, str], cycle_days: int) -> list[PriorRows]:
    """Read each measure's months, that which anchors the scale first; ``titles`` by measure."""
    measures: dict[str, list[dict[str, object]]] = {}
    for variable in results.variables(PRIOR):
        measure, _at, day = variable.partition(DAY)
        expected = results.row(PRIOR, variable, "prior_median")
        recorded = results.row(PRIOR, variable, "observed_median")
        if not day or expected is None or recorded is None:
            continue
        if expected["value"] is None or recorded["value"] is None:
            continue
        first = int(day)
        measures.setdefault(measure, []).append(
            {
                "day": first,
                "until": first + cycle_days,
                "middle": first + cycle_days / 2,
                "expected": expected["value"],
                "low": expected["low"],
                "high": expected["high"],
                "recorded": recorded["value"],
                "tip": (
                    _(
                        "days {first} to {last}: recorded median {recorded}, "
                        "expected beforehand {expected}"
                    ).format(
                        first=first + 1,
                        last=first + cycle_days,
                        recorded=recorded["formatted"],
                        expected=expected["formatted"],
                    )
                ),
            }
        )
    return [
        PriorRows(titles.get(measure, say_flag(measure)), months)
        for measure, months in measures.items()
    ]


def say_inside(results: Results, titles: Mapping[str, str]) -> str | None:
    """Say how many of the recorded values lay where they were expected; None without a model."""
    told = []
    for variable in results.variables(PRIOR):
        row = results.row(PRIOR, variable, "share_inside")
        if row is not None and row["value"] is not None:
            title = titles.get(variable, say_flag(variable))
            told.append(f"{title} {100 * float(row['value']):.0f} % of {row['n_evaluable']}")
    return "; ".join(told) or None
