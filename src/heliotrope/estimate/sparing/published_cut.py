"""The published rule of 2000: the dose cut by more than half for more than three months."""

from __future__ import annotations

import polars as pl

from heliotrope.definitions.steroid_sparing import PUBLISHED_STEROID_CUT, PublishedSteroidCut
from heliotrope.estimate.inputs import NO_IVIG, Inputs
from heliotrope.estimate.rows import Row
from heliotrope.estimate.steroid_dose import DOSES, derive_doses
from heliotrope.estimate.wording import worded
from heliotrope.records.dates import compute_months_between
from heliotrope.records.exact import compute_comparison

CHILD = "patient_id"

ONE_DAY = pl.duration(days=1)

NOT_ON_STEROID = worded(
    "no child with a known steroid dose above 0 on the day before IVIG could be judged: the dose "
    "is not known, or was not followed for long enough"
)


def estimate_published_cut(inputs: Inputs) -> list[Row]:
    """Count the children whose steroid dose was cut by the published rule, and held there."""
    rule = inputs.rulebook.get(PUBLISHED_STEROID_CUT, PublishedSteroidCut)
    regimens = inputs.first_regimens()
    cuts = derive_published_cuts(inputs, regimens, rule)
    topic = inputs.topic("steroid_published_cut", PUBLISHED_STEROID_CUT)
    reason = NO_IVIG if regimens.height == 0 else NOT_ON_STEROID
    judged = cuts["is_met"].drop_nulls()
    met = int(judged.sum())
    return [
        topic.count("met", met, judged.len()),
        *topic.proportion("met", met, judged.len(), reason),
        topic.count("not_evaluable", cuts.height - judged.len(), cuts.height),
    ]


def derive_published_cuts(
    inputs: Inputs, regimens: pl.DataFrame, rule: PublishedSteroidCut
) -> pl.DataFrame:
    """Judge each child on a steroid before IVIG: patient_id and ``is_met``.

    A run of low dose begins after the first infusion and by the last day of cover; a flare ends
    it, and the next may begin the day after. Missing (null): no run is long enough, and an
    unknown dose, or the end of observation, leaves open whether one would have been.
    """
    on_steroid = _find_baselines(inputs, regimens)
    spells = _find_low_spells(inputs, on_steroid, rule)
    runs = _cut_at_flares(spells, _find_flares(inputs, rule)).filter(
        pl.col("start") <= pl.col("cover_end")
    )
    is_long = compute_months_between(pl.col("start"), pl.col("end")) >= rule.more_than_months
    is_cut_off = pl.col("end") == pl.col("observed_until")
    judged = runs.group_by(CHILD).agg(
        is_met=is_long.any(), is_open=(is_cut_off & is_long.not_()).any()
    )
    months = f"{rule.more_than_months}mo"
    seen_shortly = pl.col("observed_until") < pl.col("first_infusion").dt.offset_by(months)
    unknown = _find_unknown(inputs, on_steroid, months)
    is_open = pl.col("is_open").fill_null(False) | seen_shortly | pl.col("has_unknown")
    return (
        on_steroid.join(judged, on=CHILD, how="left", maintain_order="left")
        .with_columns(has_unknown=pl.col(CHILD).is_in(unknown.implode()))
        .select(
            CHILD,
            is_met=pl.when(pl.col("is_met"))
            .then(pl.lit(True))
            .when(is_open.not_())
            .then(pl.lit(False)),
        )
    )


def _find_baselines(inputs: Inputs, regimens: pl.DataFrame) -> pl.DataFrame:
    """Keep the children with a known dose above 0 on the day before IVIG, as ``before``."""
    days = regimens.select(
        CHILD,
        "first_infusion",
        "observed_until",
        "cover_end",
        date=pl.col("first_infusion") - ONE_DAY,
    )
    return (
        derive_doses(inputs, days)
        .filter(compute_comparison(pl.col(DOSES[0]), ">", 0))
        .select(CHILD, "first_infusion", "observed_until", "cover_end", before=DOSES[0])
    )


def _find_low_spells(
    inputs: Inputs, on_steroid: pl.DataFrame, rule: PublishedSteroidCut
) -> pl.DataFrame:
    """Join neighbouring periods of low dose: start and end of each spell, as observed."""
    limit = pl.col("before") * (1 - rule.more_than_share)
    is_next = pl.col("start_date") == (pl.col("end_date").shift(1) + ONE_DAY).over(CHILD)
    periods = inputs.table("steroid_period").select(CHILD, "start_date", "end_date", DOSES[0])
    return (
        on_steroid.join(periods, on=CHILD)
        .filter(compute_comparison(pl.col(DOSES[0]), "<", limit))
        .sort(CHILD, "start_date")
        .with_columns(spell=is_next.fill_null(False).not_().cast(pl.Int32).cum_sum().over(CHILD))
        .group_by(CHILD, "spell", maintain_order=True)
        .agg(
            pl.col("cover_end", "observed_until").first(),
            start=pl.max_horizontal(
                pl.col("start_date").min(), pl.col("first_infusion").first() + ONE_DAY
            ),
            end=pl.min_horizontal(pl.col("end_date").max(), pl.col("observed_until").first()),
        )
        .filter(pl.col("start") <= pl.col("end"))
        .drop("spell")
    )


def _find_flares(inputs: Inputs, rule: PublishedSteroidCut) -> pl.DataFrame:
    """List the days of a recorded flare, or of a visit that met a definition of worsening."""
    events = inputs.record("event").filter(pl.col("kind").is_in(list(rule.flare_events)))
    is_worse = pl.col("definition_id").is_in(list(rule.flare_states)) & (pl.col("state") == "met")
    states = inputs.gather(
        lambda piece: piece.table("state").filter(is_worse).select(CHILD, flare="date")
    )
    return pl.concat([events.select(CHILD, flare="date"), states]).unique().sort(CHILD, "flare")


def _cut_at_flares(spells: pl.DataFrame, flares: pl.DataFrame) -> pl.DataFrame:
    """Cut spells at flares: no run holds the day of one."""
    numbered = spells.with_row_index("spell")
    inside = numbered.join(flares, on=CHILD).filter(
        pl.col("flare").is_between(pl.col("start"), pl.col("end"))
    )
    starts = pl.concat(
        [
            numbered,
            inside.with_columns(start=pl.col("flare") + ONE_DAY).select(numbered.columns),
        ]
    )
    next_flare = (
        starts.join(flares, on=CHILD)
        .filter(pl.col("flare") >= pl.col("start"))
        .group_by("spell", "start")
        .agg(next_flare=pl.col("flare").min())
    )
    return (
        starts.join(next_flare, on=["spell", "start"], how="left")
        .with_columns(end=pl.min_horizontal("end", pl.col("next_flare") - ONE_DAY))
        .filter(pl.col("start") <= pl.col("end"))
    )


def _find_unknown(inputs: Inputs, on_steroid: pl.DataFrame, months: str) -> pl.Series:
    """List the children with an unknown dose on days that could have belonged to a run."""
    periods = inputs.table("steroid_period").select(CHILD, "start_date", "end_date", DOSES[0])
    last = pl.min_horizontal("observed_until", pl.col("cover_end").dt.offset_by(months))
    return (
        on_steroid.join(periods, on=CHILD)
        .filter(
            pl.col(DOSES[0]).is_null()
            & (pl.col("end_date") > pl.col("first_infusion"))
            & (pl.col("start_date") <= last)
        )[CHILD]
        .unique()
    )
