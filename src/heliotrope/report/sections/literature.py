"""This cohort beside the literature: a forest plot and a table an outcome, adults apart."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl
from markupsafe import Markup

from heliotrope.definitions.evidence import Evidence, Population, PublishedCount
from heliotrope.definitions.literature import (
    BESIDE_THE_LITERATURE,
    ComparedOutcome,
    Literature,
)
from heliotrope.estimate.literature import THIS_COHORT, Series, list_series
from heliotrope.estimate.wording import percent
from heliotrope.report.charts.draw_svg import render_chart
from heliotrope.report.charts.forest import draw_forest
from heliotrope.report.charts.spec import Spec
from heliotrope.report.find_results import Share
from heliotrope.report.language import _, later
from heliotrope.report.section import ReportInput, Section
from heliotrope.report.sections.definitions import make_citation
from heliotrope.report.sections.publication import is_synthetic
from heliotrope.report.words import count_of, sentence, whole_sentence

POOLED_ENDS = {"share": "value", "low": "low", "high": "high"}
ANALYSIS, POOLED = "literature", "literature_pooled"
POPULATIONS: Mapping[Population, str] = {
    "children": later("Children"),
    "mixed": later("Children and adults together"),
    "adults": later("Adults"),
}


@dataclass(frozen=True)
class SeriesLine:
    """One line of a table, and of the figure where it has a share."""

    kind: str
    name: str
    lane: str
    link: str | None
    where_and_when: str
    counted: str
    count: str
    share: str
    remarks: Sequence[str]
    drawn: Mapping[str, Any] | None


@dataclass(frozen=True)
class OutcomeTable:
    """One outcome of one population."""

    title: str
    remark: str
    spec: Spec | None
    lines: Sequence[SeriesLine]
    notes: Sequence[str]

    @property
    def chart(self) -> Markup | None:
        """The drawing of the series, or nothing where none gives a count."""
        return render_chart(self.spec) if self.spec else None


@dataclass(frozen=True)
class SeriesInWords:
    """A series that gives no count of any outcome: what it says."""

    name: str
    link: str | None
    where_and_when: str
    design: str
    statements: Sequence[str]
    notes: Sequence[str]


def build_literature(report: ReportInput) -> Section | None:
    """Put this cohort's shares beside the published ones, this cohort's population first.

    None where nobody had IVIG, or where the run holds no such rows.
    """
    rows = report.results.rows(ANALYSIS)
    if not report.treated or not any(row["group"] != THIS_COHORT for row in rows):
        return None
    own: Population = "adults" if report.rulebook.settings.population == "adult" else "children"
    others = [population for population in POPULATIONS if population != own]
    literature = report.rulebook.get(BESIDE_THE_LITERATURE, Literature)
    pooled = bool(report.results.rows(POOLED))
    content = {
        "level": f"{100 * report.level:g}",
        "own": list_tables(report, literature, own, with_cohort=True),
        "apart": [
            (_(POPULATIONS[population]), tables)
            for population in others
            if (tables := list_tables(report, literature, population, with_cohort=False))
        ],
        "in_words": _list_in_words(report),
        "pooled": pooled,
        "synthetic": is_synthetic(report),
        "method": literature.notes[-1] if pooled else "",
    }
    return Section("literature", _("Beside the literature"), "literature.html.j2", content)


def list_tables(
    report: ReportInput, literature: Literature, population: Population, *, with_cohort: bool
) -> list[OutcomeTable]:
    """List the outcomes that any published series of a population counts."""
    tables = [
        _make_table(report, outcome, population, with_cohort=with_cohort)
        for outcome in literature.outcomes
    ]
    return [table for table in tables if any(line.kind != "cohort" for line in table.lines)]


def _make_table(
    report: ReportInput, outcome: ComparedOutcome, population: Population, *, with_cohort: bool
) -> OutcomeTable:
    evidence = report.rulebook.of_kind(Evidence)
    series = [
        item for item in list_series(evidence, outcome) if item.evidence.population == population
    ]
    pooled, not_pooled = _find_pooled(report, outcome, population, series)
    lines = [
        *(_list_cohort(report, outcome) if with_cohort else ()),
        *(_make_line(report, item) for item in series),
        *pooled,
    ]
    notes = [*_note_overlaps(series), *not_pooled]
    return OutcomeTable(
        title=outcome.title,
        remark=outcome.remark,
        spec=_draw(outcome, population, lines),
        lines=lines,
        notes=notes,
    )


def _list_cohort(report: ReportInput, outcome: ComparedOutcome) -> list[SeriesLine]:
    """Give this cohort's own figures; one that cannot be estimated says why."""
    lines = []
    for figure in outcome.cohort:
        share = report.results.share(ANALYSIS, f"{outcome.id}:{figure.id}", THIS_COHORT)
        lines.append(
            SeriesLine(
                kind="cohort",
                name=_("This cohort"),
                lane=figure.lane,
                link=None,
                where_and_when=_say_years(report),
                counted=figure.label,
                count=share.text if share.is_given else "",
                share=_say_share(share),
                remarks=[] if share.is_given else [sentence(share.refused or "")],
                drawn=_draw_share(share, "cohort", figure.lane),
            )
        )
    return lines


