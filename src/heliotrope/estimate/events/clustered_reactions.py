"""How often an infusion, or a course, is followed by a reaction, when some children react often.

The rates of ``reactions`` take every infusion as independent. Here a child's infusions belong
together (``beta_binomial``): the share is that of an average child's infusions, its interval
counts children, and the correlation says how much of the chance of a reaction is the child's own.
An occasion belongs to the first infusion day, and the course, that it followed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from heliotrope.estimate import wording
from heliotrope.estimate.events.beta_binomial import ClusteredShare, estimate_clustered_share
from heliotrope.estimate.inputs import Inputs
from heliotrope.estimate.reactions import (
    ALL,
    NO_DENOMINATOR,
    OCCASION,
    OUTSIDE,
    WITHOUT_UNRELATED,
)
from heliotrope.estimate.rows import Figure, Row, Topic
from heliotrope.estimate.wording import worded

TOO_FEW = worded(
    "{children} children: a correlation within children is only estimated from {least} on"
)

DAY = ["patient_id", "regimen", "course", "date"]

COURSE = ["patient_id", "regimen", "course"]


CORRELATION = worded(
    "{value:.2f} ({low:.2f}-{high:.2f}; 0 no child differs, 1 a child reacts always or never)"
)


@dataclass(frozen=True)
class Followed:
    """Every infusion day of a course, and whether an occasion began after it.

    ``days``: patient_id, regimen, course, date, ``is_followed``.
    """

    days: pl.DataFrame

    def per_child(self, key: list[str]) -> pl.DataFrame:
        """Count each child's units (days or courses) and those followed by a reaction."""
        units = self.days.group_by(key).agg(pl.col("is_followed").any())
        return (
            units.group_by("patient_id")
            .agg(hits=pl.col("is_followed").sum().cast(pl.Int64), trials=pl.len().cast(pl.Int64))
            .sort("patient_id")
        )


def derive_followed(inputs: Inputs, group: str) -> Followed:
    """Mark the infusion days that an occasion followed; ``group`` as in ``reactions``."""
    days = inputs.table("infusion_day").filter(pl.col("course").is_not_null()).select(DAY).unique()
    is_counted = (pl.col("window") != OUTSIDE) & pl.col("regimen").is_not_null()
    reactions = (
        inputs.table("reaction")
        .filter(is_counted)
        .with_columns(occasion=pl.coalesce(pl.col("group").cast(pl.Int64), pl.col("row_id")))
    )
    if group == WITHOUT_UNRELATED:
        reactions = reactions.filter(pl.col("related").fill_null(True))
    first = (
        reactions.group_by(OCCASION)
        .agg(date=pl.col("infusion_day").min())
        .select("patient_id", "date", is_followed=pl.lit(True))
        .unique()
    )
    return Followed(
        days.join(first, on=["patient_id", "date"], how="left")
        .with_columns(pl.col("is_followed").fill_null(False))
        .sort(DAY)
    )


def estimate_clustered_reactions(inputs: Inputs) -> list[Row]:
    """Give the share of infusions and of courses followed by a reaction, children counted."""
    topic = inputs.topic("reactions_clustered", inputs.model_free.id)
    rows: list[Row] = []
    for group in (ALL, WITHOUT_UNRELATED):
        followed = derive_followed(inputs, group)
        for name, key in (("infusion_day", DAY), ("course", COURSE)):
            rows += describe_share(inputs, topic.of(group=group), name, followed.per_child(key))
    return rows


def describe_share(
    inputs: Inputs, topic: Topic, variable: str, per_child: pl.DataFrame
) -> list[Row]:
    """Give the count, the share with its interval, and the correlation within children.

    ``per_child``: hits and trials, a row a child.
    """
    hits, trials = int(per_child["hits"].sum()), int(per_child["trials"].sum())
    children = per_child.height
    counts = [
        topic.count(variable, hits, trials),
        topic.count(f"{variable}:children", children, children),
    ]
    names = ("share_clustered", "correlation_within_children")
    if children == 0:
        return [*counts, *(topic.refuse(variable, name, NO_DENOMINATOR) for name in names)]
    found = estimate_clustered_share(
        per_child["hits"].to_numpy().astype(np.int64),
        per_child["trials"].to_numpy().astype(np.int64),
        topic.level,
    )
    words = wording.clustered(hits, trials, found.share, found.interval)
    share = topic.figure(variable, names[0], Figure(found.share, words, children, found.interval))
    return [*counts, share, _correlation_row(inputs, topic, variable, (found, children))]


def _correlation_row(
    inputs: Inputs, topic: Topic, variable: str, fitted: tuple[ClusteredShare, int]
) -> Row:
    found, children = fitted
    name = "correlation_within_children"
    least = inputs.model_free.reactions.min_children_correlation
    interval = found.correlation_interval
    if found.correlation is None or interval is None:
        return topic.refuse(variable, name, str(found.refused), children)
    if children < least:
        reason = TOO_FEW.format(children=children, least=least)
        return topic.refuse(variable, name, reason, children)
    words = CORRELATION.format(value=found.correlation, low=interval.low, high=interval.high)
    return topic.figure(variable, name, Figure(found.correlation, words, children, interval))
