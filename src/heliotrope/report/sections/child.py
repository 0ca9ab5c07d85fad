"""One page a child: the timeline, the answers in words, and the cells they rest on."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl
from markupsafe import Markup

from heliotrope.definitions.estimate import Calendar
from heliotrope.report.charts.draw_svg import render_chart
from heliotrope.report.charts.timeline import draw_timeline
from heliotrope.report.explain import Explainer
from heliotrope.report.explanation import Cell, Decision, Node
from heliotrope.report.language import _
from heliotrope.report.read_child import EXPLAINED, Child
from heliotrope.report.section import ReportInput, Section
from heliotrope.report.sections.child_statements import (
    HARM,
    IMPROVED,
    STEROID,
    STOPPED,
    Evidence,
    Statement,
    list_statements,
)
from heliotrope.report.sections.what_to_record import Advice, list_advice
from heliotrope.report.show_measures import list_measures
from heliotrope.report.words import count_of, say, say_within, whole_sentence

RESPONSE, AGGRAVATION = EXPLAINED
JUDGEMENT, NOTHING = "judgement", ("", "")
MOST_REGIMENS = 4
STEROID_NODES = ("low_dose_window", "dose_share_reduced", "dose_share_increased", "baseline_dose")


@dataclass(frozen=True)
class RegimenPage:
    """What is said of one regimen of a child."""

    regimen: int
    heading: str
    statements: Sequence[Statement]
    decisions: Sequence[Decision]


@dataclass(frozen=True)
class ChildPage:
    """A child's page."""

    patient_id: str
    anchor: str
    keys: str
    summary: str
    facts: Sequence[tuple[str, str]]
    chart: Markup
    happened: str
    measures: Sequence[str]
    visits: Sequence[Mapping[str, Any]]
    treatments: Sequence[tuple[str, str, str]]
    regimens: Sequence[RegimenPage]
    advice: Sequence[Advice]


def build_children(report: ReportInput) -> Section:
    """Build the page of every child that has one."""
    keys = {line.patient_id: line.keys for line in report.behind.lines}
    pages = [
        _build_page(child, keys.get(child.patient_id, ""), report) for child in report.children
    ]
    content = {"pages": pages, "hidden": len(report.treated) - len(report.shown)}
    return Section("children", _("Child by child"), "children.html.j2", content)


def _build_page(child: Child, keys: str, report: ReportInput) -> ChildPage:
    explainer = report.explainer(child)
    measures = list_measures(child, report.rulebook)
    responses = child.table("response").sort("regimen").to_dicts()
    return ChildPage(
        patient_id=child.patient_id,
        anchor=report.anchors[child.patient_id],
        keys=keys,
        summary=" ".join(_summarise(child, row) for row in responses[:1]),
        facts=_list_facts(child, report.calendar),
        chart=render_chart(draw_timeline(child, report.rulebook, report.places)),
        happened=_say_what_happened(child),
        measures=[_(measure.title) for measure in measures],
        visits=_list_visits(child, [measure.id for measure in measures], explainer),
        treatments=_list_treatments(child),
        regimens=[
            build_regimen(child, row, explainer, report.level, of=len(responses))
            for row in responses
        ],
        advice=list_advice(child),
    )


def _summarise(child: Child, response: Mapping[str, Any]) -> str:
    words = [whole_sentence(say("responded", response["responded"]))]
    if response["onset_by_day"] is not None:
        text = _("First seen improved on day {day}.")
        words.append(text.format(day=response["onset_by_day"]))
    aggravation = child.table("aggravation").filter(pl.col("regimen") == response["regimen"])
    for row in aggravation.filter(pl.col("state") == "met").iter_rows(named=True):
        text = _("Worse {days} days after the last infusion.")
        words.append(text.format(days=row["days_after_last_infusion"]))
    if response["confounded"]:
        words.append(_("Another treatment could explain the improvement."))
    return " ".join(words)


