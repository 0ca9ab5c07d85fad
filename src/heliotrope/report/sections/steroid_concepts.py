"""Steroid-resistant, steroid-dependent, stopped: one line a concept and moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from heliotrope.report.find_results import Share
from heliotrope.report.language import _, later
from heliotrope.report.section import ReportInput

ANALYSIS = "steroid_outcome"
MOMENTS = {
    "before_first_regimen": later("before IVIG"),
    "whole_record": later("over the whole record"),
}


@dataclass(frozen=True)
class ConceptLine:
    """A concept at a moment: who met it of those judged, and who could not be."""

    title: str
    moment: str
    share: Share
    not_evaluable: int
    not_reached: int


def list_steroid_concepts(report: ReportInput) -> Sequence[ConceptLine]:
    """List the concepts in the order of the result rows; none where nobody had IVIG."""
    results = report.results
    lines = []
    for variable in results.variables(ANALYSIS):
        concept, _colon, moment = variable.partition(":")
        if moment not in MOMENTS:
            continue
        counts = [
            results.count(ANALYSIS, f"{variable}:{state}") or 0
            for state in ("not_evaluable", "not_reached")
        ]
        share = results.share(ANALYSIS, variable)
        if share.total or any(counts):
            title = report.rulebook.definitions[concept].title
            lines.append(ConceptLine(title, _(MOMENTS[moment]), share, *counts))
    return lines
