"""Reactions: adverse events attached to infusions, graded, grouped and explained."""

from __future__ import annotations

import polars as pl

from heliotrope.classify.reaction_attribution import attribute_reactions
from heliotrope.classify.reaction_coding import (
    code_reactions,
    differs,
    flag_coding,
    flag_disease_marker,
    flag_disputed_window,
    flag_unpublished_grade,
    settle_grade,
)
from heliotrope.classify.reaction_findings import check_reactions
from heliotrope.classify.reaction_grades import grade_reactions
from heliotrope.classify.reaction_nodes import make_reaction_nodes
from heliotrope.classify.reaction_transience import find_transience
from heliotrope.classify.trace import Classified
from heliotrope.definitions.load import Rulebook
from heliotrope.definitions.safety import GradingSystem, ReactionWindows
from heliotrope.derive.flags import collect_flags
from heliotrope.records.judgement_tables import Reaction
from heliotrope.records.shard import Shard


def classify_reactions(
    infusion_days: pl.DataFrame, courses: pl.DataFrame, shard: Shard, rulebook: Rulebook
) -> Classified:
    """Say of each adverse event whether it was a reaction to an infusion, how severe and how long.

    Rule: attached to the infusion day before it; a reaction if within the window of its kind;
    graded from a recorded value, else as recorded; reactions of one course within 7 days of the
    first are one occasion; protein in the urine is transient if gone in time.

    Table: the columns of ``Reaction``. Events outside every window, or before any infusion, are
    kept with the window ``outside``. Flags: aseptic_meningitis, coded_as_infusion_reaction,
    disease_marker, grade_differs, grade_not_published, graded_by_adult_rule, reference_missing,
    time_unknown (whole days were counted), window_disputed.
    """
    rule = rulebook.get("reaction_windows", ReactionWindows)
    grading = rulebook.get(rule.grading, GradingSystem)
    attributed = attribute_reactions(shard.event, infusion_days, rule)
    graded = attributed.join(
        grade_reactions(attributed, shard.assessment, grading, rule), on="row_id", how="left"
    )
    transience = find_transience(graded, shard.assessment, courses, rule)
    reactions = graded.join(transience, on="row_id", how="left").with_columns(
        recorded_grade="grade", is_linked=pl.col("window") != rule.outside_label
    )
    reactions = code_reactions(reactions.with_columns(grade=settle_grade()), grading)
    reactions = reactions.with_columns(flags=_flag(rule, grading))
    return Classified(
        table=reactions.select(Reaction.column_names()).sort("patient_id", "date", "row_id"),
        parts=(make_reaction_nodes(reactions, courses, shard, rule),),
        findings=check_reactions(reactions, infusion_days, shard, rulebook),
    )


def _flag(rule: ReactionWindows, grading: GradingSystem) -> pl.Expr:
    in_days = [
        term
        for entry in rule.by_term
        if all(window.hours is None for window in entry.windows)
        for term in entry.terms
    ]
    needs_time = pl.col("infusion_day").is_not_null() & pl.col("term").is_in(in_days).not_()
    return collect_flags(
        {
            **{term: pl.col("term") == term for term in rule.flagged_terms},
            **flag_coding(grading),
            "disease_marker": flag_disease_marker(grading),
            "grade_differs": differs(),
            "grade_not_published": flag_unpublished_grade(grading),
            "graded_by_adult_rule": pl.col("is_adult_rule")
            & pl.col("computed_grade").is_not_null(),
            "reference_missing": pl.col("is_reference_missing")
            & pl.col("computed_grade").is_not_null(),
            "time_unknown": needs_time & pl.col("hours_after").is_null(),
            "window_disputed": flag_disputed_window(rule),
        }
    )
