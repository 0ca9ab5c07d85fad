"""Which visits decided a regimen's answer, and why the others did not."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

from heliotrope.definitions.response import ResponseDefinition
from heliotrope.report.explanation import VisitRun
from heliotrope.report.words import say

Row = Mapping[str, Any]

CHOSEN = ("before", "onset", "confirms", "last")


def list_visit_runs(
    visits: Iterable[Row], onset_day: float | None, definition: ResponseDefinition
) -> tuple[VisitRun, ...]:
    """Say of each visit of a regimen what it was chosen for, or why it decided nothing.

    Input: the rows of the visit table of one regimen; the day of the first improved visit, null
    for none. Visits in a row that say the same are one run.
    """
    rows = sorted(visits, key=lambda row: row["date"])
    roles = _find_roles(rows, onset_day, definition)
    said = [(row, roles[row["date"]]) for row in rows]
    runs = []
    for (state, role), group in groupby(said, key=lambda item: (item[0]["state"], item[1])):
        dates = [row["date"] for row, _ in group]
        runs.append(_make_run(dates, state, role))
    return tuple(runs)


def _make_run(dates: Sequence[dt.date], state: str, role: str) -> VisitRun:
    is_chosen = role in CHOSEN
    says_more = role not in ("not_improved", "not_evaluable")
    words = say("visit_role", role)
    return VisitRun(
        first=dates[0],
        last=dates[-1],
        visits=len(dates),
        answer=say("visit_state", state),
        state=state,
        role=words if is_chosen else None,
        because=words if says_more and not is_chosen else None,
    )


def _find_roles(
    rows: Sequence[Row], onset_day: float | None, definition: ResponseDefinition
) -> dict[dt.date, str]:
    """Give every visit its one role; the last on the regimen keeps a weightier one."""
    apart = definition.windows.confirmation_days
    judged = [row for row in rows if row["state"] in ("met", "not_met")]
    roles = dict.fromkeys((row["date"] for row in rows), "not_evaluable")
    first = next((row for row in judged if row["day"] == onset_day), None)
    for row in judged:
        roles[row["date"]] = _find_role(row, first, apart)
    confirming = [row["date"] for row in judged if roles[row["date"]] == "confirms"]
    roles |= dict.fromkeys(confirming[1:], "later")
    if onset_day is not None:
        before = [row["date"] for row in judged if row["day"] < onset_day]
        roles |= dict.fromkeys(before[-1:], "before")
    on_regimen = [row["date"] for row in judged if row["is_on_regimen"]]
    for date in on_regimen[-1:]:
        roles[date] = roles[date] if roles[date] in CHOSEN else "last"
    return roles


def _find_role(row: Row, first: Row | None, apart: int) -> str:
    """Say what a judged visit is to the first improved one.

    It confirms with the same or a better tier (their letters are in order), late enough or after
    the next course.
    """
    if first is None:
        return "after_cover" if row["state"] == "met" else "not_improved"
    if row["day"] == first["day"]:
        return "onset"
    if row["day"] < first["day"] or row["state"] == "not_met":
        return "not_improved"
    if row["day"] - first["day"] < apart and row["course"] == first["course"]:
        return "too_soon"
    is_as_good = (row["tier"] or "") <= (first["tier"] or "")
    return "confirms" if is_as_good and first["is_confirmed"] else "later"
