"""How many children: response, onset, durability, steroid effect and confounding as proportions."""

from __future__ import annotations

import polars as pl

from heliotrope.definitions.estimate import Family
from heliotrope.definitions.response import RESPONSE
from heliotrope.estimate.inputs import FIRST_REGIMENS, LATER_REGIMENS, NO_IVIG, Inputs, count_words
from heliotrope.estimate.rows import Row, Topic
from heliotrope.estimate.wording import worded

NOT_CONFOUNDED = "not_confounded"

NOBODY = worded("no child could be evaluated for this; the reasons are counted apart")


def estimate_proportions(inputs: Inputs) -> list[Row]:
    """Count the words of every axis of the response, children first, later regimens apart."""
    response = inputs.table("response")
    rows: list[Row] = []
    for group in (FIRST_REGIMENS, LATER_REGIMENS):
        regimens = inputs.of_group(response, group)
        if group == LATER_REGIMENS and regimens.height == 0:
            continue
        for family in inputs.parameters.families:
            topic = inputs.topic(family.analysis, RESPONSE).of(group=group)
            rows += _estimate_family(topic, family, regimens)
        rows += _estimate_ever_improved(
            inputs.topic("responded", RESPONSE).of(group=group), regimens
        )
        rows += _estimate_confounded(inputs.topic("confounded", RESPONSE).of(group=group), regimens)
        rows += _estimate_not_evaluable(
            inputs.topic("not_evaluable", RESPONSE).of(group=group), regimens
        )
    clear = inputs.of_group(response).filter(pl.col("confounded").not_())
    for family in inputs.parameters.families:
        if family.column == "responded" and clear.height:
            topic = inputs.topic(family.analysis, RESPONSE).of(group=NOT_CONFOUNDED)
            rows += _estimate_family(topic, family, clear)
    return rows


def _estimate_family(topic: Topic, family: Family, regimens: pl.DataFrame) -> list[Row]:
    """Give the share of every word among the evaluable, and the count of those left out.

    A word that the definition does not list (a local definition) is counted after the listed ones.
    """
    counts = count_words(regimens[family.column])
    left_out = sum(counts.get(word, 0) for word in family.left_out)
    total = sum(counts.values()) - left_out
    listed = [*family.categories, *(w for w in counts if w not in family.categories)]
    refused = NO_IVIG if regimens.height == 0 else NOBODY
    rows: list[Row] = []
    for word in listed:
        if word not in family.left_out:
            rows.append(topic.count(word, counts.get(word, 0), total))
            rows += topic.proportion(word, counts.get(word, 0), total, refused)
    for word in family.left_out:
        rows.append(topic.count(word, counts.get(word, 0), regimens.height))
    unsaid = regimens.height - sum(counts.values())
    if unsaid:
        rows.append(topic.count("not_applicable", unsaid, regimens.height))
    return rows


def _estimate_ever_improved(topic: Topic, regimens: pl.DataFrame) -> list[Row]:
    """Give the share with at least one improved visit, confirmed or not, beside the headline."""
    counts = count_words(regimens["responded"])
    improved = counts.get("confirmed", 0) + counts.get("unconfirmed", 0)
    total = improved + counts.get("no", 0)
    refused = NO_IVIG if regimens.height == 0 else NOBODY
    return [
        topic.count("ever_improved", improved, total),
        *topic.proportion("ever_improved", improved, total, refused),
    ]


def _estimate_confounded(topic: Topic, regimens: pl.DataFrame) -> list[Row]:
    """Give the share of improved children in whom another treatment could explain it, and which.

    The denominator are the children with an improved visit (those with an evidence tier).
    """
    improved = regimens.filter(pl.col("evidence_tier").is_not_null())
    confounded = improved.filter("confounded")
    total = improved.height
    refused = NO_IVIG if regimens.height == 0 else worded("no child had an improved visit")
    rows = [
        topic.count("confounded", confounded.height, total),
        *topic.proportion("confounded", confounded.height, total, refused),
    ]
    by = count_words(confounded["confounded_by"].list.unique().explode())
    for word, count in by.items():
        rows.append(topic.of("confounded_by").count(word, count, total))
        rows += topic.of("confounded_by").proportion(word, count, total, refused)
    return rows


def _estimate_not_evaluable(topic: Topic, regimens: pl.DataFrame) -> list[Row]:
    """Count the children whose pattern could not be evaluated, by reason."""
    unknown = regimens.filter(pl.col("pattern") == "not_evaluable")
    rows = [topic.count("response_pattern", unknown.height, regimens.height)]
    reasons = count_words(unknown["reason"].fill_null("no_reason_given"))
    for reason, count in reasons.items():
        rows.append(topic.count(f"response_pattern:{reason}", count, regimens.height))
    rows.append(
        topic.count(
            "responded",
            regimens.filter(pl.col("responded") == "not_evaluable").height,
            regimens.height,
        )
    )
    flags = count_words(regimens["flags"].list.unique().explode())
    for flag, count in flags.items():
        rows.append(topic.of("response_flag").count(flag, count, regimens.height))
    return rows
