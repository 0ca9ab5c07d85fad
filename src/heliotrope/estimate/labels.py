"""The labels of clinicians: each beside the pattern found, and settled into one a regimen."""

from __future__ import annotations

import polars as pl

PAIR = ["patient_id", "regimen"]

CONSENSUS, ONE_RATER, ALL, MAJORITY, OPEN = "consensus", "one_rater", "all", "majority", "open"

WAYS = (CONSENSUS, ONE_RATER, ALL, MAJORITY, OPEN)


def pair_labels(adjudication: pl.DataFrame, response: pl.DataFrame) -> pl.DataFrame:
    """Put each label beside the pattern found: patient_id, regimen, rater, label, found.

    A label without a regimen number means the child's first; the last of two labels of one rater
    counts; a label of a regimen that is not there is left out. A rater without a name is "".
    """
    first = response.group_by("patient_id").agg(first_regimen=pl.col("regimen").min())
    return (
        adjudication.sort("row_id")
        .join(first, on="patient_id")
        .select(
            "patient_id",
            regimen=pl.coalesce("regimen", "first_regimen"),
            rater=pl.col("rater").fill_null("").str.strip_chars(),
            label=pl.col("pattern").str.strip_chars().str.to_lowercase(),
        )
        .unique([*PAIR, "rater"], keep="last", maintain_order=True)
        .join(response.select(*PAIR, found="pattern"), on=PAIR)
        .sort(*PAIR, "rater")
    )


def settle_labels(pairs: pl.DataFrame, consensus_rater: str) -> pl.DataFrame:
    """Settle one label a regimen: patient_id, regimen, found, label, settled_by, has_dispute.

    An agreed label (rater ``consensus_rater``) counts where there is one; else the label of more
    than half of the raters of that regimen; else the label is null and ``settled_by`` is ``open``.
    ``has_dispute``: the raters themselves gave different labels.
    """
    is_agreed = is_consensus(consensus_rater)
    raters = pairs.filter(is_agreed.not_())
    counted = (
        raters.group_by(*PAIR, "label")
        .len("votes")
        .with_columns(raters=pl.col("votes").sum().over(PAIR))
        .sort(*PAIR, "votes", "label", descending=[False, False, True, False])
        .group_by(PAIR, maintain_order=True)
        .agg(
            voted=pl.col("label").first(),
            votes=pl.col("votes").first(),
            raters=pl.col("raters").first(),
        )
    )
    agreed = pairs.filter(is_agreed).select(*PAIR, agreed="label")
    votes, of = pl.col("votes"), pl.col("raters")
    way = (
        pl.when(pl.col("agreed").is_not_null())
        .then(pl.lit(CONSENSUS))
        .when(of == 1)
        .then(pl.lit(ONE_RATER))
        .when(votes == of)
        .then(pl.lit(ALL))
        .when(2 * votes > of)
        .then(pl.lit(MAJORITY))
        .otherwise(pl.lit(OPEN))
    )
    return (
        pairs.select(*PAIR, "found")
        .unique(PAIR, maintain_order=True)
        .join(counted, on=PAIR, how="left", maintain_order="left")
        .join(agreed, on=PAIR, how="left", maintain_order="left")
        .with_columns(settled_by=way)
        .select(
            *PAIR,
            "found",
            "settled_by",
            label=pl.coalesce(
                "agreed", pl.when(pl.col("settled_by") != OPEN).then(pl.col("voted"))
            ),
            has_dispute=(votes < of).fill_null(False),
        )
    )


def is_consensus(consensus_rater: str) -> pl.Expr:
    """Say whether a label is the agreed one of several raters, not that of one of them."""
    return pl.col("rater").str.to_lowercase() == consensus_rater


def name_raters(pairs: pl.DataFrame, consensus_rater: str) -> dict[str, str]:
    """Give each rater a number, in alphabetical order: names are never printed.

    >>> pairs = pl.DataFrame({"rater": ["Smith", "consensus", "Adams"]})
    >>> name_raters(pairs, "consensus")
    {'Adams': 'rater_1', 'Smith': 'rater_2'}
    """
    names = pairs.filter(is_consensus(consensus_rater).not_())["rater"].unique().sort()
    return {name: f"rater_{number}" for number, name in enumerate(names, start=1)}
