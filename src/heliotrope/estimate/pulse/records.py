"""From the records of a study to what the pulse model sees.

Each treated child enters with its first regimen of IVIG given as treatment. Visits are the dates
with one of the model's measures, until the next regimen began, the child changed to subcutaneous
immunoglobulin, or observation ended. Where the start of IVIG can be modelled (``start``) all visits
before count, from the first on, and children who were at risk and did not start are in, too; else
only the visits from ``history_days`` before day 0, of treated children. An infusion whose dose is
unknown counts as its share of a full course, and is counted apart.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import polars as pl

from heliotrope.definitions.drug import drugs_of
from heliotrope.definitions.pulse_model import (
    PULSE_MODEL,
    Conventions,
    PulseMeasure,
    PulseModel,
)
from heliotrope.estimate.inputs import Inputs
from heliotrope.estimate.pulse.data import ChildChart, Floats, MeasureScale, PulseData
from heliotrope.estimate.pulse.other_drugs import (
    compute_other_drugs,
    compute_started_near,
    compute_steroid_pulses,
)
from heliotrope.estimate.pulse.start import (
    StartEvidence,
    choose_start_rule,
    mark_risk,
    select_never_started,
)
from heliotrope.estimate.pulse.steroid_filter import Steroid, compute_steroid

TREATMENT = "treatment"


@dataclass(frozen=True)
class Cohort:
    """The data of the model, and what a reader must know of how they were made.

    ``assumed_doses``: infusions whose dose was unknown; ``infusions``: of all.
    ``children_with_started_drug``: another immunosuppressant begun near the first infusion.
    ``children_with_premedication_steroid``, ``children_without_premedication_record``: of those
    treated. ``weight_kg``: median on the first day of IVIG, none when unknown.
    ``children_without_steroid_record``. ``start``: how the start of IVIG is treated, and why.
    """

    data: PulseData
    infusions: int
    assumed_doses: int
    children_with_started_drug: int
    children_with_premedication_steroid: int
    children_without_premedication_record: int
    children_without_steroid_record: int
    weight_kg: float | None
    start: StartEvidence


def read_cohort(inputs: Inputs, model: PulseModel, conventions: Conventions) -> Cohort:
    """Read the cohort; without a child or a usable measure it is empty (0 children)."""
    regimens = _select_regimens(inputs)
    seen = _see(inputs, regimens, model, conventions)
    visits, names = seen.visits, [measure.measure for measure in seen.measures]
    regimens = regimens.join(visits.select("patient_id").unique(), on="patient_id", how="semi")
    origins = visits.group_by("patient_id", maintain_order=True).agg(
        origin=pl.col("origin").first()
    )
    infusions = _read_infusions(inputs, regimens.join(origins, on="patient_id"), conventions)
    days = visits.select("patient_id", "date", "day")
    steroid = compute_steroid(inputs, days, conventions)
    extra = [
        compute_other_drugs(inputs, days, origins),
        compute_steroid_pulses(inputs, days, conventions),
    ]
    covariates = [each for each in extra if np.any(each.value)]
    children = origins["patient_id"].to_list()
    charts = _make_charts(
        children, visits, names, infusions, steroid, np.array([each.value for each in covariates])
    )
    premedicated, unrecorded = _count_premedication(inputs, infusions)
    return Cohort(
        data=PulseData.of(
            charts,
            tuple(_scale_of(measure) for measure in seen.measures),
            tuple(each.name for each in covariates),
            knows_steroid=bool(steroid.is_known.any()),
            children=tuple(children),
        ),
        infusions=infusions.height,
        assumed_doses=int(infusions["is_assumed"].sum()),
        children_with_started_drug=compute_started_near(
            inputs, regimens, model.refusals.covariate_started_within_days
        ),
        children_with_premedication_steroid=premedicated,
        children_without_premedication_record=unrecorded,
        children_without_steroid_record=_count_unknown(children, days, steroid),
        weight_kg=_median_weight(inputs, regimens),
        start=seen.start,
    )


@dataclass(frozen=True)
class _Seen:
    """Visits by child and date: day, origin (date of day 0), is_at_risk, is_start, measures."""

    visits: pl.DataFrame
    measures: list[PulseMeasure]
    start: StartEvidence


def _see(
    inputs: Inputs, regimens: pl.DataFrame, model: PulseModel, conventions: Conventions
) -> _Seen:
    """Choose the measures by the treated children, then the start rule, then who and what is in."""
    treated = regimens.select("patient_id", "first_infusion", "until")
    everyone = pl.concat([treated, select_never_started(inputs, regimens)])
    visits = _read_visits(inputs, everyone, model)
    since = (pl.col("date") - pl.col("first_infusion")).dt.total_days()
    windowed = visits.filter(since >= -conventions.history_days).with_columns(
        day=since,
        origin="first_infusion",
        is_at_risk=pl.lit(value=False),
        is_start=pl.lit(value=False),
    )
    measures = _choose_measures(windowed, model)
    names = [measure.measure for measure in measures]
    has_value = pl.any_horizontal(
        pl.lit(value=False), *(pl.col(name).is_not_null() for name in names)
    )
    if not measures:
        return _Seen(windowed.clear(), [], StartEvidence(model.start_rule.default))
    marked = mark_risk(visits.filter(has_value), names[0])
    start = choose_start_rule(marked, names[0], model)
    if not start.is_modelled:
        return _Seen(windowed.filter(has_value), measures, start)
    is_told = pl.col("first_infusion").is_not_null() | pl.col("is_at_risk").any().over("patient_id")
    return _Seen(marked.filter(is_told), measures, start)


def _select_regimens(inputs: Inputs) -> pl.DataFrame:
    """Keep treatment regimens, each with the last day that belongs to it."""
    regimens = inputs.first_regimens().filter(pl.col("purpose") == TREATMENT)
    infusion_day = inputs.table("infusion_day")
    subcutaneous = (
        infusion_day.filter(pl.col("route") == "sc")
        .join(regimens.select("patient_id", "last_infusion"), on="patient_id")
        .filter(pl.col("date") > pl.col("last_infusion"))
        .group_by("patient_id")
        .agg(first_sc=pl.col("date").min())
    )
    return (
        regimens.join(subcutaneous, on="patient_id", how="left", maintain_order="left")
        .with_columns(until=pl.min_horizontal("observed_until", "next_first_infusion", "first_sc"))
        .sort("patient_id")
    )


def _read_visits(inputs: Inputs, children: pl.DataFrame, model: PulseModel) -> pl.DataFrame:
    """Give patient_id, date, first_infusion and each measure, scaled; of a day's values the last.

    ``children``: patient_id, first_infusion (null: never), until.
    """
    visits = inputs.gather(partial(_read_some_visits, children=children, model=model))
    return visits.sort("patient_id", "date")


def _read_some_visits(inputs: Inputs, children: pl.DataFrame, model: PulseModel) -> pl.DataFrame:
    rows = (
        inputs.record("assessment")
        .filter(pl.col("value").is_finite())
        .join(children, on="patient_id")
        .filter(pl.col("date") <= pl.col("until"))
        .sort("row_id")
        .group_by("patient_id", "date", "first_infusion", "measure")
        .agg(pl.col("value").last(), pl.col("upper_limit").last())
    )
    visits = rows.select("patient_id", "date", "first_infusion").unique()
    for measure in model.measures:
        scaled = (
            rows.filter(pl.col("measure") == measure.measure)
            .with_columns(_scale(measure).alias(measure.measure))
            .filter(pl.col(measure.measure).is_finite())
            .select("patient_id", "date", measure.measure)
        )
        visits = visits.join(scaled, on=["patient_id", "date"], how="left")
    return visits


def _scale(measure: PulseMeasure) -> pl.Expr:
    """Turn a value into the model's: higher is worse, 0 the best, in units of the scale."""
    if measure.best is None or measure.worst is None:
        ratio = pl.col("value") / pl.col("upper_limit")
        return pl.when(ratio > 0).then(ratio.log(2.0) / measure.scale)
    side = 1.0 if measure.worst > measure.best else -1.0
    return (pl.col("value") - measure.best) * side / measure.scale


