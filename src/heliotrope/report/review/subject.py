"""The child under review: its rows of the run, derived once more to find the cells behind them."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property
from typing import Any

import polars as pl

from heliotrope.definitions.load import Rulebook
from heliotrope.definitions.response import RESPONSE, ResponseDefinition
from heliotrope.derive.derived import Derived, derive_all
from heliotrope.errors import UserError
from heliotrope.records.shard import Shard
from heliotrope.report.language import _
from heliotrope.report.read_child import Child, read_children
from heliotrope.report.review.source_marks import SourceMarks
from heliotrope.report.section import ReportInput

NEAREST = 3
NEAR_ENOUGH = 0.6
LONGEST_TEXT = 120

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Subject:
    """One child, the regimen under review, and the marks of the page.

    ``derived`` is made of the child's own canonical rows by the functions that the run used: the
    same numbers, with the rows they came from. ``regimen`` is None for a child without IVIG.
    """

    report: ReportInput
    child: Child
    derived: Derived
    regimen: int | None
    marks: SourceMarks

    @property
    def rulebook(self) -> Rulebook:
        """The rulebook of the run."""
        return self.report.rulebook

    @property
    def rule(self) -> ResponseDefinition:
        """The definition of the response."""
        return self.rulebook.get(RESPONSE, ResponseDefinition)

    @property
    def response(self) -> Row | None:
        """The response of the regimen under review."""
        return self.row("response")

    def row(self, table: str) -> Row | None:
        """Return the one row that a table of the run has for the regimen under review."""
        rows = self.rows(table).to_dicts()
        return rows[0] if rows else None

    def rows(self, table: str) -> pl.DataFrame:
        """Return the rows of a table of the run for the regimen under review."""
        rows = self.child.table(table)
        return rows.clear() if self.regimen is None else rows.filter(regimen=self.regimen)

    @cached_property
    def exposure(self) -> Row | None:
        """The regimen under review, with the rows it was made of."""
        if self.regimen is None:
            return None
        return self.derived.regimens.row(by_predicate=pl.col("regimen") == self.regimen, named=True)

    @cached_property
    def covered_until(self) -> dt.date | None:
        """The last day that the last course covers."""
        if self.exposure is None:
            return None
        start: dt.date = self.exposure["last_course_start"]
        return start + dt.timedelta(days=self.rule.windows.cover_days)

    @cached_property
    def observed_until(self) -> dt.date:
        """The last day on which the child was observed."""
        dates = self.derived.patients["observed_until"].drop_nulls().to_list()
        return max(dates, default=self.child.last_date)


def open_subject(report: ReportInput, patient_id: str) -> Subject:
    """Find a child of a run, and its latest regimen.

    Errors: UserError for a pseudonym that the run does not hold (names at most three that are
    written nearly the same, no others), and for definitions that changed since the run, since
    numbers made anew would then not be those of the run.
    """
    known = report.run.traced_children()
    if patient_id not in known:
        raise _unknown_patient(known, patient_id)
    _check_definitions(report)
    child = read_children(report.run, [patient_id])[0]
    rule = report.rulebook.get(RESPONSE, ResponseDefinition)
    derived = derive_all(
        Shard.from_tables(child.records), report.rulebook, rule.baseline.days_before
    )
    regimens = child.table("regimen")["regimen"].to_list()
    return Subject(
        report=report,
        child=child,
        derived=derived,
        regimen=max(regimens, default=None),
        marks=SourceMarks(report.places),
    )


def cut(text: str | None, longest: int = LONGEST_TEXT) -> str:
    """Cut a text of a source that is too long for the page; the source cell holds the rest.

    >>> cut("fever  and\\nchills"), cut("x" * 200, 5)
    ('fever and chills', 'xxxxx…')
    """
    flat = " ".join((text or "").split())
    return flat if len(flat) <= longest else f"{flat[:longest]}…"


def _unknown_patient(known: list[str], patient_id: str) -> UserError:
    nearest = get_close_matches(patient_id, known, n=NEAREST, cutoff=NEAR_ENOUGH)
    hint = (
        _("did you mean {names}?").format(names=", ".join(nearest))
        if nearest
        else _("write it as the source does; the report lists the children")
    )
    return UserError(
        _("the pseudonym of one of the {n} children of this run").format(n=len(known)),
        cut(patient_id),
        hint,
    )


def _check_definitions(report: ReportInput) -> None:
    now = {item.id: item.sha256 for item in report.rulebook.definitions.values()}
    was = {item["id"]: item["sha256"] for item in report.run.manifest.get("definitions", ())}
    changed = sorted(name for name, sha256 in was.items() if now.get(name) != sha256)
    if changed:
        raise UserError(
            _("the definitions that this run was made with"),
            _("{names} changed since").format(names=", ".join(changed[:NEAREST])),
            _("run the study again, then make the review of the new run"),
        )
