"""How often children flared: on average by a day, on IVIG and off it.

``flare_mean`` counts every recorded flare from the first infusion. ``worsening_mean`` counts, from
the last infusion of a regimen that stopped, the flares and the first worsening found by the other
limbs of aggravation (those only look after a stop, so they would make the time off IVIG look worse
in a comparison with the time on it; they stay out of ``flare_rate`` and ``flare_hazard``).
``flare_hazard`` compares the time off IVIG with the time on it in the same children. It is an
association: flares cause IVIG to be started again, and IVIG is stopped in children who are well.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import polars as pl

from heliotrope.estimate import wording
from heliotrope.estimate.after_stopping import NOBODY, derive_population
from heliotrope.estimate.curves import NOBODY_THEN
from heliotrope.estimate.events.andersen_gill import estimate_hazard_model
from heliotrope.estimate.events.flare_times import (
    FlareTimes,
    derive_flare_times,
    find_deaths,
    make_risk_rows,
    make_spells,
    merge_close,
)
from heliotrope.estimate.events.mean_cumulative import (
    MeanCumulative,
    Spells,
    estimate_mean_cumulative,
    estimate_mean_interval,
)
from heliotrope.estimate.inputs import NO_IVIG, Inputs
from heliotrope.estimate.intervals import (
    Interval,
    compute_normal_quantile,
    compute_student_quantile,
)
from heliotrope.estimate.rows import Exposure, Figure, Row, Topic
from heliotrope.estimate.wording import worded

NOT_SEEN = worded("no child was observed after its first infusion")

NO_TIME = worded("no time of this kind was observed")

TOO_FEW = worded(
    "{children} children: under {least} the robust error of a hazard ratio cannot be relied on"
)

NO_FLARE_AT_ALL = worded("no flare was recorded after the first infusion")

ONE_SIDED = worded("flares were recorded only {where}, so no finite ratio can be estimated")


RATIO = worded("{ratio} times; an association, not an effect")


def estimate_flares(inputs: Inputs) -> list[Row]:
    """Give the mean number of flares by day, the rates on and off IVIG, and their hazard ratio."""
    times = derive_flare_times(inputs)
    topic = inputs.topic("flare_mean", inputs.model_free.id)
    days = inputs.model_free.flares.printed_days
    reason = NO_IVIG if inputs.table("regimen").height == 0 else NOT_SEEN
    after = estimate_mean_cumulative(derive_worsening(inputs))
    return [
        *_mean_rows(topic, estimate_mean_cumulative(make_spells(times)), days, reason),
        *_rate_rows(inputs, topic.of("flare_rate"), times),
        *_hazard_rows(inputs, topic.of("flare_hazard"), times),
        *_mean_rows(topic.of("worsening_mean"), after, days, NOBODY),
    ]


def _mean_rows(
    topic: Topic, found: MeanCumulative, printed_days: Iterable[int], reason: str
) -> list[Row]:
    """Give the mean number by each day with events and each printed day, with who was at risk."""
    n = found.children
    rows = [
        topic.count("children", n, n),
        topic.count("children_with_event", found.children_with_event, n),
        topic.count("events", int(found.events.sum()), n),
        topic.count("deaths", found.deaths, n),
    ]
    if n == 0:
        return [*rows, topic.refuse("curve", "mean_cumulative", reason)]
    for day in sorted({float(day) for day in printed_days} | set(found.days.tolist())):
        variable = f"day_{day:.0f}"
        step = found.step_at(day)
        is_event_day = step is not None and found.days[step] == day
        at_risk = int(found.at_risk[step]) if is_event_day else found.spells.at_risk(day)
        rows.append(replace(topic.count(variable, at_risk, at_risk), statistic="at_risk"))
        if at_risk == 0:
            rows.append(topic.refuse(variable, "mean_cumulative", NOBODY_THEN))
            continue
        mean = 0.0 if step is None else float(found.mean[step])
        error = 0.0 if step is None else float(found.error[step])
        interval = estimate_mean_interval(mean, error, topic.level)
        printed = wording.number(mean) if interval is None else wording.estimate(mean, interval)
        rows.append(
            topic.figure(variable, "mean_cumulative", Figure(mean, printed, at_risk, interval))
        )
        if found.deaths and step is not None:
            living = float(found.mean_of_living[step])
            figure = Figure(living, wording.number(living), at_risk)
            rows.append(topic.figure(variable, "mean_cumulative_of_living", figure))
    return rows


def _rate_rows(inputs: Inputs, topic: Topic, times: FlareTimes) -> list[Row]:
    """Give flares and months on IVIG and off it, and the exact Poisson rate of each."""
    rows: list[Row] = []
    placed = times.flares.join(times.spells, on="patient_id").filter(
        (pl.col("start") < pl.col("day")) & (pl.col("day") <= pl.col("stop"))
    )
    for name, is_off in (("on_ivig", False), ("off_ivig", True)):
        spells = times.spells.filter(pl.col("is_off") == is_off)
        flares = placed.filter(pl.col("is_off") == is_off)
        days = int((spells["stop"] - spells["start"]).sum())
        children = spells["patient_id"].n_unique()
        months = days / inputs.parameters.calendar.days_per_month
        rows += [
            topic.count(name, flares.height, children),
            topic.count(f"{name}:children_with_flare", flares["patient_id"].n_unique(), children),
            topic.rate(
                name,
                flares.height,
                Exposure("patient_month", worded("patient-months"), months, children, NO_TIME),
            ),
        ]
    return rows


def _hazard_rows(inputs: Inputs, topic: Topic, times: FlareTimes) -> list[Row]:
    """Give the hazard ratio of flares off IVIG against on IVIG, an association, or why not.

    Its interval counts children: the robust error corrected for few, and Student's t.
    """
    variable, names = "off_against_on_ivig", ("hazard_ratio", "hazard_ratio_naive")
    least = inputs.model_free.flares.min_children
    rows = make_risk_rows(times)
    children = int(np.unique(rows.child).size)
    reason = _why_no_hazard(times, rows.is_event, rows.covariates[:, 0])
    if children < least:
        reason = TOO_FEW.format(children=children, least=least) if children else NOT_SEEN
    if reason is not None:
        return [topic.refuse(variable, name, reason, children) for name in names]
    model = estimate_hazard_model(rows)
    if model.refused is not None:
        return [topic.refuse(variable, name, model.refused, children) for name in names]
    tail = 1 - (1 - topic.level) / 2
    reaches = (
        compute_student_quantile(tail, model.clusters - 1) * float(model.corrected[0]),
        compute_normal_quantile(tail) * float(model.naive[0]),
    )
    found: list[Row] = [topic.count(f"{variable}:events", model.events, children)]
    log_ratio = float(model.coefficient[0])
    for name, reach in zip(names, reaches, strict=True):
        interval = Interval(math.exp(log_ratio - reach), math.exp(log_ratio + reach))
        ratio = math.exp(log_ratio)
        words = RATIO.format(ratio=wording.estimate(ratio, interval))
        found.append(topic.figure(variable, name, Figure(ratio, words, children, interval)))
    return found


def _why_no_hazard(times: FlareTimes, is_event: object, is_off: object) -> str | None:
    """Say why flares on and off IVIG cannot be compared; None where they can."""
    events = np.asarray(is_event, dtype=np.bool_)
    off = np.asarray(is_off)[events]
    if times.spells["is_off"].n_unique() < 2:
        return NO_TIME
    if not events.any():
        return NO_FLARE_AT_ALL
    if off.min() == off.max():
        return ONE_SIDED.format(where=worded("off IVIG") if off.min() > 0 else worded("on IVIG"))
    return None


def derive_worsening(inputs: Inputs) -> Spells:
    """Give, for children whose regimen stopped, the time since its last infusion and its events.

    From the day the stop is known to the next regimen or the end of observation. Events: flares,
    and the worsening found by ``aggravation_after_discontinuation``; those within
    ``same_flare_days`` are one. First regimens only.
    """
    population = derive_population(inputs, inputs.of_group(inputs.table("aggravation")))
    spells = population.select("patient_id", "entry", "seen").drop_nulls().sort("patient_id")
    last = inputs.first_regimens().select("patient_id", "last_infusion")
    flares = (
        inputs.record("event")
        .filter(pl.col("kind") == inputs.aggravation.flare_kind)
        .join(last, on="patient_id")
        .select("patient_id", day=(pl.col("date") - pl.col("last_infusion")).dt.total_days())
    )
    events = (
        pl.concat([flares, population.select("patient_id", day="event_day")])
        .drop_nulls()
        .join(spells, on="patient_id")
        .filter((pl.col("entry") < pl.col("day")) & (pl.col("day") <= pl.col("seen")))
        .select("patient_id", "day")
        .unique()
        .sort("patient_id", "day")
    )
    apart = merge_close(events, inputs.model_free.flares.same_flare_days)
    died = find_deaths(inputs, last.rename({"last_infusion": "origin"}))
    deaths = died.join(spells, on="patient_id", how="semi")
    number = {name: place for place, name in enumerate(spells["patient_id"])}
    return Spells(
        child=np.arange(spells.height, dtype=np.int64),
        start=spells["entry"].to_numpy().astype(np.float64),
        stop=spells["seen"].to_numpy().astype(np.float64),
        event_child=np.array([number[name] for name in apart["patient_id"]], np.int64),
        event_day=apart["day"].to_numpy().astype(np.float64),
        dead_child=np.array([number[name] for name in deaths["patient_id"]], np.int64),
        death_day=deaths["day"].to_numpy().astype(np.float64),
    )
