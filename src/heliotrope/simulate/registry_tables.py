"""A simulated registry as canonical tables, and as the table of intervals that is read from them.

Both say the same: the canonical tables go the whole way through the program (tests hold the two
together), the table of intervals lets thousands of registries be compared in minutes.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

import numpy as np
import polars as pl

from heliotrope.simulate.draws import Booleans, Integers, Numbers
from heliotrope.simulate.registry import (
    WORST_ACTIVITY,
    RegistrySettings,
    SimulatedRegistry,
)
from heliotrope.simulate.tables import COLUMNS

DAYS_PER_YEAR = 365.25


def make_intervals(settings: RegistrySettings, registry: SimulatedRegistry) -> pl.DataFrame:
    """Make the table of intervals, as ``estimate.registry`` reads it from the records.

    Every covariate is measured at every visit, so that each is 0 days old.
    """
    child, interval = np.nonzero(_is_followed(settings, registry))
    treated = registry.is_treated
    earlier: Integers = np.cumsum(treated, axis=1) - treated
    end = interval + 1
    best, limit = settings.measures.mmt8_best, settings.measures.ck_limit
    covariates = {
        "strength": (best - registry.strength) / best,
        "creatine_kinase": np.log2(registry.creatine_kinase / limit),
        "skin": registry.skin / WORST_ACTIVITY,
        "steroid": registry.steroid,
        "other_drugs": registry.has_other_drug.astype(np.float64),
        "activity": registry.activity,
    }
    days = interval * settings.interval_days
    outcome = registry.activity[child, end]
    is_lost = (registry.last_interval[child] == interval) & (interval < settings.intervals - 1)
    columns: Mapping[str, object] = {
        "patient_id": _name(child),
        "interval": interval.astype(np.int32),
        "start_day": days.astype(np.int32),
        "end_day": (days + settings.interval_days).astype(np.int32),
        "is_treated": treated[child, interval],
        "was_treated": _shift(treated)[child, interval],
        "was_ever_treated": earlier[child, interval] > 0,
        "intervals_on": _count_on(treated)[child, interval].astype(np.int32),
        "is_censored": is_lost,
        "baseline_activity": registry.activity[child, 0],
        "age_years": registry.age_years[child],
        "antibody": np.asarray(settings.antibodies)[registry.antibody[child]],
        "calendar_year": settings.diagnosed_from.year
        + (registry.diagnosed[child] + days) / DAYS_PER_YEAR,
        "outcome_activity": outcome,
        "outcome_inactive": outcome <= settings.inactive_at_most,
    }
    zero = np.zeros(len(child), dtype=np.int32)
    return pl.DataFrame(columns).with_columns(
        *[pl.Series(name, values[child, interval]) for name, values in covariates.items()],
        *[pl.Series(f"{name}_age_days", zero) for name in covariates],
    )


def make_registry_tables(
    settings: RegistrySettings, registry: SimulatedRegistry
) -> dict[str, pl.DataFrame]:
    """Make the canonical tables: visits at the ends of intervals, monthly infusions in between."""
    first = settings.diagnosed_from
    diagnosed = [first + timedelta(days=int(day)) for day in registry.diagnosed]
    dates = pl.DataFrame(
        {"patient_id": _name(np.arange(settings.children)), "diagnosis_date": diagnosed}
    )
    age_days = np.round(registry.age_years * DAYS_PER_YEAR).astype(np.int64)
    followed = np.minimum(registry.last_interval + 1, settings.intervals) * settings.interval_days
    patients = dates.with_columns(
        sex=pl.lit("female"),
        age_days=pl.Series(age_days),
        followed=pl.Series(followed),
        antibody=pl.Series(np.asarray(settings.antibodies)[registry.antibody]),
    ).with_columns(
        birth_date=pl.col("diagnosis_date") - pl.duration(days="age_days"),
        followup_end=pl.col("diagnosis_date") + pl.duration(days="followed"),
    )
    made = {
        "patient": patients,
        "assessment": _make_assessments(settings, registry),
        "infusion": _make_infusions(settings, registry),
        "medication": _make_medication(settings, registry),
    }
    placed = {
        name: table
        if name == "patient"
        else table.join(dates, on="patient_id").with_columns(
            (pl.col("diagnosis_date") + pl.duration(days=pl.col(column))).alias(column)
            for column in ("date", "start_date", "end_date")
            if column in table.columns
        )
        for name, table in made.items()
    }
    return {name: _fill(name, placed.get(name)) for name in COLUMNS}


def _make_assessments(settings: RegistrySettings, registry: SimulatedRegistry) -> pl.DataFrame:
    has_visit = np.zeros(registry.activity.shape, dtype=np.bool_)
    has_visit[:, 1:] = _is_followed(settings, registry)
    has_visit[:, 0] = True
    weight = np.full(registry.activity.shape, settings.weight_kg)
    measures: dict[str, tuple[Numbers, str]] = {
        "physician_global": (registry.activity, "cm"),
        "mmt8": (registry.strength, "none"),
        "creatine_kinase": (registry.creatine_kinase, "U/L"),
        "skin_global": (registry.skin, "cm"),
        "weight": (weight, "kg"),
    }
    child, visit = np.nonzero(has_visit)
    limit = settings.measures.ck_limit
    return pl.concat(
        pl.DataFrame(
            {
                "patient_id": _name(child),
                "date": visit * settings.interval_days,
                "value": values[child, visit],
            }
        ).with_columns(
            measure=pl.lit(name),
            unit=pl.lit(unit),
            upper_limit=pl.lit(limit if name == "creatine_kinase" else None, pl.Float64),
        )
        for name, (values, unit) in measures.items()
    )


def _make_infusions(settings: RegistrySettings, registry: SimulatedRegistry) -> pl.DataFrame:
    child, interval = np.nonzero(registry.is_treated & _is_followed(settings, registry))
    return pl.concat(
        pl.DataFrame(
            {"patient_id": _name(child), "date": interval * settings.interval_days + day}
        ).with_columns(
            route=pl.lit("iv"), dose=pl.lit(settings.dose_g_per_kg), dose_unit=pl.lit("g/kg")
        )
        for day in settings.infusion_days
    )


def _make_medication(settings: RegistrySettings, registry: SimulatedRegistry) -> pl.DataFrame:
    child, interval = np.nonzero(_is_followed(settings, registry))
    days = settings.interval_days
    rows = pl.DataFrame(
        {
            "patient_id": _name(child),
            "start_date": interval * days,
            "end_date": (interval + 1) * days - 1,
            "dose": registry.steroid[child, interval],
            "has_other": registry.has_other_drug[child, interval],
        }
    ).with_columns(route=pl.lit("oral"), every_n_days=pl.lit(1))
    other = rows.filter("has_other").with_columns(
        drug=pl.lit(settings.other_drug.name),
        dose=pl.lit(settings.other_drug.dose_mg_per_week),
        dose_unit=pl.lit("mg/week"),
    )
    steroid = rows.with_columns(drug=pl.lit("prednisone"), dose_unit=pl.lit("mg/kg/day"))
    return pl.concat([steroid, other])


def _fill(name: str, table: pl.DataFrame | None) -> pl.DataFrame:
    """Give a table the columns of its canonical file; what was not made is empty."""
    columns = COLUMNS[name]
    if table is None:
        return pl.DataFrame(schema=columns)
    present = set(table.columns)
    return table.select(
        pl.col(column).cast(kind) if column in present else pl.lit(None, kind).alias(column)
        for column, kind in columns.items()
    )


def _is_followed(settings: RegistrySettings, registry: SimulatedRegistry) -> Booleans:
    is_followed: Booleans = (
        np.arange(settings.intervals)[None, :] <= registry.last_interval[:, None]
    )
    return is_followed


def _name(child: Integers) -> list[str]:
    return [f"R{number + 1:06d}" for number in child]


def _shift(treated: Booleans) -> Booleans:
    before = np.zeros_like(treated)
    before[:, 1:] = treated[:, :-1]
    return before


def _count_on(treated: Booleans) -> Integers:
    """Count the intervals on IVIG in a row before each interval."""
    on: Integers = np.zeros(treated.shape, dtype=np.int64)
    for interval in range(1, treated.shape[1]):
        on[:, interval] = np.where(treated[:, interval - 1], on[:, interval - 1] + 1, 0)
    return on
