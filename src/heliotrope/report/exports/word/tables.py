"""The tables of the cohort, taken from what the sections of the report hold."""

from __future__ import annotations

from typing import Any

from heliotrope.report.exports.word.methods import list_refusals
from heliotrope.report.exports.word.pieces import WordTable
from heliotrope.report.find_results import Share
from heliotrope.report.language import _
from heliotrope.report.medians_table import MediansTable
from heliotrope.report.section import ReportInput
from heliotrope.report.sections.adjuvant import build_adjuvant
from heliotrope.report.sections.checklists import build_checklists
from heliotrope.report.sections.definitions import build_definitions
from heliotrope.report.sections.findings import build_findings
from heliotrope.report.sections.harm import build_harm
from heliotrope.report.sections.landmarks import build_landmarks
from heliotrope.report.sections.lasting import build_lasting
from heliotrope.report.sections.patterns import build_patterns
from heliotrope.report.sections.who import build_who

NO_NUMBER = "–"
CHECKLISTS = ("care_2013", "strobe_record")


def make_table_1(report: ReportInput) -> WordTable:
    """Make Table 1: the treated children at the first infusion."""
    return WordTable(
        title=_("The treated children at the first infusion: median (range), or number (per cent)"),
        header=[_("Characteristic"), _("Value"), _("Recorded in")],
        rows=[
            [line.label]
            if line.is_heading
            else [line.label, line.value, line.evaluable or NO_NUMBER]
            for line in build_who(report).content["table1"]
        ],
    )


def make_reasons(report: ReportInput) -> WordTable:
    """Make the table of indications, recorded and shown by the records."""
    return WordTable(
        title=_("Why IVIG was started; a child may have several reasons"),
        header=[_("Reason"), _("Recorded"), _("Shown by the records")],
        rows=[list(row) for row in build_who(report).content["reasons"]],
    )


def make_patterns(report: ReportInput) -> WordTable:
    """Make the table of response patterns."""
    return WordTable(
        title=_("Response patterns while receiving IVIG"),
        header=[_("Pattern"), _("Children"), _("Per cent (95 % CI)")],
        rows=[
            [line.name, str(line.count), line.share or NO_NUMBER]
            for line in build_patterns(report).content["lines"]
        ],
        note=_(
            "“Improvement not shown” means: not in these records, at the visits on IVIG and by the "
            "measures recorded there."
        ),
    )


def make_landmarks(report: ReportInput) -> WordTable:
    """Make the table of measures at fixed weeks."""
    content = build_landmarks(report).content
    return _make_medians(
        content["measures"],
        _("Measures at fixed weeks after the first infusion: median (range), n"),
        _("Measure"),
    )


def make_steroid(report: ReportInput) -> WordTable:
    """Make the table of the steroid dose."""
    return _make_medians(
        build_adjuvant(report).content["doses"],
        _("Steroid dose, prednisone-equivalent: median (range), n"),
        _("Dose"),
        _("A dose that falls during IVIG does not show that IVIG was the cause."),
    )


def make_after_stopping(report: ReportInput) -> WordTable:
    """Make the table of worsening after the regimen stopped."""
    content = build_lasting(report).content
    return WordTable(
        title=_("Worse after IVIG stopped, among children improved when it stopped"),
        header=[_("Within"), _("Children"), _("Per cent (95 % CI)")],
        rows=[
            [name.removeprefix("within "), *_say_share(share)]
            for name, share in content.get("windows", ())
        ],
    )


def make_safety(report: ReportInput) -> WordTable:
    """Make the table of reactions."""
    content = build_harm(report).content
    exposure = ", ".join(f"{number:,} {what}" for what, number in content["exposure"])
    units = [what for what, _number in content["exposure"]]
    return WordTable(
        title=_("Reactions in their window after an infusion"),
        header=[_("Reaction"), _("Occasions"), *(_per(what) for what in units), _("Children")],
        rows=[
            [line.name, str(line.occasions), *_pad(line.rates, len(units)), line.children]
            for line in content["lines"]
        ],
        note=_("Exposure: {exposure}. Rates with exact 95 % intervals.").format(exposure=exposure),
    )


def make_findings(report: ReportInput) -> WordTable:
    """Make the table of data findings by rule."""
    return WordTable(
        title=_("Data findings"),
        header=[_("Severity"), _("Rule"), _("Findings")],
        rows=[
            [severity, rule, f"{number:,}"]
            for severity, rule, number in build_findings(report).content["rules"]
        ],
    )


def make_refusals(report: ReportInput) -> WordTable:
    """Make the table of what the records could not answer."""
    return WordTable(
        title=_("What the records could not answer"),
        header=[_("Analysis"), _("Reason")],
        rows=[list(line) for line in list_refusals(report)],
    )


def make_definitions(report: ReportInput) -> WordTable:
    """Make the table of every definition that decided something, with its version."""
    return WordTable(
        title=_("Definitions of the run"),
        header=[_("Definition"), _("Name and version"), _("Verified against its source")],
        rows=[
            [
                line.definition.title,
                f"{line.definition.id} {line.definition.stamp}",
                _("yes") if line.definition.verified else _("not in every value"),
            ]
            for line in build_definitions(report).content["deciding"]
        ],
    )


def make_checklists(report: ReportInput) -> list[WordTable]:
    """Make a table of each checklist for case series: the items of which the run says something."""
    section: Any = build_checklists(report)
    if section is None:
        return []
    return [
        WordTable(
            title=_("{title}: what the run answers").format(title=table.checklist.title),
            header=[_("Item"), _("From the run"), _("For the author")],
            rows=[
                [
                    f"{line.number} {line.topic}",
                    " ".join(one.text for one in line.said),
                    line.for_author or "",
                ]
                for line in table.lines
                if line.said
            ],
            note=_("{n} more items are for the authors alone.").format(
                n=sum(not line.said for line in table.lines)
            ),
        )
        for table in section.content["tables"]
        if table.checklist.id in CHECKLISTS
    ]


def _make_medians(table: MediansTable, title: str, first: str, note: str = "") -> WordTable:
    rows = [
        [name, *(" ".join(_say_point(point)) for point in points)] for name, points in table.lines
    ]
    return WordTable(title, [first, *table.columns], rows, note)


def _say_point(point: Any) -> list[str]:
    if point is None:
        return [NO_NUMBER]
    middle, between, n = point
    return [middle, f"({between})" if between else "", n]


def _say_share(share: Share) -> list[str]:
    if not share.is_given:
        return [share.text, share.refused or NO_NUMBER]
    return [share.text, f"{share.percent} ({share.interval})"]


def _per(what: str) -> str:
    return _("Per 100 {what}").format(what=what)


def _pad(rates: Any, length: int) -> list[str]:
    found = [str(rate).replace(" per 100; ", " (") + ")" for rate in rates]
    return [*found, *([NO_NUMBER] * (length - len(found)))]