def _scale_of(measure: PulseMeasure) -> MeasureScale:
    """Describe a measure to the numerics."""
    if measure.best is None or measure.worst is None:
        return MeasureScale(measure.measure, points_per_unit=measure.scale, is_log2_ratio=True)
    room = abs(measure.worst - measure.best) / measure.scale
    return MeasureScale(
        measure.measure,
        floor=0.0,
        ceiling=room if measure.is_clipped_at_worst else np.inf,
        points_per_unit=measure.scale,
        important_difference=measure.important_difference,
    )


def _choose_measures(visits: pl.DataFrame, model: PulseModel) -> list[PulseMeasure]:
    """Keep the measures recorded in enough children; in the definition's order."""
    enough = min(model.refusals.children_at_least, max(visits["patient_id"].n_unique(), 1))
    return [
        measure
        for measure in model.measures
        if visits.filter(pl.col(measure.measure).is_not_null())["patient_id"].n_unique() >= enough
    ]


def _read_infusions(
    inputs: Inputs, regimens: pl.DataFrame, conventions: Conventions
) -> pl.DataFrame:
    """Give each infusion day of the regimens its day and its dose in full courses."""
    full = conventions.full_course_g_per_kg
    days_of_course = pl.len().over("patient_id", "course")
    return (
        inputs.table("infusion_day")
        .filter(pl.col("route") == "iv")
        .join(regimens.select("patient_id", "regimen", "origin"), on=["patient_id", "regimen"])
        .with_columns(
            day=(pl.col("date") - pl.col("origin")).dt.total_days(),
            is_assumed=pl.col("dose_g_per_kg").is_null(),
            dose=pl.coalesce(pl.col("dose_g_per_kg") / full, 1.0 / days_of_course),
        )
        .sort("patient_id", "date")
    )


