"""Where rules and clinicians differ: both words, what decided, and what would have decided so."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from heliotrope.definitions.response import RESPONSE
from heliotrope.estimate.labels import PAIR, name_raters
from heliotrope.report.explain import Explainer, Readings
from heliotrope.report.explain_cells import ChildCells, SourceCells
from heliotrope.report.explanation import Decision, Node
from heliotrope.report.language import _, later
from heliotrope.report.read_child import read_children
from heliotrope.report.section import ReportInput
from heliotrope.report.words import say, say_flag

PATTERN = "pattern"
WHOLE = later("The whole regimen")
KEY_VISITS = ("onset", "last")
WAYS = {
    "consensus": later("by an agreed label"),
    "one_rater": later("by the one rater who labelled it"),
    "all": later("by all its raters alike"),
    "majority": later("by more than half of its raters"),
    "open": later("open: the raters differ"),
}


@dataclass(frozen=True)
class Disagreement:
    """A regimen on which rules and clinicians differ, or the clinicians among themselves.

    ``labels``: what each rater said. ``deciding``: under a heading the leaves that decided what the
    rules say, with their cells: of the regimen, and of the visit at which improvement was first
    seen (else the last one on IVIG). ``would_agree``: the single changes that would have given a
    clinician's label. ``decisions``: the whole trace, where the child has no page of its own
    (``anchor``).
    """

    patient_id: str
    anchor: str | None
    regimen: int
    found: str
    labels: Sequence[str]
    settled: str
    deciding: Sequence[tuple[str, Sequence[Node]]]
    would_agree: Sequence[str]
    decisions: Sequence[Decision]


def list_disagreements(
    report: ReportInput, pairs: pl.DataFrame, settled: pl.DataFrame, consensus_rater: str
) -> list[Disagreement]:
    """Say of each regimen of ``settled`` what was found, what each rater said, and what decided."""
    numbered = name_raters(pairs, consensus_rater)
    given: dict[tuple[str, int], dict[str, str]] = {}
    for patient_id, regimen, rater, label in pairs.select(*PAIR, "rater", "label").iter_rows():
        who = say_flag(numbered.get(rater, "agreed_label")).capitalize()
        given.setdefault((patient_id, regimen), {})[who] = label
    names = settled["patient_id"].unique(maintain_order=True).to_list()
    children = {child.patient_id: child for child in read_children(report.run, names)}
    places = SourceCells(report.run.sources)
    readings = Readings(report.rulebook, report.run.manifest)
    found = []
    for row in settled.iter_rows(named=True):
        child = children[row["patient_id"]]
        explainer = Explainer(
            trace=child.trace,
            visits=child.table("visit"),
            cells=ChildCells.of(child.records, child.trace_source, places),
            readings=readings,
        )
        found.append(
            _make_disagreement(report, row, given[row["patient_id"], row["regimen"]], explainer)
        )
    return found


def _make_disagreement(
    report: ReportInput, row: Mapping[str, Any], given: Mapping[str, str], explainer: Explainer
) -> Disagreement:
    decisions = list(explainer.explain_regimen(RESPONSE, row["regimen"]))
    wanted = {label for label in given.values() if label != row["found"]}
    question = explainer.readings.get(RESPONSE).words[PATTERN]
    anchor = _find_anchor(report, row["patient_id"])
    return Disagreement(
        patient_id=row["patient_id"],
        anchor=anchor,
        regimen=row["regimen"],
        found=say("pattern", row["found"]),
        labels=[f"{who}: {say('pattern', label)}" for who, label in sorted(given.items())],
        settled=_say_way(row),
        deciding=list(_list_deciding(decisions)),
        would_agree=list(_list_would_agree(decisions, wanted, question)),
        decisions=[] if anchor else decisions,
    )


def _say_way(row: Mapping[str, Any]) -> str:
    way = WAYS[row["settled_by"]]
    return _(way)


def _find_anchor(report: ReportInput, patient_id: str) -> str | None:
    """Find the child's own page; it holds the whole trace."""
    if patient_id not in report.shown:
        return None
    return f"child-{report.shown.index(patient_id) + 1}"


def _list_deciding(decisions: Sequence[Decision]) -> Iterator[tuple[str, Sequence[Node]]]:
    """List the leaves that decided the pattern, then those of the visit that it hangs on."""
    for decision in decisions:
        if decision.date is None:
            yield _(WHOLE), list(_find_leaves(_find_pattern(decision.root)))
    by_role = {decision.heading: decision for decision in decisions if decision.heading}
    visit = next(
        (
            by_role[say("visit_role", role)]
            for role in KEY_VISITS
            if say("visit_role", role) in by_role
        ),
        None,
    )
    if visit is not None:
        yield f"{visit.heading}, {visit.date}", list(_find_leaves([visit.root]))


def _find_pattern(root: Node) -> list[Node]:
    """Find the decision of the pattern, and those of the axes that it looked at."""
    axes = {node.node: node for node in root.children}
    if PATTERN not in axes:
        return [root]
    named = [child.node for child in axes[PATTERN].children if child.node in axes]
    return [axes[PATTERN], *(axes[name] for name in named)]


def _find_leaves(nodes: Iterable[Node]) -> Iterator[Node]:
    """Find the criteria that decided, each once, with those below them in their place."""
    seen: set[str] = set()
    pending = list(nodes)
    tops = {node.node for node in pending}
    while pending:
        node = pending.pop(0)
        if node.children:
            pending = [child for child in node.children if child.node not in tops] + pending
        elif node.node not in seen:
            seen.add(node.node)
            yield node


def _list_would_agree(
    decisions: Iterable[Decision], wanted: set[str], question: str
) -> Iterator[str]:
    """Say which single change of the regimen's decision would have given a clinician's label."""
    words = {say_flag(label): say("pattern", label) for label in wanted}
    for decision in decisions:
        changes = decision.could_change if decision.date is None else ()
        for change in changes:
            for other in change.classes:
                if other.question == question and other.after in words:
                    yield (
                        _("{title}: {asked} instead of {now} (then: {value})").format(
                            title=change.title,
                            asked=change.asked,
                            now=change.now,
                            value=words[other.after],
                        )
                    )
