"""Steroid-resistant, steroid-dependent, steroid stopped: how many of the children who had IVIG.

Each concept is judged before the child's first regimen (why IVIG may have been given) and over the
whole record. These are operational rules of the project: the shares describe, they compare nothing.
"""

from __future__ import annotations

import polars as pl

from heliotrope.definitions.steroid import SteroidConcept, SteroidDiscontinuation
from heliotrope.estimate.inputs import NO_IVIG, Inputs, count_words
from heliotrope.estimate.rows import Row, Topic
from heliotrope.estimate.wording import worded

BEFORE = "before_first_regimen"

WHOLE = "whole_record"

NOBODY = worded(
    "no child could be judged; those not evaluable and those it does not apply to are counted apart"
)


def estimate_steroid_outcomes(inputs: Inputs) -> list[Row]:
    """Give, for each concept and moment, the share of the children judged who met it.

    Children never on a steroid (``not_reached``) and those who cannot be judged
    (``not_evaluable``) are counted and stand in no denominator.
    """
    treated = inputs.first_regimens().select("patient_id")
    outcomes = inputs.gather(
        lambda piece: piece.table("steroid_outcome").join(treated, on="patient_id", how="semi")
    )
    moments = {
        BEFORE: inputs.of_group(outcomes.filter(pl.col("regimen").is_not_null())),
        WHOLE: outcomes.filter(pl.col("regimen").is_null()),
    }
    rows: list[Row] = []
    for concept in sorted(inputs.rulebook.of_kind(SteroidConcept), key=lambda item: item.id):
        topic = inputs.topic("steroid_outcome", concept.id)
        for moment, judged in moments.items():
            if moment == BEFORE and isinstance(concept, SteroidDiscontinuation):
                continue
            mine = judged.filter(pl.col("definition_id") == concept.id)
            rows += _estimate_moment(topic, f"{concept.id}:{moment}", mine, treated.height)
    return rows


def _estimate_moment(topic: Topic, variable: str, judged: pl.DataFrame, treated: int) -> list[Row]:
    states = count_words(judged["state"])
    met = states.get("met", 0)
    decided = met + states.get("not_met", 0)
    refused = NO_IVIG if treated == 0 else NOBODY
    return [
        topic.count(variable, met, decided),
        *topic.proportion(variable, met, decided, refused),
        *(
            topic.count(f"{variable}:{state}", states.get(state, 0), judged.height)
            for state in ("not_evaluable", "not_reached")
        ),
    ]
