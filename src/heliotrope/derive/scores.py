"""Improvement scores: percent change of each measure, its points, and the bounds of their sum."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from heliotrope.definitions.score import ScoreDefinition
from heliotrope.definitions.settings import Settings
from heliotrope.derive.score_parts import count_bands, make_candidates, make_components
from heliotrope.records.exact import DECIMALS, compute_comparison

VISIT_KEY = ["patient_id", "regimen", "date"]
REGIMEN_KEY = ["patient_id", "regimen"]

CELL = pl.Struct({"row_id": pl.Int64, "role": pl.String, "reason": pl.String})


def derive_components(
    changes: pl.DataFrame,
    baselines: pl.DataFrame,
    definitions: Sequence[ScoreDefinition],
    settings: Settings,
) -> pl.DataFrame:
    """Grade every component of the scores at every visit, all scores in one pass.

    Input: ``changes`` and ``baselines``. Output: one row for each score, visit with any of its
    measures, and component: ``definition_id``, the key, ``component``, ``measure`` (the one that
    stands for it), ``percent_change`` (absolute percent change, improvement positive, rounded as
    it is compared), ``operator`` and ``edge`` (of the band reached), ``points`` (null where the
    component cannot be graded), ``reason`` (why not), ``mark`` (a flag of the score), ``cells``
    (those used, the baseline candidates rejected and the measures passed over); ``maximum`` and
    ``is_required`` of the component.
    Missing: a component without a pair of values has null points, never 0.
    """
    candidates = make_candidates(definitions, settings).lazy()
    recorded = changes.lazy().filter(pl.col("value").is_not_null())
    visits = recorded.select(VISIT_KEY).unique().sort(VISIT_KEY).with_row_index("visit")
    pairs = (
        recorded.join(visits, on=VISIT_KEY, nulls_equal=True)
        .join(candidates, on="measure")
        .join(_find_most_abnormal(baselines, candidates), on=[*REGIMEN_KEY, "part"], how="left")
        .with_columns(_compute_denominator())
        .with_columns(_compare_with_baseline())
        .with_columns(_prioritise())
        .collect()
    )
    is_counted = pl.col("priority") == pl.col("priority").min().over("visit", "part")
    counted = pairs.filter(is_counted)
    grid = (
        pairs.select("visit", "definition_id")
        .unique()
        .join(make_components(definitions), on="definition_id")
        .join(visits.collect(), on="visit")
    )
    chosen = counted.select(
        "visit",
        "part",
        *(
            pl.when("is_eligible").then(name).alias(name)
            for name in ("measure", "row_id", "baseline_row_id")
        ),
        *(
            pl.when(pl.col("reason").is_null()).then(name).alias(name)
            for name in ("percent_change", "mark")
        ),
        pl.col("reason"),
        pl.lit(True).alias("is_there"),
    )
    return (
        grid.join(chosen, on=["visit", "part"], how="left")
        .join(_list_cells(pairs, is_counted), on=["visit", "part"], how="left")
        .with_columns(_grade(definitions))
        .with_columns(
            pl.when("is_there").then("reason").otherwise(pl.lit("not_recorded")).alias("reason")
        )
        .sort("visit", "part")
    )


def derive_score_bounds(components: pl.DataFrame) -> pl.DataFrame:
    """Add the points of the components up, once with nothing and once with all for the missing.

    Output: one row a score and visit: ``definition_id``, the key, ``score_lower``,
    ``score_upper``, ``measures_present``, ``missing_required`` (the first required component that
    could not be graded, else null) and ``marks`` (the flags of the components, sorted).
    """
    is_graded = pl.col("points").is_not_null()
    return (
        components.with_columns(
            counted=pl.col("points").fill_null(0),
            at_most=pl.coalesce("points", "maximum"),
            present=pl.when(is_graded).then("measure"),
            lacking=pl.when(pl.col("is_required") & ~is_graded).then("component"),
        )
        .group_by("definition_id", *VISIT_KEY, maintain_order=True)
        .agg(
            pl.col("counted").sum().alias("score_lower"),
            pl.col("at_most").sum().alias("score_upper"),
            pl.col("present"),
            pl.col("lacking"),
            pl.col("mark"),
        )
        .select(
            pl.exclude("present", "lacking", "mark"),
            pl.col("present").list.drop_nulls().alias("measures_present"),
            pl.col("lacking").list.drop_nulls().list.first().alias("missing_required"),
            pl.col("mark").list.drop_nulls().list.unique().list.sort().alias("marks"),
        )
    )


def derive_attainable(
    baselines: pl.DataFrame, definitions: Sequence[ScoreDefinition], settings: Settings
) -> pl.DataFrame:
    """Say what a regimen's score would be if every measure went to its best value.

    Output: definition_id, patient_id, regimen, ``score_max_attainable``: one row for each score
    and regimen with any baseline of its measures. A global or a questionnaire goes to its best
    end, the enzyme to 0; a measure without a baseline adds 0. A child whose attainable score is
    under the first threshold cannot be found improved by the score.
    """
    best = {
        name: scale.best
        for definition in definitions
        for name, scale in definition.scales(settings).items()
    }
    at_best = baselines.filter(pl.col("measure").is_in(list(best))).with_columns(
        date=pl.lit(0).cast(pl.Date),  # any one day: there is no visit
        value=pl.col("measure").replace_strict(best, return_dtype=pl.Float64),
        row_id=pl.lit(None, pl.Int64),
    )
    bounds = derive_score_bounds(derive_components(at_best, baselines, definitions, settings))
    return bounds.select(
        "definition_id", *REGIMEN_KEY, pl.col("score_lower").alias("score_max_attainable")
    )


def _find_most_abnormal(baselines: pl.DataFrame, candidates: pl.LazyFrame) -> pl.LazyFrame:
    """Find the enzyme that was the most abnormal at baseline, by its own upper limit of normal.

    Ties: the order of the definition. An enzyme without a limit is no candidate. ``is_at_floor``:
    even that enzyme was within its limit, so there is little to gain.
    """
    ratio = (pl.col("baseline_value") / pl.col("baseline_upper_limit")).round(DECIMALS)
    return (
        baselines.lazy()
        .filter(pl.col("baseline_upper_limit") > 0, pl.col("baseline_value").is_not_null())
        .join(
            candidates.filter("is_by_abnormality").select("measure", "part", "rank"), on="measure"
        )
        .with_columns(ratio=ratio)
        .sort("ratio", "rank", descending=[True, False])
        .unique([*REGIMEN_KEY, "part"], keep="first", maintain_order=True)
        .select(
            *REGIMEN_KEY,
            "part",
            pl.col("measure").alias("most_abnormal"),
            compute_comparison(pl.col("ratio"), "<=", 1).alias("is_at_floor"),
        )
    )


def _compute_denominator() -> list[pl.Expr]:
    """Settle denominator, eligibility and flag of each candidate."""
    limit = pl.col("baseline_upper_limit")
    is_most_abnormal = pl.col("measure") == pl.col("most_abnormal")
    return [
        pl.coalesce("units", pl.when(limit > 0).then(pl.col("limits") * limit)).alias(
            "denominator"
        ),
        pl.when("is_by_abnormality")
        .then(is_most_abnormal.fill_null(False))
        .otherwise(pl.lit(True))
        .alias("is_eligible"),
        pl.coalesce(
            "candidate_mark", pl.when(is_most_abnormal & pl.col("is_at_floor")).then("floor_mark")
        ).alias("mark"),
    ]


def _compare_with_baseline() -> list[pl.Expr]:
    """Compute the percent change, and why a candidate cannot be graded."""
    improvement = (
        pl.when("is_low_better")
        .then(pl.col("baseline_value") - pl.col("value"))
        .otherwise(pl.col("value") - pl.col("baseline_value"))
    )
    reason = (
        pl.when(pl.col("is_eligible").not_() & pl.col("most_abnormal").is_not_null())
        .then(pl.lit("chosen_enzyme_not_recorded"))
        .when(pl.col("baseline_value").is_null())
        .then(pl.lit("no_baseline"))
        .when(pl.col("refused").is_not_null())
        .then("refused")
        .when(pl.col("denominator").is_null())
        .then(pl.lit("no_upper_limit"))
    )
    return [
        (improvement / pl.col("denominator") * 100).round(DECIMALS).alias("percent_change"),
        reason.alias("reason"),
    ]


def _prioritise() -> pl.Expr:
    """Order the candidates of a component: usable before eligible, then as the definition does."""
    worse = pl.col("reason").is_not_null().cast(pl.Int32)
    worst = pl.col("is_eligible").not_().cast(pl.Int32)
    return ((worse + worst) * 100 + pl.col("rank")).alias("priority")


def _list_cells(pairs: pl.DataFrame, is_counted: pl.Expr) -> pl.DataFrame:
    """List the cells behind each component: used, rejected as baseline, or passed over."""
    is_used = is_counted & pl.col("is_eligible")
    reason = (
        pl.when("is_by_abnormality")
        .then(pl.lit("not_most_abnormal"))
        .otherwise(pl.coalesce("reason", pl.lit("another_measure_preferred")))
    )
    key = ["visit", "part"]
    marked = pairs.select(
        *key,
        "row_id",
        "baseline_row_id",
        role=pl.when(is_used).then(pl.lit("used")).otherwise(pl.lit("rejected")),
        reason=pl.when(is_used.not_()).then(reason),
    )
    cells = [
        marked.filter(pl.col(name).is_not_null()).select(
            *key, pl.struct(pl.col(name).alias("row_id"), "role", "reason").cast(CELL).alias("cell")
        )
        for name in ("row_id", "baseline_row_id")
    ]
    rejected = (
        pairs.filter(is_used & (pl.col("rejected").list.len() > 0))
        .select(*key, pl.col("rejected").alias("cell"))
        .explode("cell")
        .with_columns(pl.col("cell").cast(CELL))
    )
    return pl.concat([*cells, rejected]).group_by(key).agg(pl.col("cell").alias("cells"))


def _grade(definitions: Sequence[ScoreDefinition]) -> list[pl.Expr]:
    """Turn the percent change into points: bands open below, closed above."""
    change = pl.col("percent_change")
    points = pl.when(change.is_not_null()).then("points_0")
    edge = pl.when(change.is_not_null()).then("edge_0")
    operator = pl.when(change.is_not_null()).then(pl.lit("<="))
    graded: tuple[pl.Expr, pl.Expr, pl.Expr] = (points, edge, operator)
    for band in range(count_bands(definitions)):
        above = compute_comparison(change, ">", pl.col(f"edge_{band}"))
        reached = (pl.col(f"points_{band + 1}"), pl.col(f"edge_{band}"), pl.lit(">"))
        graded = tuple(  # type: ignore[assignment]
            pl.when(above).then(new).otherwise(old)
            for new, old in zip(reached, graded, strict=True)
        )
    return [
        expression.alias(name)
        for name, expression in zip(("points", "edge", "operator"), graded, strict=True)
    ]
