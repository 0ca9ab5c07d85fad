"""Was it haemolysis: after each course with a sign of it, the case definition, sign by sign."""

from __future__ import annotations

import polars as pl

from heliotrope.classify.haemolysis_signs import (
    COURSE,
    Windows,
    find_fall,
    find_recorded,
    find_sign,
)
from heliotrope.classify.presence import NOTHING_RECORDED
from heliotrope.classify.rules import compute_at_least
from heliotrope.classify.trace import Classified, make_nodes, state_of
from heliotrope.definitions.haemolysis import HaemolysisCase, HaemolysisSign
from heliotrope.definitions.load import Rulebook
from heliotrope.derive.derived import Derived
from heliotrope.derive.flags import collect_flags
from heliotrope.records.finding_tables import ShardFinding
from heliotrope.records.judgement_tables import Haemolysis

ROOT = "root"
SIGNS = "signs"
FALL = "haemoglobin_fall"
REGIMEN = ["patient_id", "regimen"]


def classify_haemolysis(derived: Derived, rulebook: Rulebook) -> Classified:
    """Say of each course with a sign of haemolysis whether the case definition is met.

    Rule: haemoglobin down by its step, the antiglobulin test positive, and enough other signs, from
    the first day of the course to 10 days after its last (at most to the next course). A course
    after which nothing of this was measured or recorded is not asked about; a regimen without any
    such course has one root ``not_evaluable``, a child without IVIG one ``not_reached``.
    Missing: what was not measured is not evaluable, never absent. Table: the columns of
    ``Haemolysis``.
    """
    (definition,) = rulebook.of_kind(HaemolysisCase)
    judged = judge_haemolysis(derived, definition)
    asked = judged.select(REGIMEN).unique()
    silent = derived.regimens.select(REGIMEN).join(asked, on=REGIMEN, how="anti")
    without = derived.patients.join(derived.regimens, on="patient_id", how="anti")
    nodes = [
        *_make_nodes(judged, definition),
        make_nodes(
            silent,
            definition,
            node=pl.lit(ROOT),
            state=pl.lit("not_evaluable"),
            reason=pl.lit(NOTHING_RECORDED),
        ),
        make_nodes(
            without.select("patient_id"),
            definition,
            node=pl.lit(ROOT),
            state=pl.lit("not_reached"),
            reason=pl.lit("no_ivig"),
        ),
    ]
    table = judged.with_columns(
        definition_id=pl.lit(definition.id), state=state_of(pl.col("is_case"))
    ).select(Haemolysis.column_names())
    return Classified(table, tuple(nodes), ShardFinding.create_empty())


def judge_haemolysis(derived: Derived, definition: HaemolysisCase) -> pl.DataFrame:
    """Judge each course that is asked about: one row, the parts and what they come to.

    Columns: the course, ``date`` (its first day), per part ``truth:<part>``, ``value:<part>``,
    ``threshold:<part>``, ``sources:<part>``, and ``is_case``, ``truth:signs``, ``reason``,
    ``flags`` and the columns of ``Haemolysis``.
    """
    windows = Windows.of(derived, definition)
    frame = windows.courses.select(*COURSE, date="first_day")
    frame = frame.join(find_fall(windows, definition), on=COURSE, how="left")
    parts = (definition.antiglobulin, *definition.signs)
    for sign in parts:
        frame = frame.join(find_sign(windows, sign, definition), on=COURSE, how="left")
    frame = frame.join(find_recorded(windows, definition), on=COURSE, how="left").with_columns(
        pl.col("is_recorded").fill_null(False)
    )
    asks = [
        pl.col("haemoglobin_lowest").is_not_null(),
        "is_recorded",
        *(
            pl.col(f"sources:{sign.id}").list.len().fill_null(0) > 0
            for sign in parts
            if sign.id not in definition.not_asked_by
        ),
    ]
    return decide_cases(frame.filter(pl.any_horizontal(asks)), definition).sort(COURSE)


def decide_cases(frame: pl.DataFrame, definition: HaemolysisCase) -> pl.DataFrame:
    """Combine the parts: all of fall, antiglobulin test and enough signs, in Kleene logic."""
    truths = [pl.col(f"truth:{sign.id}") for sign in definition.signs]
    test = pl.col(f"truth:{definition.antiglobulin.id}")
    enough = compute_at_least(definition.min_signs, truths)
    is_case = pl.col(f"truth:{FALL}") & test & pl.col(f"truth:{SIGNS}")
    reason = (
        pl.when(pl.col("is_case").is_not_null())
        .then(None)
        .when(pl.col(f"truth:{FALL}").is_null())
        .then(pl.lit("haemoglobin_missing"))
        .when(test.is_null())
        .then(pl.lit("antiglobulin_test_missing"))
        .otherwise(pl.lit("signs_missing"))
    )
    return (
        frame.with_columns(enough.alias(f"truth:{SIGNS}"))
        .with_columns(is_case=is_case)
        .with_columns(
            reason=reason,
            signs_met=pl.sum_horizontal(truth.fill_null(False).cast(pl.Int32) for truth in truths),
            signs_known=pl.sum_horizontal(truth.is_not_null().cast(pl.Int32) for truth in truths),
            flags=collect_flags({"dehydrogenase_raised_before": _raised_before(frame, definition)}),
        )
    )


def _raised_before(frame: pl.DataFrame, definition: HaemolysisCase) -> pl.Expr:
    """Say whether a sign that the disease shows too was there before the infusion."""
    names = [f"before:{name}" for name in definition.not_asked_by]
    return pl.any_horizontal(
        pl.lit(False), *(pl.col(name) for name in names if name in frame.columns)
    )


def _make_nodes(judged: pl.DataFrame, definition: HaemolysisCase) -> list[pl.DataFrame]:
    fall = definition.fall
    parts = [
        make_nodes(
            judged,
            definition,
            node=pl.lit(ROOT),
            state=state_of(pl.col("is_case")),
            reason=pl.col("reason"),
        ),
        make_nodes(
            judged,
            definition,
            node=pl.lit(FALL),
            parent=pl.lit(ROOT),
            state=state_of(pl.col(f"truth:{FALL}")),
            value=pl.col(f"value:{FALL}"),
            unit=pl.lit(fall.unit),
            operator=pl.lit(">="),
            threshold=pl.lit(fall.at_least),
            sources=pl.col(f"sources:{FALL}"),
        ),
        make_nodes(
            judged,
            definition,
            node=pl.lit(SIGNS),
            parent=pl.lit(ROOT),
            state=state_of(pl.col(f"truth:{SIGNS}")),
            value=pl.col("signs_met"),
            operator=pl.lit(">="),
            threshold=pl.lit(float(definition.min_signs)),
        ),
    ]
    parts.append(_make_sign(judged, definition, definition.antiglobulin, ROOT))
    return parts + [_make_sign(judged, definition, sign, SIGNS) for sign in definition.signs]


def _make_sign(
    judged: pl.DataFrame, definition: HaemolysisCase, sign: HaemolysisSign, parent: str
) -> pl.DataFrame:
    value, threshold = pl.col(f"value:{sign.id}"), pl.col(f"threshold:{sign.id}")
    reason = pl.when(value.is_null()).then(pl.lit("not_recorded")).when(threshold.is_null())
    return make_nodes(
        judged,
        definition,
        node=pl.lit(sign.id),
        parent=pl.lit(parent),
        state=state_of(pl.col(f"truth:{sign.id}")),
        reason=reason.then(pl.lit("no_limit")),
        value=value,
        operator=pl.lit(sign.operator),
        threshold=threshold,
        sources=pl.col(f"sources:{sign.id}"),
    )
