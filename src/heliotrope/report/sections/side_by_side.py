"""How much the definition matters: the same children, judged by several definitions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from heliotrope.definitions.side_by_side import (
    DEFINITIONS_SIDE_BY_SIDE,
    Question,
    Reading,
    SideBySide,
)
from heliotrope.estimate.wording import percent
from heliotrope.report.charts.cohort import draw_intervals
from heliotrope.report.charts.draw_svg import render_chart
from heliotrope.report.find_results import Share
from heliotrope.report.language import _, say_defined
from heliotrope.report.section import ReportInput, Section
from heliotrope.report.words import count_of, whole_sentence

READING, AGREEMENT = "definition_reading", "definition_agreement"
CHILD, VISIT = "child", "visit"


@dataclass(frozen=True)
class ReadingLine:
    """One definition: its share, how many it could not judge, its agreement with the first."""

    definition: str
    title: str
    lane: str
    is_local: bool
    share: Share
    undecided: int
    agreement: str
    kappa: str


@dataclass(frozen=True)
class QuestionTable:
    """One question, its figure, its lines, and what was compared visit by visit."""

    title: str
    remark: str
    range: str
    chart: Markup | None
    lines: Sequence[ReadingLine]
    unjudged: Sequence[str]
    visits: Sequence[str]


def build_side_by_side(report: ReportInput) -> Section | None:
    """Show the share under each definition; None where nobody was treated."""
    if not report.results.count("cohort", "with_ivig"):
        return None
    plan = report.rulebook.get(DEFINITIONS_SIDE_BY_SIDE, SideBySide)
    content = {
        "level": f"{100 * report.level:g} %",
        "children": count_of(len(report.treated), "child", "children"),
        "tables": [
            _make_table(report, question, plan.fewest_judged) for question in plan.questions
        ],
    }
    return Section(
        "side_by_side", _("How much the definition matters"), "side_by_side.html.j2", content
    )


def _make_table(report: ReportInput, question: Question, fewest: int) -> QuestionTable:
    lines = [_make_line(report, question, reading) for reading in question.readings]
    return QuestionTable(
        title=question.title,
        remark=question.remark,
        range=_say_range(lines, fewest),
        chart=_draw(question, lines),
        lines=[line for line in lines if line.share.is_given],
        unjudged=[line.title for line in lines if not line.share.is_given],
        visits=[_say_visits(report, question.visits[0], name) for name in question.visits[1:]],
    )


def _make_line(report: ReportInput, question: Question, reading: Reading) -> ReadingLine:
    results = report.results
    variable = f"{question.id}:{reading.id}"
    pair = f"{question.readings[0].id}:{reading.id}"
    share = results.share(AGREEMENT, pair, CHILD)
    is_first = reading.id == question.readings[0].id
    return ReadingLine(
        definition=reading.definition,
        title=reading.title,
        lane=str(say_defined(reading.lane)),
        is_local=report.rulebook.definitions[reading.definition].is_local,
        share=results.share(READING, variable),
        undecided=results.count(READING, f"{variable}:undecided") or 0,
        agreement="" if is_first else share.text if share.is_given else _("none judged by both"),
        kappa="" if is_first or not share.is_given else _say_kappa(report, pair, CHILD),
    )


def _say_kappa(report: ReportInput, pair: str, group: str) -> str:
    """Print kappa, or why there is none."""
    row = report.results.row(AGREEMENT, pair, "kappa", group)
    if row is None:
        return ""
    if row["refused"] is not None:
        return _("no kappa: one class only")
    ends = [] if row["low"] is None else [f"({row['low']:.2f} to {row['high']:.2f})"]
    return " ".join([f"{row['value']:.2f}", *ends]).replace("-", "−")


def _say_range(lines: Sequence[ReadingLine], fewest: int) -> str:
    """Say between what the shares lie, of definitions that could judge more than a few."""
    known = [line for line in lines if line.share.is_given and (line.share.total or 0) >= fewest]
    if len({line.definition for line in known}) < len(("one", "another")):
        return _("No two definitions could judge {fewest} children or more.").format(fewest=fewest)
    lowest, *_between, highest = sorted(known, key=lambda line: line.share.value or 0.0)
    if lowest.share.value == highest.share.value:
        return _("The same under every definition: {percent}.").format(percent=lowest.share.percent)
    return _("From {percent} ({lane}: {text}) to {percent_2} ({lane_2}: {text_2}).").format(
        percent=lowest.share.percent,
        lane=lowest.lane,
        text=lowest.share.text,
        percent_2=highest.share.percent,
        lane_2=highest.lane,
        text_2=highest.share.text,
    )


def _draw(question: Question, lines: Sequence[ReadingLine]) -> Markup | None:
    rows: list[dict[str, Any]] = [
        {
            "lane": line.lane,
            "share": 100 * (line.share.value or 0.0),
            "low": 100 * (line.share.low or 0.0),
            "high": 100 * (line.share.high or 0.0),
            "text": f"{line.share.text}, {line.share.percent} ({line.share.interval})",
        }
        for line in lines
        if line.share.is_given
    ]
    if not rows:
        return None
    spoken = "; ".join(f"{row['lane']}: {row['text']}" for row in rows)
    return render_chart(
        draw_intervals(rows, f"{say_defined(question.title)} {whole_sentence(spoken)}")
    )


def _say_visits(report: ReportInput, first: str, second: str) -> str:
    """Say how far two definitions agree visit by visit, over all visits of all children."""
    results, pair = report.results, f"{first}:{second}"
    titles = [report.rulebook.definitions[name].title for name in (first, second)]
    named = _(" and ").join(titles)
    row = results.row(AGREEMENT, pair, "proportion_clustered", VISIT) or results.row(
        AGREEMENT, pair, "proportion_exact", VISIT
    )
    if row is None or row["refused"] is not None:
        return _("Visit by visit, {named}: no visit could be judged by both.").format(named=named)
    count = results.count(AGREEMENT, pair, VISIT) or 0
    total = row["n_evaluable"]
    some = results.count(AGREEMENT, f"{pair}:decided_by_some", VISIT) or 0
    children = results.count(AGREEMENT, f"{pair}:children", VISIT) or 0
    low, high = percent(row["low"], total), percent(row["high"], total)
    kappa = _say_kappa(report, pair, VISIT)
    only = _(" Only one of them could judge {some:,} more.").format(some=some) if some else ""
    return _(
        "Visit by visit, {named}: the same at {count:,} of {total} ({value} %; {low} "
        "to {high} %, counting the {children}, not the visits); {kappa}.{only}"
    ).format(
        named=named,
        count=count,
        total=count_of(total, "visit", "visits"),
        value=percent(row["value"], total),
        low=low,
        high=high,
        children=count_of(children, "child", "children"),
        kappa=kappa if kappa.startswith("no") else f"kappa {kappa}",
        only=only,
    )
