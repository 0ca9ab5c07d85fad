"""Haemolysis after immunoglobulin by its case definition: how many courses and children, and where
nobody can tell.

A course is asked about only where something of the definition was measured or recorded after it.
Silence is no proof that there was none, so courses without any such value are counted apart and
stand in no denominator.
"""

from __future__ import annotations

import polars as pl

from heliotrope.definitions.haemolysis import HaemolysisCase
from heliotrope.estimate.inputs import NO_IVIG, Inputs, count_words
from heliotrope.estimate.rows import Row
from heliotrope.estimate.wording import worded

NOT_ASKED = worded(
    "after no course a haemoglobin, an antiglobulin test or another sign of haemolysis is recorded"
)

UNDECIDED = worded("no child could be decided: a course lacks a part of the case definition")


def estimate_haemolysis(inputs: Inputs) -> list[Row]:
    """Count the courses asked about and what they came to, then the children with a case.

    A child is with a case where any of its courses is one, without where all courses asked about
    are not, else not evaluable: the share is of the first two.
    """
    (definition,) = inputs.rulebook.of_kind(HaemolysisCase)
    topic = inputs.topic("haemolysis", definition.id)
    courses = inputs.table("course").height
    asked = inputs.table("haemolysis")
    states = count_words(asked["state"])
    open_courses = asked.filter(pl.col("state") == "not_evaluable")
    reasons = count_words(open_courses["reason"].fill_null("no_reason_given"))
    children = asked.group_by("patient_id").agg(
        is_case=(pl.col("state") == "met").any(),
        is_free=(pl.col("state") == "not_met").all(),
    )
    cases, free = (int(children[name].sum()) for name in ("is_case", "is_free"))
    refused = NO_IVIG if courses == 0 else NOT_ASKED if asked.is_empty() else UNDECIDED
    return [
        topic.count("courses_asked", asked.height, courses),
        *(
            topic.count(f"courses:{state}", states.get(state, 0), asked.height)
            for state in ("met", "not_met", "not_evaluable")
        ),
        *(
            topic.count(f"courses:not_evaluable:{reason}", count, open_courses.height)
            for reason, count in reasons.items()
        ),
        topic.count(
            "courses_recorded_as_haemolysis", asked.filter("is_recorded").height, asked.height
        ),
        topic.count("children", cases, cases + free),
        *topic.proportion("children", cases, cases + free, refused),
        topic.count("children:not_evaluable", children.height - cases - free, children.height),
    ]
