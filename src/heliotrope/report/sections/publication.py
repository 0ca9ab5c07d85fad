"""A publication's statements beside what the run found, where the study asks for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from heliotrope.definitions.evidence import Evidence, Statement
from heliotrope.report.find_results import Results
from heliotrope.report.language import _
from heliotrope.report.read_run import look_up
from heliotrope.report.section import ReportInput, Section
from heliotrope.report.sections.definitions import make_citation


@dataclass(frozen=True)
class Comparison:
    """One statement and what the run found."""

    statement: str
    published: str
    found: str
    is_same: bool | None
    remark: str


def build_publication(report: ReportInput) -> Section | None:
    """Put the statements of the publication that the study names beside the run's own counts.

    None where the study names none, one that no definition file holds, or has no IVIG.
    """
    evidence = find_evidence(report)
    if evidence is None or not report.treated:
        return None
    lines = [_compare(statement, report.results) for statement in evidence.statements]
    counted = [line for line in lines if line.is_same is not None]
    content = {
        "evidence": evidence,
        "lines": lines,
        "same": sum(line.is_same is True for line in counted),
        "counted": len(counted),
        "sources": [make_citation(source) for source in evidence.sources],
        "synthetic": is_synthetic(report),
    }
    name = (
        _("the {year} series").format(year=evidence.year) if evidence.year else evidence.short_name
    )
    return Section(
        "publication", _("Beside {name}").format(name=name), "publication.html.j2", content
    )


def find_evidence(report: ReportInput) -> Evidence | None:
    """Find the publication that the study asks to be compared with."""
    manifest = report.run.manifest
    named: Sequence[Any] = [
        look_up(manifest, "study", "compare_with"),
        look_up(manifest, "study", "report", "compare_with"),
        look_up(manifest, "report", "compare_with"),
        manifest.get("compare_with"),
    ]
    for name in named:
        found = report.rulebook.definitions.get(str(name)) if name else None
        if isinstance(found, Evidence):
            return found
    return None


def is_synthetic(report: ReportInput) -> bool:
    """Whether the study says that its records are invented."""
    manifest = report.run.manifest
    return bool(look_up(manifest, "study", "synthetic") or manifest.get("synthetic"))


def _compare(statement: Statement, results: Results) -> Comparison:
    counts = [results.count(at.analysis, at.variable, at.group) for at in statement.found_by]
    found = None if not counts or None in counts else sum(count or 0 for count in counts)
    total = None
    if len(statement.found_by) == 1:
        at = statement.found_by[0]
        total = results.share(at.analysis, at.variable, at.group).total
    published = "" if statement.events is None else _say(statement.events, statement.of)
    if statement.found_by and found is None:
        found = 0
    return Comparison(
        statement=statement.text,
        published=published or _("in words"),
        found="" if found is None else _say(found, total),
        is_same=None if found is None or statement.events is None else found == statement.events,
        remark=statement.remark or "",
    )


def _say(count: int, total: int | None) -> str:
    return f"{count}" if total is None else _("{n} of {total}").format(n=count, total=total)
