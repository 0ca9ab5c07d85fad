"""The single door of this room: everything derived from a shard, in the order it is derived."""

from __future__ import annotations

from dataclasses import dataclass, replace

import polars as pl

from heliotrope.definitions.load import Rulebook
from heliotrope.definitions.measure import Measure, measures_of
from heliotrope.derive.baselines import derive_baselines
from heliotrope.derive.changes import derive_changes
from heliotrope.derive.exposure import derive_courses, derive_infusion_days
from heliotrope.derive.glucocorticoids import derive_steroid_periods, derive_steroid_pulses
from heliotrope.derive.immunosuppressants import derive_drug_periods
from heliotrope.derive.patients import derive_patients
from heliotrope.derive.regimens import derive_regimens
from heliotrope.derive.steroid_doses import derive_steroid_doses
from heliotrope.derive.treatment import derive_treatment_spans
from heliotrope.derive.visits import derive_visit_values
from heliotrope.derive.weights import select_sizes
from heliotrope.records.shard import Shard


@dataclass(frozen=True)
class Derived:
    """A shard and all that is derived from it before anything is classified.

    ``sizes``: the weights and heights among the assessments.
    """

    shard: Shard
    measures: dict[str, Measure]
    patients: pl.DataFrame
    visit_values: pl.DataFrame
    infusion_days: pl.DataFrame
    courses: pl.DataFrame
    regimens: pl.DataFrame
    baselines: pl.DataFrame
    changes: pl.DataFrame
    sizes: pl.DataFrame
    steroid_doses: pl.DataFrame
    steroid_periods: pl.DataFrame
    steroid_pulses: pl.DataFrame
    drug_periods: pl.DataFrame
    treatment_spans: pl.DataFrame


def derive_all(shard: Shard, rulebook: Rulebook, baseline_days: int) -> Derived:
    """Derive exposure, doses, baselines and changes of every child of a shard.

    ``baseline_days``: how many days before the first infusion a baseline may lie.
    """
    patients = derive_patients(shard)
    visit_values = derive_visit_values(shard.assessment, rulebook)
    sizes = select_sizes(shard.assessment, rulebook)
    infusion_days = derive_infusion_days(replace(shard, assessment=sizes), rulebook)
    courses = derive_courses(infusion_days, rulebook)
    regimens = derive_regimens(courses, infusion_days, shard.event, patients, rulebook)
    baselines = derive_baselines(visit_values, regimens, baseline_days)
    doses = derive_steroid_doses(shard.medication, sizes, rulebook)
    steroid_periods = derive_steroid_periods(shard.medication, sizes, patients, rulebook, doses)
    steroid_pulses = derive_steroid_pulses(shard.medication, sizes, rulebook, doses)
    drug_periods = derive_drug_periods(shard.medication, sizes, rulebook)
    return Derived(
        shard=shard,
        measures=measures_of(rulebook),
        patients=patients,
        visit_values=visit_values,
        infusion_days=infusion_days,
        courses=courses,
        regimens=regimens,
        baselines=baselines,
        changes=derive_changes(visit_values, baselines, regimens),
        sizes=sizes,
        steroid_doses=doses,
        steroid_periods=steroid_periods,
        steroid_pulses=steroid_pulses,
        drug_periods=drug_periods,
        treatment_spans=derive_treatment_spans(
            shard.medication, infusion_days, (steroid_periods, steroid_pulses), drug_periods
        ),
    )
