"""Which children can be followed from diagnosis, until when, and why the others cannot."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from heapq import nsmallest

import polars as pl

from heliotrope.definitions.registry_comparison import IntervalRule, RegistryComparison
from heliotrope.estimate.inputs import Inputs

CHILD = "patient_id"

LEFT_OUT = (
    "no_diagnosis_date",
    "ivig_before_diagnosis",
    "replacement_dose",
    "subcutaneous_only",
    "first_seen_late",
    "not_followed_up",
    "not_drawn",
)


@dataclass(frozen=True)
class Selected:
    """The children who can be compared, one row each, and how many others there are, by reason."""

    children: pl.DataFrame
    left_out: dict[str, int]


def select_children(inputs: Inputs, numbers: RegistryComparison) -> Selected:
    """Return the children who can be compared, and count the others by the first reason.

    Columns: patient_id, diagnosis_date, birth_date, antibody, first_ivig_day, end_of_follow_up
    (days from diagnosis) and ``is_still_followed``: observation ended so near to the end of all
    records that it may go on, and is no loss. Of more than ``most_children`` so many are drawn.
    """
    rule = numbers.intervals
    judged = _derive_days(inputs, rule).with_columns(reason=_find_reason(rule))
    judged = _draw_children(judged, rule.most_children)
    kept = judged.filter(pl.col("reason").is_null()).select(
        CHILD,
        "diagnosis_date",
        "birth_date",
        "antibody",
        "first_ivig_day",
        "is_still_followed",
        end_of_follow_up=pl.min_horizontal("observed_day", pl.lit(rule.last_day)).cast(pl.Int32),
    )
    left_out = {name: judged.filter(pl.col("reason") == name).height for name in LEFT_OUT}
    return Selected(kept, left_out)


def _draw_children(judged: pl.DataFrame, most: int) -> pl.DataFrame:
    """Leave out children beyond the most, in the order of the checksums of their identifiers.

    No chance is in it and no order of rows: the same children of a registry are drawn every time.
    """
    can_be_compared = judged.filter(pl.col("reason").is_null())[CHILD]
    if can_be_compared.len() <= most:
        return judged
    drawn = nsmallest(
        most, can_be_compared, lambda child: (zlib.crc32(child[::-1].encode()), child)
    )
    is_drawn = pl.col(CHILD).is_in(pl.Series(drawn, dtype=pl.String).implode())
    is_left_out = pl.col("reason").is_null() & is_drawn.not_()
    return judged.with_columns(
        reason=pl.when(is_left_out).then(pl.lit("not_drawn")).otherwise("reason")
    )


def compute_day(date: pl.Expr) -> pl.Expr:
    """Count days from ``diagnosis_date``."""
    return (date - pl.col("diagnosis_date")).dt.total_days().cast(pl.Int32)


def _derive_days(inputs: Inputs, rule: IntervalRule) -> pl.DataFrame:
    """Find when each child was first seen, first had IVIG, and until when it was observed."""
    regimens = inputs.table("regimen")
    first = regimens.sort("regimen").group_by(CHILD, maintain_order=True).first()
    cover = pl.duration(days=inputs.exposure.regimen.planned_cover_days)
    switched = (
        regimens.filter(pl.col("status") == "switched_to_sc")
        .group_by(CHILD)
        .agg(switched=(pl.col("last_course_start") + cover).min())
    )
    subcutaneous = inputs.table("infusion_day").filter(pl.col("route") == "sc")
    observed = pl.min_horizontal("observed_until", "switched")
    still = pl.duration(days=rule.still_followed_days)
    return (
        inputs.patients.join(first.select(CHILD, "first_infusion", "purpose"), on=CHILD, how="left")
        .join(switched, on=CHILD, how="left")
        .with_columns(
            has_subcutaneous=pl.col(CHILD).is_in(subcutaneous[CHILD].unique().implode()),
            observed_day=compute_day(observed),
            is_still_followed=observed >= pl.col("observed_until").max() - still,
            first_seen_day=compute_day(pl.col("first_seen")),
            first_ivig_day=compute_day(pl.col("first_infusion")),
        )
    )


def _find_reason(rule: IntervalRule) -> pl.Expr:
    """Say why a child is not compared; null: it is."""
    return (
        pl.when(pl.col("diagnosis_date").is_null())
        .then(pl.lit("no_diagnosis_date"))
        .when(pl.col("first_ivig_day") < 0)
        .then(pl.lit("ivig_before_diagnosis"))
        .when(pl.col("purpose") == "replacement_dose")
        .then(pl.lit("replacement_dose"))
        .when(pl.col("first_ivig_day").is_null() & pl.col("has_subcutaneous"))
        .then(pl.lit("subcutaneous_only"))
        .when((pl.col("first_seen_day") > rule.first_seen_within_days).fill_null(True))
        .then(pl.lit("first_seen_late"))
        .when((pl.col("observed_day") < rule.first_outcome_day).fill_null(True))
        .then(pl.lit("not_followed_up"))
    )
