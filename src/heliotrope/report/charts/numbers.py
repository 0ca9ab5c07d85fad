"""Numbers under a chart: who is behind it at which place of the axis, one lane a kind of number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from heliotrope.report.charts.spec import (
    NUMBERS,
    PALETTE,
    Row,
    Spec,
    make_lanes,
    make_layer,
    make_panel,
)

LANE_HEIGHT = 20
LABEL_GAP = 14
INDENT = 12
"""With the gap between panels, room for the axis above: Vega lays panels out by their frames."""


def make_numbers(lanes: Mapping[str, Sequence[Row]], x: Spec) -> Spec:
    """Make the panel of numbers: each lane's rows have the field of ``x`` and ``number``.

    It stands under the labels of the axis, each number under its place.
    """
    names = [name for name, rows in lanes.items() if rows]
    placed = [{**row, "lane": name} for name in names for row in lanes[name]]
    high = LANE_HEIGHT * len(names)
    lane = make_lanes("lane", names)
    lane["axis"]["labelPadding"] = LABEL_GAP
    lane["scale"]["range"] = [INDENT, INDENT + high]
    numbers = make_layer(
        {"type": "text", "color": PALETTE["ink"]},
        placed,
        x=x,
        y=lane,
        text={"field": "number"},
    )
    return make_panel("", INDENT + high, [numbers]) | {"name": NUMBERS}
