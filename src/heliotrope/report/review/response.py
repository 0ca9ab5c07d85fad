"""The response and its reason; what followed when IVIG stopped; reactions to infusions."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from heliotrope.report.language import _, later, ngettext
from heliotrope.report.review.figures import Line
from heliotrope.report.review.subject import Row, Subject, cut
from heliotrope.report.sections.child import build_regimen
from heliotrope.report.sections.child_statements import HARM, Statement
from heliotrope.report.words import say, say_within, whole_sentence

INDICATION = later("Why IVIG was started")
CONFOUNDING = later("Another explanation?")
STEROID = later("Steroid dose?")
OF_IMPROVEMENT = (later("How fast?"), CONFOUNDING, later("Held or lost?"))
LISTED_REACTIONS = 6


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
        lines.append(line)
    return [*lines, *_list_labels(subject)]


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
    said = cut(say_within(row["term"]), 60)
    if row["grade"] is not None:
        said += " " + _("grade {grade}").format(grade=row["grade"])
    if row["transient"] == "met":
        said += " " + _("(transient)")
    return f"{said}, {row['date']}"
