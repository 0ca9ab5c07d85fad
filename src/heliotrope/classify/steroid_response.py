"""How a child responded to a high dose of steroid: its days, and the change at the end of them."""

from __future__ import annotations

import polars as pl

from heliotrope.classify.scores import classify_scores
from heliotrope.classify.steroid_facts import ANCHOR, ONE_DAY
from heliotrope.classify.trace import used_all
from heliotrope.classify.visit_nodes import VisitNodes
from heliotrope.definitions.load import Rulebook
from heliotrope.definitions.score import ScoreDefinition
from heliotrope.definitions.steroid import SteroidResistance
from heliotrope.derive.baselines import derive_baselines
from heliotrope.derive.changes import derive_changes
from heliotrope.derive.derived import Derived
from heliotrope.records.exact import compute_comparison

FIRST = pl.lit(1, pl.Int32)
NOT_EVALUABLE = "not_evaluable"


def find_steroid_response(
    derived: Derived, anchors: pl.DataFrame, definition: SteroidResistance, rulebook: Rulebook
) -> pl.DataFrame:
    """Find the facts of steroid resistance before each anchor.

    Returns ``high_dose_days`` (the longest run of days at the dose, the first that is long enough;
    null where an unknown dose could make one), ``score_poor`` (a bound of the improvement score;
    null while the bounds leave it open), ``global_fall_poor`` (percent), their sources, and
    ``judged_from`` and ``judged_to`` (first day of the dose, the visit).
    """
    periods = _number_runs(derived, definition)
    clipped = _clip(_find_runs(periods), anchors)
    first = (
        clipped.filter(pl.col("is_high") & (pl.col("days") >= definition.min_days))
        .sort(*ANCHOR, "run_start")
        .unique(ANCHOR, keep="first", maintain_order=True)
        .pipe(_add_cells, periods)
    )
    longest = clipped.group_by(ANCHOR).agg(
        longest=pl.col("days").filter(pl.col("is_high")).max().fill_null(0),
        is_open=pl.col("is_high").is_null().any(),
    )
    judged = _judge(first, derived, definition, rulebook)
    days = (
        pl.when(pl.col("days").is_not_null())
        .then("days")
        .when(pl.col("is_open").not_())
        .then("longest")
    )
    return (
        anchors.select(ANCHOR)
        .join(longest, on=ANCHOR, how="left")
        .join(first, on=ANCHOR, how="left")
        .join(judged, on=ANCHOR, how="left")
        .select(
            *ANCHOR,
            days.cast(pl.Float64).alias("high_dose_days"),
            used_all(pl.col("row_ids")).alias("high_dose_days.sources"),
            "score_poor",
            "score_poor.sources",
            "global_fall_poor",
            "global_fall_poor.sources",
            judged_from="run_start",
            judged_to="date",
        )
    )


def _number_runs(derived: Derived, definition: SteroidResistance) -> pl.DataFrame:
    """Number periods that follow one another at or over the dose (true), under it, or unknown."""
    periods = derived.steroid_periods.sort("patient_id", "start_date")
    is_high = compute_comparison(
        pl.col("prednisone_mg_kg_day"), ">=", definition.dose_mg_kg_day
    ) & compute_comparison(pl.col("prednisone_mg_day"), ">", 0)
    judged = periods.with_columns(is_high=is_high)
    continues = (
        (pl.col("patient_id") == pl.col("patient_id").shift(1))
        & pl.col("is_high").eq_missing(pl.col("is_high").shift(1))
        & (pl.col("start_date") == pl.col("end_date").shift(1) + ONE_DAY)
    ).fill_null(False)
    return judged.with_columns(run=(~continues).cum_sum())


def _find_runs(periods: pl.DataFrame) -> pl.DataFrame:
    """Give the days of each run."""
    return periods.group_by("patient_id", "run", maintain_order=True).agg(
        pl.col("is_high").first(),
        run_start=pl.col("start_date").min(),
        run_end=pl.col("end_date").max(),
    )


def _add_cells(runs: pl.DataFrame, periods: pl.DataFrame) -> pl.DataFrame:
    """Add the cells of the doses and weights of the runs that are asked for, which are few."""
    key = ["patient_id", "run"]
    cells = (
        periods.join(runs.select(key), on=key, how="semi")
        .group_by(key)
        .agg(
            row_ids=pl.concat([pl.col("row_ids").explode(), pl.col("weight_row_ids").explode()])
            .drop_nulls()
            .unique()
            .sort(),
        )
    )
    return runs.join(cells, on=key, how="left", maintain_order="left").drop("run")


