"""Other immunosuppressants that were stopped after IVIG began, and not taken up again."""

from __future__ import annotations

import polars as pl

from heliotrope.definitions.drug import drugs_of
from heliotrope.definitions.steroid_sparing import STEROID_SPARING, SteroidSparing, StoppedDrugs
from heliotrope.estimate.inputs import NO_IVIG, Inputs, count_words
from heliotrope.estimate.rows import Row, Topic
from heliotrope.estimate.wording import worded

CHILD = "patient_id"

NOT_RECORDED = "not_recorded"

NOBODY_ON_IT = worded(
    "no child was on such a drug on the day of the first infusion and observed for long enough "
    "after it"
)


def estimate_drugs_stopped(inputs: Inputs) -> list[Row]:
    """Say of each other immunosuppressant in how many children it was stopped for good.

    At risk are the children on the drug on the day of the first infusion. ``cytotoxic`` and
    ``any_drug`` count a child once: it stopped at least one of them; ``all_drugs``: every drug it
    was on. Stops for a complication stand apart: they are harm of that drug, not sparing.
    """
    rule = inputs.rulebook.get(STEROID_SPARING, SteroidSparing).stopped_drugs
    regimens = inputs.first_regimens()
    stops = derive_drugs_stopped(inputs, regimens, rule)
    topic = inputs.topic("drug_stopped", STEROID_SPARING)
    reason = NO_IVIG if regimens.height == 0 else NOBODY_ON_IT
    rows = topic.summary("days_observed", stops.unique(CHILD)["days_observed"], reason)
    any_one = pl.col("is_stopped").any(ignore_nulls=False)
    every_one = pl.col("is_stopped").all(ignore_nulls=False)
    cytotoxic = stops.filter(pl.col("is_cytotoxic"))
    for name, drugs, is_stopped in (
        ("cytotoxic", cytotoxic, any_one),
        ("any_drug", stops, any_one),
        ("all_drugs", stops, every_one),
    ):
        children = drugs.group_by(CHILD).agg(is_stopped=is_stopped)
        rows += _count(topic, name, children, reason)
    for drug in sorted(stops["drug"].unique()):
        mine = stops.filter(pl.col("drug") == drug)
        rows += _count(topic, drug, mine, reason)
        rows += _count_reasons(topic, drug, mine, rule)
    return rows


def derive_drugs_stopped(
    inputs: Inputs, regimens: pl.DataFrame, rule: StoppedDrugs
) -> pl.DataFrame:
    """Give a row for each child and drug it was on when IVIG began.

    Returns patient_id, drug, is_cytotoxic, days_observed (from the first infusion),
    ``is_stopped`` and ``stop_reason`` (of the last period). A dose of 0 is no treatment. Missing
    (null): the last day with the drug is too near to the end of observation to tell a stop from a
    gap.
    """
    periods = inputs.table("drug_period").filter(pl.col("dose_mg_day").ne_missing(0.0))
    followed = regimens.select(CHILD, "first_infusion", "observed_until").join(periods, on=CHILD)
    covers = (pl.col("start_date") <= pl.col("first_infusion")) & (
        pl.col("end_date") >= pl.col("first_infusion")
    ).fill_null(True)
    last = pl.col("end_date").max()
    days_off = (pl.col("observed_until") - pl.col("last_day")).dt.total_days()
    cytotoxic = [drug.id for drug in drugs_of(inputs.rulebook).values() if drug.is_cytotoxic]
    return (
        followed.sort(CHILD, "drug", "end_date", "row_id")
        .group_by(CHILD, "drug", maintain_order=True)
        .agg(
            pl.col("first_infusion", "observed_until").first(),
            is_on=covers.any(),
            is_ongoing=pl.col("end_date").is_null().any(),
            last_day=last,
            stop_reason=pl.col("stop_reason")
            .filter(pl.col("end_date") == last)
            .drop_nulls()
            .last(),
        )
        .filter("is_on")
        .select(
            CHILD,
            "drug",
            is_cytotoxic=pl.col("drug").is_in(cytotoxic),
            days_observed=(pl.col("observed_until") - pl.col("first_infusion")).dt.total_days(),
            is_stopped=pl.when(pl.col("is_ongoing") | (days_off <= 0))
            .then(pl.lit(False))
            .when(days_off >= rule.off_days)
            .then(pl.lit(True)),
            stop_reason=pl.col("stop_reason").fill_null(NOT_RECORDED),
        )
    )


def _count(topic: Topic, name: str, children: pl.DataFrame, reason: str) -> list[Row]:
    """Give the number at risk, how many of them stopped, and how many cannot be told yet."""
    judged = children["is_stopped"].drop_nulls()
    stopped = int(judged.sum())
    return [
        topic.count(f"{name}:at_first_infusion", children.height, children.height),
        topic.count(f"{name}:stopped", stopped, judged.len()),
        *topic.proportion(f"{name}:stopped", stopped, judged.len(), reason),
        topic.count(f"{name}:too_recent", children.height - judged.len(), children.height),
    ]


def _count_reasons(
    topic: Topic, drug: str, children: pl.DataFrame, rule: StoppedDrugs
) -> list[Row]:
    """Give the stops for a complication as a share of their own, and every recorded reason."""
    judged = children.filter(pl.col("is_stopped").is_not_null())
    reasons = count_words(judged.filter("is_stopped")["stop_reason"])
    for_complication = reasons.get(rule.complication, 0)
    other = sum(reasons.values()) - for_complication
    rows: list[Row] = []
    for name, count in ((rule.complication, for_complication), ("no_complication", other)):
        variable = f"{drug}:stopped_{name}"
        rows.append(topic.count(variable, count, judged.height))
        rows += topic.proportion(variable, count, judged.height, NOBODY_ON_IT)
    return rows + [
        topic.count(f"{drug}:stop_reason:{reason}", count, sum(reasons.values()))
        for reason, count in reasons.items()
    ]
