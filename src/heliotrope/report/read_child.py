"""Everything a run knows of one child, gathered for the child's page."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from heliotrope.report.read_run import RunTables

RECORDS = ("patient", "assessment", "infusion", "medication", "event", "indication", "adjudication")
TABLES = (
    "infusion_day",
    "course",
    "regimen",
    "steroid_period",
    "steroid_pulse",
    "drug_period",
    "score",
    "state",
    "visit",
    "response",
    "indication",
    "aggravation",
    "reaction",
)
EXPLAINED = ("jdm_ivig_response", "aggravation_after_discontinuation")
DAYS_PER_WEEK = 7


@dataclass(frozen=True)
class Child:
    """One child: canonical rows, tables of the run, the trace with its cells.

    ``origin`` is day 0 of the child's page: the first infusion, else the first record.
    """

    patient_id: str
    origin: dt.date
    records: Mapping[str, pl.DataFrame]
    tables: Mapping[str, pl.DataFrame]
    trace: pl.DataFrame
    trace_source: pl.DataFrame

    def table(self, name: str) -> pl.DataFrame:
        """Return the child's rows of a table of the run."""
        return self.tables[name]

    def record(self, name: str) -> pl.DataFrame:
        """Return the child's canonical rows."""
        return self.records[name]

    def week(self, date: dt.date) -> float:
        """Count weeks from day 0, with decimals."""
        return round((date - self.origin).days / DAYS_PER_WEEK, 3)

    @property
    def last_date(self) -> dt.date:
        """The last day on which anything of the child is known."""
        dates = [
            *self.table("regimen")["observed_until"],
            *self.record("assessment")["date"],
            *self.record("event")["date"],
            *self.table("infusion_day")["date"],
            *self.record("patient")["followup_end"],
        ]
        return max((date for date in dates if date is not None), default=self.origin)


def read_children(run: RunTables, patients: Sequence[str]) -> list[Child]:
    """Read the pages' children in the order given, each table once for all of them."""
    records = {name: _split(run.record(name, patients)) for name in RECORDS}
    tables = {name: _split(run.table_of(name, patients)) for name in TABLES}
    trace = run.trace(patients, EXPLAINED)
    sources = run.trace_sources(trace["trace_id"], patients)
    traces = _split(trace)
    children = []
    for patient_id in patients:
        own = {name: parts.get(patient_id, parts[""]) for name, parts in tables.items()}
        raw = {name: parts.get(patient_id, parts[""]) for name, parts in records.items()}
        nodes = traces.get(patient_id, traces[""])
        children.append(
            Child(
                patient_id=patient_id,
                origin=_find_origin(own, raw),
                records=raw,
                tables=own,
                trace=nodes,
                trace_source=sources.join(nodes.select("trace_id"), on="trace_id", how="semi"),
            )
        )
    return children


def _split(frame: pl.DataFrame) -> dict[str, pl.DataFrame]:
    parts = frame.partition_by("patient_id", as_dict=True, maintain_order=True)
    return {str(key[0]): part for key, part in parts.items()} | {"": frame.clear()}


def _find_origin(
    tables: Mapping[str, pl.DataFrame], records: Mapping[str, pl.DataFrame]
) -> dt.date:
    infused = tables["regimen"]["first_infusion"].drop_nulls().to_list()
    recorded = [
        date
        for name in ("assessment", "event")
        for date in records[name]["date"].drop_nulls().to_list()
    ]
    return min(infused or recorded, default=dt.date(1970, 1, 1))