def _say_what_happened(child: Child) -> str:
    """Name the marks of the lowest lanes: a drawing on paper has no tooltips."""
    happened = [
        (row["date"], _say_reaction(row)) for row in child.table("reaction").iter_rows(named=True)
    ]
    events = child.record("event").filter(pl.col("kind") != "adverse_event")
    happened += [
        (
            row["date"],
            say_within(row["kind"]) + (f", {say_within(row['term'])}" if row["term"] else ""),
        )
        for row in events.iter_rows(named=True)
    ]
    return "; ".join(f"{date} {what}" for date, what in sorted(happened))


def _list_facts(child: Child, calendar: Calendar) -> Sequence[tuple[str, str]]:
    facts: list[tuple[str, str]] = []
    for row in child.record("patient").iter_rows(named=True):
        if sex := row["sex"]:
            facts.append((_("Sex"), _(sex)))
        if row["birth_date"]:
            years = (child.origin - row["birth_date"]).days / calendar.days_per_year
            facts.append((_("Age at the first infusion"), _("{n} years").format(n=f"{years:.1f}")))
        if row["diagnosis_date"]:
            months = (child.origin - row["diagnosis_date"]).days / calendar.days_per_month
            facts.append((_("From diagnosis to IVIG"), _("{n} months").format(n=f"{months:.0f}")))
        if row["antibody"]:
            facts.append((_("Antibody"), row["antibody"]))
    return [*facts, *_list_regimens(child)]


def _list_regimens(child: Child) -> Sequence[tuple[str, str]]:
    """List the regimens; of many the first, the others together, and how the last one stands."""
    regimens = child.table("regimen").sort("regimen").to_dicts()
    if len(regimens) <= MOST_REGIMENS:
        return [_say_regimen(row, row["courses"]) for row in regimens]
    rest = regimens[1:]
    name = _("IVIG, regimens {first} to {last}").format(
        first=rest[0]["regimen"], last=rest[-1]["regimen"]
    )
    _name, courses = _say_regimen(rest[-1], sum(row["courses"] for row in rest))
    return [_say_regimen(regimens[0], regimens[0]["courses"]), (name, courses)]


def _say_regimen(row: Mapping[str, Any], courses: int) -> tuple[str, str]:
    name = _("IVIG")
    if row["regimen"] != 1:
        name = _("IVIG, regimen {n}").format(n=row["regimen"])
    status = say("status", row["status"])
    why = f" ({say('stop_reason', row['reason'])})" if row["status"] == "discontinued" else ""
    return name, f"{count_of(courses, 'course', 'courses')}, {status}{why}"


def build_regimen(
    child: Child, response: Mapping[str, Any], explainer: Explainer, level: float, *, of: int
) -> RegimenPage:
    """Build what is said of one regimen: the statements, and the decisions behind them."""
    regimen = response["regimen"]
    heading = _("Why: {first} to {last}") if of == 1 else _("Regimen {n}: {first} to {last}")
    decisions = [
        decision
        for definition in (RESPONSE, AGGRAVATION)
        for decision in explainer.explain_regimen(definition, regimen)
    ]
    evidence = _gather(child, regimen, decisions, explainer, level)
    return RegimenPage(
        regimen=regimen,
        heading=heading.format(
            n=regimen, first=response["first_infusion"], last=response["last_infusion"]
        ),
        statements=list_statements(child, response, evidence),
        decisions=decisions,
    )


def _gather(
    child: Child,
    regimen: int,
    decisions: Sequence[Decision],
    explainer: Explainer,
    level: float,
) -> Evidence:
    """Gather the cells that decided: of the first improved visit, or else of the last on IVIG."""
    visits = {decision.heading: decision for decision in decisions if decision.heading}
    visit = visits.get(say("visit_role", "onset")) or visits.get(say("visit_role", "last"))
    whole = [node for item in decisions if item.date is None for node in item.root.walk()]
    after = [
        node
        for item in decisions
        if item.definition_id == AGGRAVATION
        for node in item.root.walk()
        if node.state == "met"
    ]
    reactions = child.table("reaction").filter(
        (pl.col("regimen") == regimen) & (pl.col("window") != "outside")
    )
    return Evidence(
        {
            IMPROVED: _used(visit.root.walk() if visit else ()),
            STEROID: _used(node for node in whole if node.node in STEROID_NODES),
            STOPPED: _used(after),
            HARM: [explainer.cells.cell_of(row_id) for row_id in reactions.sort("date")["row_id"]],
        },
        level,
        explainer.readings.rulebook,
    )


