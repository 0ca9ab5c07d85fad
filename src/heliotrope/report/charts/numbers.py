"""Numbers under a chart: who is behind it at which place of the axis, one lane a kind of number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from heliotrope.report.charts.spec import (
    PALETTE,
    Row,
    Spec,
    make_lanes,
    make_layer,
    make_panel,
)

LANE_HEIGHT = 24


def make_numbers(lanes: Mapping[str, Sequence[Row]], x: Spec) -> Spec:
    """Make the panel of numbers: each lane's rows have the field of ``x`` and ``number``."""
    names = [name for name, rows in lanes.items() if rows]
    placed = [{**row, "lane": name} for name in names for row in lanes[name]]
    return make_panel(
        "",
        LANE_HEIGHT * len(names),
        [
            make_layer(
                {"type": "text", "color": PALETTE["ink"]},
                placed,
                x=x,
                y=make_lanes("lane", names),
                text={"field": "number"},
            )
        ],
    )
