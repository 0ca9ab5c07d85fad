"""How much the definition matters: the same children, judged by several definitions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import polars as pl

from heliotrope.definitions.comparable import STATES, needs_regimen
from heliotrope.definitions.response import RESPONSE
from heliotrope.definitions.side_by_side import (
    DEFINITIONS_SIDE_BY_SIDE,
    Question,
    Reading,
    SideBySide,
)
from heliotrope.estimate.definition_agreement import (
    Words,
    estimate_definition_agreement,
    gather_alike,
)
from heliotrope.estimate.definition_units import (
    Subject,
    make_regimen_units,
    make_visit_units,
    select_visits_on_regimen,
)
from heliotrope.estimate.inputs import Inputs
from heliotrope.estimate.rows import Row
from heliotrope.estimate.wording import worded

MET_OR_NOT = Words(STATES, is_ordered=True)

NOBODY_JUDGED = worded("no child could be judged by this definition then")

ANALYSIS = "definition_agreement"

# What the words of ``responded`` answer: was an improvement confirmed; was there any at all.
SHOWN = {
    "confirmed": {"confirmed": "met", "unconfirmed": "not_met", "no": "not_met"},
    "confirmed_or_not": {"confirmed": "met", "unconfirmed": "met", "no": "not_met"},
}


def estimate_side_by_side(inputs: Inputs) -> list[Row]:
    """Give the share under each definition, and how far each agrees with the first of its question.

    Unit: the child, by its first regimen (group ``child``); definitions compared visit by visit:
    every visit of every child (group ``visit``). Rows: see ``heliotrope.estimate``.
    """
    plan = inputs.rulebook.get(DEFINITIONS_SIDE_BY_SIDE, SideBySide)
    found = list(inputs.each_piece(partial(_derive_units, plan=plan)))
    rows: list[Row] = []
    for number, question in enumerate(plan.questions):
        units = pl.concat([piece.by_child[number] for piece in found])
        rows += _estimate_readings(question, units, inputs)
        first, *others = [reading.id for reading in question.readings]
        topic = inputs.topic(ANALYSIS, DEFINITIONS_SIDE_BY_SIDE).of(group="child")
        for other in others:
            rows += estimate_definition_agreement(units, [first, other], MET_OR_NOT, topic)
        if question.visits:
            visits = pl.concat([piece.by_visit[number] for piece in found])
            topic = topic.of(group="visit")
            rows += estimate_definition_agreement(visits, question.visits, MET_OR_NOT, topic)
    return rows


@dataclass(frozen=True)
class _Units:
    """What each question reads of every child; and of every visit, where it reads visits."""

    by_child: list[pl.DataFrame]
    by_visit: dict[int, pl.DataFrame]


def _derive_units(inputs: Inputs, plan: SideBySide) -> _Units:
    roots = _read_words(inputs, plan)
    treated = roots.join(inputs.first_regimens(), on="patient_id", how="semi")
    return _Units(
        [_make_units(question.readings, treated, inputs) for question in plan.questions],
        {
            number: _make_visits(question.visits, roots, inputs)
            for number, question in enumerate(plan.questions)
            if question.visits
        },
    )


def _read_words(inputs: Inputs, plan: SideBySide) -> pl.DataFrame:
    """Read the state every definition gave every visit, and what the response says of a regimen.

    A regimen's row has no date; its ``state`` is the word of ``responded``.
    """
    columns = ["patient_id", "regimen", "date", "definition_id", "state", "label"]
    response, nothing = pl.lit(RESPONSE), pl.lit(None, pl.String)
    named = {reading.definition for question in plan.questions for reading in question.readings}
    named.update(name for question in plan.questions for name in question.visits)
    is_named = pl.col("definition_id").is_in(sorted(named))
    found = [
        inputs.table("state").filter(is_named).with_columns(label=nothing),
        inputs.table("score").filter(is_named).with_columns(label=pl.col("category")),
        inputs.table("visit").with_columns(definition_id=response, label=nothing),
        inputs.table("response").with_columns(
            definition_id=response, date=pl.lit(None, pl.Date), state="responded", label=nothing
        ),
    ]
    return pl.concat([frame.select(columns) for frame in found]).with_columns(
        trace_id=pl.lit(None, pl.Int64),
        word=pl.col("state"),
        is_judged=pl.coalesce("label", "state") != "not_evaluable",
    )


def _make_units(readings: Sequence[Reading], roots: pl.DataFrame, inputs: Inputs) -> pl.DataFrame:
    """Give every child one row, and each reading a column of words under its own name."""
    regimens = inputs.table("regimen").select("patient_id", "regimen", "first_infusion")
    units = inputs.first_regimens().select("patient_id", "regimen")
    for reading in readings:
        subject = _subject(reading.definition, inputs)
        own = _select(reading, roots, regimens, subject)
        read = make_regimen_units(
            own, [subject], regimens, reading.week, inputs.parameters.landmarks
        )
        word = read.select("patient_id", "regimen", pl.col(reading.definition).alias(reading.id))
        units = units.join(word, on=["patient_id", "regimen"], how="left")
    return units


def _subject(definition: str, inputs: Inputs) -> Subject:
    found = inputs.rulebook.definitions[definition]
    return Subject(definition, needs_regimen(found), by_visit=True)


def _select(
    reading: Reading, roots: pl.DataFrame, regimens: pl.DataFrame, subject: Subject
) -> pl.DataFrame:
    """Take what a reading reads: the regimen's own word, visits, or one word for all visits."""
    own = roots.filter(pl.col("definition_id") == reading.definition)
    if reading.when in SHOWN:
        word = pl.col("word").replace(SHOWN[reading.when])
        return own.filter(pl.col("date").is_null()).with_columns(word=word)
    visits = own.filter(pl.col("date").is_not_null())
    if reading.when == "week":
        return visits
    return (
        select_visits_on_regimen(visits, regimens, needs_regimen=subject.needs_regimen)
        .group_by("patient_id", "regimen", "definition_id", maintain_order=True)
        .agg(
            date=pl.lit(None, pl.Date),
            trace_id=pl.lit(None, pl.Int64),
            is_judged=pl.lit(True),
            word=pl.when((pl.col("state") == "met").any())
            .then(pl.lit("met"))
            .when((pl.col("state") == "not_met").any())
            .then(pl.lit("not_met"))
            .otherwise(pl.lit("not_evaluable")),
        )
    )


def _estimate_readings(question: Question, units: pl.DataFrame, inputs: Inputs) -> list[Row]:
    """Give the share met under each reading, of those it could judge."""
    rows: list[Row] = []
    for reading in question.readings:
        topic = inputs.topic("definition_reading", reading.definition)
        variable = f"{question.id}:{reading.id}"
        met, not_met = (units.filter(pl.col(reading.id) == word).height for word in STATES)
        rows.append(topic.count(variable, met, met + not_met))
        rows += topic.proportion(variable, met, met + not_met, NOBODY_JUDGED)
        undecided = units.height - met - not_met
        rows.append(topic.count(f"{variable}:undecided", undecided, units.height))
    return rows


def _make_visits(names: Sequence[str], roots: pl.DataFrame, inputs: Inputs) -> pl.DataFrame:
    subjects = [_subject(name, inputs) for name in names]
    units = make_visit_units(roots, subjects, inputs.table("regimen"))
    return gather_alike(units, names)
