"""The rows of the swimmer plot, read from the tables of a run for all its children at once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import polars as pl

from heliotrope.definitions.registry_comparison import REGISTRY_COMPARISON, RegistryComparison
from heliotrope.report.charts.swimmer import SwimmerRows
from heliotrope.report.explain_cells import SourceCells
from heliotrope.report.language import _, ngettext
from heliotrope.report.section import ReportInput
from heliotrope.report.words import say

TABLES = ("regimen", "course", "visit", "response", "aggravation", "reaction")
WEEK = 7
BANDS = {"met": "improved", "not_met": "not_improved"}
LEAST_BAND = 0.5
"""What a regimen of one course is wide, in weeks: it could not be seen otherwise."""

Rows = list[dict[str, Any]]


def read_swimmer(report: ReportInput, patients: Sequence[str], order: Sequence[str]) -> SwimmerRows:
    """Read the lanes of some children, in the order of their patterns and then by pseudonym.

    A visit's state is drawn until the next visit, at most for as many days as a value is carried
    in the comparison with untreated children; what is left is not assessed.
    """
    frames = {name: report.run.table_of(name, patients) for name in TABLES}
    parts = {name: _split(frame) for name, frame in frames.items()}
    deaths = report.run.record("patient", patients).select("patient_id", "death_date")
    died = dict(deaths.drop_nulls().iter_rows())
    carried = report.rulebook.get(REGISTRY_COMPARISON, RegistryComparison).intervals
    lanes = [
        Lane(
            patient,
            {name: split.get(patient, []) for name, split in parts.items()},
            died.get(patient),
            carried.carried_after_days,
            report.places,
        )
        for patient in patients
    ]
    lanes = sorted(
        (lane for lane in lanes if lane.rows["regimen"]), key=lambda lane: lane.rank(order)
    )
    collected: dict[str, Rows] = {}
    for lane in lanes:
        for name, rows in lane.collect().items():
            collected.setdefault(name, []).extend(rows)
    return SwimmerRows(
        lanes=[lane.patient for lane in lanes],
        last_week=max((lane.week(lane.end) for lane in lanes), default=0.0),
        groups=_name_groups(lanes),
        **collected,
    )


def _split(frame: pl.DataFrame) -> dict[str, Rows]:
    parts = frame.partition_by("patient_id", as_dict=True, maintain_order=True)
    return {str(key[0]): part.to_dicts() for key, part in parts.items()}


def _name_groups(lanes: Sequence[Lane]) -> dict[str, str]:
    """Name the first lane of each pattern by the pattern and its number of children."""
    groups: dict[str, list[str]] = {}
    for lane in lanes:
        groups.setdefault(lane.pattern, []).append(lane.patient)
    return {
        members[0]: f"{say('pattern_short', pattern)} ({len(members)})"
        for pattern, members in groups.items()
    }


@dataclass(frozen=True)
class Lane:
    """One child: its rows of the run's tables, and how long a visit's state is drawn on."""

    patient: str
    rows: Mapping[str, Rows]
    died: dt.date | None
    carried_days: int
    places: SourceCells

    @property
    def origin(self) -> dt.date:
        """The first infusion."""
        first: dt.date = min(row["first_infusion"] for row in self.rows["regimen"])
        return first

    @property
    def end(self) -> dt.date:
        """The last day on which anything of the child is known."""
        dates = [row["observed_until"] for row in self.rows["regimen"]]
        dates += [row["last_infusion"] for row in self.rows["regimen"]]
        dates += [row["date"] for row in self.rows["visit"]]
        last: dt.date = max(date for date in [*dates, self.died] if date is not None)
        return last

    @property
    def pattern(self) -> str:
        """The pattern of the first regimen."""
        first = min(self.rows["response"], key=lambda row: row["regimen"], default=None)
        return "not_evaluable" if first is None else str(first["pattern"])

    def rank(self, order: Sequence[str]) -> tuple[int, str]:
        """Place the child: by pattern, then by pseudonym."""
        place = order.index(self.pattern) if self.pattern in order else len(order)
        return place, self.patient

    def week(self, date: dt.date) -> float:
        """Count weeks from the first infusion."""
        return round((date - self.origin).days / WEEK, 2)

    def collect(self) -> dict[str, Rows]:
        """Collect the spans and marks of the lane."""
        return {
            **self._spans(),
            "regimens": [self._draw_regimen(row) for row in self.rows["regimen"]],
            "courses": [self._draw_course(row) for row in self.rows["course"]],
            "first_improved": list(self._first_improved()),
            "worse": [
                self._row(row["date"], _("worse after stopping, {date}").format(date=row["date"]))
                for row in self.rows["aggravation"]
                if row["state"] == "met" and row["date"] is not None
            ],
            "reactions": [
                self._row(row["date"], f"{row['term']}, {row['date']}")
                | {"cell": self.places.place_of(row["row_id"])}
                for row in self.rows["reaction"]
                if row["window"] != "outside"
            ],
            **self._ends(),
        }

    def _row(self, date: dt.date, tip: str, until: dt.date | None = None) -> dict[str, Any]:
        row = {"lane": self.patient, "week": self.week(date), "tip": f"{self.patient}: {tip}"}
        return row if until is None else {**row, "until": self.week(until)}

    def _draw_regimen(self, row: Mapping[str, Any]) -> dict[str, Any]:
        courses = ngettext("{n} course", "{n} courses", row["courses"]).format(n=row["courses"])
        span = f"{row['first_infusion']} – {row['last_infusion']}"
        tip = f"{courses}, {say('status', row['status'])}, {span}"
        drawn = self._row(row["first_infusion"], tip, row["last_infusion"])
        return {**drawn, "until": max(drawn["until"], drawn["week"] + LEAST_BAND)}

    def _draw_course(self, row: Mapping[str, Any]) -> dict[str, Any]:
        dose = row["dose_g_per_kg"]
        much = _("dose per kg unknown") if dose is None else f"{dose:.2g} g/kg"
        tip = _("course {course}, {date}, {much}")
        return self._row(
            row["start_date"],
            tip.format(course=row["course"], date=row["start_date"], much=much),
        )

    def _first_improved(self) -> Iterable[dict[str, Any]]:
        for row in self.rows["response"]:
            if row["onset_by_day"] is not None:
                date = row["first_infusion"] + dt.timedelta(days=row["onset_by_day"])
                tip = _("first seen improved on day {day}").format(day=row["onset_by_day"])
                yield self._row(date, tip)

    def _ends(self) -> dict[str, Rows]:
        last = max(self.rows["regimen"], key=lambda row: row["regimen"])
        stopped = [row for row in self.rows["regimen"] if row["status"] == "discontinued"]
        ongoing = [self._row(self.end, _("IVIG ongoing"))] if last["status"] == "ongoing" else []
        return {
            "stopped": [
                self._row(
                    row["last_infusion"],
                    f"{say('status', row['status'])}, {say('stop_reason', row['reason'])}",
                )
                for row in stopped
            ],
            "ongoing": ongoing,
            "died": [] if self.died is None else [self._row(self.died, f"{_('died')} {self.died}")],
        }

    def _spans(self) -> dict[str, Rows]:
        """Cut the time from the first infusion into improved, not improved and not assessed."""
        spans: dict[str, Rows] = {"improved": [], "not_improved": [], "not_assessed": []}
        reached = self.origin
        for band, since, until, visits in self._join():
            if since > reached:
                spans["not_assessed"].append(self._gap(reached, since))
            text = ngettext(
                "{state}, seen at {n} visit, {since} to {until}",
                "{state}, seen at {n} visits, {since} to {until}",
                visits,
            )
            words = _("improved") if band == "improved" else _("not improved")
            tip = text.format(state=words, n=visits, since=since, until=until)
            spans[band].append(self._row(since, tip, until))
            reached = until
        if self.end > reached:
            spans["not_assessed"].append(self._gap(reached, self.end))
        return spans

    def _join(self) -> list[tuple[str, dt.date, dt.date, int]]:
        """Join visits of one state that follow one another without a gap into one span."""
        visits = {row["date"]: row["state"] for row in self.rows["visit"]}
        days = [date for date in sorted(visits) if date < self.end]
        joined: list[tuple[str, dt.date, dt.date, int]] = []
        for here, later in pairwise([*days, self.end]):
            band = BANDS.get(visits[here])
            since, until = here, min(later, here + dt.timedelta(days=self.carried_days))
            if band is None or until <= self.origin:
                continue
            since = max(since, self.origin)
            if joined and joined[-1][0] == band and joined[-1][2] == since:
                joined[-1] = (band, joined[-1][1], until, joined[-1][3] + 1)
            else:
                joined.append((band, since, until, 1))
        return joined

    def _gap(self, since: dt.date, until: dt.date) -> dict[str, Any]:
        tip = _("not assessed, {since} to {until}").format(since=since, until=until)
        return self._row(since, tip, until)
