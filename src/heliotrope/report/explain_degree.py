"""The next degree of improvement: the points it lacks, and which component could give them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from heliotrope.classify.replay import grade
from heliotrope.definitions.score import Component, ScoreDefinition
from heliotrope.report.explanation import Gain, NextDegree, Node
from heliotrope.report.language import _, later
from heliotrope.report.say_node import Cut, Reading, say_cuts
from heliotrope.report.words import say_flag, say_number

Row = Mapping[str, Any]

NOT_RECORDED = later("not recorded")


def find_next_degree(root: Node, rows: Mapping[str, Row], reading: Reading) -> NextDegree | None:
    """Find the next degree of improvement and which component could give the missing points.

    None where the highest degree is reached, and for a decision of a root alone. Missing
    components count nothing so far, as in the lower bound.
    """
    definition = reading.definition
    if not isinstance(definition, ScoreDefinition) or len(rows) == 1:
        return None
    points = {
        item.id: grade(item, rows[item.id]["value"] if item.id in rows else None)
        for item in definition.components
    }
    total = sum(found or 0.0 for found in points.values())
    above = [item for item in definition.categories if item.at_least > total]
    if not above:
        return None
    degree = min(above, key=lambda item: item.at_least)
    named = {node.node: node for node in root.walk()}
    missing = degree.at_least - total
    gains = [
        _find_gain(item, points[item.id], missing, named.get(item.id), reading)
        for item in definition.components
        if item.maximum > (points[item.id] or 0.0)
    ]
    return NextDegree(
        name=say_flag(degree.name),
        at_least=degree.at_least,
        points=total,
        missing=missing,
        gains=tuple(sorted(gains, key=lambda gain: (not gain.suffices, -gain.most))),
    )


def _find_gain(
    component: Component,
    points: float | None,
    missing: float,
    node: Node | None,
    reading: Reading,
) -> Gain:
    """Find the first band of a component that gives the missing points, else its next band."""
    now = points or 0.0
    bands = [
        (component.points[number + 1] - now, edge)
        for number, edge in enumerate(component.edges)
        if component.points[number + 1] > now
    ]
    enough = [band for band in bands if band[0] >= missing]
    more, edge = (enough or bands)[0]
    return Gain(
        node=component.id,
        title=component.title,
        points=points,
        most=component.maximum - now,
        now=_(NOT_RECORDED) if points is None or node is None else node.comparison,
        more=more,
        asked=_say_band(edge, node, reading),
        suffices=bool(enough),
    )


def _say_band(edge: float, node: Node | None, reading: Reading) -> str:
    """Say the percent change a band asks for, and the value at the visit that this would be."""
    asked = _("over {edge} % better").format(edge=say_number(edge))
    definition = reading.definition
    assert isinstance(definition, ScoreDefinition)
    change = node.change if node is not None else None
    if node is None or change is None:
        return asked
    scale = definition.scales(reading.rulebook.settings)[change.measure]
    denominator = scale.denominator
    if denominator is None and node.value:
        denominator = abs(100 * change.absolute / node.value)
    if denominator is None:
        return asked
    better = reading.measures[change.measure].better
    step = edge * denominator / 100
    value = change.baseline + step if better == "high" else change.baseline - step
    best = scale.best
    if best is not None and (value >= best if better == "high" else value <= best):
        return _("{asked}, out of reach from {baseline}").format(
            asked=asked, baseline=say_number(change.baseline)
        )
    bound: Cut = (">", value) if better == "high" else ("<", value)
    return _("{asked}, so {value}").format(asked=asked, value=say_cuts([bound], change.unit))
