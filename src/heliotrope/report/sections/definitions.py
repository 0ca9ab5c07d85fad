"""The definitions used, with their wording, their sources, and how sure we are of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from heliotrope.definitions.model import Definition
from heliotrope.definitions.model import Source as Citation
from heliotrope.report.language import _, later
from heliotrope.report.section import ReportInput, Section

FLAGS = {
    "V": later("read in this source"),
    "V2": later("read in a secondary text"),
    "R": later("recalled, source not read"),
    "C": later("sources disagree"),
    "P": later("decision of this project"),
    "UNKNOWN": "unknown",
}
COMPARED_KINDS = ("evidence", "literature")
DECIDING_KINDS = ("response", "aggravation", "score", "rule", "exposure", "glucocorticoid")


@dataclass(frozen=True)
class CitationLine:
    """A source as printed, with what its flag means."""

    text: str
    link: str | None
    flag: str


@dataclass(frozen=True)
class DefinitionLine:
    """A definition as printed."""

    definition: Definition
    used_for: str
    sources: Sequence[CitationLine]


def build_definitions(report: ReportInput) -> Section:
    """List the definitions that decided something in this run, then those behind them.

    Published series decide nothing: they stand beside a cohort, under their own heading.
    """
    used = set(report.run.traced_definitions()) | _named_in_results(report)
    lines = [_make_line(item, used) for item in report.rulebook.definitions.values()]
    deciding = [
        line
        for line in lines
        if (line.definition.id in used or line.definition.kind in DECIDING_KINDS)
        and line.definition.kind not in COMPARED_KINDS
    ]
    behind = [line for line in lines if line not in deciding]
    content = {
        "deciding": sorted(deciding, key=_order),
        "behind": sorted(behind, key=_order),
        "unverified": sum(not line.definition.verified for line in deciding),
        "local": [line.definition.id for line in lines if line.definition.is_local],
    }
    return Section("definitions", _("Definitions used"), "definitions.html.j2", content)


def _named_in_results(report: ReportInput) -> set[str]:
    return set(report.run.results["definition_id"].drop_nulls().unique().to_list())


def _order(line: DefinitionLine) -> tuple[int, str]:
    kind = line.definition.kind
    rank = DECIDING_KINDS.index(kind) if kind in DECIDING_KINDS else len(DECIDING_KINDS)
    return rank, line.definition.id


def _make_line(definition: Definition, used: set[str]) -> DefinitionLine:
    return DefinitionLine(
        definition=definition,
        used_for=_("applied in this run") if definition.id in used else _("not applied"),
        sources=[make_citation(source) for source in definition.sources],
    )


def make_citation(source: Citation) -> CitationLine:
    """Print a source with the best link it has."""
    link = None
    identifiers = []
    if source.doi:
        link = f"https://doi.org/{source.doi}"
        identifiers.append(f"doi {source.doi}")
    if source.pubmed:
        link = link or f"https://pubmed.ncbi.nlm.nih.gov/{source.pubmed}/"
        identifiers.append(f"PubMed {source.pubmed}")
    if source.pmc:
        link = link or f"https://pmc.ncbi.nlm.nih.gov/articles/{source.pmc}/"
        identifiers.append(source.pmc)
    named = [part for part in identifiers if part.split()[-1] not in source.citation]
    text = ", ".join([source.citation, *named, *([source.table] if source.table else [])])
    return CitationLine(text=text, link=link, flag=_(FLAGS[source.flag]))
