"""Response patterns: how many children of each, which children, and the landmarks beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from heliotrope.report.charts.cohort import draw_counts
from heliotrope.report.charts.draw_svg import render_chart
from heliotrope.report.charts.spec import Spec
from heliotrope.report.find_results import Results
from heliotrope.report.language import _
from heliotrope.report.section import ReportInput, Section
from heliotrope.report.words import say, say_flag, sentence

PATTERNS = (
    "rapid",
    "intermediate",
    "slow_maintained",
    "slow",
    "late",
    "transient",
    "ambiguous",
    "none",
    "not_evaluable",
)


@dataclass(frozen=True)
class PatternLine:
    """One pattern: how many children, and who they are where there are few."""

    name: str
    code: str
    count: int
    share: str
    linked: Markup
    children: Sequence[tuple[str, str]]


def build_patterns(report: ReportInput) -> Section:
    """Count the patterns and show the measures at fixed weeks beside them."""
    results = report.results
    lines = list_patterns(report)
    counts = draw_patterns(lines)
    content = {
        "chart": render_chart(counts) if counts else None,
        "lines": lines,
        "tiers": _list_tiers(results),
        "flags": [
            (sentence(say_flag(flag)), results.count("response_flag", flag))
            for flag in results.variables("response_flag")
        ],
        "agreement": results.share("agreement", "pattern"),
        "confounders": [
            (sentence(say_flag(name)), results.count("confounded_by", name))
            for name in results.variables("confounded_by")
        ],
    }
    return Section("patterns", _("Response patterns"), "patterns.html.j2", content)


def draw_patterns(lines: Sequence[PatternLine]) -> Spec | None:
    """Draw how many children have each pattern, or nothing where none has any."""
    bars = [
        {
            "lane": say("pattern_short", line.code),
            "count": line.count,
            "text": f"{line.count} ({line.share.partition(' (')[0]})" if line.share else line.count,
        }
        for line in lines
    ]
    spoken = "; ".join(f"{line.name}: {line.count}" for line in lines)
    return (
        draw_counts(bars, _("Children by response pattern. {spoken}.").format(spoken=spoken))
        if bars
        else None
    )


def list_patterns(report: ReportInput) -> Sequence[PatternLine]:
    """List the patterns that any child has, in their order."""
    results = report.results
    names = _name_children(report)
    lines = []
    for code in PATTERNS:
        count = results.count("response_pattern", code)
        if not count:
            continue
        share = results.share("response_pattern", code)
        lines.append(
            PatternLine(
                name=say("pattern", code),
                code=code,
                count=count,
                share=f"{share.percent} ({share.interval})" if share.is_given else "",
                linked=report.link(count, "response_pattern", code),
                children=names.get(code, []),
            )
        )
    return lines


def _name_children(report: ReportInput) -> Mapping[str, list[tuple[str, str]]]:
    """Name the children of each pattern with their pages, where every child has one."""
    if len(report.treated) > len(report.shown):
        return {}
    return {
        code: [(child, report.anchors[child]) for child in children]
        for (analysis, code), children in report.behind.counts.items()
        if analysis == "response_pattern"
    }


def _list_tiers(results: Results) -> Sequence[tuple[str, str, int]]:
    return [
        (tier, say("tier", tier), results.count("evidence_tier", tier) or 0)
        for tier in results.variables("evidence_tier")
        if results.count("evidence_tier", tier) and tier != "not_applicable"
    ]
