"""Lay the rows of some persons out as ours, whichever tables they stand in."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from heliotrope.ingest.delivery import Delivery, Joined, RowsOf
from heliotrope.ingest.omop.layout import (
    Layout,
    number_persons,
    stage_adverse_events,
    stage_drugs,
    stage_measurements,
    stage_patients,
)
from heliotrope.ingest.omop.local_codes import TABLE as LOCAL
from heliotrope.ingest.omop.local_codes import LocalCodes, read_local_codes
from heliotrope.ingest.omop.model import Model
from heliotrope.ingest.omop.procedures import stage_procedures
from heliotrope.ingest.omop.selection import PROCEDURES, mean_rows, with_names
from heliotrope.ingest.omop.store import as_number
from heliotrope.ingest.raw import RawTable
from heliotrope.ingest.staged import Staged


def lay_out_tables(model: Model, tables: Mapping[str, RawTable]) -> Delivery:
    """Lay out the wanted rows of some persons: raws, staged, joined and left out.

    tables: of each table all wanted rows of these persons; every row names one.
    """
    persons, deaths = tables["person"], tables.get("death")
    ids = number_persons(with_names(persons), model.source.patient_id)
    ends = _last_days(tables.get("observation_period"))
    layout = Layout(model.vocabulary, ids, ends, model.sites)
    local = read_local_codes(tables[LOCAL], ids) if LOCAL in tables else None
    facts = _find_facts(model, layout, deaths, local)
    conditions, drugs = tables["condition_occurrence"], tables["drug_exposure"]
    infused, twice = _stage_procedures(model, tables, layout)
    staged: list[Staged | None] = [
        stage_patients(persons, facts, layout, model.source.patient_id),
        stage_adverse_events(conditions, model.conditions, layout),
        *stage_drugs(drugs, model.meanings["drug_exposure"], model.strengths, layout),
        stage_measurements(tables["measurement"], model.meanings["measurement"], layout),
        infused,
        *(local.staged if local else ()),
    ]
    joined = [
        *_joined_diagnoses(model, conditions),
        *(Joined(raw, raw.numbered().select("record"), _columns_of(raw)) for raw in
          (tables.get("observation_period"), deaths) if raw is not None and raw.cells.height),
        *(local.joined if local else ()),
    ]  # fmt: skip
    return Delivery(
        raws=tuple(tables.values()),
        staged=tuple(item for item in staged if item is not None),
        hashes={},
        joined=tuple(joined),
        left_out=tuple(twice),
    )


def _stage_procedures(
    model: Model, tables: Mapping[str, RawTable], layout: Layout
) -> tuple[Staged | None, list[RowsOf]]:
    if PROCEDURES not in tables:
        return None, []
    given, drugs = model.meanings[PROCEDURES], model.meanings["drug_exposure"]
    infused, again = stage_procedures(
        tables[PROCEDURES], given, tables["drug_exposure"], drugs, layout
    )
    return infused, [again]


def _columns_of(raw: RawTable) -> frozenset[int]:
    read = ("person_id", "observation_period_end_date", "death_date")
    return frozenset(raw.header.index(name) for name in read if name in raw.header)


def _joined_diagnoses(model: Model, conditions: RawTable) -> list[Joined]:
    rows = mean_rows(with_names(conditions), "condition_occurrence", model.conditions)
    diagnoses = rows.filter(pl.col("about") == "diagnosis").select("record")
    if diagnoses.is_empty():
        return []
    read = ("person_id", "condition_concept_id", "condition_start_date",
            "condition_source_concept_id")  # fmt: skip
    numbers = [conditions.header.index(name) for name in read if name in conditions.header]
    return [Joined(conditions, diagnoses, frozenset(numbers))]


def _find_facts(
    model: Model, layout: Layout, deaths: RawTable | None, local: LocalCodes | None
) -> pl.DataFrame:
    """Return what other tables say of a person, one row a person."""
    facts = model.first_diagnoses.join(layout.ids, on="person", how="semi")
    facts = facts.join(
        layout.ends.rename({"observed_to": "followup_end"}), on="person", how="full", coalesce=True
    )
    if deaths is not None:
        dead = with_names(deaths).select(
            person=as_number("person_id"), death_date=pl.col("death_date").str.slice(0, 10)
        )
        dead = dead.unique("person", keep="first", maintain_order=True)
        facts = facts.join(dead, on="person", how="full", coalesce=True)
    if local is not None:
        facts = _with_local_facts(facts, local.of_patients)
    return facts


def _last_days(periods: RawTable | None) -> pl.DataFrame:
    """Return the last day that each person was observed: the end of the last period."""
    if periods is None:
        return pl.DataFrame(schema={"person": pl.Int64, "observed_to": pl.String})
    return (
        with_names(periods)
        .select(
            person=as_number("person_id"),
            observed_to=pl.col("observation_period_end_date").str.slice(0, 10),
        )
        .filter(pl.col("person").is_not_null())
        .group_by("person")
        .agg(pl.col("observed_to").max())
        .sort("person")
    )


def _with_local_facts(facts: pl.DataFrame, told: pl.DataFrame) -> pl.DataFrame:
    """Add onset and antibody that were written as local codes."""
    onset = (
        told.filter(pl.col("sort") == "onset")
        .group_by("person")
        .agg(onset_date=pl.col("date").min().dt.to_string("%Y-%m-%d"))
    )
    antibody = (
        told.filter(pl.col("sort") == "antibody")
        .sort("date", "word")
        .group_by("person", maintain_order=True)
        .agg(antibody=pl.col("word").first())
    )
    facts = facts.join(onset, on="person", how="full", coalesce=True)
    return facts.join(antibody, on="person", how="full", coalesce=True)
