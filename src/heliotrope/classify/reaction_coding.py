"""Under which published term a reaction is filed, and what is odd about its grade or its time."""

from __future__ import annotations

import polars as pl

from heliotrope.definitions.safety import (
    Coding,
    GradedTerm,
    GradingSystem,
    PublishedWindow,
    ReactionWindows,
)
from heliotrope.records.exact import compute_comparison

HOURS_A_DAY = 24

Flags = dict[str, pl.Expr]


def settle_grade() -> pl.Expr:
    """Choose between the computed and the recorded grade.

    Rule: the computed one wins; where the value only shows a lower bound (a fall of haemoglobin,
    a limit of normal that was not recorded) a higher recorded grade holds.
    """
    highest = pl.max_horizontal("computed_grade", "recorded_grade")
    return (
        pl.when(is_only_a_bound())
        .then(highest)
        .otherwise(pl.coalesce("computed_grade", "recorded_grade"))
    )


def is_only_a_bound() -> pl.Expr:
    """Say whether the computed grade is the least the grade can be (never null)."""
    return (pl.col("is_lower_bound") | pl.col("is_reference_missing")).fill_null(False)


def differs() -> pl.Expr:
    """Say whether the recorded grade contradicts the computed one."""
    is_higher = pl.col("recorded_grade") > pl.col("computed_grade")
    return (pl.col("computed_grade") != pl.col("recorded_grade")) & ~(
        is_only_a_bound() & is_higher.fill_null(False)
    )


def code_reactions(reactions: pl.DataFrame, grading: GradingSystem) -> pl.DataFrame:
    """File each reaction under a term of the grading system.

    Rule: the recorded term if the system has it, unless a coding leads elsewhere: an allergic
    reaction linked to an infusion is filed as an infusion related reaction (not as both),
    an aseptic meningitis as meningitis from grade 3 on. reactions: with ``term``, ``grade`` and
    ``is_linked`` (in its window). Missing: a grade that is not recorded fulfils no least grade.

    Adds ``coded_term`` (null: the system has no such term), ``meddra_code`` (null: none read) and
    ``grading`` (system and edition).
    """
    known = [term.term for term in grading.terms]
    coded: pl.Expr = pl.when(pl.col("term").is_in(known)).then("term")
    for coding in reversed(grading.codings):
        coded = pl.when(_applies(coding)).then(pl.lit(coding.coded_as)).otherwise(coded)
    codes = {term.term: term.code for term in grading.terms}
    return reactions.with_columns(
        coded_term=coded, grading=pl.lit(f"{grading.system} {grading.edition}")
    ).with_columns(
        meddra_code=pl.col("coded_term").replace_strict(codes, default=None, return_dtype=pl.String)
    )


def _applies(coding: Coding) -> pl.Expr:
    applies = pl.col("term") == coding.term
    if coding.only_with_infusion:
        applies &= pl.col("is_linked")
    if coding.min_grade is not None:
        applies &= pl.col("grade") >= coding.min_grade
    return applies.fill_null(False)


def flag_coding(grading: GradingSystem) -> Flags:
    """List the flags of codings, by their words."""
    words = {coding.flag_word for coding in grading.codings}
    return {
        word: pl.any_horizontal(
            _applies(coding) for coding in grading.codings if coding.flag_word == word
        )
        for word in words
    }


def flag_unpublished_grade(grading: GradingSystem) -> pl.Expr:
    """Say whether the grade is one that the coded term does not have (never null)."""
    checks = [_is_unpublished(term) for term in grading.terms if term.wording]
    return pl.any_horizontal(checks)


def _is_unpublished(term: GradedTerm) -> pl.Expr:
    is_other = pl.col("grade").is_in(list(term.grades)).not_() & (pl.col("grade") > 0)
    return ((pl.col("coded_term") == term.term) & is_other).fill_null(False)


def flag_disease_marker(grading: GradingSystem) -> pl.Expr:
    """Say whether the term is a marker of the disease itself."""
    markers = [term.term for term in grading.terms if term.is_disease_marker]
    return pl.col("term").is_in(markers)


def flag_disputed_window(rule: ReactionWindows) -> pl.Expr:
    """Say whether a reaction lies in one published window of its term and not surely in another."""
    disputes = [
        (entry.terms, [_is_surely_inside(window) for window in entry.published])
        for entry in rule.by_term
        if len(entry.published) > 1
    ]
    return pl.any_horizontal(
        pl.lit(False),
        *(
            pl.col("term").is_in(list(terms))
            & pl.any_horizontal(inside)
            & ~pl.all_horizontal(inside)
            for terms, inside in disputes
        ),
    )


def _is_surely_inside(window: PublishedWindow) -> pl.Expr:
    """Say whether a reaction surely lies in a window; what cannot be told counts as not.

    In whole days a window that begins some hours after the start begins on day 1.
    """
    first_day = -(-window.from_hours // HOURS_A_DAY)
    in_hours = compute_comparison(
        pl.col("hours_after"), ">=", window.from_hours
    ) & compute_comparison(pl.col("hours_after"), "<=", window.to_hours)
    in_days = pl.col("days_after").is_between(first_day, window.to_hours // HOURS_A_DAY)
    return (
        pl.when(pl.col("hours_after").is_not_null())
        .then(in_hours)
        .otherwise(in_days)
        .fill_null(False)
    )
