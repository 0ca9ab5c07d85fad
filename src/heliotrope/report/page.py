"""One HTML file from a finished run: opens offline, prints well, is read without any script."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from heliotrope.definitions.load import Rulebook
from heliotrope.report.charts.scripts import list_script_hashes, render_chart_scripts
from heliotrope.report.environment import make_environment
from heliotrope.report.language import _, get_tag
from heliotrope.report.read_run import RunTables
from heliotrope.report.scripts import EmbeddedScripts, make_policy, read_script
from heliotrope.report.section import ReportInput, Section
from heliotrope.report.sections.adjuvant import build_adjuvant
from heliotrope.report.sections.agreement import build_agreement, say_validation
from heliotrope.report.sections.answer import build_answer
from heliotrope.report.sections.checklists import build_checklists
from heliotrope.report.sections.child import build_children
from heliotrope.report.sections.definitions import build_definitions
from heliotrope.report.sections.every_child import build_every_child
from heliotrope.report.sections.findings import build_findings
from heliotrope.report.sections.harm import build_harm
from heliotrope.report.sections.landmarks import build_landmarks
from heliotrope.report.sections.lasting import build_lasting
from heliotrope.report.sections.literature import build_literature
from heliotrope.report.sections.manifest import build_manifest
from heliotrope.report.sections.patterns import build_patterns
from heliotrope.report.sections.publication import build_publication, is_synthetic
from heliotrope.report.sections.quick import build_quick
from heliotrope.report.sections.side_by_side import build_side_by_side
from heliotrope.report.sections.swimmer import build_swimmer
from heliotrope.report.sections.untreated import build_untreated
from heliotrope.report.sections.what_to_record import build_what_to_record
from heliotrope.report.sections.who import build_who
from heliotrope.report.style import CHARTS, REPORT, render_style
from heliotrope.report.words import RESEARCH_ONLY

REPORT_FILE = "report.html"

BUILDERS: Sequence[Callable[[ReportInput], Section | None]] = (
    build_answer,
    build_publication,
    build_who,
    build_patterns,
    build_swimmer,
    build_every_child,
    build_landmarks,
    build_quick,
    build_adjuvant,
    build_lasting,
    build_harm,
    build_untreated,
    build_side_by_side,
    build_literature,
    build_agreement,
    build_children,
    build_what_to_record,
    build_findings,
    build_checklists,
    build_definitions,
    build_manifest,
)


def render_report(run: Path, rulebook: Rulebook) -> str:
    """Render the report of a run folder as one self-contained HTML text.

    Reads the run folder only. A run without IVIG gives a report that says so in a sentence.
    Errors: no readable manifest: UserError.
    """
    report = ReportInput(run=RunTables(run), rulebook=rulebook)
    sections = [section for build in BUILDERS if (section := build(report)) is not None]
    return make_environment().get_template("page.html.j2").render(_make_context(report, sections))


def write_report(run: Path, rulebook: Rulebook) -> Path:
    """Write the report into the run folder and return its path."""
    path = run / REPORT_FILE
    path.write_text(render_report(run, rulebook), encoding="utf-8")
    return path


def _make_context(report: ReportInput, sections: Sequence[Section]) -> Mapping[str, Any]:
    chart_scripts = EmbeddedScripts(render_chart_scripts(), list_script_hashes())
    page_scripts = read_script("report.js")
    study = report.study("title") or report.study("id") or report.run.manifest.get("study")
    return {
        "title": str(study) if isinstance(study, str) else _("IVIG evaluation"),
        "study_id": report.study("id"),
        "sections": sections,
        "children": report.children,
        "css": render_style(CHARTS, REPORT),
        "language": get_tag(),
        "policy": make_policy(chart_scripts + page_scripts),
        "chart_scripts": chart_scripts.markup,
        "page_scripts": page_scripts.markup,
        "synthetic": is_synthetic(report),
        "compared": any(section.id == "publication" for section in sections),
        "research_only": _(RESEARCH_ONLY),
        "validation": say_validation(report),
        "unverified": next(s.content["unverified"] for s in sections if s.id == "definitions"),
        "local": [item.id for item in report.rulebook.definitions.values() if item.is_local],
        "version": str(report.run.manifest.get("heliotrope", "")),
        "finished": _find_time(report),
    }


def _find_time(report: ReportInput) -> str | None:
    created = report.run.manifest.get("created")
    return created[:16].replace("T", " ") if isinstance(created, str) else None
