"""The response and its reason; what followed when IVIG stopped; reactions to infusions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from heliotrope.definitions.measure import measures_of
from heliotrope.report.language import _, later, ngettext
from heliotrope.report.review.figures import Line
from heliotrope.report.review.subject import Row, Subject, cut
from heliotrope.report.sections.child import build_regimen
from heliotrope.report.sections.child_statements import HARM, IMPROVED, Statement
from heliotrope.report.show_measures import READING_ORDER
from heliotrope.report.words import say, say_flag, whole_sentence

INDICATION = later("Why IVIG was started")
CONFOUNDING = later("Another explanation?")
STEROID = later("Steroid dose?")
OF_IMPROVEMENT = (later("How fast?"), CONFOUNDING, later("Held or lost?"))
JUDGED = ("met", "not_met")
LISTED_REACTIONS = 6
LISTED_MEASURES = 6
RAISED = ("started", "raised")


def list_statements_of(subject: Subject) -> dict[str, Statement]:
    """Read the statements that the child's page of the report makes, by their question."""
    response = subject.response
    if response is None:
        return {}
    page = build_regimen(
        subject.child,
        response,
        subject.report.explainer(subject.child),
        subject.report.level,
        of=subject.child.table("response").height,
    )
    return {statement.question: statement for statement in page.statements}


def list_indication(subject: Subject, statements: dict[str, Statement]) -> Sequence[Line]:
    """Say why IVIG was started: as recorded, with the source's own words, and as derived."""
    statement = statements.get(INDICATION)
    if statement is None:
        return []
    row = subject.row("indication")
    reasons = set() if row is None else set(row["recorded"])
    recorded = [
        item
        for item in subject.child.record("indication").iter_rows(named=True)
        if item["reason"] in reasons
    ]
    own_words = "; ".join(dict.fromkeys(cut(item["text"]) for item in recorded if item["text"]))
    because = f"{statement.because} " + (f"“{own_words}”" if own_words else "")
    return [
        Line(
            _("Indication recorded"),
            whole_sentence(statement.answer),
            because.strip(),
            subject.marks.mark(item["row_id"] for item in recorded),
        )
    ]


def list_response(subject: Subject, statements: dict[str, Statement]) -> Sequence[Line]:
    """List the answers about the response, each with its reason and its cells.

    Improvement that was not seen is said with the visits, the measures and what else was changed,
    never as a bare "none".
    """
    response = subject.response
    if response is None:
        return []
    lines = []
    is_never = response["onset_by_day"] is None and response["onset"] != "ambiguous"
    for question, statement in statements.items():
        if question in (INDICATION, STEROID, HARM) or (is_never and question in OF_IMPROVEMENT):
            continue
        line = Line(
            _(question),
            statement.answer,
            statement.because,
            subject.marks.mark_cells(statement.cells),
        )
        if question == IMPROVED and response["responded"] == "no":
            line = replace(line, answer=_("Improvement not shown in these records."))
            line = replace(line, because=_say_what_was_looked_at(subject, response))
        if question == CONFOUNDING:
            line = _say_confounding(subject, response, line)
        lines.append(line)
    return [*lines, *_list_labels(subject)]


def _say_what_was_looked_at(subject: Subject, response: Row) -> str:
    """Say the visits, the measures and the other treatment behind an improvement not shown."""
    visits = subject.rows("visit").filter("is_on_regimen").sort("date")
    judged = visits.filter(pl.col("state").is_in(JUDGED))
    parts = [
        ngettext(
            "Looked at: {n} visit on IVIG that could be judged",
            "Looked at: {n} visits on IVIG that could be judged",
            judged.height,
        ).format(n=judged.height)
    ]
    if judged.height:
        parts[0] += _(" ({first} to {last})").format(
            first=judged["date"].min(), last=judged["date"].max()
        )
    parts.append(_("measures: {measures}").format(measures=_list_measures(subject)))
    parts.append(_("other treatment: {changes}").format(changes=_say_changes(subject)))
    if response["reason"]:
        parts.append(say("response_reason", response["reason"]))
    return whole_sentence("; ".join(parts))


