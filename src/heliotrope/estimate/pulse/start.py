"""Who could have been given IVIG, when, and who was: the time at risk, from a study's records.

IVIG is started on bad days, which pass by themselves. What lasts can be told from that only beside
children who were at risk and did not start, seen often enough before (``docs/start_rule.md``). Then
the start itself is modelled: every child enters, treated or not, with its whole record from its
first visit (day 0), and at each visit at risk the log-odds of starting read the last rating and
the latent activity.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import polars as pl

from heliotrope.definitions.pulse_model import PulseModel, StartRule
from heliotrope.estimate.inputs import Inputs
from heliotrope.estimate.wording import worded

HAZARD: StartRule = "hazard"


FEW_NOT_STARTED = worded(
    "children at risk who did not start IVIG: {children} (asked for: {least}); IVIG is started on "
    "bad days, and treated children alone do not tell a lasting effect from getting better anyway"
)

FEW_VISITS_BEFORE = worded(
    "a child at risk of starting IVIG has {visits:.1f} rated visits on average before it starts "
    "(asked for: {asked:.0f}): how bad days pass without IVIG is not seen"
)


@dataclass(frozen=True)
class StartEvidence:
    """What the records hold of the decision to start, and the start rule that follows from it.

    ``started``, ``not_started``: children seen at risk; ``visits``: their rated visits at risk, the
    day of the start included. ``reason``: why the start cannot be modelled; none where it is.
    """

    rule: StartRule
    started: int = 0
    not_started: int = 0
    visits: int = 0
    reason: str | None = None

    @property
    def visits_a_child(self) -> float:
        """Return the mean number of rated visits at risk of a child seen at risk."""
        return self.visits / max(self.started + self.not_started, 1)

    @property
    def is_modelled(self) -> bool:
        """Say whether the start is part of the model."""
        return self.rule == HAZARD


def select_never_started(inputs: Inputs, regimens: pl.DataFrame) -> pl.DataFrame:
    """Give children without a treatment regimen: patient_id, first_infusion (null), until.

    They are at risk until observation ends, or to the day before immunoglobulin is first given
    under the skin or for another purpose.
    """
    other = inputs.table("infusion_day").group_by("patient_id").agg(other=pl.col("date").min())
    day_before = pl.col("other") - pl.duration(days=1)
    return (
        inputs.patients.select("patient_id", "observed_until")
        .join(regimens, on="patient_id", how="anti")
        .join(other, on="patient_id", how="left")
        .select(
            "patient_id",
            first_infusion=pl.lit(None, dtype=pl.Date),
            until=pl.min_horizontal("observed_until", day_before),
        )
        .drop_nulls("until")
    )


def mark_risk(visits: pl.DataFrame, anchor: str) -> pl.DataFrame:
    """Add day (from the child's first visit), is_at_risk and is_start; sorted by child and date.

    ``visits``: patient_id, date, first_infusion and the measures. A child is at risk from its first
    rating (the anchoring measure) to the day it starts. A start between visits gets a row of its
    own, on which nothing is measured. Nobody is at risk later, counted from the first visit, than
    the last start seen: who is left then was not, or no longer, considered.
    """
    first = visits.group_by("patient_id").agg(origin=pl.col("date").min())
    starts = (
        visits.select("patient_id", "first_infusion", date="first_infusion")
        .unique()
        .drop_nulls()
        .join(visits, on=["patient_id", "date"], how="anti")
        .with_columns(is_added=pl.lit(value=True))
    )
    is_rated = pl.col(anchor).is_not_null().cum_sum().over("patient_id") > 0
    is_before = pl.col("first_infusion").is_null() | (pl.col("date") <= pl.col("first_infusion"))
    marked = (
        pl.concat([visits, starts], how="diagonal")
        .sort("patient_id", "date")
        .join(first, on="patient_id", maintain_order="left")
        .with_columns(
            day=(pl.col("date") - pl.col("origin")).dt.total_days(),
            is_at_risk=is_rated & is_before,
        )
        .with_columns(
            is_start=pl.col("is_at_risk")
            & (pl.col("date") == pl.col("first_infusion")).fill_null(value=False)
        )
        .filter(pl.col("is_added").is_null() | pl.col("is_start"))
    )
    last_start = pl.col("day").filter(pl.col("is_start")).max()
    is_in_time = (pl.col("day") <= last_start).fill_null(value=False)
    return marked.with_columns(is_at_risk=pl.col("is_at_risk") & is_in_time).drop("is_added")


def choose_start_rule(marked: pl.DataFrame, anchor: str, model: PulseModel) -> StartEvidence:
    """Say whether the start can be modelled, from the marked visits; else why not."""
    by_child = (
        marked.filter(pl.col("is_at_risk"))
        .group_by("patient_id")
        .agg(has_started=pl.col("is_start").any(), rated=pl.col(anchor).count())
    )
    started = int(by_child["has_started"].sum())
    not_started = by_child.height - started
    evidence = StartEvidence(HAZARD, started, not_started, int(by_child["rated"].sum()))
    reason = _refuse(evidence, model)
    if reason is None:
        return evidence
    return replace(evidence, rule=model.start_rule.default, reason=reason)


def _refuse(evidence: StartEvidence, model: PulseModel) -> str | None:
    limits, children = model.refusals, evidence.not_started
    if children < limits.children_not_started_at_least:
        return FEW_NOT_STARTED.format(children=children, least=limits.children_not_started_at_least)
    if evidence.visits_a_child < limits.visits_at_risk_a_child_at_least:
        return FEW_VISITS_BEFORE.format(
            visits=evidence.visits_a_child, asked=limits.visits_at_risk_a_child_at_least
        )
    return None
