"""What happened after IVIG stopped: the share that worsened, and when.

Population: children who were improved at the last on-regimen visit and whose regimen was stopped
for another reason than inefficacy or a reaction; all others are ``not_reached`` and not counted.
Time runs from the last infusion. A stop is only known some time later (on the recorded day, or
when 70 days have passed without an infusion), so a child enters the curve on that day: what
happened before could not have been counted for a child whose IVIG was merely late.
"""

from __future__ import annotations

import polars as pl

from heliotrope.definitions.response import AGGRAVATION
from heliotrope.estimate.curves import estimate_curve_rows
from heliotrope.estimate.inputs import FIRST_REGIMENS, LATER_REGIMENS, NO_IVIG, Inputs, count_words
from heliotrope.estimate.kaplan_meier import estimate_curve
from heliotrope.estimate.rows import Row, Topic
from heliotrope.estimate.wording import worded

NOBODY = worded(
    "no child was improved at the last visit on IVIG and then stopped for another reason than "
    "inefficacy or a reaction"
)

NOT_SEEN = worded("no such child was observed long enough after stopping")

NOBODY_AT_RISK = worded("nobody was observed after the day on which the stop was known")


def estimate_after_stopping(inputs: Inputs) -> list[Row]:
    """Give the proportions that worsened, the limbs that showed it and the curve."""
    rows: list[Row] = []
    for group in (FIRST_REGIMENS, LATER_REGIMENS):
        aggravation = inputs.of_group(inputs.table("aggravation"), group)
        if group == LATER_REGIMENS and aggravation.height == 0:
            continue
        population = derive_population(inputs, aggravation)
        topic = inputs.topic("aggravation", AGGRAVATION).of(group=group)
        rows += _estimate_shares(inputs, topic, aggravation, population)
        rows += _estimate_limbs(topic, population)
        if group == FIRST_REGIMENS:
            rows += _estimate_time(inputs, topic.of("aggravation_time"), population)
    return rows


def derive_population(inputs: Inputs, aggravation: pl.DataFrame) -> pl.DataFrame:
    """Give the children at risk of worsening after stopping, with their times in days.

    Columns: patient_id, regimen, state, limb, ``entry`` (the stop is known), ``seen`` (end of
    observation, or the first infusion of the next regimen), ``event_day`` (null: none before).
    Days count from the last infusion. A child not evaluable within 180 days belongs here too, if
    its regimen stopped and its last evaluable on-regimen visit was improved: it was at risk for a
    while.
    """
    last_visit = (
        inputs.table("visit")
        .filter(pl.col("is_on_regimen") & pl.col("state").is_in(["met", "not_met"]))
        .sort("patient_id", "regimen", "date")
        .group_by("patient_id", "regimen", maintain_order=True)
        .agg(last_state=pl.col("state").last())
    )
    regimens = inputs.table("regimen").sort("patient_id", "regimen")
    spans = regimens.select(
        "patient_id",
        "regimen",
        "status",
        "last_infusion",
        "stop_known_date",
        end=pl.min_horizontal(
            "observed_until", pl.col("first_infusion").shift(-1).over("patient_id")
        ),
    )
    last = pl.col("last_infusion")
    event_day = pl.coalesce(
        pl.col("days_after_last_infusion"), (pl.col("date") - last).dt.total_days()
    )
    is_at_risk = pl.col("state").is_in(["met", "not_met"]) | (
        (pl.col("state") == "not_evaluable")
        & (pl.col("status") == "discontinued")
        & (pl.col("last_state") == "met")
    )
    return (
        aggravation.join(spans, on=["patient_id", "regimen"], how="left", maintain_order="left")
        .join(last_visit, on=["patient_id", "regimen"], how="left", maintain_order="left")
        .filter(is_at_risk)
        .select(
            "patient_id",
            "regimen",
            "state",
            "limb",
            entry=(pl.col("stop_known_date") - last).dt.total_days().clip(0).cast(pl.Int64),
            seen=(pl.col("end") - last).dt.total_days().cast(pl.Int64),
            event_day=event_day.cast(pl.Int64),
        )
        .with_columns(seen=pl.max_horizontal("seen", "event_day"))
    )


def _estimate_shares(
    inputs: Inputs, topic: Topic, aggravation: pl.DataFrame, population: pl.DataFrame
) -> list[Row]:
    """Give the share that worsened within each window, among those seen for the whole window.

    A child that worsened inside the window counts however long it was seen, one that did not only
    if it was seen to the end: where many are lost early the share is therefore too high, and the
    curve, which uses their time, is the one to read. ``ever`` has no limit: it counts all, though
    some were seen longer than others.
    """
    definition = inputs.aggravation
    refused = NO_IVIG if aggravation.height == 0 else NOBODY
    rows = [
        topic.count("population", population.height, aggravation.height),
        topic.count(
            "not_in_population", aggravation.height - population.height, aggravation.height
        ),
    ]
    nobody = NOT_SEEN if population.height else refused
    states = count_words(population["state"])
    met, not_met = states.get("met", 0), states.get("not_met", 0)
    name = f"within_{definition.window_days}_days"
    rows += _share(topic, name, met, met + not_met, nobody)
    rows.append(topic.count(f"{name}:not_evaluable", states.get("not_evaluable", 0), met + not_met))
    for days in definition.also_days:
        inside = int((population["event_day"] <= days).sum())
        free = population.filter(
            (pl.col("event_day").is_null() | (pl.col("event_day") > days))
            & (pl.col("seen") >= days)
        ).height
        rows += _share(topic, f"within_{days}_days", inside, inside + free, nobody)
    ever = population.height - population["event_day"].null_count()
    return [*rows, *_share(topic, "ever", ever, population.height, refused)]


def _share(topic: Topic, variable: str, count: int, total: int, refused: str) -> list[Row]:
    return [
        topic.count(variable, count, total),
        *topic.proportion(variable, count, total, refused),
    ]


def _estimate_limbs(topic: Topic, population: pl.DataFrame) -> list[Row]:
    worsened = population.filter(pl.col("event_day").is_not_null())
    rows = topic.summary(
        "days_after_last_infusion",
        worsened["event_day"],
        worded("no aggravation after stopping is recorded") if population.height else NOBODY,
    )
    for limb, count in count_words(worsened["limb"]).items():
        rows.append(topic.of("aggravation_limb").count(limb, count, worsened.height))
    return rows


def _estimate_time(inputs: Inputs, topic: Topic, population: pl.DataFrame) -> list[Row]:
    """Give the Kaplan-Meier curve with delayed entry, and who could not enter it."""
    times = population.select(
        "entry",
        exit=pl.coalesce("event_day", "seen"),
        is_event=pl.col("event_day").is_not_null(),
    )
    too_early = times.filter(
        pl.col("exit").is_null() | pl.col("entry").is_null() | (pl.col("exit") <= pl.col("entry"))
    )
    rows = [
        topic.count("worsened_before_entry", too_early.filter("is_event").height, times.height),
        topic.count(
            "left_before_entry", too_early.filter(pl.col("is_event").not_()).height, times.height
        ),
    ]
    curve = estimate_curve(times.drop_nulls(), topic.level)
    reason = NOBODY_AT_RISK if population.height else NOBODY
    return rows + estimate_curve_rows(
        topic, curve, inputs.parameters.after_stopping.printed_days, reason
    )
