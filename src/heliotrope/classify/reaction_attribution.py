"""Which infusion an adverse event is attached to, in which window, on which occasion."""

from __future__ import annotations

import polars as pl

from heliotrope.definitions.safety import ReactionWindows, Window
from heliotrope.records.exact import compute_comparison
from heliotrope.records.spans import derive_span_starts

COURSE = ["patient_id", "regimen", "course"]

_LIMIT = pl.Struct({"limit": pl.Float64, "limit_unit": pl.String})


def attribute_reactions(
    event: pl.DataFrame, infusion_days: pl.DataFrame, rule: ReactionWindows
) -> pl.DataFrame:
    """Attach each adverse event to the infusion day before it and find its window and occasion.

    Rule: an infusion of the same day counts as before, unless both times are known and the event
    came first. Hours are known where both times are; else whole days decide.

    Returns one row an adverse event: the event's columns (``date`` its onset), ``infusion_day``,
    ``regimen``, ``course``, ``infusion_row_ids`` (null before the first infusion),
    ``hours_after``, ``days_after``, ``window``, ``limit`` and ``limit_unit`` (the end of the window
    found, or of the widest one) and ``group`` (null without a course).
    """
    reactions = event.filter(pl.col("kind") == rule.event_kind).with_columns(
        pl.col("term").fill_null(rule.unspecified_term)
    )
    anchored = _anchor(reactions, infusion_days)
    return _number_occasions(_find_windows(anchored, rule), rule)


def _anchor(reactions: pl.DataFrame, infusion_days: pl.DataFrame) -> pl.DataFrame:
    infusions = (
        infusion_days.filter(pl.col("course").is_not_null())
        .select(
            "patient_id",
            "regimen",
            "course",
            infusion_day="date",
            infusion_minute="minute_of_day",
            infusion_row_ids="row_ids",
        )
        .sort("infusion_day")
    )
    came_first = (pl.col("date") == pl.col("infusion_day")) & (
        pl.col("minute_of_day") < pl.col("infusion_minute")
    )
    same_day = _join_before(reactions, infusions, allow_same_day=True)
    is_before = same_day.select(came_first.fill_null(False)).to_series()
    day_before = _join_before(
        same_day.filter(is_before).select(reactions.columns), infusions, allow_same_day=False
    )
    anchored = pl.concat([same_day.filter(~is_before), day_before.select(same_day.columns)])
    days = (pl.col("date") - pl.col("infusion_day")).dt.total_days().cast(pl.Int32)
    onset = pl.col("date").cast(pl.Datetime) + pl.duration(minutes="minute_of_day")
    start = pl.col("infusion_day").cast(pl.Datetime) + pl.duration(minutes="infusion_minute")
    return anchored.with_columns(
        days_after=days, hours_after=(onset - start) / pl.duration(hours=1)
    )


def _join_before(
    reactions: pl.DataFrame, infusions: pl.DataFrame, *, allow_same_day: bool
) -> pl.DataFrame:
    return reactions.sort("date", "row_id").join_asof(
        infusions,
        left_on="date",
        right_on="infusion_day",
        by="patient_id",
        strategy="backward",
        allow_exact_matches=allow_same_day,
        coalesce=False,
        check_sortedness=False,
    )


def _find_windows(anchored: pl.DataFrame, rule: ReactionWindows) -> pl.DataFrame:
    terms = anchored["term"].unique().sort().to_list()
    by_windows: dict[tuple[Window, ...], list[str]] = {}
    for term in terms:
        by_windows.setdefault(rule.windows_of(term), []).append(term)
    label: pl.Expr = pl.lit(rule.outside_label)
    limit = pl.lit(None, _LIMIT)
    for windows, its_terms in by_windows.items():
        is_term = pl.col("term").is_in(its_terms)
        limit = pl.when(is_term).then(_limit(windows[-1])).otherwise(limit)
        for window in reversed(windows):
            is_in = is_term & _is_inside(window)
            label = pl.when(is_in).then(pl.lit(window.label)).otherwise(label)
            limit = pl.when(is_in).then(_limit(window)).otherwise(limit)
    return anchored.with_columns(label.alias("window"), limit.alias("_limit")).unnest("_limit")


def _is_inside(window: Window) -> pl.Expr:
    """Say whether a reaction lies in a window; what cannot be told counts as not (never null)."""
    in_hours = compute_comparison(pl.col("hours_after"), "<=", window.hours or 0.0)
    in_days = pl.col("days_after") <= (window.days if window.days is not None else -1)
    if window.hours is None:
        return in_days.fill_null(False)
    return (
        pl.when(pl.col("hours_after").is_not_null())
        .then(in_hours)
        .otherwise(in_days)
        .fill_null(False)
    )


def _limit(window: Window) -> pl.Expr:
    """Return the end of a window and the unit in which it was compared."""
    in_days = pl.struct(limit=pl.lit(window.days, pl.Float64), limit_unit=pl.lit("d"))
    if window.hours is None:
        return in_days
    in_hours = pl.struct(limit=pl.lit(window.hours), limit_unit=pl.lit("h"))
    return pl.when(pl.col("hours_after").is_not_null()).then(in_hours).otherwise(in_days)


def _number_occasions(reactions: pl.DataFrame, rule: ReactionWindows) -> pl.DataFrame:
    in_course = derive_span_starts(
        reactions.filter(pl.col("course").is_not_null()), COURSE, rule.group_days
    )
    occasions = (
        in_course.select("patient_id", "span_start", "regimen", "course")
        .unique()
        .sort("patient_id", "span_start", "regimen", "course")
        .with_columns(group=pl.int_range(1, pl.len() + 1, dtype=pl.Int32).over("patient_id"))
    )
    numbered = in_course.join(
        occasions, on=["patient_id", "span_start", "regimen", "course"], how="left"
    ).drop("span_start")
    before = reactions.filter(pl.col("course").is_null()).with_columns(group=pl.lit(None, pl.Int32))
    return pl.concat([numbered, before]).sort("patient_id", "date", "row_id")
