"""The page itself: everything gathered, put into one HTML file that prints on one sheet."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from markupsafe import Markup

from heliotrope.definitions.response import AGGRAVATION, RESPONSE
from heliotrope.report.environment import make_environment
from heliotrope.report.language import _, get_tag
from heliotrope.report.review.cycle import list_cycle
from heliotrope.report.review.drugs import DrugTable, list_drugs
from heliotrope.report.review.exposure import list_exposure, say_other_regimens
from heliotrope.report.review.figures import Line
from heliotrope.report.review.measures import MeasureTable, list_measure_lines
from heliotrope.report.review.missing import list_missing
from heliotrope.report.review.response import (
    list_indication,
    list_reactions,
    list_response,
    list_statements_of,
)
from heliotrope.report.review.scores import list_scores
from heliotrope.report.review.source_marks import SourceColumn
from heliotrope.report.review.subject import Subject, cut
from heliotrope.report.scripts import EmbeddedScripts, make_policy
from heliotrope.report.section import ReportInput
from heliotrope.report.sections.agreement import say_validation
from heliotrope.report.sections.publication import is_synthetic
from heliotrope.report.style import REVIEW, render_style
from heliotrope.report.words import RESEARCH_ONLY

Paper = Literal["a4", "letter"]

GENERATOR = "heliotrope review"
TEMPLATE = "review.html.j2"


@dataclass(frozen=True)
class Review:
    """Everything that one child's page says."""

    patient_id: str
    facts: Sequence[tuple[str, str]]
    exposure: Sequence[Line]
    indication: Sequence[Line]
    others: str
    measures: MeasureTable
    scores: Sequence[Line]
    response: Sequence[Line]
    drugs: DrugTable
    reactions: Sequence[Line]
    cycle: Sequence[Line]
    missing: Sequence[Line]
    sources: Sequence[SourceColumn]
    has_ivig: bool


def build_review(subject: Subject) -> Review:
    """Gather what the page says, in the order in which it is read (so run the marks)."""
    statements = list_statements_of(subject)
    parts: dict[str, Any] = {
        "indication": list_indication(subject, statements),
        "exposure": list_exposure(subject),
        "measures": list_measure_lines(subject),
        "scores": list(list_scores(subject)),
        "response": list_response(subject, statements),
        "drugs": list_drugs(subject),
        "reactions": list_reactions(subject, statements),
        "cycle": list_cycle(subject),
        "missing": list_missing(subject),
    }
    return Review(
        patient_id=cut(subject.child.patient_id),
        facts=list_facts(subject),
        others=say_other_regimens(subject),
        sources=subject.marks.list_columns(),
        has_ivig=subject.exposure is not None,
        **parts,
    )


def list_facts(subject: Subject) -> Sequence[tuple[str, str]]:
    """List who the child is, by pseudonym: sex, ages in years, antibody, site; no date of birth."""
    calendar = subject.report.calendar
    facts: list[tuple[str, str]] = []
    for row in subject.child.record("patient").tail(1).iter_rows(named=True):
        if sex := row["sex"]:
            facts.append((_("Sex"), cut(_(sex), 20)))
        if row["birth_date"]:
            years = (subject.observed_until - row["birth_date"]).days / calendar.days_per_year
            facts.append((_("Age at the last record"), _("{n} years").format(n=f"{years:.1f}")))
        if row["diagnosis_date"]:
            facts.append((_("Diagnosed"), str(row["diagnosis_date"])))
        if row["antibody"]:
            facts.append((_("Antibody"), cut(row["antibody"], 40)))
        if row["site"]:
            facts.append((_("Site"), cut(row["site"], 40)))
    if subject.regimen is not None:
        facts.append((_("IVIG regimen"), str(subject.regimen)))
    facts.append((_("Records until"), str(subject.observed_until)))
    return facts


def render_review(subject: Subject, paper: Paper = "a4", *, is_dense: bool = False) -> str:
    """Render the page of a child as one self-contained HTML text; ``is_dense`` prints smaller."""
    template = make_environment().get_template(TEMPLATE)
    context = _make_context(subject.report, build_review(subject), paper)
    return template.render(context | {"is_dense": is_dense})


def _make_context(report: ReportInput, review: Review, paper: Paper) -> dict[str, Any]:
    created = report.run.manifest.get("created")
    return {
        "review": review,
        "language": get_tag(),
        "study": cut(str(report.study("title") or report.study("id") or "")),
        "css": render_style(REVIEW) + Markup("@page{{size:{};margin:9mm 11mm}}\n").format(paper),
        "policy": make_policy(EmbeddedScripts()),
        "synthetic": is_synthetic(report),
        "finished": created[:16].replace("T", " ") if isinstance(created, str) else "",
        "version": str(report.run.manifest.get("heliotrope", "")),
        "generator": GENERATOR,
        "research_only": _(RESEARCH_ONLY),
        "validation": say_validation(report),
        "definitions": [
            f"{item.id} {item.stamp}"
            for name in (RESPONSE, AGGRAVATION)
            if (item := report.rulebook.definitions.get(name)) is not None
        ],
    }
