"""Beside untreated children: four estimates of one difference, what they rest on, or why none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from heliotrope.definitions.registry_comparison import REGISTRY_COMPARISON, RegistryComparison
from heliotrope.report.charts.draw_svg import render_chart
from heliotrope.report.charts.registry import draw_balance, draw_estimates, draw_weights
from heliotrope.report.estimate_lines import Estimate, list_estimates, say_interval
from heliotrope.report.find_results import Results
from heliotrope.report.language import _, later
from heliotrope.report.section import ReportInput, Section
from heliotrope.report.words import say_flag, sentence

ACTIVITY = "registry_activity"
INACTIVE = "registry_inactive"
BALANCE = "registry_balance"
WEIGHTS = "registry_weights"
G_FORMULA = "g_formula:start_by_day_"
ESTIMATES = {
    "unadjusted": later("As recorded"),
    "weighted": later("Weighted"),
    "sequential_trials": later("Sequential trials"),
}
DESCRIBED = (
    Estimate(
        later("Physician global before IVIG, cm; median (range)"),
        "registry_description",
        "physician_global:before",
        "median",
        group="treated",
    ),
    Estimate(
        later("Physician global during IVIG, cm; median (range)"),
        "registry_description",
        "physician_global:during",
        "median",
        group="treated",
    ),
    Estimate(
        later("Physician global of untreated children, first, cm; median (range)"),
        "registry_description",
        "physician_global:first",
        "median",
        group="untreated",
    ),
    Estimate(
        later("Physician global of untreated children, last, cm; median (range)"),
        "registry_description",
        "physician_global:last",
        "median",
        group="untreated",
    ),
)
FURTHER = (
    Estimate(
        later("Odds of first being found inactive, as recorded"),
        INACTIVE,
        "unadjusted",
        "odds_ratio",
        later("Over 1: found inactive sooner while receiving IVIG."),
    ),
    Estimate(later("The same, weighted"), INACTIVE, "weighted", "odds_ratio"),
    Estimate(
        later("E-value of the weighted difference of activity"),
        "registry_e_value",
        "activity:weighted",
        "e_value",
        later(
            "How strongly an unmeasured cause would have to go with both IVIG and activity, beyond "
            "what was measured, to explain the difference away."
        ),
    ),
    Estimate(
        later("E-value of the end of its interval nearer to none"),
        "registry_e_value",
        "activity:weighted",
        "e_value_limit",
    ),
    Estimate(
        later("Treated children the weights are worth"),
        WEIGHTS,
        "children:treated",
        "effective_children",
    ),
    Estimate(
        later("Untreated children the weights are worth"),
        WEIGHTS,
        "children:untreated",
        "effective_children",
    ),
    Estimate(
        later("Intervals in which a start was hardly or nearly certain"),
        "registry_positivity",
        "all:extreme",
        "share",
        later("There treated and untreated children cannot be compared."),
        unit=later("intervals"),
    ),
)


def build_untreated(report: ReportInput) -> Section | None:
    """Compare with untreated children of the registry; none where all or nobody had IVIG."""
    results = report.results
    weighted = results.row(ACTIVITY, "weighted", "mean_difference")
    if weighted is None or not results.count("cohort", "without_ivig"):
        return None
    if not results.count("cohort", "with_ivig"):
        return None
    is_refused = weighted["refused"] is not None
    numbers = report.rulebook.get(REGISTRY_COMPARISON, RegistryComparison)
    content = {
        "refused": weighted["refused"],
        "weighted": None if is_refused else say_interval(str(weighted["formatted"])),
        "treated": results.count("registry_population", "children:treated"),
        "untreated": results.count("registry_population", "children:untreated"),
        "forest": None if is_refused else _draw_forest(results),
        "balance": None if is_refused else _draw_balance(results, numbers),
        "weights": None if is_refused else _draw_weights(results),
        "further": [] if is_refused else list_estimates(results, FURTHER),
        "described": list_estimates(results, DESCRIBED),
        "left_out": _list_left_out(results),
    }
    return Section("untreated", _("Beside untreated children"), "untreated.html.j2", content)


def _draw_forest(results: Results) -> Any:
    lanes = []
    for variable in results.variables(ACTIVITY):
        kind = "g_formula" if variable.startswith(G_FORMULA) else variable
        if kind == "g_formula" and ":day_" in variable:
            continue
        start = variable.removeprefix(G_FORMULA)
        name = (
            _(ESTIMATES[variable])
            if variable in ESTIMATES
            else _("Simulated: start by day {start}").format(start=start)
        )
        statistic = "mean_difference_bootstrap" if kind == "g_formula" else "mean_difference"
        row = results.row(ACTIVITY, variable, statistic)
        if row is None or row["value"] is None:
            continue
        ends = {end: row[end] for end in ("value", "low", "high")}
        lanes.append({"lane": name, "kind": kind, "text": row["formatted"], **ends})
    return render_chart(
        draw_estimates(
            lanes,
            _("Difference of the physician global, cm; left: less active while receiving IVIG"),
            _("Difference of activity between treated and untreated children by four estimators."),
        )
    )


def _draw_balance(results: Results, numbers: RegistryComparison) -> Any:
    rows = []
    for name in results.variables(BALANCE):
        before = results.row(BALANCE, name, "standardised_difference")
        after = results.row(BALANCE, name, "standardised_difference_weighted")
        if before is None or after is None or None in (before["value"], after["value"]):
            continue
        text = _("{formatted}, weighted {weighted}").format(
            formatted=before["formatted"], weighted=after["formatted"]
        )
        lane = sentence(say_flag(name.replace(":", " ")))
        rows.append(
            {"lane": lane, "before": before["value"], "after": after["value"], "text": text}
        )
    limit = numbers.weights.balance_limit
    words = _(
        "What differs between starts of IVIG and other intervals, before and after weighting."
    )
    return render_chart(draw_balance(rows, limit, words)) if rows else None


def _draw_weights(results: Results) -> Any:
    rows = []
    for name in results.variables(WEIGHTS):
        if not name.startswith("weight:year_"):
            continue
        found = {end: results.row(WEIGHTS, name, end) for end in ("mean", "minimum", "maximum")}
        values = {end: row["value"] for end, row in found.items() if row is not None}
        lane = sentence(name.removeprefix("weight:").replace("_", " "))
        rows.append(
            {"lane": lane, "text": _("mean {mean:.2f}").format(mean=values["mean"]), **values}
        )
    words = _("The weights of the intervals by year since diagnosis: mean and range.")
    return render_chart(draw_weights(rows, words)) if rows else None


def _list_left_out(results: Results) -> Sequence[tuple[str, int]]:
    start, analysis = "left_out:", "registry_population"
    counted = (
        (say_flag(variable.removeprefix(start)), results.count(analysis, variable) or 0)
        for variable in results.variables(analysis)
        if variable.startswith(start)
    )
    return [(reason, count) for reason, count in counted if count]
