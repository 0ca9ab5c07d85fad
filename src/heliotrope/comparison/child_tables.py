"""A run as if it held one child alone: what is compared for one child is read for one child."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from heliotrope.report.read_run import RunTables


@dataclass(frozen=True)
class ChildTables(RunTables):
    """The tables of a run, with the rows of one child; a child it does not know has none."""

    patient_id: str

    def scan_table(self, name: str) -> pl.LazyFrame:
        """Scan the child's rows of one of the run's tables."""
        return super().scan_table(name).filter(pl.col("patient_id") == self.patient_id)

    def scan_trace(self) -> pl.LazyFrame:
        """Scan the trace of the child: the part of its shard alone is read."""
        return self.trace([self.patient_id]).lazy()

    def traced_definitions(self) -> list[str]:
        """Name the definitions that decided something of the child."""
        return sorted(self.trace([self.patient_id])["definition_id"].unique().to_list())

    def traced_children(self) -> list[str]:
        """Name the child, where the trace knows it."""
        return sorted(self.trace([self.patient_id])["patient_id"].unique().to_list())
