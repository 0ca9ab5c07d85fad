"""Do clinicians see what the definitions see: agreement with a study's own adjudication.

Until a study brings labels, every report says "not validated against clinicians' judgement".
"""

from __future__ import annotations

import polars as pl

from heliotrope.estimate.inputs import RESPONSE, Inputs
from heliotrope.estimate.rows import Row

NOT_VALIDATED = "not validated against clinicians' judgement: the study has no adjudication"

NO_LABEL_FITS = (
    "not validated against clinicians' judgement: no label belongs to a recorded regimen"
)

NOBODY_UNANIMOUS = "the raters agree on no child"


def estimate_agreement(inputs: Inputs) -> list[Row]:
    """Give the share of labels that equal the pattern found, over all regimens.

    Group ``all``: regimens on which all raters agree, against the definition; groups
    ``rater_1``, ``rater_2``, ... (in alphabetical order of the raters' names, which are not
    printed): each rater alone. Cells of the table of agreement are in ``agreement_cell``
    (variable ``found:label``). A label without a regimen number means the first. Simple
    agreement; chance is not taken out.
    """
    topic = inputs.topic("agreement", RESPONSE)
    labels = inputs.record("adjudication")
    if labels.height == 0:
        return [topic.refuse("pattern", "proportion_exact", NOT_VALIDATED)]
    pairs = _pair(inputs, labels)
    unanimous = (
        pairs.group_by("patient_id", "regimen")
        .agg(pl.col("found", "label").first(), labels=pl.col("label").n_unique())
        .with_columns(is_unanimous=pl.col("labels") == 1)
    )
    agreed = unanimous.filter("is_unanimous")
    same = agreed.filter(pl.col("found") == pl.col("label")).height
    reason = NOBODY_UNANIMOUS if pairs.height else NO_LABEL_FITS
    rows = [
        topic.count("labels", labels.height),
        topic.count("labels_without_regimen", labels.height - pairs.height, labels.height),
        topic.count("raters_disagree", unanimous.height - agreed.height, unanimous.height),
        topic.count("pattern", same, agreed.height),
        *topic.proportion("pattern", same, agreed.height, reason),
    ]
    cells = agreed.group_by("found", "label").len().sort("found", "label")
    for found, label, count in cells.iter_rows():
        rows.append(topic.of("agreement_cell").count(f"{found}:{label}", count, agreed.height))
    raters = sorted(pairs["rater"].unique().to_list()) if pairs.height else []
    for number, rater in enumerate(raters, start=1):
        own = pairs.filter(pl.col("rater") == rater)
        same = own.filter(pl.col("found") == pl.col("label")).height
        rows += topic.of(group=f"rater_{number}").proportion("pattern", same, own.height, reason)
    return rows


def _pair(inputs: Inputs, labels: pl.DataFrame) -> pl.DataFrame:
    """Put each label beside the pattern found; the last of two labels of one rater counts."""
    first = (
        inputs.table("response").group_by("patient_id").agg(first_regimen=pl.col("regimen").min())
    )
    return (
        labels.sort("row_id")
        .join(first, on="patient_id")
        .select(
            "patient_id",
            regimen=pl.coalesce("regimen", "first_regimen"),
            rater=pl.col("rater").fill_null(""),
            label=pl.col("pattern").str.strip_chars().str.to_lowercase(),
        )
        .unique(["patient_id", "regimen", "rater"], keep="last", maintain_order=True)
        .join(
            inputs.table("response").select("patient_id", "regimen", found="pattern"),
            on=["patient_id", "regimen"],
        )
        .sort("patient_id", "regimen", "rater")
    )