def _clip(runs: pl.DataFrame, anchors: pl.DataFrame) -> pl.DataFrame:
    """Cut each run on the day before the anchor and count its days."""
    last = pl.min_horizontal("run_end", pl.col("first_infusion") - ONE_DAY)
    return (
        anchors.join(runs, on="patient_id")
        .with_columns(days=(last - pl.col("run_start")).dt.total_days() + 1)
        .filter(pl.col("days") > 0)
    )


def _judge(
    first: pl.DataFrame, derived: Derived, definition: SteroidResistance, rulebook: Rulebook
) -> pl.DataFrame:
    """Compare the last visit in time with the values before the high dose.

    A child has one first run of high dose; anchors differ only in how far they look.
    """
    windows = first.with_columns(
        earliest=pl.col("run_start") + pl.duration(days=definition.min_days),
        latest=pl.min_horizontal(
            pl.col("run_end") + pl.duration(days=definition.judged_within_days),
            "first_infusion",
            "first_ivig",
        ),
    ).select(*ANCHOR, "run_start", "earliest", "latest")
    starts = windows.group_by("patient_id").agg(
        pl.col("run_start").min(), pl.col("earliest").min(), pl.col("latest").max()
    )
    values = _select_values(derived.visit_values, starts, definition)
    begins = starts.select("patient_id", regimen=FIRST, first_infusion="run_start")
    baselines = derive_baselines(values, begins, definition.baseline_days)
    changes = derive_changes(values, baselines, begins)
    visits = (
        windows.join(_find_global_fall(changes, definition), on="patient_id")
        .filter(pl.col("date").is_between(pl.col("earliest"), pl.col("latest")))
        .sort(*ANCHOR, "date")
        .unique(ANCHOR, keep="last", maintain_order=True)
        .drop("run_start", "earliest", "latest")
    )
    visit = ["patient_id", "date"]
    judged = changes.join(visits.select(visit), on=visit, how="semi", maintain_order="left")
    scores = _find_scores(judged, baselines, definition, rulebook)
    return visits.join(scores, on=visit, how="left", maintain_order="left")


def _select_values(
    visit_values: pl.DataFrame, starts: pl.DataFrame, definition: SteroidResistance
) -> pl.DataFrame:
    """Keep what can be a baseline, or lie in time to be judged."""
    age = (pl.col("run_start") - pl.col("date")).dt.total_days()
    is_before = (age >= 0) & (age <= definition.baseline_days)
    is_in_time = pl.col("date").is_between(pl.col("earliest"), pl.col("latest"))
    return (
        visit_values.join(starts, on="patient_id")
        .filter(is_before | is_in_time)
        .select(visit_values.columns)
    )


def _find_global_fall(changes: pl.DataFrame, definition: SteroidResistance) -> pl.DataFrame:
    """Find by how many percent the physician global fell at each visit that has it."""
    before, now = pl.col("baseline_value"), pl.col("value")
    fall = pl.when(before > 0).then((before - now) / before * 100)
    cells = pl.concat_list("row_id", "baseline_row_id").list.drop_nulls()
    return changes.filter(
        (pl.col("measure") == definition.physician_global) & now.is_not_null()
    ).select(
        "patient_id",
        "date",
        global_fall_poor=fall,
        **{"global_fall_poor.sources": used_all(cells)},
    )


def _find_scores(
    changes: pl.DataFrame,
    baselines: pl.DataFrame,
    definition: SteroidResistance,
    rulebook: Rulebook,
) -> pl.DataFrame:
    """Find the bound of the improvement score that decides; null while the bounds leave it open."""
    score = rulebook.get(definition.score, ScoreDefinition)
    scored = classify_scores(changes, baselines, Rulebook({score.id: score}, rulebook.settings))
    lower, upper = pl.col("score_lower"), pl.col("score_upper")
    is_poor = compute_comparison(upper, "<", definition.score_under)
    is_good = compute_comparison(lower, ">=", definition.score_under)
    bound = pl.when(is_poor).then(upper).when(is_good).then(lower)
    cells = pl.concat(part.list_used() for part in scored.parts if isinstance(part, VisitNodes))
    return (
        scored.table.join(cells, on=["patient_id", "date"], how="left", maintain_order="left")
        .with_columns(used_all(pl.col("row_ids")).alias("score_poor.sources"))
        .select(
            "patient_id",
            "date",
            "score_poor.sources",
            score_poor=pl.when(pl.col("category") != NOT_EVALUABLE).then(bound),
        )
    )
