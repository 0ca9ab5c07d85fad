"""Do clinicians see what the definitions see: agreement with a study's own adjudication.

Until a study brings labels, every report says "not validated against clinicians' judgement".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import polars as pl

from heliotrope.definitions.estimate import Adjudication
from heliotrope.definitions.response import RESPONSE
from heliotrope.estimate.inputs import Inputs
from heliotrope.estimate.kappa import (
    Rated,
    estimate_cohen_kappa,
    estimate_fleiss_kappa,
)
from heliotrope.estimate.labels import PAIR, WAYS, name_raters, pair_labels, settle_labels
from heliotrope.estimate.rows import Row, Topic
from heliotrope.estimate.wording import worded

NOT_VALIDATED = worded("not validated against clinicians' judgement: the study has no adjudication")

NO_LABEL_FITS = worded(
    "not validated against clinicians' judgement: no label belongs to a recorded regimen"
)

NOBODY_SETTLED = worded("the raters agree on no child")

NOTHING_DECIDED = worded("no regimen was decided by both")

NOT_BOTH = worded("they labelled no regimen in common")

BETWEEN = "between_raters"


def estimate_agreement(inputs: Inputs) -> list[Row]:
    """Compare the pattern found with the labels of clinicians, over all regimens.

    Group ``all``: the settled label (see ``labels.settle_labels``) against the definition; groups
    ``rater_1``, ``rater_2``, ... (in alphabetical order of the raters' names, which are not
    printed): each rater alone; groups ``rater_1_and_rater_2``, ...: the raters with each other.
    Each gives the share of equal labels and Cohen's kappa, whose interval counts children. Cells
    of the table of the settled label are in ``agreement_cell`` (variable ``found:label``).
    """
    topic = inputs.topic("agreement", RESPONSE)
    labels = inputs.record("adjudication")
    if labels.height == 0:
        return [topic.refuse("pattern", "proportion_exact", NOT_VALIDATED)]
    rule = inputs.parameters.adjudication
    response = inputs.table("response")
    pairs = pair_labels(labels, response)
    settled = settle_labels(pairs, rule.consensus_rater)
    known = settled.filter(pl.col("label").is_not_null())
    reason = NOBODY_SETTLED if pairs.height else NO_LABEL_FITS
    rows = [
        topic.count("labels", labels.height),
        topic.count("labels_without_regimen", labels.height - pairs.height, labels.height),
        topic.count("labelled", settled.height, response.height),
        topic.count("raters_disagree", int(settled["has_dispute"].sum()), settled.height),
        *(
            topic.count(f"settled:{way}", settled.filter(settled_by=way).height, settled.height)
            for way in WAYS
        ),
        *_compare_with_rules(topic, known, rule, reason),
    ]
    cells = known.group_by("found", "label").len().sort("found", "label")
    for found, label, count in cells.iter_rows():
        rows.append(topic.of("agreement_cell").count(f"{found}:{label}", count, known.height))
    numbered = name_raters(pairs, rule.consensus_rater)
    for rater, group in numbered.items():
        own = pairs.filter(pl.col("rater") == rater)
        rows += _compare_with_rules(topic.of(group=group), own, rule, reason)
    return rows + _compare_raters(topic, pairs, numbered)


def _compare_with_rules(
    topic: Topic, pairs: pl.DataFrame, rule: Adjudication, reason: str
) -> list[Row]:
    """Compare found with label: the pattern, among those decided by both, and whether improved."""
    decided = pairs.filter(
        pl.col("found").is_in(rule.undecided).not_() & pl.col("label").is_in(rule.undecided).not_()
    )
    improved = decided.with_columns(
        pl.col("found", "label").is_in(rule.not_improved).not_().cast(pl.String)
    )
    apart = NOTHING_DECIDED if pairs.height else reason
    return [
        *_compare(topic, "pattern", pairs, ("found", "label"), reason),
        *_compare(topic, "pattern_decided", decided, ("found", "label"), apart),
        *_compare(topic, "improved", improved, ("found", "label"), apart),
    ]


def _compare_raters(topic: Topic, pairs: pl.DataFrame, numbered: Mapping[str, str]) -> list[Row]:
    """Compare each pair of raters on what both labelled; all of them together where they are more.

    Together only regimens that every rater labelled count.
    """
    by_rater = {
        group: pairs.filter(pl.col("rater") == rater).select(*PAIR, pl.col("label").alias(group))
        for rater, group in numbered.items()
    }
    rows: list[Row] = []
    for first, second in combinations(by_rater, 2):
        both = by_rater[first].join(by_rater[second], on=PAIR).sort(PAIR)
        own = topic.of(group=f"{first}_and_{second}")
        rows += _compare(own, BETWEEN, both, (first, second), NOT_BOTH)
    names = list(by_rater)
    if len(names) > len(("first", "second")):
        together = by_rater[names[0]]
        for name in names[1:]:
            together = together.join(by_rater[name], on=PAIR)
        kappa = estimate_fleiss_kappa(_rate(together.sort(PAIR), names), topic.level)
        rows.append(topic.kappa(BETWEEN, "kappa_fleiss", kappa))
    return rows


def _compare(
    topic: Topic, variable: str, pairs: pl.DataFrame, columns: tuple[str, str], reason: str
) -> list[Row]:
    """Give the share of equal words and Cohen's kappa; refused without anything to compare."""
    first, second = columns
    same = pairs.filter(pl.col(first) == pl.col(second)).height
    kappa = estimate_cohen_kappa(_rate(pairs, columns), topic.level)
    return [
        topic.count(variable, same, pairs.height),
        *topic.proportion(variable, same, pairs.height, reason),
        topic.kappa(variable, "kappa", kappa),
    ]


def _rate(pairs: pl.DataFrame, columns: Sequence[str]) -> list[Rated]:
    rows = pairs.select("patient_id", *columns).iter_rows()
    return [Rated(tuple(words), child) for child, *words in rows]
