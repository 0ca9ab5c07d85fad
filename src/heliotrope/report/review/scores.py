"""The published composites at the child's visits: improvement score and inactive disease."""

from __future__ import annotations

from collections.abc import Iterable

import polars as pl

from heliotrope.definitions.score import ScoreDefinition
from heliotrope.report.language import _
from heliotrope.report.review.figures import Line
from heliotrope.report.review.subject import Row, Subject
from heliotrope.report.words import say, say_flag, say_number

JUDGED = ("met", "not_met")


def list_scores(subject: Subject) -> Iterable[Line]:
    """List the improvement score at its best on IVIG and last, and the state of inactive disease.

    Read from the tables of the run. The score is that of the response's own core set; of two
    bounds both are printed. What could not be scored is not printed: it stands under what is
    missing.
    """
    yield from _list_improvement(subject)
    yield from _list_inactivity(subject)


def _list_improvement(subject: Subject) -> Iterable[Line]:
    definition = subject.rulebook.definitions.get(subject.rule.tier_a.score)
    if not isinstance(definition, ScoreDefinition):
        return
    rows = (
        subject.rows("score")
        .filter(
            (pl.col("definition_id") == definition.id)
            & pl.col("score_lower").is_not_null()
            & (pl.col("category") != "not_evaluable")
        )
        .sort("date")
    )
    covered = rows.filter(pl.col("date") <= subject.covered_until) if rows.height else rows
    best = covered.sort("score_lower", "date", descending=[True, False]).head(1)
    said = [
        _("{when} {score} on {date}").format(when=when, score=_say_score(row), date=row["date"])
        for when, found in ((_("best on IVIG"), best), (_("latest"), rows.tail(1)))
        for row in found.iter_rows(named=True)
    ]
    if said:
        yield Line(definition.title, "; ".join(said))


def _say_score(row: Row) -> str:
    lower, upper = row["score_lower"], row["score_upper"]
    points = say_number(lower) if lower == upper else f"{say_number(lower)}-{say_number(upper)}"
    degree = row["category"]
    named = {
        "none": _("under minimal improvement"),
        "indeterminate": _("degree open: measures are missing"),
    }
    return _("{points} points ({degree})").format(
        points=points, degree=named.get(degree, say_flag(degree))
    )


def _list_inactivity(subject: Subject) -> Iterable[Line]:
    rule = subject.report.rulebook.definitions.get(_inactive_definition(subject))
    rows = (
        subject.child.table("state")
        .filter(
            (pl.col("definition_id") == _inactive_definition(subject))
            & pl.col("state").is_in(JUDGED)
        )
        .sort("date")
    )
    if rule is None or rows.height == 0:
        return
    row = rows.row(-1, named=True)
    answer = _("{state} at the last visit that could be judged, {date}").format(
        state=say("class", row["state"]), date=row["date"]
    )
    yield Line(rule.title, answer)


def _inactive_definition(subject: Subject) -> str:
    from heliotrope.definitions.response import AGGRAVATION, AggravationDefinition

    return subject.rulebook.get(AGGRAVATION, AggravationDefinition).inactive_definition
