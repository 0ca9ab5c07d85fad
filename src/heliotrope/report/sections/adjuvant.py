"""Adjuvant?: the steroid dose before, during and after IVIG, and other drugs that were stopped."""

from __future__ import annotations

from collections.abc import Sequence

from heliotrope.report.charts.curve import CurveWords, draw_curve
from heliotrope.report.charts.draw_svg import render_chart
from heliotrope.report.charts.ribbon import draw_ribbon
from heliotrope.report.curve_rows import list_curve_steps, read_curve
from heliotrope.report.estimate_lines import Estimate, EstimateLine, list_estimates
from heliotrope.report.find_results import Results, Share
from heliotrope.report.language import _, later
from heliotrope.report.medians_table import read_medians
from heliotrope.report.read_fixed_weeks import read_ribbon
from heliotrope.report.section import ReportInput, Section
from heliotrope.report.sections.steroid_concepts import list_steroid_concepts
from heliotrope.report.words import sentence

TIME = "steroid_time_to_50_percent"
LOW = "steroid_time_to_low_dose"
STOPPED = "drug_stopped"
WORDS = CurveWords(
    later("Children not yet at half of the dose before IVIG"), later("Days from the first infusion")
)
DOSES = {
    "prednisone_mg_kg_day": later("Prednisone-equivalent, mg/kg/day"),
    "prednisone_mg_day": later("Prednisone-equivalent, mg/day"),
}
AMOUNTS = {
    "prednisone_mg_kg": later("Sum, mg/kg"),
    "prednisone_mg_kg_day_mean": later("Mean of the days, mg/kg/day"),
}
GROUPS = {
    "cytotoxic": later("Any cytotoxic drug"),
    "any_drug": later("Any of them"),
    "all_drugs": later("All of them"),
}
NO_PROOF = later("A fall during IVIG is no proof that IVIG caused it.")
DESCRIBED = (
    Estimate(
        later("Change from the day before IVIG to the last day of cover, %; median (range)"),
        "steroid_change",
        "percent_change",
        "median",
        NO_PROOF,
    ),
    Estimate(
        later("Slope of the dose before IVIG, % in 28 days; median (range)"),
        "steroid_slope",
        "percent_per_28_days:before",
        "median",
        later("A dose that was falling already would have gone on falling."),
    ),
    Estimate(
        later("Slope of the dose during IVIG, % in 28 days; median (range)"),
        "steroid_slope",
        "percent_per_28_days:during",
        "median",
    ),
    Estimate(
        later("Slope of the dose after IVIG, % in 28 days; median (range)"),
        "steroid_slope",
        "percent_per_28_days:after",
        "median",
    ),
    Estimate(later("Time to half of the dose before IVIG"), TIME, "median_day", "median"),
    Estimate(
        later("Time to a low dose (0.2 mg/kg/day), of those above it before"),
        LOW,
        "median_day",
        "median",
    ),
    Estimate(
        later("Cut by more than 50 % for more than 3 months, no flare"),
        "steroid_published_cut",
        "met",
        "proportion_exact",
        later(
            "The published rule (Al-Mayouf 2000); the headline asks for half or less on 91 days."
        ),
    ),
)
ESTIMATED = (
    Estimate(
        later("Steroid spared, mg/kg/day: under none less under the IVIG given"),
        "steroid_sparing",
        "spared_mg_kg_day",
        "mean_difference",
        later(
            "Simulated from the children's own dosing (g-formula): holds if what decided the dose "
            "was recorded and the model of it is right."
        ),
    ),
    Estimate(
        later("The same as a sum over the time followed, mg/kg"),
        "steroid_sparing",
        "spared_mg_kg",
        "mean_difference",
    ),
    Estimate(
        later("The same as a share of the dose under none"),
        "steroid_sparing",
        "spared_share",
        "mean_difference",
    ),
    Estimate(
        later("How the dose followed the measured activity"),
        "steroid_dosing_rule",
        "activity",
        "slope",
        later(
            "Change of the next dose, as a share of the dose, for each cm of physician global, "
            "within a child; over 0: raised, or lowered less, when activity was high."
        ),
    ),
)


def build_adjuvant(report: ReportInput) -> Section:
    """Show what became of the steroid dose and of other drugs; name the assumptions of "spared"."""
    results = report.results
    rows = read_curve(results, TIME)
    ribbon = read_ribbon(report)
    content = {
        "ribbon": render_chart(draw_ribbon(ribbon)) if len(ribbon.points) > 1 else None,
        "sparing": results.share("steroid_effect", "sparing"),
        "changes": _read_changes(results),
        "spared": results.row("steroid_sparing", "spared_mg_kg_day", "mean_difference"),
        "verdict": results.row("steroid_dosing_rule", "dose", "verdict"),
        "estimates": list_estimates(results, (*DESCRIBED, *ESTIMATED)),
        "chart": render_chart(draw_curve(rows, WORDS)) if rows.steps else None,
        "steps": list_curve_steps(results, TIME),
        "doses": read_medians(results, "steroid_dose", DOSES),
        "amounts": read_medians(results, "steroid_cumulative", AMOUNTS, " IVIG"),
        "stopped": _list_stopped(results),
        "concepts": list_steroid_concepts(report),
    }
    return Section("adjuvant", _("Adjuvant?"), "adjuvant.html.j2", content)


def _read_changes(results: Results) -> Sequence[tuple[str, Share]]:
    changes = (
        (word, results.share("steroid_change", word)) for word in ("fell", "unchanged", "rose")
    )
    return [(word, share) for word, share in changes if share.is_given]


def _list_stopped(results: Results) -> Sequence[EstimateLine]:
    """List the drugs taken at the first infusion and stopped for good, groups first."""
    taken = [
        variable.removesuffix(":at_first_infusion")
        for variable in results.variables(STOPPED)
        if variable.endswith(":at_first_infusion")
    ]
    return list_estimates(
        results,
        (
            Estimate(
                GROUPS.get(drug, sentence(drug)),
                STOPPED,
                f"{drug}:stopped",
                "proportion_exact",
                _say_reasons(results, drug),
            )
            for drug in taken
        ),
    )


def _say_reasons(results: Results, drug: str) -> str:
    start = f"{drug}:stop_reason:"
    reasons = [
        f"{variable.removeprefix(start).replace('_', ' ')} {results.count(STOPPED, variable)}"
        for variable in results.variables(STOPPED)
        if variable.startswith(start) and results.count(STOPPED, variable)
    ]
    recent = results.count(STOPPED, f"{drug}:too_recent")
    if recent:
        reasons.append(_("stopped too recently to tell {recent}").format(recent=recent))
    return _("Recorded reason: {reasons}.").format(reasons=", ".join(reasons)) if reasons else ""