def _make_charts(
    children: list[str],
    visits: pl.DataFrame,
    names: list[str],
    infusions: pl.DataFrame,
    steroid: Steroid,
    covariates: Floats,
) -> list[ChildChart]:
    """Cut visits and infusions, both sorted by child, into charts."""
    value = visits.select(pl.col(name).fill_null(np.nan) for name in names).to_numpy()
    day = visits["day"].to_numpy().astype(float)
    is_at_risk, is_start = visits["is_at_risk"].to_numpy(), visits["is_start"].to_numpy()
    extra = covariates.reshape(len(covariates), -1).T if len(covariates) else None
    infused, dose = infusions["day"].to_numpy().astype(float), infusions["dose"].to_numpy()
    charts = []
    for mine, its in zip(_spans(children, visits), _spans(children, infusions), strict=True):
        charts.append(
            ChildChart(
                visit_day=day[mine],
                value=value[mine],
                infusion_day=infused[its],
                dose=dose[its],
                steroid=steroid.value[mine],
                covariates=None if extra is None else extra[mine],
                is_at_risk_of_start=is_at_risk[mine],
                is_start=is_start[mine],
            )
        )
    return charts


def _spans(children: list[str], rows: pl.DataFrame) -> list[slice]:
    """Say which of the sorted rows are each child's."""
    counted = dict(rows.group_by("patient_id").len().iter_rows())
    ends = np.cumsum([counted.get(child, 0) for child in children], dtype=int).tolist()
    return [slice(begin, end) for begin, end in zip([0, *ends], ends, strict=False)]


def _count_unknown(children: list[str], days: pl.DataFrame, steroid: Steroid) -> int:
    known = set(days["patient_id"].filter(pl.Series(steroid.is_known, dtype=pl.Boolean)).to_list())
    return sum(child not in known for child in children)


def _count_premedication(inputs: Inputs, infusions: pl.DataFrame) -> tuple[int, int]:
    """Count children with a steroid before an infusion, and those without any such record."""
    steroids = [drug.id for drug in drugs_of(inputs.rulebook).values() if drug.is_glucocorticoid]
    words = pl.col("premedication").str.split(";").list.eval(pl.element().str.strip_chars())
    by_child = infusions.group_by("patient_id").agg(
        has_steroid=words.list.eval(pl.element().is_in(steroids)).list.any().any(),
        is_unrecorded=pl.col("premedication").is_null().all(),
    )
    return int(by_child["has_steroid"].sum() or 0), int(by_child["is_unrecorded"].sum() or 0)


def _median_weight(inputs: Inputs, regimens: pl.DataFrame) -> float | None:
    courses = inputs.table("course").filter(pl.col("course") == 1)
    joined = courses.join(
        regimens.select("patient_id", "regimen"), on=["patient_id", "regimen"], how="semi"
    )
    weight: Any = joined["weight_kg"].median()
    return None if weight is None else float(weight)


def read_definition(inputs: Inputs) -> PulseModel:
    """Return the study's definition of the model."""
    return inputs.rulebook.get(PULSE_MODEL, PulseModel)