def _list_measures(subject: Subject) -> str:
    """Name the measures of disease that were recorded at a visit on the regimen."""
    exposure, until = subject.exposure, subject.covered_until
    if exposure is None or until is None:
        return _("none recorded")
    values = subject.derived.changes.filter(
        (pl.col("regimen") == subject.regimen) & (pl.col("date") <= until)
    )
    known = measures_of(subject.rulebook)
    named = [
        measure.title
        for measure in known.values()
        if measure.id in set(values["measure"])
        and (measure.domain in READING_ORDER or measure.is_judgement)
    ]
    if not named:
        return _("none recorded")
    more = len(named) - LISTED_MEASURES
    said = ", ".join(named[:LISTED_MEASURES])
    return said + (" " + _("and {n} more").format(n=more) if more > 0 else "")


def _say_changes(subject: Subject) -> str:
    """Say which other drugs were started or raised while IVIG was given."""
    exposure, until = subject.exposure, subject.covered_until
    if exposure is None or until is None or subject.child.record("medication").height == 0:
        return _("no drug is recorded at all")
    is_meanwhile = pl.col("start_date").is_between(exposure["first_infusion"], until)
    rows = subject.derived.drug_periods.filter(is_meanwhile & pl.col("change").is_in(RAISED))
    said = [
        _("{drug} {change} {date}").format(
            drug=say("drug", row["drug"]), change=say_flag(row["change"]), date=row["start_date"]
        )
        for row in rows.sort("start_date").iter_rows(named=True)
    ]
    pulses = subject.derived.steroid_pulses.filter(is_meanwhile)
    said += [_("steroid pulse {date}").format(date=date) for date in pulses["start_date"]]
    return ", ".join(said) or _("no drug beside IVIG is recorded as started or raised meanwhile")


def _say_confounding(subject: Subject, response: Row, line: Line) -> Line:
    if response["confounded"] or response["confounded"] is None:
        return line
    if response["onset_by_day"] is None:
        return replace(
            line,
            answer=_("Does not apply: there is no improvement to explain."),
            because="",
        )
    if subject.child.record("medication").height == 0:
        return replace(line, answer=_("Cannot be judged: no drug is recorded at all."), because="")
    caveat = ""
    if "caveat_premedication_unrecorded" in response["flags"]:
        caveat = _("Premedication is not recorded: a steroid in it would be one.")
    return replace(
        line,
        answer=_("No other explanation is recorded."),
        because=f"{line.because} {caveat}".strip(),
    )


def _list_labels(subject: Subject) -> Sequence[Line]:
    """List the clinicians' own labels of this regimen, where the study holds any."""
    labels = subject.child.record("adjudication").with_columns(pl.col("regimen").fill_null(1))
    said = [
        (cut(row["rater"], 30) + ": " if row["rater"] else "") + say("pattern", row["pattern"])
        for row in labels.filter(pl.col("regimen") == subject.regimen).iter_rows(named=True)
    ]
    if not said:
        return []
    mark = subject.marks.mark(labels.filter(pl.col("regimen") == subject.regimen)["row_id"])
    return [Line(_("Clinicians' own label"), whole_sentence("; ".join(said)), "", mark)]


def list_reactions(subject: Subject, statements: dict[str, Statement]) -> Sequence[Line]:
    """List reactions in their window after an infusion; what lies outside every window is counted.

    None recorded: with the number of infusions and the upper bound.
    """
    statement = statements.get(HARM)
    if statement is None:
        return []
    rows = subject.rows("reaction").sort("date", "row_id")
    inside = rows.filter(pl.col("window") != "outside").to_dicts()
    said = [_say_reaction(row) for row in inside[:LISTED_REACTIONS]]
    if len(inside) > LISTED_REACTIONS:
        said.append(_("and {n} more").format(n=len(inside) - LISTED_REACTIONS))
    outside = rows.height - len(inside)
    if outside:
        said.append(
            ngettext(
                "{n} more adverse event is recorded outside every window",
                "{n} more adverse events are recorded outside every window",
                outside,
            ).format(n=outside)
        )
    return [
        Line(
            _("Reactions"),
            statement.answer,
            whole_sentence("; ".join(said)),
            subject.marks.mark(row["row_id"] for row in inside),
        )
    ]


def _say_reaction(row: Row) -> str:
    said = cut(say_flag(row["term"]), 60)
    if row["grade"] is not None:
        said += " " + _("grade {grade}").format(grade=row["grade"])
    if row["transient"] == "met":
        said += " " + _("(transient)")
    return f"{said}, {row['date']}"
