"""The lanes of a child's timeline: visits on top; infusions, drugs, reactions, events below."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import polars as pl

from heliotrope.report.charts.spec import (
    PALETTE,
    STROKE,
    TIP,
    Axis,
    Spec,
    make_channel,
    make_lanes,
    make_layer,
    make_panel,
)
from heliotrope.report.language import _, later
from heliotrope.report.read_child import Child
from heliotrope.report.words import say, say_flag, say_within

LANE_HEIGHT = 22
STATE_COLORS = {"met": "green", "not_met": "amber", "not_evaluable": "muted"}
STATE_SHAPES = {"met": "circle", "not_met": "square", "not_evaluable": "cross"}
IVIG, REACTIONS, EVENTS, VISITS = "IVIG", later("Reactions"), later("Events"), later("At the visit")


def draw_visit_lane(child: Child, axis: Axis, overlay: Sequence[Spec]) -> Spec:
    """Draw every visit as improved, not improved or not evaluable, with bands between visits."""
    visits = child.table("visit").filter(pl.col("state").is_in(list(STATE_COLORS))).sort("date")
    rows = [
        {
            "week": child.week(row["date"]),
            "lane": _(VISITS),
            "state": row["state"],
            "tip": _("{date}, day {day}: {state}").format(
                date=row["date"], day=row["day"], state=say("visit_state", row["state"])
            )
            + (_(" (tier {tier})").format(tier=row["tier"]) if row["tier"] else ""),
        }
        for row in visits.iter_rows(named=True)
    ]
    bands = [
        {**here, "until": later["week"]} for here, later in pairwise(rows) if here["state"] == "met"
    ]
    lane = make_lanes("lane", [_(VISITS)])
    domain = list(STATE_COLORS)
    layers = [
        *overlay,
        make_layer(
            {"type": "rect", "color": PALETTE["green"], "opacity": 0.25, "height": 10},
            bands,
            x=make_channel(axis),
            x2={"field": "until"},
            y=lane,
        ),
        make_layer(
            {"type": "point", "filled": True, "size": 50},
            rows,
            x=make_channel(axis),
            y=lane,
            color={
                "field": "state",
                "type": "nominal",
                "scale": {"domain": domain, "range": [PALETTE[STATE_COLORS[s]] for s in domain]},
                "legend": None,
            },
            shape={
                "field": "state",
                "type": "nominal",
                "scale": {"domain": domain, "range": [STATE_SHAPES[s] for s in domain]},
                "legend": None,
            },
            tooltip={"field": "tip"},
        ),
    ]
    return make_panel("", LANE_HEIGHT, layers if rows else [])


def draw_treatment_lanes(
    child: Child, axis: Axis, overlay: Sequence[Spec], find: Callable[[int], str]
) -> Spec:
    """Draw infusions, each other drug, reactions and events, a lane each."""
    infusions = _list_infusions(child, find)
    drugs = _list_drugs(child, axis, find)
    reactions, events = _list_reactions(child, find), _list_events(child, find)
    names = [
        *([IVIG] if infusions else []),
        *dict.fromkeys(row["lane"] for row in drugs),
        *([_(REACTIONS)] if reactions else []),
        *([_(EVENTS)] if events else []),
    ]
    lane = make_lanes("lane", names)
    x = make_channel(axis)
    tip = TIP
    layers = [
        *overlay,
        make_layer(
            {"type": "rect", "color": PALETTE["sky"], "height": 9},
            drugs,
            x=x,
            x2={"field": "until"},
            y=lane,
            tooltip=tip,
        ),
        make_layer(
            {"type": "point", "color": PALETTE["accent"], "shape": STROKE, "filled": True},
            infusions,
            x=x,
            y=lane,
            tooltip=tip,
        ),
        make_layer(
            {"type": "point", "color": PALETTE["red"], "shape": "triangle-up", "filled": True},
            reactions,
            x=x,
            y=lane,
            tooltip=tip,
        ),
        make_layer(
            {"type": "point", "color": PALETTE["ink"], "shape": "diamond", "filled": True},
            events,
            x=x,
            y=lane,
            tooltip=tip,
        ),
    ]
    return make_panel("", LANE_HEIGHT * len(names), layers if names else [])


def _list_infusions(child: Child, find: Callable[[int], str]) -> list[dict[str, Any]]:
    rows = []
    cells = {row["date"]: row["row_id"] for row in child.record("infusion").to_dicts()[::-1]}
    for row in child.table("infusion_day").iter_rows(named=True):
        dose = _("dose not recorded")
        if row["dose_g_per_kg"] is not None:
            dose = f"{row['dose_g_per_kg']:.2g} g/kg"
        elif row["dose_g"] is not None:
            dose = _("{dose_g:g} g, no weight").format(dose_g=row["dose_g"])
        course = (
            _(", course {course}").format(course=row["course"])
            if row["course"]
            else f", {row['route']}"
        )
        cell = find(cells[row["date"]]) if row["date"] in cells else ""
        tip = f"{row['date']}{course}: {dose}"
        rows.append({"week": child.week(row["date"]), "lane": IVIG, "tip": tip, "cell": cell})
    return rows


def _list_drugs(child: Child, axis: Axis, find: Callable[[int], str]) -> list[dict[str, Any]]:
    rows = []
    for row in child.table("drug_period").sort("drug", "start_date").iter_rows(named=True):
        end = row["end_date"]
        until = axis.high if end is None else child.week(end + dt.timedelta(days=1))
        if until < axis.low:
            continue
        dose = "" if row["dose_mg_day"] is None else f", {row['dose_mg_day']:.3g} mg/day"
        stop = (
            ""
            if row["stop_reason"] is None
            else _(", stopped: {stop_reason}").format(stop_reason=say_flag(row["stop_reason"]))
        )
        rows.append(
            {
                "week": max(child.week(row["start_date"]), axis.low),
                "until": min(until, axis.high),
                "lane": say("drug", row["drug"]),
                "tip": f"{row['drug']} {row['start_date']} to {end or _('ongoing')}{dose}{stop}",
                "cell": find(row["row_id"]),
            }
        )
    return rows


def _list_reactions(child: Child, find: Callable[[int], str]) -> list[dict[str, Any]]:
    return [
        {
            "week": child.week(row["date"]),
            "lane": _(REACTIONS),
            "tip": _("{date}: {term}, grade {grade}, window {window}").format(
                date=row["date"], term=row["term"], grade=row["grade"], window=row["window"]
            ),
            "cell": find(row["row_id"]),
        }
        for row in child.table("reaction").iter_rows(named=True)
    ]


def _list_events(child: Child, find: Callable[[int], str]) -> list[dict[str, Any]]:
    rows = child.record("event").filter(pl.col("kind") != "adverse_event")
    return [
        {
            "week": child.week(row["date"]),
            "lane": _(EVENTS),
            "tip": f"{row['date']}: {say_within(row['kind'])}"
            + (f", {say_within(row['term'])}" if row["term"] else ""),
            "cell": find(row["row_id"]),
        }
        for row in rows.iter_rows(named=True)
    ]
