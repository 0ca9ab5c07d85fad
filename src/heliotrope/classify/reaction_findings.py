"""What a data manager can mend about recorded reactions."""

from __future__ import annotations

import polars as pl

from heliotrope.classify.reaction_coding import differs
from heliotrope.definitions.load import Rulebook
from heliotrope.definitions.safety import GradingSystem, ReactionWindows
from heliotrope.derive.findings import make_findings
from heliotrope.records.exact import compute_comparison
from heliotrope.records.shard import Shard

COURSE = ["patient_id", "regimen", "course"]


def check_reactions(
    reactions: pl.DataFrame, infusion_days: pl.DataFrame, shard: Shard, rulebook: Rulebook
) -> pl.DataFrame:
    """Report grades that differ, values that cannot grade, urine protein without an event."""
    rule = rulebook.get("reaction_windows", ReactionWindows)
    contradicted = reactions.filter(differs())
    grading = rulebook.get(rule.grading, GradingSystem)
    graded_terms = [term.term for term in grading.terms if term.measures]
    ungraded = reactions.filter(
        pl.col("value").is_not_null()
        & pl.col("computed_grade").is_null()
        & pl.col("term").is_in(graded_terms)
    )
    return pl.concat(
        [
            make_findings(
                contradicted,
                "reaction_grade_differs",
                "event",
                pl.format(
                    "grade {} recorded, {} {} gives grade {}",
                    "recorded_grade",
                    "graded_value",
                    "graded_unit",
                    "computed_grade",
                ),
                rulebook,
            ),
            make_findings(
                ungraded,
                "reaction_value_not_gradable",
                "event",
                pl.format("{} {}", "value", pl.col("unit").fill_null("without a unit")),
                rulebook,
            ),
            make_findings(
                _find_silent_urine(reactions, infusion_days, shard, rule),
                "urine_protein_without_event",
                "assessment",
                pl.format("{} {}, {} days after an infusion", "measure", "value", "days"),
                rulebook,
            ),
        ]
    )


def _find_silent_urine(
    reactions: pl.DataFrame, infusion_days: pl.DataFrame, shard: Shard, rule: ReactionWindows
) -> pl.DataFrame:
    """Find protein in the urine soon after an infusion, in courses without such an event."""
    terms = list(rule.transient.terms)
    longest = max((window.days or 0) for term in terms for window in rule.windows_of(term))
    is_dipstick = pl.col("measure") == rule.transient.dipstick
    is_positive = (
        pl.when(is_dipstick)
        .then(compute_comparison(pl.col("value"), ">", rule.transient.dipstick_negative_at_most))
        .otherwise(compute_comparison(pl.col("value"), ">=", pl.col("upper_limit")))
    )
    infusions = (
        infusion_days.filter(pl.col("course").is_not_null())
        .select("patient_id", "regimen", "course", infusion_day="date")
        .sort("infusion_day")
    )
    reported = reactions.filter(pl.col("term").is_in(terms)).select(COURSE).unique()
    return (
        shard.assessment.filter(
            pl.col("measure").is_in(list(rule.transient.measures)) & is_positive
        )
        .sort("date")
        .join_asof(
            infusions,
            left_on="date",
            right_on="infusion_day",
            by="patient_id",
            strategy="backward",
            allow_exact_matches=False,
            coalesce=False,
            check_sortedness=False,
        )
        .with_columns(days=(pl.col("date") - pl.col("infusion_day")).dt.total_days())
        .filter(pl.col("days") <= longest)
        .join(reported, on=COURSE, how="anti")
    )
