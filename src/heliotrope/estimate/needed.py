"""What the estimates need of the children without immunoglobulin: little, and they are the most.

Of a hospital network nine children in ten never had any. They are compared with the treated ones,
and visits of theirs are counted; for that some measures, some definitions and the days on which
anything was measured are enough. So the records are gone through shard by shard, and only what is
needed is kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import polars as pl

from heliotrope.definitions.load import Rulebook
from heliotrope.definitions.pulse_model import PULSE_MODEL, PulseModel
from heliotrope.definitions.registry_comparison import REGISTRY_COMPARISON, RegistryComparison
from heliotrope.definitions.side_by_side import DEFINITIONS_SIDE_BY_SIDE, SideBySide
from heliotrope.estimate.inputs import derive_children
from heliotrope.records.canonical import CANONICAL
from heliotrope.records.shard import Shard

_CHILD = "patient_id"


@dataclass(frozen=True)
class CohortRecords:
    """The canonical rows that the estimates use, and every child.

    patients: as ``derive_children`` gives it.
    """

    records: Mapping[str, pl.DataFrame]
    patients: pl.DataFrame


def gather_cohort(shards: Iterable[Shard], rulebook: Rulebook) -> CohortRecords:
    """Keep of each shard what the estimates use.

    Rule: all rows of a child with a record of immunoglobulin; of the others the measures of the
    comparison with untreated children and of the pulse model, one measured value of each day, the
    first row of medication, and what is neither assessment nor medication.
    """
    measures = _list_measures(rulebook)
    kept: dict[str, list[pl.DataFrame]] = {name: [] for name in CANONICAL}
    patients = []
    for shard in shards:
        patients.append(derive_children(shard))
        for name, rows in _keep(shard, measures).items():
            kept[name].append(rows)
    records = {
        name: pl.concat([schema.create_empty(), *kept[name]]) for name, schema in CANONICAL.items()
    }
    return CohortRecords(records, pl.concat(patients).sort(_CHILD))


def list_definitions(rulebook: Rulebook) -> frozenset[str]:
    """List the definitions whose states of children without immunoglobulin are used."""
    registry = rulebook.get(REGISTRY_COMPARISON, RegistryComparison)
    plan = rulebook.get(DEFINITIONS_SIDE_BY_SIDE, SideBySide)
    by_visit = {name for question in plan.questions for name in question.visits}
    return frozenset([registry.outcomes.inactive, *by_visit])


def _list_measures(rulebook: Rulebook) -> list[str]:
    registry = rulebook.get(REGISTRY_COMPARISON, RegistryComparison)
    pulse = rulebook.get(PULSE_MODEL, PulseModel)
    named = {name for covariate in registry.covariates for name in covariate.measures}
    modelled = {measure.measure for measure in pulse.measures}
    return sorted({registry.outcomes.activity, *named, *modelled})


def _keep(shard: Shard, measures: list[str]) -> dict[str, pl.DataFrame]:
    treated = shard.infusion.select(_CHILD).unique()
    assessment, medication = shard.assessment, shard.medication
    others = assessment.join(treated, on=_CHILD, how="anti", maintain_order="left")
    is_of_day = pl.col("row_id").filter(pl.col("value").is_finite()).min().over(
        _CHILD, "date"
    ) == pl.col("row_id")
    few = others.filter(pl.col("measure").is_in(measures) | is_of_day.fill_null(value=False))
    whole = assessment.join(treated, on=_CHILD, how="semi", maintain_order="left")
    untreated = medication.join(treated, on=_CHILD, how="anti", maintain_order="left")
    drugs = medication.join(treated, on=_CHILD, how="semi", maintain_order="left")
    return {
        **shard.tables(),
        "assessment": pl.concat([whole, few]),
        "medication": pl.concat([drugs, untreated.unique(_CHILD, keep="first")]),
    }
