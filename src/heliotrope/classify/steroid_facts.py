"""Facts about steroids before a day: ever given, and how long not given any more."""

from __future__ import annotations

import polars as pl

from heliotrope.classify.trace import used_all
from heliotrope.definitions.steroid import EVER_STEROID, SteroidDiscontinuation
from heliotrope.derive.derived import Derived

ANCHOR = ["patient_id", "regimen"]
WHOLE_RECORD = 0  # stands for a regimen where the whole record is judged
ONE_DAY = pl.duration(days=1)


def find_anchors(derived: Derived) -> pl.DataFrame:
    """List the days before which steroids are judged: each D0, and the day after the last record.

    Returns ``patient_id``, ``regimen`` (0: the whole record), ``first_infusion`` (the day itself is
    not looked at), ``first_steroid`` and ``first_ivig`` (null where there was none).
    """
    given = _given_days(derived).group_by("patient_id").agg(first_steroid=pl.col("from").min())
    ivig = derived.regimens.group_by("patient_id").agg(first_ivig=pl.col("first_infusion").min())
    whole = derived.patients.select(
        "patient_id",
        regimen=pl.lit(WHOLE_RECORD, pl.Int32),
        first_infusion=pl.col("observed_until") + ONE_DAY,
    )
    regimens = derived.regimens.select(
        "patient_id", pl.col("regimen").cast(pl.Int32), "first_infusion"
    )
    return (
        pl.concat([whole, regimens])
        .join(given, on="patient_id", how="left")
        .join(ivig, on="patient_id", how="left")
        .sort(ANCHOR)
    )


def _given_days(derived: Derived) -> pl.DataFrame:
    """List the days with a steroid, daily doses and pulses, as spans with their cells."""
    daily = derived.steroid_periods.filter(pl.col("prednisone_mg_day") > 0)
    spans = [daily, derived.steroid_pulses]
    return pl.concat(
        span.select(
            "patient_id", pl.col("start_date").alias("from"), to="end_date", cells="row_ids"
        )
        for span in spans
    )


def _unknown_days(derived: Derived) -> pl.DataFrame:
    unknown = derived.steroid_periods.filter(pl.col("prednisone_mg_day").is_null())
    return unknown.select(
        "patient_id", pl.col("start_date").alias("from"), to="end_date", cells="row_ids"
    )


def find_ever_steroid(derived: Derived, anchors: pl.DataFrame) -> pl.DataFrame:
    """Say whether a steroid was given before each anchor: 1, 0 or not known.

    Missing: no medication row of the child, or a dose that is not known, and no known one.
    """
    given = (
        _before(anchors, _given_days(derived)).group_by(ANCHOR).agg(is_given=pl.lit(1.0).first())
    )
    unknown = (
        _before(anchors, _unknown_days(derived)).group_by(ANCHOR).agg(is_open=pl.lit(True).first())
    )
    recorded = (
        derived.shard.medication.select("patient_id")
        .unique()
        .with_columns(is_recorded=pl.lit(True))
    )
    ever = (
        pl.when(pl.col("is_given").is_not_null())
        .then(1.0)
        .when(pl.col("is_recorded") & pl.col("is_open").is_null())
        .then(0.0)
    )
    return (
        anchors.select(ANCHOR)
        .join(given, on=ANCHOR, how="left")
        .join(unknown, on=ANCHOR, how="left")
        .join(recorded, on="patient_id", how="left")
        .select(*ANCHOR, ever.alias(EVER_STEROID))
    )


def _before(anchors: pl.DataFrame, spans: pl.DataFrame) -> pl.DataFrame:
    return anchors.join(spans, on="patient_id").filter(pl.col("from") < pl.col("first_infusion"))


def find_discontinuation(
    derived: Derived, anchors: pl.DataFrame, definition: SteroidDiscontinuation
) -> pl.DataFrame:
    """Count the days from the last one with a steroid to the last one observed.

    Missing: a dose that is not known after the last known one makes the count null. Adds
    ``steroid_stopped``, the last day with a steroid where it was stopped.
    """
    given = (
        derived.patients.select("patient_id", "observed_until")
        .join(_given_days(derived), on="patient_id")
        .with_columns(last_steroid=pl.min_horizontal("to", "observed_until"))
        .sort("patient_id", "last_steroid", "from")
        .group_by("patient_id", maintain_order=True)
        .agg(pl.col("last_steroid").last(), pl.col("observed_until").last(), pl.col("cells").last())
    )
    unknown = _unknown_days(derived).group_by("patient_id").agg(last_unknown=pl.col("to").max())
    is_known = (
        pl.col("last_unknown").is_null() | (pl.col("last_unknown") <= pl.col("last_steroid"))
    ).fill_null(False)
    days = (pl.col("observed_until") - pl.col("last_steroid")).dt.total_days().cast(pl.Float64)
    return (
        anchors.select(*ANCHOR, judged_from="first_steroid")
        .join(given, on="patient_id", how="left")
        .join(unknown, on="patient_id", how="left")
        .with_columns(
            days_without_steroid=pl.when(is_known).then(days),
            steroid_on_last_day=pl.when(is_known).then((days == 0).cast(pl.Float64)),
        )
        .select(
            *ANCHOR,
            "judged_from",
            "days_without_steroid",
            "steroid_on_last_day",
            used_all(pl.col("cells")).alias("days_without_steroid.sources"),
            judged_to="observed_until",
            steroid_stopped=pl.when(pl.col("days_without_steroid") >= definition.off_days).then(
                "last_steroid"
            ),
        )
    )
