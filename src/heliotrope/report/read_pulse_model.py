"""The pulse model's result rows, as lines of a table and as the rows of its curve."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from heliotrope.report.charts.cycle import BandRows
from heliotrope.report.estimate_lines import (
    Estimate,
    EstimateLine,
    fold_refusals,
    list_estimates,
    say_interval,
)
from heliotrope.report.find_results import Results
from heliotrope.report.language import _, later
from heliotrope.report.words import say_flag

MODEL = "pulse_model"
WHAT_IF = "pulse_model_what_if"
SENSITIVITY = "pulse_model_sensitivity"
CHECK = "pulse_model_check"
NOT_SEEN = "not_seen_at_this_size:"
POSTERIOR = "posterior_median"
CURVE = "monthly_curve:day_"
QUICK = {
    "onset_half_time_days": later("Half of the peak reached, days after an infusion"),
    "time_to_peak_days": later("Peak reached, days after an infusion"),
    "days_above_half_peak": later("Days above half of the peak"),
    "share_left_day_28": later("Share of the peak left on day 28, one course"),
    "share_left_day_28_monthly": later("The same of monthly courses"),
    "pulse_share_of_improvement": later("Share of the improvement that comes and goes"),
    "half_life_over_igg": later("Half-life of the effect, as multiple of that of immunoglobulin"),
}


def say_refusal(results: Results) -> str | None:
    """Return why the model gave no figure at all; None where it was fitted."""
    row = results.row(MODEL, "pulse", "posterior") or results.row(MODEL, "pulse", POSTERIOR)
    return None if row is None else row["refused"]


def list_quick(results: Results, titles: Mapping[str, str]) -> Sequence[EstimateLine]:
    """List onset, duration and size of the pulse; ``titles``: measures by their id."""
    names = dict(QUICK)
    for variable in results.variables(MODEL):
        kind, _colon, measure = variable.partition(":")
        if kind == "peak":
            names[variable] = _("Peak of a full course: {measure}").format(
                measure=titles.get(measure, say_flag(measure))
            )
        if kind == "share_above_important_difference":
            title = titles.get(measure, say_flag(measure))
            names[variable] = _("Children above the important difference: {title}").format(
                title=title
            )
    return fold_refusals(list_figures(results, names.items()))


def list_what_if(results: Results) -> Sequence[EstimateLine]:
    """List the predictions for the cohort, scenario by scenario; one line if refused."""
    if results.row(WHAT_IF, "what_if", POSTERIOR):
        return list_estimates(results, [Estimate(_("Prediction"), WHAT_IF, "what_if", POSTERIOR)])
    wanted = []
    for variable in results.variables(WHAT_IF):
        scenario, _colon, what = variable.partition(":")
        name = f"{say_flag(scenario).capitalize()}: {say_flag(what).replace(' day ', ', day ')}"
        wanted.append(Estimate(name, WHAT_IF, variable, POSTERIOR))
    return list_estimates(results, wanted)


def list_sensitivity(results: Results) -> Sequence[tuple[str, Sequence[str]]]:
    """List the main parameters under each convention: its name, then pulse to extra decay."""
    lines: dict[str, list[str]] = {}
    for variable in results.variables(SENSITIVITY):
        name = variable.partition(":")[0]
        row = results.row(SENSITIVITY, variable, POSTERIOR)
        if row is not None:
            shown = say_interval(str(row["formatted"])).replace("95 %: ", "")
            lines.setdefault(say_flag(name).capitalize(), []).append(shown)
    return list(lines.items())


def list_warnings(results: Results) -> Sequence[str]:
    """List in sentences what the check of the model found; none where it found nothing."""
    found = (results.row(CHECK, variable, "warning") for variable in results.variables(CHECK))
    return [str(row["formatted"]) for row in found if row is not None]


def list_not_seen(results: Results) -> Sequence[str]:
    """List the departures that the checks hardly find in so few children."""
    named = [name for name in results.variables(CHECK) if name.startswith(NOT_SEEN)]
    found = (results.row(CHECK, variable, "share_found") for variable in named)
    return [str(row["formatted"]) for row in found if row is not None]


def say_foretold(results: Results) -> str | None:
    """Say how well children are foretold by the others; None without a fit to be trusted."""
    elpd, worth = (results.row(CHECK, "leave_one_out", name) for name in ("elpd", "p"))
    if elpd is None or worth is None or elpd["refused"] or worth["refused"]:
        return None
    return _(
        "each child foretold by the others: log density {formatted}, for a fit worth "
        "{parameters} parameters"
    ).format(formatted=elpd["formatted"], parameters=worth["formatted"])


def read_band(results: Results) -> BandRows:
    """Read the mean effect through a cycle of monthly courses, with its band."""
    rows = []
    for variable in results.variables(MODEL):
        row = results.row(MODEL, variable, POSTERIOR)
        if variable.startswith(CURVE) and row is not None and row["refused"] is None:
            day = float(variable.removeprefix(CURVE))
            rows.append(
                {"day": day, "effect": row["value"], "low": row["low"], "high": row["high"]}
            )
    return BandRows(sorted(rows, key=lambda row: float(row["day"])), say_flag(find_anchor(results)))


def find_anchor(results: Results) -> str:
    """Return the id of the measure that anchors the scale; empty where nothing was fitted."""
    named = (name for name in results.variables(MODEL) if name.startswith("anchor:"))
    return next((name.partition(":")[2] for name in named), "")


def list_figures(results: Results, named: Iterable[tuple[str, str]]) -> Sequence[EstimateLine]:
    """List posterior figures by variable and name, each with what was believed before."""
    return list_estimates(
        results,
        [
            Estimate(name, MODEL, variable, POSTERIOR, _say_prior(results, variable))
            for variable, name in named
        ],
    )


def _say_prior(results: Results, variable: str) -> str:
    """Say what was believed before the records, how far they narrowed it, and the drawing error."""
    prior = results.row(MODEL, variable, "prior_median")
    contraction = results.row(MODEL, variable, "contraction")
    error = results.row(MODEL, variable, "monte_carlo_error")
    if prior is None or contraction is None or contraction["value"] is None:
        return ""
    said = _("Before the records {value}").format(value=say_interval(str(prior["formatted"])))
    narrowed = 100 * contraction["value"]
    said += (
        _("; narrowed by {narrowed:.0f} %").format(narrowed=narrowed)
        if narrowed > 0
        else _("; not narrowed")
    )
    return said + (
        _("; drawing error {formatted}.").format(formatted=error["formatted"])
        if error is not None
        else "."
    )
