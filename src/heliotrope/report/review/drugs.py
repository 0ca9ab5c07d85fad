"""Steroid and other drugs: on the day before IVIG, and on the last day of the records."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import polars as pl

from heliotrope.report.language import _, ngettext
from heliotrope.report.review.figures import Figure
from heliotrope.report.review.subject import Row, Subject
from heliotrope.report.words import say, say_flag, say_number, say_unit

SHOWN_DRUGS = 6
LISTED_PULSES = 3


@dataclass(frozen=True)
class DrugLine:
    """One drug then and now."""

    drug: str
    then: Figure
    now: Figure


@dataclass(frozen=True)
class DrugTable:
    """The drugs of a child on two days; ``then`` is None for a child without IVIG."""

    then: dt.date | None
    now: dt.date
    lines: Sequence[DrugLine]
    pulses: str
    hidden: int
    effect: str


def list_drugs(subject: Subject) -> DrugTable:
    """List steroid and followed drugs on the day before the regimen and on the last recorded day.

    A child without IVIG has only the last day. A day that no record covers says so, with the last
    dose before it or the first after it.
    """
    exposure = subject.exposure
    then = None if exposure is None else exposure["first_infusion"] - dt.timedelta(days=1)
    now = subject.observed_until
    periods = subject.derived.drug_periods
    drugs = _order_drugs(periods, [now, *([then] if then else [])])
    lines = [_make_steroid_line(subject, then, now)]
    for drug in drugs[:SHOWN_DRUGS]:
        rows = periods.filter(pl.col("drug") == drug).sort("start_date").to_dicts()
        lines.append(
            DrugLine(
                say("drug", drug),
                _find_drug_dose(subject, rows, then) if then else Figure(""),
                _find_drug_dose(subject, rows, now),
            )
        )
    response = subject.response
    return DrugTable(
        then=then,
        now=now,
        lines=lines,
        pulses=_say_pulses(subject, then),
        hidden=max(len(drugs) - SHOWN_DRUGS, 0),
        effect="" if response is None else _say_effect(response),
    )


def _order_drugs(periods: pl.DataFrame, days: Sequence[dt.date]) -> Sequence[str]:
    """Order the drugs: those taken on the last day, then those before IVIG, then the others."""
    taken = [
        set(
            periods.filter(
                (pl.col("start_date") <= day)
                & (pl.col("end_date").is_null() | (pl.col("end_date") >= day))
            )["drug"]
        )
        for day in days
    ]
    return sorted(set(periods["drug"]), key=lambda drug: ([drug not in on for on in taken], drug))


def _say_effect(response: Row) -> str:
    """Say what became of the steroid dose during the regimen, and what else was changed then."""
    said = say("steroid_effect", response["steroid_effect"])
    if "sparing_lost" in response["flags"]:
        said += "; " + _("it rose over half of the dose before again later")
    if "within_standard_taper" in response["flags"]:
        said += "; " + _("no faster than a usual taper after diagnosis")
    confounded = ", ".join(say_flag(word) for word in response["sparing_confounded_by"])
    if confounded:
        said += "; " + _("recorded before the fall: {drugs}").format(drugs=confounded)
    return f"{said}."


def _make_steroid_line(subject: Subject, then: dt.date | None, now: dt.date) -> DrugLine:
    rows = subject.derived.steroid_periods.sort("start_date").to_dicts()
    return DrugLine(
        _("Steroid (prednisone-equivalent)"),
        _find_steroid_dose(subject, rows, then) if then else Figure(""),
        _find_steroid_dose(subject, rows, now),
    )


def _find_steroid_dose(subject: Subject, rows: Sequence[Row], day: dt.date) -> Figure:
    if not rows:
        return Figure(
            _("none recorded")
            if subject.child.record("medication").height
            else _("no drug is recorded at all")
        )
    covering = [row for row in rows if row["start_date"] <= day <= row["end_date"]]
    if covering:
        row = covering[-1]
        if row["prednisone_mg_day"] == 0:
            return _say_no_dose(subject, row, rows)
        return Figure(_say_steroid(row), "", subject.marks.mark(row["row_ids"]))
    before = [row for row in rows if row["end_date"] < day]
    if before:
        row = before[-1]
        return Figure(
            _("no dose recorded; last {dose}").format(dose=_say_steroid(row)),
            _("to {date}").format(date=row["end_date"]),
            subject.marks.mark(row["row_ids"]),
        )
    return Figure(_("not recorded before {date}").format(date=rows[0]["start_date"]))


def _say_no_dose(subject: Subject, row: Row, rows: Sequence[Row]) -> Figure:
    """Say since when no dose is recorded, pointing to the last dose before."""
    given = [
        item
        for item in rows
        if item["end_date"] < row["start_date"] and item["prednisone_mg_day"] != 0
    ]
    return Figure(
        _("0 mg/day from {date}").format(date=row["start_date"]),
        "",
        subject.marks.mark(given[-1]["row_ids"]) if given else "",
    )


def _say_steroid(row: Row) -> str:
    per_day, per_kg = row["prednisone_mg_day"], row["prednisone_mg_kg_day"]
    if per_day is None and per_kg is None:
        return _("dose unknown")
    said = "" if per_day is None else _("{dose} mg/day").format(dose=f"{per_day:.3g}")
    if per_kg is None:
        return said + ", " + _("weight missing")
    share = _("{dose} mg/kg/day").format(dose=f"{per_kg:.2g}")
    return f"{said} ({share})" if said else share


def _find_drug_dose(subject: Subject, rows: Sequence[Row], day: dt.date) -> Figure:
    covering = [
        row
        for row in rows
        if row["start_date"] <= day and (row["end_date"] is None or row["end_date"] >= day)
    ]
    if covering:
        return Figure(
            " + ".join(_say_dose(subject, row) for row in covering),
            "",
            subject.marks.mark(row["row_id"] for row in covering),
        )
    before = [row for row in rows if row["end_date"] is not None and row["end_date"] < day]
    if before:
        row = max(before, key=lambda row: row["end_date"])
        why = f" ({say_flag(row['stop_reason'])})" if row["stop_reason"] else ""
        return Figure(
            _("ended {date}{why}").format(date=row["end_date"], why=why),
            "",
            subject.marks.mark([row["row_id"]]),
        )
    return Figure(
        _("from {date}").format(date=rows[0]["start_date"]),
        "",
        subject.marks.mark([rows[0]["row_id"]]),
    )


def _say_dose(subject: Subject, row: Row) -> str:
    """Say a dose as it was recorded: a weekly drug by the week."""
    given = subject.child.record("medication").row(
        by_predicate=pl.col("row_id") == row["row_id"], named=True
    )
    if given["dose"] is None:
        return _("dose unknown")
    said = f"{say_number(given['dose'])}{say_unit(given['dose_unit'])}"
    days = given["every_n_days"]
    return said if days == 1 else _("{dose} every {n} days").format(dose=said, n=days)


def _say_pulses(subject: Subject, then: dt.date | None) -> str:
    """Say the steroid pulses, those before IVIG apart; empty where none is recorded."""
    rows = subject.derived.steroid_pulses.sort("start_date").to_dicts()
    before = [row for row in rows if then is not None and row["start_date"] <= then]
    since = [row for row in rows if row not in before]
    return "; ".join(_list_pulses(before, since, has_ivig=then is not None))


def _list_pulses(before: Sequence[Row], since: Sequence[Row], *, has_ivig: bool) -> Iterable[str]:
    for rows, when in (
        (before, _("before IVIG")),
        (since, _("from the first infusion on") if has_ivig else _("in these records")),
    ):
        if rows:
            dates = ", ".join(str(row["start_date"]) for row in rows[-LISTED_PULSES:])
            said = ngettext(
                "{n} steroid pulse {when}", "{n} steroid pulses {when}", len(rows)
            ).format(n=say_number(len(rows)), when=when)
            more = _("the last on") + " " if len(rows) > LISTED_PULSES else ""
            yield f"{said} ({more}{dates})"
