"""What was looked at where improvement was not shown: visits, measures, other treatment.

A bare "none" says nothing of whether anybody looked. The child's page and the review say the same.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

import polars as pl

from heliotrope.definitions.load import Rulebook
from heliotrope.definitions.measure import measures_of
from heliotrope.definitions.response import RESPONSE, ResponseDefinition
from heliotrope.report.language import _, ngettext
from heliotrope.report.read_child import Child
from heliotrope.report.show_measures import READING_ORDER
from heliotrope.report.words import say, say_flag, whole_sentence

JUDGED = ("met", "not_met")
RAISED = ("started", "raised")
LISTED_MEASURES = 6

Row = Mapping[str, Any]


def say_what_was_looked_at(child: Child, rulebook: Rulebook, response: Row) -> str:
    """Say the visits, the measures and the other treatment behind an improvement not shown."""
    visits = child.table("visit").filter("is_on_regimen", regimen=response["regimen"])
    judged = visits.filter(pl.col("state").is_in(JUDGED)).sort("date")
    parts = [
        ngettext(
            "Looked at: {n} visit on IVIG that could be judged",
            "Looked at: {n} visits on IVIG that could be judged",
            judged.height,
        ).format(n=judged.height)
    ]
    if judged.height:
        parts[0] += _(" ({first} to {last})").format(
            first=judged["date"].min(), last=judged["date"].max()
        )
    days = _find_days(child, rulebook, response)
    measures = _list_measures(child, rulebook, days)
    parts.append(_("measures: {measures}").format(measures=measures))
    parts.append(_("other treatment: {changes}").format(changes=_say_changes(child, days)))
    if response["reason"]:
        parts.append(say("response_reason", response["reason"]))
    return whole_sentence("; ".join(parts))


def _find_days(child: Child, rulebook: Rulebook, response: Row) -> tuple[dt.date, dt.date]:
    """Find the first day of a regimen and the last day that its last course covers."""
    regimen = child.table("regimen").filter(regimen=response["regimen"]).row(0, named=True)
    cover = rulebook.get(RESPONSE, ResponseDefinition).windows.cover_days
    return regimen["first_infusion"], regimen["last_course_start"] + dt.timedelta(days=cover)


def _list_measures(child: Child, rulebook: Rulebook, days: tuple[dt.date, dt.date]) -> str:
    """Name the measures of disease that were recorded while IVIG was given."""
    recorded = set(
        child.record("assessment").filter(pl.col("date").is_between(*days))["measure"].to_list()
    )
    named = [
        _(measure.title)
        for measure in measures_of(rulebook).values()
        if measure.id in recorded and (measure.domain in READING_ORDER or measure.is_judgement)
    ]
    if not named:
        return _("none recorded")
    more = len(named) - LISTED_MEASURES
    said = ", ".join(named[:LISTED_MEASURES])
    return said + (" " + _("and {n} more").format(n=more) if more > 0 else "")


def _say_changes(child: Child, days: tuple[dt.date, dt.date]) -> str:
    """Say which other drugs were started or raised while IVIG was given."""
    if child.record("medication").height == 0:
        return _("no drug is recorded at all")
    is_meanwhile = pl.col("start_date").is_between(*days)
    rows = child.table("drug_period").filter(is_meanwhile & pl.col("change").is_in(RAISED))
    said = [
        _("{drug} {change} {date}").format(
            drug=say("drug", row["drug"]), change=say_flag(row["change"]), date=row["start_date"]
        )
        for row in rows.sort("start_date").iter_rows(named=True)
    ]
    pulses = child.table("steroid_pulse").filter(is_meanwhile)
    said += [_("steroid pulse {date}").format(date=date) for date in pulses["start_date"]]
    return ", ".join(said) or _("no drug beside IVIG is recorded as started or raised meanwhile")
