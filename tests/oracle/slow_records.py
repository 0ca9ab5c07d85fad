"""One child's records as plain objects, for the slow second reading of the response definition."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

import polars as pl

from heliotrope.derive.derived import Derived

Number = float | None


def day(count: int) -> timedelta:
    """Return a number of days."""
    return timedelta(days=count)


def number(value: Any) -> Number:
    """Return a number, None for null and NaN."""
    return None if value is None or value != value else float(value)


@dataclass(frozen=True)
class Value:
    """One measure of one visit."""

    value: Number
    limit: Number
    text: str | None


@dataclass(frozen=True)
class Course:
    """A course: its number and its D0."""

    number: int
    start: date


@dataclass(frozen=True)
class InfusionDay:
    """A day of intravenous immunoglobulin."""

    when: date
    premedication: str | None


@dataclass(frozen=True)
class Period:
    """A steroid dose over some days (both ends counted); None is an unknown dose."""

    start: date
    end: date
    mg: Number
    mg_kg: Number


@dataclass(frozen=True)
class Pulse:
    """A steroid pulse episode."""

    start: date
    end: date


@dataclass(frozen=True)
class DrugRow:
    """A row of another immunosuppressant."""

    drug: str
    start: date
    end: date | None
    change: str
    rise: Number


@dataclass(frozen=True)
class Event:
    """Something that happened."""

    when: date
    kind: str


@dataclass
class Regimen:
    """A regimen of one child."""

    number: int
    first: date
    last_infusion: date
    last_start: date
    status: str
    purpose: str
    reason: str | None
    stop: date | None
    courses: list[Course]
    next_first: date | None = None


@dataclass
class Child:
    """All that is known of one child."""

    name: str
    diagnosis: date | None
    observed_until: date | None
    days: dict[date, dict[str, Value]] = field(default_factory=dict)
    regimens: list[Regimen] = field(default_factory=list)
    infusions: list[InfusionDay] = field(default_factory=list)
    periods: list[Period] = field(default_factory=list)
    pulses: list[Pulse] = field(default_factory=list)
    drugs: list[DrugRow] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    indications: list[tuple[date | None, str]] = field(default_factory=list)
    medicines: list[tuple[str, str | None]] = field(default_factory=list)
    is_recorded: bool = False

    def reasons_of(self, regimen: Regimen) -> set[str]:
        """Return the reasons of a regimen: the first not over on the day; undated, the first."""
        found = set()
        for when, reason in self.indications:
            still = [r for r in self.regimens if when is None or when <= r.last_infusion]
            of = still[0] if still else self.regimens[-1]
            if of.number == regimen.number:
                found.add(reason)
        return found

    def period_of(self, when: date) -> Period | None:
        """Return the steroid period of a day."""
        for period in self.periods:
            if period.start <= when <= period.end:
                return period
        return None

    def mg(self, when: date) -> Number:
        """Return the steroid dose of a day, mg prednisone-equivalent."""
        period = self.period_of(when)
        return None if period is None else period.mg

    def mg_kg(self, when: date) -> Number:
        """Return the steroid dose of a day per kg."""
        period = self.period_of(when)
        return None if period is None else period.mg_kg


@dataclass(frozen=True)
class Scales:
    """Ranges of the study: measure -> (lowest, highest, better end)."""

    ranges: dict[str, tuple[Number, Number, str | None]]


def read_scales(derived: Derived) -> Scales:
    """Read the ranges of the measures."""
    return Scales(
        {
            name: (measure.minimum, measure.maximum, measure.better)
            for name, measure in derived.measures.items()
        }
    )


def read_children(derived: Derived) -> list[Child]:
    """Make one object a child of the derived tables."""
    children = {
        row["patient_id"]: Child(row["patient_id"], row["diagnosis_date"], row["observed_until"])
        for row in derived.patients.to_dicts()
    }
    for row in derived.visit_values.to_dicts():
        visit = children[row["patient_id"]].days.setdefault(row["date"], {})
        visit[row["measure"]] = Value(number(row["value"]), number(row["upper_limit"]), row["text"])
    _read_exposure(children, derived)
    _read_treatment(children, derived)
    for row in derived.shard.event.to_dicts():
        children[row["patient_id"]].events.append(Event(row["date"], row["kind"]))
    shard = derived.shard
    for table in (shard.assessment, shard.medication, shard.event):
        for row in table.select("patient_id").unique().to_dicts():
            children[row["patient_id"]].is_recorded = True
    for row in derived.shard.indication.to_dicts():
        children[row["patient_id"]].indications.append((row["date"], row["reason"]))
    return list(children.values())


def _read_exposure(children: dict[str, Child], derived: Derived) -> None:
    courses: dict[tuple[str, int], list[Course]] = {}
    for row in derived.courses.sort("patient_id", "regimen", "course").to_dicts():
        key = (row["patient_id"], row["regimen"])
        courses.setdefault(key, []).append(Course(row["course"], row["start_date"]))
    for row in derived.regimens.sort("patient_id", "regimen").to_dicts():
        child = children[row["patient_id"]]
        regimen = Regimen(
            number=row["regimen"],
            first=row["first_infusion"],
            last_infusion=row["last_infusion"],
            last_start=row["last_course_start"],
            status=row["status"],
            purpose=row["purpose"],
            reason=row["reason"],
            stop=row["discontinuation_date"],
            courses=courses[(row["patient_id"], row["regimen"])],
        )
        if child.regimens:
            child.regimens[-1].next_first = regimen.first
        child.regimens.append(regimen)
    intravenous = derived.infusion_days.filter(pl.col("course").is_not_null())
    for row in intravenous.sort("date").to_dicts():
        children[row["patient_id"]].infusions.append(InfusionDay(row["date"], row["premedication"]))


def _read_treatment(children: dict[str, Child], derived: Derived) -> None:
    for row in derived.steroid_periods.to_dicts():
        dose, per_kg = number(row["prednisone_mg_day"]), number(row["prednisone_mg_kg_day"])
        children[row["patient_id"]].periods.append(
            Period(row["start_date"], row["end_date"], dose, per_kg)
        )
    for row in derived.steroid_pulses.to_dicts():
        children[row["patient_id"]].pulses.append(Pulse(row["start_date"], row["end_date"]))
    for row in derived.drug_periods.to_dicts():
        children[row["patient_id"]].drugs.append(
            DrugRow(
                row["drug"],
                row["start_date"],
                row["end_date"],
                row["change"],
                number(row["relative_rise"]),
            )
        )
    for row in derived.shard.medication.to_dicts():
        children[row["patient_id"]].medicines.append((row["drug"], row["route"]))