def _make_line(report: ReportInput, series: Series) -> SeriesLine:
    evidence, count = series.evidence, series.count
    share = report.results.share(ANALYSIS, f"{count.outcome}:{evidence.id}", evidence.population)
    has_whole = count.of is not None and share.is_given
    return SeriesLine(
        kind="series",
        name=evidence.short_name,
        lane=evidence.short_name,
        link=_find_link(evidence),
        where_and_when=_say_place(evidence),
        counted=count.meaning,
        count=_("{events:,} of {of:,}").format(events=count.events, of=count.of)
        if count.of is not None
        else f"{count.events:,}",
        share=_say_share(share),
        remarks=[*_say_compared(report, series), *_list_remarks(evidence, count, share)],
        drawn=_draw_share(share, "series", evidence.short_name) if has_whole else None,
    )


def _say_compared(report: ReportInput, series: Series) -> list[str]:
    """Say how a controlled trial differs from those without IVIG, with both intervals named."""
    other = series.count.compared_with
    if other is None:
        return []
    variable, group = f"{series.count.outcome}:{series.evidence.id}", series.evidence.population
    newcombe, wald = (
        report.results.row(ANALYSIS, variable, f"difference_{name}", group)
        for name in ("newcombe", "wald")
    )
    if newcombe is None or wald is None:
        return []
    return [
        _(
            "{events:,} of {of:,} {wording}; difference {newcombe} by Newcombe's interval, "
            "{low:.1f} to {high:.1f} by Wald's."
        ).format(
            events=other.events,
            of=other.of,
            wording=other.wording,
            newcombe=newcombe["formatted"],
            low=100 * wald["low"],
            high=100 * wald["high"],
        )
    ]


def _list_remarks(evidence: Evidence, count: PublishedCount, share: Share) -> list[str]:
    remarks = [count.remark] if count.remark else []
    if count.printed_low is not None and share.low is not None and share.high is not None:
        ours = (round(100 * share.low, 1), round(100 * share.high, 1))
        printed = (count.printed_low, count.printed_high)
        if ours != printed:
            remarks.append(
                _(
                    "The publication prints {low:g} to {high:g} %; the exact interval, shown "
                    "here, is {our_low:g} to {our_high:g} %."
                ).format(low=printed[0], high=printed[1], our_low=ours[0], our_high=ours[1])
            )
    if evidence.counted_from == "diagnosis":
        remarks.append(_("Time is counted from diagnosis, not from the first infusion."))
    return remarks


def _find_pooled(
    report: ReportInput, outcome: ComparedOutcome, population: Population, series: Sequence[Series]
) -> tuple[list[SeriesLine], list[str]]:
    """Give the pooled share as a line, or the reason why there is none; nothing if not asked."""
    results = report.results
    row = results.row(POOLED, outcome.id, "proportion_random_effects", population)
    if row is None:
        return [], []
    if row["refused"] is not None:
        return [], [_("Not pooled: {refused}.").format(refused=row["refused"])]
    spread = results.row(POOLED, outcome.id, "prediction_interval", population)
    between = results.row(POOLED, outcome.id, "heterogeneity", population)
    assert spread is not None
    chosen = [
        item.evidence.short_name
        for item in series
        if results.count(POOLED, f"{outcome.id}:{item.evidence.id}", population) is not None
    ]
    beyond = (
        _(" {formatted} of the variation is more than chance.").format(
            formatted=between["formatted"]
        )
        if between
        else ""
    )
    drawn = {
        "lane": _("Pooled"),
        "kind": "pooled",
        "share": 100 * row["value"],
        "low": 100 * row["low"],
        "high": 100 * row["high"],
        "least": 100 * spread["low"],
        "most": 100 * spread["high"],
        "text": _("{formatted}; a further series: {further}").format(
            formatted=row["formatted"], further=spread["formatted"]
        ),
    }
    line = SeriesLine(
        kind="pooled",
        name=_("Pooled, {chosen} series").format(chosen=len(chosen)),
        lane=_("Pooled"),
        link=None,
        where_and_when=_("one a centre"),
        counted=", ".join(chosen),
        count="",
        share=_("{share} % ({low} to {high} %)").format(
            **{name: percent(row[at], row["n_evaluable"]) for name, at in POOLED_ENDS.items()}
        ),
        remarks=[
            _("A further, similar series would lie within {formatted}.{beyond}").format(
                formatted=spread["formatted"], beyond=beyond
            )
        ],
        drawn=drawn,
    )
    return [line], []


