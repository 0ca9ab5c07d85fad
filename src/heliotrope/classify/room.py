"""Is there room to improve at baseline? The facts behind the reason ``no_room``."""

from __future__ import annotations

import polars as pl

from heliotrope.definitions.load import Rulebook
from heliotrope.definitions.response import ResponseDefinition
from heliotrope.definitions.score import ScoreDefinition
from heliotrope.derive.derived import Derived
from heliotrope.derive.scores import derive_attainable
from heliotrope.records.exact import compute_comparison

REGIMEN = ["patient_id", "regimen"]


def derive_baseline_facts(
    derived: Derived, definition: ResponseDefinition, rulebook: Rulebook
) -> pl.DataFrame:
    """Give, for each regimen, how much there is at baseline and how far it could improve.

    Columns: ``treatment_purpose`` (1 or 0), ``baseline_recorded`` (measures with a baseline, less
    weight, height, temperature and judgements), ``attainable_score_room`` (the score if every
    measure went to its best value; measures not recorded add 0), ``physician_global_room`` (its
    baseline; null when missing) and ``tier_c_items_room`` (items that could improve by their
    step; a judgement, and an enzyme in range, cannot).
    """
    score = rulebook.get(definition.tier_a.score, ScoreDefinition)
    attainable = derive_attainable(derived.baselines, [score], rulebook.settings).select(
        *REGIMEN, pl.col("score_max_attainable").alias("attainable_score_room")
    )
    essential = derived.baselines.filter(pl.col("measure") == definition.tier_b.essential).select(
        *REGIMEN,
        pl.col("baseline_value").alias("physician_global_room"),
        pl.concat_list("baseline_row_id").alias("physician_global_row_ids"),
    )
    return (
        derived.regimens.select(
            *REGIMEN,
            (pl.col("purpose") == "treatment").cast(pl.Float64).alias("treatment_purpose"),
        )
        .join(_count_measures(derived, definition), on=REGIMEN, how="left")
        .join(attainable, on=REGIMEN, how="left")
        .join(essential, on=REGIMEN, how="left")
        .join(_count_items(derived, definition), on=REGIMEN, how="left")
        .with_columns(
            pl.col("baseline_recorded", "attainable_score_room", "tier_c_items_room").fill_null(0.0)
        )
    )


def _count_measures(derived: Derived, definition: ResponseDefinition) -> pl.DataFrame:
    """Count the measures that make a baseline."""
    with_say = [
        name
        for name, measure in derived.measures.items()
        if measure.domain not in definition.baseline.domains_without_say
    ]
    return (
        derived.baselines.filter(pl.col("measure").is_in(with_say))
        .group_by(REGIMEN)
        .agg(
            pl.len().cast(pl.Float64).alias("baseline_recorded"),
            pl.col("baseline_row_id").sort().alias("baseline_row_ids"),
        )
    )


def _count_items(derived: Derived, definition: ResponseDefinition) -> pl.DataFrame:
    """Count the tier-C items that could improve by their step; strength counts once."""
    tier = definition.tier_c
    value = pl.col("baseline_value")
    frames = []
    for step in (*tier.strength, tier.function):
        measure = derived.measures[step.measure]
        best = measure.maximum if measure.better == "high" else measure.minimum
        if best is None:
            continue
        frames.append(
            derived.baselines.filter(pl.col("measure") == step.measure).select(
                *REGIMEN,
                pl.lit("function" if step is tier.function else "strength").alias("item"),
                compute_comparison((pl.lit(best) - value).abs(), ">=", step.step).alias("can"),
            )
        )
    frames.append(
        derived.baselines.filter(pl.col("measure") == tier.enzyme).select(
            *REGIMEN,
            pl.lit("enzyme").alias("item"),
            compute_comparison(value, ">", pl.col("baseline_upper_limit")).alias("can"),
        )
    )
    return (
        pl.concat(frames)
        .group_by([*REGIMEN, "item"])
        .agg(pl.col("can").any())
        .group_by(REGIMEN)
        .agg(pl.col("can").sum().cast(pl.Float64).alias("tier_c_items_room"))
    )
