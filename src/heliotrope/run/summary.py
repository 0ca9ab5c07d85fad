"""What a run, a check and a verification say at the end, for a person and for a machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from heliotrope.estimate.wording import MODEL_NOT_ASKED
from heliotrope.ingest import Reading
from heliotrope.report.language import _
from heliotrope.study import Study


@dataclass(frozen=True)
class RunSummary:
    """A finished run in a few numbers and sentences.

    accounting: a row a source, as ``ingest.Accounting``. findings: how many of each severity.
    sentences: what was found, in words. is_adjudicated: the study brings clinicians' labels, with
    which the report compares the patterns. cohort: (step, words, persons left) of a selection.
    """

    run: Path
    report: Path
    study: str
    children: int
    children_with_ivig: int
    accounting: pl.DataFrame
    findings: Mapping[str, int]
    sentences: tuple[str, ...]
    seconds: float
    is_adjudicated: bool = False
    cohort: tuple[tuple[str, str, int], ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Give the summary as plain values."""
        return {
            "run": str(self.run),
            "report": str(self.report),
            "study": self.study,
            "children": self.children,
            "children_with_ivig": self.children_with_ivig,
            "accounting": self.accounting.to_dicts(),
            "findings": dict(self.findings),
            "sentences": list(self.sentences),
            "seconds": round(self.seconds, 2),
            "is_adjudicated": self.is_adjudicated,
            "cohort": [list(step) for step in self.cohort],
        }


@dataclass(frozen=True)
class TableFate:
    """What became of one canonical table: rows made, and how many were set aside by which rule.

    set_aside: rule to rows of the files of which a whole row or a cell could not be used.
    """

    rows: int
    set_aside: Mapping[str, int]

    def to_json(self) -> dict[str, Any]:
        """Give it as plain values."""
        return {"rows": self.rows, "set_aside": dict(self.set_aside)}


def count_by_table(reading: Reading) -> dict[str, TableFate]:
    """Count for each canonical table the rows made and, rule by rule, the rows set aside."""
    return {
        table: TableFate(rows, reading.set_aside[table]) for table, rows in reading.rows.items()
    }


@dataclass(frozen=True)
class CheckSummary:
    """The findings of a study that was read but not run."""

    study: str
    accounting: pl.DataFrame
    findings: pl.DataFrame
    by_table: Mapping[str, TableFate]
    cohort: tuple[tuple[str, str, int], ...] = ()

    @property
    def counts(self) -> dict[str, int]:
        """Count the findings of each severity."""
        return count_severities(self.findings)

    @property
    def has_errors(self) -> bool:
        """Say whether any finding is an error."""
        return self.counts.get("error", 0) > 0

    def to_json(self) -> dict[str, Any]:
        """Give the summary as plain values."""
        return {
            "study": self.study,
            "accounting": self.accounting.to_dicts(),
            "by_table": {table: fate.to_json() for table, fate in self.by_table.items()},
            "cohort": [list(step) for step in self.cohort],
            "counts": self.counts,
            "findings": self.findings.to_dicts(),
        }


@dataclass(frozen=True)
class VerifySummary:
    """Whether a run still follows from its inputs, and its classes from its trace.

    changed: input files that are missing or have another hash. replayed: decisions made again.
    disagreements: those that came out otherwise, in words, without a child's name.
    """

    run: Path
    inputs: int
    changed: tuple[str, ...]
    definitions_changed: tuple[str, ...]
    replayed: int
    disagreements: tuple[str, ...]

    @property
    def is_verified(self) -> bool:
        """Say whether everything agrees."""
        return not (self.changed or self.definitions_changed or self.disagreements)

    def to_json(self) -> dict[str, Any]:
        """Give the summary as plain values."""
        return {
            "run": str(self.run),
            "is_verified": self.is_verified,
            "inputs": self.inputs,
            "changed": list(self.changed),
            "definitions_changed": list(self.definitions_changed),
            "replayed": self.replayed,
            "disagreements": list(self.disagreements),
        }


def count_severities(findings: pl.DataFrame) -> dict[str, int]:
    """Count findings of each severity."""
    return dict(findings.group_by("severity").len().sort("severity").iter_rows())


@dataclass(frozen=True)
class Outcome:
    """What a run found beside its tables: findings, result rows, and how long it took."""

    findings: pl.DataFrame
    results: pl.DataFrame
    seconds: float


def summarise_run(
    run: Path,
    study: Study,
    reading: Reading,
    tables: Mapping[str, pl.DataFrame],
    found: Outcome,
) -> RunSummary:
    """Sum up a run."""
    children = reading.children
    return RunSummary(
        run=run,
        report=run / "report.html",
        study=study.title,
        children=children,
        children_with_ivig=tables["regimen"]["patient_id"].n_unique(),
        accounting=reading.accounting,
        findings=count_severities(found.findings),
        sentences=(*say_found(children, tables), *say_model(found.results)),
        seconds=found.seconds,
        is_adjudicated=reading.rows["adjudication"] > 0,
        cohort=reading.cohort,
    )


def say_found(children: int, tables: Mapping[str, pl.DataFrame]) -> list[str]:
    """Say in sentences what a run found.

    Headlines count each child once, by the first regimen.
    """
    if not children:
        return [_("No child stands in these records, or none that qualifies: nothing to evaluate.")]
    response = tables["response"].filter(pl.col("regimen") == 1)
    if response.is_empty():
        text = _(
            "No IVIG was recorded for any of {children:,} children: there is no response to "
            "classify. Scores and activity states that need no infusion are in the tables."
        )
        return [text.format(children=children)]
    with_ivig = response.height
    count = dict(response.group_by("responded").len().iter_rows())
    evaluable = with_ivig - count.get("not_evaluable", 0)
    received = _(
        "{with_ivig:,} of {children:,} children received IVIG; the response of {evaluable:,} "
        "can be evaluated."
    )
    improved = _(
        "Improved while receiving IVIG, and again at the next visit: {confirmed:,} of "
        "{evaluable:,}; at one visit only: {unconfirmed:,}; improvement not shown in these "
        "records: {no:,}."
    )
    answers = {name: count.get(name, 0) for name in ("confirmed", "unconfirmed", "no")}
    sentences = [
        received.format(with_ivig=with_ivig, children=children, evaluable=evaluable),
        improved.format(evaluable=evaluable, **answers),
    ]
    aggravation = tables["aggravation"].filter(pl.col("regimen") == 1)
    states = dict(aggravation.group_by("state").len().iter_rows())
    at_risk = states.get("met", 0) + states.get("not_met", 0)
    if at_risk:
        text = _(
            "Worse after the regimen stopped: {worse:,} of {at_risk:,} who were improved when it "
            "stopped and seen long enough."
        )
        sentences.append(text.format(worse=states.get("met", 0), at_risk=at_risk))
    return sentences


def say_model(results: pl.DataFrame) -> list[str]:
    """Say why the pulse model gave no figure, unless the run was told to leave it out."""
    is_model = (pl.col("analysis") == "pulse_model") & (pl.col("variable") == "pulse")
    reasons = results.filter(is_model)["refused"].drop_nulls()
    return [f"Pulse model: {reason}." for reason in reasons if reason != MODEL_NOT_ASKED]