def _used(nodes: Iterable[Node]) -> Sequence[Cell]:
    found = [cell for node in nodes for cell in node.cells if cell.role == "used"]
    return list({cell.place: cell for cell in found}.values())


def _list_visits(
    child: Child, measures: Sequence[str], explainer: Explainer
) -> Sequence[Mapping[str, Any]]:
    """List every date with a measure: the text equivalent of the curves, each with its cell."""
    values: dict[dt.date, dict[str, tuple[str, str]]] = {}
    for row in child.record("assessment").sort("date", "row_id").iter_rows(named=True):
        name, shown = row["measure"], ""
        if name in measures and row["value"] is not None:
            shown = f"{row['value_qualifier'] or ''}{row['value']:g}"
        elif row["text"]:
            name, shown = JUDGEMENT, row["text"]
        if shown:
            place = explainer.cells.cell_of(row["row_id"]).place
            values.setdefault(row["date"], {})[name] = (shown, place)
    states = {row["date"]: row for row in child.table("visit").iter_rows(named=True)}
    return [
        {
            "date": date,
            "day": (date - child.origin).days,
            "values": [found.get(measure, NOTHING) for measure in measures],
            "judgement": found.get(JUDGEMENT, NOTHING)[0],
            "judged_at": found.get(JUDGEMENT, NOTHING)[1],
            "state": say("visit_state", states[date]["state"]) if date in states else "",
        }
        for date, found in sorted(values.items())
    ]


def _list_treatments(child: Child) -> Sequence[tuple[str, str, str]]:
    """List treatments and events: the text equivalent of the timeline's lower half."""
    rows: list[tuple[str, str, str]] = []
    for row in child.table("course").iter_rows(named=True):
        dose = _("dose per kg unknown")
        if row["dose_g_per_kg"] is not None:
            dose = f"{row['dose_g_per_kg']:.2f} g/kg"
        days = count_of(row["infusion_days"], "day", "days")
        rows.append(
            (
                str(row["start_date"]),
                _("IVIG course {n}").format(n=row["course"]),
                f"{dose}, {days}",
            )
        )
    for row in child.table("steroid_period").iter_rows(named=True):
        per_kg, per_day = row["prednisone_mg_kg_day"], row["prednisone_mg_day"]
        dose = _("unknown") if per_day is None else f"{per_day:.3g} mg/day"
        dose += "" if per_kg is None else f" ({per_kg:.2g} mg/kg/day)"
        rows.append((_say_span(row), _("Steroid"), dose))
    for row in child.table("steroid_pulse").iter_rows(named=True):
        rows.append(
            (str(row["start_date"]), _("Steroid pulse"), count_of(row["days"], "day", "days"))
        )
    for row in child.table("drug_period").iter_rows(named=True):
        dose = "" if row["dose_mg_day"] is None else f"{row['dose_mg_day']:.3g} mg/day"
        rows.append((_say_span(row), say("drug", row["drug"]), dose))
    for row in child.table("reaction").iter_rows(named=True):
        rows.append((str(row["date"]), _("Reaction"), _say_reaction(row)))
    events = child.record("event").filter(pl.col("kind") != "adverse_event")
    for row in events.iter_rows(named=True):
        rows.append((str(row["date"]), say("event", row["kind"]), row["term"] or ""))
    return sorted(rows)


def _say_span(row: Mapping[str, Any]) -> str:
    text = _("{first} to {last}")
    return text.format(first=row["start_date"], last=row["end_date"] or _("ongoing"))


def _say_reaction(row: Mapping[str, Any]) -> str:
    term = str(row["term"])
    return _("{term} (grade {n})").format(term=term, n=row["grade"]) if row["grade"] else term
