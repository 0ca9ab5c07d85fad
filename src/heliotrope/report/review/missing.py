"""What the records lack for a judgement: questions left open, measures not recorded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import polars as pl

from heliotrope.definitions.score import ScoreDefinition
from heliotrope.report.language import _
from heliotrope.report.read_child import Child
from heliotrope.report.review.figures import Line
from heliotrope.report.review.subject import Subject
from heliotrope.report.sections.what_to_record import list_advice


def list_missing(subject: Subject) -> Sequence[Line]:
    """List the questions that the records leave open, with the reason, and core measures lacking.

    Facts only: what to do about it is not for this page.
    """
    questions = list_advice(_keep_regimen(subject)) if subject.exposure is not None else ()
    open_questions = [Line(line.question, line.reason) for line in questions]
    return [*open_questions, *_list_core_set(subject), *_list_domains(subject)]


def _keep_regimen(subject: Subject) -> Child:
    """Leave out what is open of the child's other regimens."""
    own = {name: subject.rows(name) for name in ("response", "aggravation", "course")}
    return replace(subject.child, tables={**subject.child.tables, **own})


def _list_core_set(subject: Subject) -> Iterable[Line]:
    """Name the parts of the core set without a value at baseline, and at the last visit on IVIG."""
    definition = subject.rulebook.definitions.get(subject.rule.tier_a.score)
    if not isinstance(definition, ScoreDefinition) or subject.exposure is None:
        return
    baselines = subject.derived.baselines.filter(pl.col("regimen") == subject.regimen)
    changes = subject.derived.changes.filter(
        (pl.col("regimen") == subject.regimen) & pl.col("value").is_not_null()
    )
    on_regimen = changes.filter(pl.col("date") <= subject.covered_until)
    at_baseline = set(baselines.drop_nulls("baseline_value")["measure"])
    since_start = set(on_regimen["measure"])
    before, since = (
        [
            component.title
            for component in definition.components
            if not recorded.intersection(item.measure for item in component.candidates)
        ]
        for recorded in (at_baseline, since_start)
    )
    if before and before == since:
        yield Line(_("Core set, measured neither before nor on IVIG"), ", ".join(before))
        return
    if before:
        yield Line(_("Core set, not measured before IVIG"), ", ".join(before))
    if since:
        yield Line(_("Core set, not measured on IVIG"), ", ".join(since))


def _list_domains(subject: Subject) -> Iterable[Line]:
    response = subject.response
    if response is not None and "domain_not_measured" in response["flags"]:
        yield Line(
            _("The indication's own organ"),
            _("no measure of it is recorded before and after the first infusion"),
        )
