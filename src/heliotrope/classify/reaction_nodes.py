"""The trace of reactions: one root a child and regimen, one node a reaction, its grade, its end."""

from __future__ import annotations

import polars as pl

from heliotrope.classify.trace import (
    make_nodes,
    state_of,
    used,
    used_all,
)
from heliotrope.definitions.safety import ReactionWindows
from heliotrope.records.shard import Shard

ROOT = "root"
EVENTS_RECORDED = "events_recorded"
RECORDED = "recorded"
REGIMEN = ["patient_id", "regimen"]


def make_reaction_nodes(
    reactions: pl.DataFrame, courses: pl.DataFrame, shard: Shard, rule: ReactionWindows
) -> pl.DataFrame:
    """Make the trace; neither a regimen without a reaction nor a child without IVIG vanishes.

    Root: ``met`` with a reaction in its window; ``not_met`` where events are recorded and none is
    one; ``not_evaluable`` in a child without any recorded event, since silence is no proof;
    ``not_reached`` (regimen null) in a child without IVIG and for events before the first
    infusion. Its points are the number of reactions.
    """
    inside = pl.col("window") != rule.outside_label
    numbered = reactions.sort("patient_id", "regimen", "date", "row_id").with_columns(
        is_inside=inside,
        name=pl.concat_str(
            pl.lit("reaction_"), pl.int_range(1, pl.len() + 1).over(REGIMEN).cast(pl.String)
        ),
    )
    roots = _make_roots(numbered, courses, shard)
    return pl.concat(
        [
            make_nodes(
                roots,
                rule,
                node=pl.lit(ROOT),
                state=pl.col("state"),
                reason=pl.col("reason"),
                points=pl.col("n_reactions"),
            ),
            make_nodes(
                roots.filter(pl.col("regimen").is_not_null()),
                rule,
                node=pl.lit(EVENTS_RECORDED),
                parent=pl.lit(ROOT),
                state=state_of(pl.col("n_events") > 0),
                value=pl.col("n_events"),
                unit=pl.lit("events"),
                operator=pl.lit(">="),
                threshold=pl.lit(1.0),
            ),
            *_make_reaction_nodes(numbered, rule),
        ]
    )


def _make_roots(numbered: pl.DataFrame, courses: pl.DataFrame, shard: Shard) -> pl.DataFrame:
    children = pl.concat([table.select("patient_id") for table in shard.tables().values()]).unique()
    regimens = courses.select(REGIMEN).unique()
    treated = regimens.select("patient_id").unique().with_columns(has_ivig=pl.lit(True))
    before = numbered.filter(pl.col("regimen").is_null()).select("patient_id").unique()
    untreated = children.join(treated, on="patient_id", how="anti")
    without = pl.concat([untreated, before]).unique().with_columns(regimen=pl.lit(None, pl.Int32))
    events = shard.event.group_by("patient_id").agg(n_events=pl.len())
    counts = numbered.group_by(REGIMEN).agg(n_reactions=pl.col("is_inside").sum())
    state = (
        pl.when(pl.col("regimen").is_null())
        .then(pl.lit("not_reached"))
        .when(pl.col("n_reactions") > 0)
        .then(pl.lit("met"))
        .when(pl.col("n_events") == 0)
        .then(pl.lit("not_evaluable"))
        .otherwise(pl.lit("not_met"))
    )
    reason = (
        pl.when(pl.col("regimen").is_null() & pl.col("has_ivig").is_null())
        .then(pl.lit("no_ivig"))
        .when(pl.col("regimen").is_null())
        .then(pl.lit("before_first_infusion"))
        .when(pl.col("n_events") == 0)
        .then(pl.lit("no_event_recorded"))
        .when(pl.col("n_reactions") == 0)
        .then(pl.lit("no_reaction_recorded"))
    )
    return (
        pl.concat([regimens, without.select(REGIMEN)])
        .join(counts, on=REGIMEN, how="left", nulls_equal=True)
        .join(treated, on="patient_id", how="left")
        .join(events, on="patient_id", how="left")
        .with_columns(pl.col("n_events", "n_reactions").fill_null(0))
        .with_columns(state=state, reason=reason)
    )


def _make_reaction_nodes(numbered: pl.DataFrame, rule: ReactionWindows) -> list[pl.DataFrame]:
    rows = numbered.drop("date")
    anchored = rows.filter(pl.col("regimen").is_not_null())
    early = rows.filter(pl.col("regimen").is_null())
    in_hours = pl.col("hours_after").is_not_null() & (pl.col("limit_unit") == "h")
    return [
        make_nodes(
            anchored,
            rule,
            node=pl.col("name"),
            parent=pl.lit(ROOT),
            state=state_of(pl.col("is_inside")),
            reason=pl.col("term"),
            value=pl.when(in_hours).then("hours_after").otherwise("days_after"),
            unit=pl.col("limit_unit"),
            operator=pl.lit("<="),
            threshold=pl.col("limit"),
            label=pl.col("window"),
            sources=used_all(pl.concat_list("row_id", pl.col("infusion_row_ids").fill_null([]))),
        ),
        make_nodes(
            early,
            rule,
            node=pl.col("name"),
            parent=pl.lit(ROOT),
            state=pl.lit("not_reached"),
            reason=pl.col("term"),
            label=pl.col("window"),
            sources=used(pl.col("row_id")),
        ),
        _make_grade_nodes(rows, rule),
        make_nodes(
            rows.filter(pl.col("transient").is_not_null()),
            rule,
            node=pl.col("name") + ".transient",
            parent=pl.col("name"),
            state=pl.col("transient"),
            sources=used_all(pl.col("transient_row_ids")),
        ),
    ]


def _make_grade_nodes(rows: pl.DataFrame, rule: ReactionWindows) -> pl.DataFrame:
    """Show the value that graded a reaction, or that its grade is as recorded."""
    has_grade = rows.filter(
        pl.col("graded_value").is_not_null() | pl.col("recorded_grade").is_not_null()
    )
    is_computed = pl.col("computed_grade") == pl.col("grade")
    by_value = is_computed | pl.col("grade").is_null()
    return make_nodes(
        has_grade,
        rule,
        node=pl.col("name") + ".grade",
        parent=pl.col("name"),
        state=state_of(pl.col("grade") > 0),
        value=pl.when(by_value).then("graded_value"),
        unit=pl.when(by_value).then("graded_unit"),
        operator=pl.when(by_value).then("graded_operator"),
        threshold=pl.when(by_value).then("graded_threshold"),
        points=pl.col("grade"),
        label=pl.when(by_value.fill_null(False))
        .then(pl.coalesce("graded_measure", pl.lit(RECORDED)))
        .otherwise(pl.lit(RECORDED)),
        sources=pl.when(by_value.fill_null(False))
        .then(
            used_all(
                pl.concat_list(
                    pl.coalesce("graded_row_id", "row_id"), "graded_baseline_row_id"
                ).list.drop_nulls()
            )
        )
        .otherwise(used(pl.col("row_id"))),
    )
