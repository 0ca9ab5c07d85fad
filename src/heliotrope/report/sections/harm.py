"""Harm recorded: reactions per infusion, course, month and child, each beside its denominator."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from heliotrope.definitions.safety import GradingSystem, ReactionWindows
from heliotrope.report.estimate_lines import Estimate, EstimateLine, list_estimates
from heliotrope.report.find_results import Results, Row
from heliotrope.report.language import _, later
from heliotrope.report.section import ReportInput, Section
from heliotrope.report.sections.haemolysis import read_haemolysis
from heliotrope.report.words import say_flag, say_within, sentence

EXPOSURES = (
    ("infusion_day", later("infusions")),
    ("course", later("courses")),
    ("patient_month", later("patient-months")),
)
CHILDREN = {
    "reactions": "children_with_reaction",
    "reactions_by_occasion": "children_with_occasion",
    "reactions_by_coded_term": "children_with_coded_term",
}
LISTED_REACTIONS = 100
CLUSTERED = (
    Estimate(
        later("Infusions followed by a reaction, in the average child"),
        "reactions_clustered",
        "infusion_day",
        "share_clustered",
        later("Reactions recur in the same children: the interval counts children, not infusions."),
    ),
    Estimate(
        later("Courses followed by a reaction, in the average child"),
        "reactions_clustered",
        "course",
        "share_clustered",
    ),
    Estimate(
        later("How much children differ (correlation of a child's infusions)"),
        "reactions_clustered",
        "infusion_day",
        "correlation_within_children",
        later("0: all children alike; 1: a child always reacts or never."),
    ),
)
COMPARED = (
    Estimate(
        later("Products of high IgA content less those of low"),
        "reactions_by_iga",
        "high_less_low",
        "difference_clustered",
        later("An association: products were not given at random."),
    ),
    Estimate(
        later("Rate of infusions followed by a reaction less that of others, mL/kg/h"),
        "reactions_by_rate",
        "followed_less_not",
        "difference_clustered",
        later("An association: a rate is lowered after a reaction."),
    ),
)


@dataclass(frozen=True)
class CodedLine:
    """A term of the grading system: its code, the words it was recorded by, its rates."""

    name: str
    code: str | None
    words: Sequence[tuple[str, int]]
    rates: RateLine


@dataclass(frozen=True)
class RateLine:
    """A kind of occasion with its rates and the children who had it."""

    name: str
    occasions: int
    rates: Sequence[str]
    children: str


def build_harm(report: ReportInput) -> Section:
    """Count occasions of harm; a rate without a denominator is refused, not guessed."""
    results = report.results
    bound = results.row("reactions", "any_occasion", "upper_bound_per_infusion_day")
    rate = results.row("reactions", "any_occasion", "rate_per_infusion_day")
    content = {
        "exposure": [
            (words, results.count("reaction_exposure", unit)) for unit, words in EXPOSURES
        ],
        "none_recorded": None if bound is None else bound["formatted"],
        "refused": None if rate is None else rate["refused"],
        "events": results.count("reaction_exposure", "adverse_events_recorded"),
        "outside": results.count("reaction_exposure", "reactions_outside_every_window"),
        "lines": _list_rates(results),
        "coded": _list_coded(report),
        "grading": _grading_of(report),
        "haemolysis": read_haemolysis(results),
        "clustered": [*list_estimates(results, CLUSTERED), *_list_products(results)],
        "compared": list_estimates(results, COMPARED),
        "unrelated": _make_line(results, "reactions", "any_occasion", "without_unrelated"),
        "grades": [
            (sentence(say_flag(name)), results.count("reaction_grade", name))
            for name in results.variables("reaction_grade")
        ],
        "reactions": _list_reactions(report),
    }
    return Section("harm", _("Harm recorded"), "harm.html.j2", content)


def _list_rates(results: Results) -> Sequence[RateLine]:
    lines = [_make_line(results, "reactions", "any_occasion", "all")]
    occasions = "reactions_by_occasion"
    lines += [_make_line(results, occasions, name, "all") for name in results.variables(occasions)]
    return [line for line in lines if line is not None]


def _list_products(results: Results) -> Sequence[EstimateLine]:
    """List the share of infusions followed by a reaction by product, where it is recorded."""
    analysis, others = "reactions_by_product", "others_less:"
    names = [name for name in results.variables(analysis) if not name.endswith(":children")]
    return list_estimates(
        results,
        [
            Estimate(
                _("Other products less {others}").format(others=name.removeprefix(others))
                if name.startswith(others)
                else _("Product: {name}").format(name=name),
                analysis,
                name,
                "difference_clustered" if name.startswith(others) else "share_clustered",
            )
            for name in names
        ],
    )


def _grading_of(report: ReportInput) -> GradingSystem:
    rule = report.rulebook.get("reaction_windows", ReactionWindows)
    return report.rulebook.get(rule.grading, GradingSystem)


def _list_coded(report: ReportInput) -> Sequence[CodedLine]:
    """List the occasions by term of the grading system; what it has no term for comes last."""
    results, analysis = report.results, "reactions_by_coded_term"
    known = {term.term: term for term in _grading_of(report).terms}
    lines = []
    for name in sorted(results.variables(analysis), key=lambda name: name not in known):
        rates = _make_line(results, analysis, name, "all")
        words = [
            (
                say_within(variable.partition(":")[2]),
                results.count("coded_term_words", variable) or 0,
            )
            for variable in results.variables("coded_term_words")
            if variable.partition(":")[0] == name
        ]
        if rates is not None:
            term = known.get(name)
            title = _("No term of the edition") if term is None else term.published_term
            lines.append(CodedLine(title, None if term is None else term.code, words, rates))
    return lines


def _make_line(results: Results, analysis: str, variable: str, group: str) -> RateLine | None:
    count = results.count(analysis, variable, group)
    if count is None:
        return None
    children = results.share(CHILDREN[analysis], variable, group)
    rows = [results.row(analysis, variable, f"rate_per_{unit}", group) for unit, _ in EXPOSURES]
    return RateLine(
        name=_("Any occasion") if variable == "any_occasion" else sentence(say_within(variable)),
        occasions=count,
        rates=[_say_rate(row) for row in rows],
        children=f"{children.text} ({children.percent}; {children.interval})"
        if children.is_given
        else "",
    )


def _say_rate(row: Row | None) -> str:
    if row is None or row["refused"] is not None:
        return _("no denominator") if row is not None else ""
    inside = row["formatted"].partition("(")[2].rstrip(")")
    return str(inside).replace("-", "–") or str(row["formatted"])


def _list_reactions(report: ReportInput) -> Sequence[dict[str, object]]:
    table = (
        report.run.table_of("reaction", report.shown)
        .sort("patient_id", "date", "term")
        .with_columns(pl.col("group").cast(pl.String).fill_null(""))
    )
    return list(table.head(LISTED_REACTIONS).iter_rows(named=True))
