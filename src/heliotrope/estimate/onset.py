"""How fast, and how far: days to the first improved visit, and activity states ever reached."""

from __future__ import annotations

import polars as pl

from heliotrope.definitions.response import RESPONSE
from heliotrope.estimate.inputs import NO_IVIG, Inputs, count_words
from heliotrope.estimate.rows import Row
from heliotrope.estimate.wording import worded

NOT_IMPROVED = worded("no child had an improved visit")

NO_STATE = worded("no visit after the first infusion could be evaluated under this definition")


def estimate_onset_days(inputs: Inputs) -> list[Row]:
    """Summarise the days between which improvement began, in the children who improved.

    Improvement began after ``onset_after_day`` (last evaluable visit not improved) and by
    ``onset_by_day`` (first improved visit): the truth lies between, and the visits decide how
    narrowly. ``interval_days`` is the width. ``responded_courses`` is summarised in children who
    lost the response on treatment.
    """
    response = inputs.of_group(inputs.table("response"))
    improved = response.filter(pl.col("onset_by_day").is_not_null())
    topic = inputs.topic("onset_day", RESPONSE)
    reason = NO_IVIG if response.height == 0 else NOT_IMPROVED
    width = improved["onset_by_day"] - improved["onset_after_day"]
    lost = response.filter(pl.col("durability") == "lost_on_treatment")
    return [
        *topic.summary("onset_after_day", improved["onset_after_day"], reason),
        *topic.summary("onset_by_day", improved["onset_by_day"], reason),
        *topic.summary("interval_days", width, reason),
        *topic.summary(
            "responded_courses",
            lost["responded_courses"],
            worded("no child lost response on treatment"),
        ),
    ]


def estimate_states_reached(inputs: Inputs) -> list[Row]:
    """Give the share of children who were in a state (e.g. inactive disease) at some visit.

    Visits after the first infusion of the first regimen and up to the next regimen's; denominator:
    the children with at least one evaluable such visit.
    """
    per_child = inputs.gather(_derive_reached)
    rows: list[Row] = []
    for definition in count_words(per_child["definition_id"]):
        of_definition = per_child.filter((pl.col("definition_id") == definition) & "is_judged")
        reached = int(of_definition["is_reached"].sum())
        topic = inputs.topic("state_reached", definition)
        rows.append(topic.count(definition, reached, of_definition.height))
        rows += topic.proportion(definition, reached, of_definition.height, NO_STATE)
    return rows


def _derive_reached(inputs: Inputs) -> pl.DataFrame:
    """Say of each child and definition whether it was judged after IVIG began, and ever met."""
    regimens = inputs.first_regimens()
    states = inputs.table("state").join(
        regimens.select("patient_id", "first_infusion", "next_first_infusion", first="regimen"),
        on="patient_id",
    )
    is_judged = (
        (pl.col("date") > pl.col("first_infusion"))
        & (
            pl.col("next_first_infusion").is_null()
            | (pl.col("date") <= pl.col("next_first_infusion"))
        )
        & (pl.col("regimen").is_null() | (pl.col("regimen") == pl.col("first")))
        & pl.col("state").is_in(["met", "not_met"])
    ).fill_null(value=False)
    return states.group_by("patient_id", "definition_id").agg(
        is_judged=is_judged.any(), is_reached=((pl.col("state") == "met") & is_judged).any()
    )