def _draw(
    outcome: ComparedOutcome, population: Population, lines: Sequence[SeriesLine]
) -> Spec | None:
    rows = [line.drawn for line in lines if line.drawn is not None]
    if not any(row["kind"] == "series" for row in rows):
        return None
    whole = population if outcome.unit == "children" else "infusions"
    spoken = "; ".join(f"{row['lane']}: {row['text']}" for row in rows)
    return draw_forest(
        rows,
        _("per cent of the {whole}").format(whole=whole),
        f"{outcome.title}: {whole_sentence(spoken)}",
    )


def _draw_share(share: Share, kind: str, lane: str) -> Mapping[str, Any] | None:
    if not share.is_given:
        return None
    return {
        "lane": lane,
        "kind": kind,
        "share": 100 * (share.value or 0.0),
        "low": 100 * (share.low or 0.0),
        "high": 100 * (share.high or 0.0),
        "text": f"{share.text}, {share.percent} ({share.interval})",
    }


def _say_share(share: Share) -> str:
    return f"{share.percent} ({share.interval})" if share.is_given else ""


def _say_place(evidence: Evidence) -> str:
    """Say where and when a series was made, as far as it was noted."""
    where = evidence.centre or _("centre not noted")
    year = str(evidence.year) if evidence.year else _("year not noted")
    when = (
        _("treated {years}, published {year}").format(years=evidence.years, year=year)
        if evidence.years
        else year
    )
    return f"{where}; {when}"


def _say_years(report: ReportInput) -> str:
    """Say in which years the children of this cohort were given IVIG."""
    spans = report.run.table("regimen").select(
        first=pl.col("first_infusion").min().dt.year(), last=pl.col("last_infusion").max().dt.year()
    )
    first, last = spans.row(0)
    return (
        _("this study; IVIG in {first}").format(first=first)
        if first == last
        else _("this study; IVIG {first} to {last}").format(first=first, last=last)
    )


def _find_link(evidence: Evidence) -> str | None:
    return next((link for s in evidence.sources if (link := make_citation(s).link)), None)


def _note_overlaps(series: Sequence[Series]) -> list[str]:
    """Name the series of one table that may hold the same children."""
    names = {item.evidence.id: item.evidence.short_name for item in series}
    shared = {
        identifier
        for item in series
        for other in item.evidence.overlaps
        if other in names
        for identifier in (item.evidence.id, other)
    }
    if not shared:
        return []
    listed = [name for identifier, name in names.items() if identifier in shared]
    return [
        _("{listed} may hold the same children: do not add them up.").format(
            listed=" and ".join(listed)
        )
    ]


def _list_in_words(report: ReportInput) -> list[SeriesInWords]:
    """List the series that give no count of any outcome, with what they say."""
    return [
        SeriesInWords(
            name=item.short_name,
            link=_find_link(item),
            where_and_when=_say_place(item),
            design=_("{item} with {condition}. {design}").format(
                item=_count_persons(item), condition=item.condition, design=item.design
            ),
            statements=[statement.text for statement in item.statements],
            notes=item.notes,
        )
        for item in sorted(report.rulebook.of_kind(Evidence), key=lambda e: (e.year or 0, e.id))
        if not item.counts
    ]


def _count_persons(evidence: Evidence) -> str:
    children = count_of(evidence.children, "child", "children") if evidence.children else ""
    adults = count_of(evidence.adults, "adult", "adults") if evidence.adults else ""
    return _(" and ").join(part for part in (children, adults) if part)
