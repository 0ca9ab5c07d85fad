"""Is a measure worse at the trough than early in the same cycle, more than chance would have it?

One test a measure, within cycles of one child (``permutation``). ``contrast`` is how much worse the
trough is: steps of the measure, or for enzymes the ratio trough/early; above 0 (for a ratio 1) is
worse. A pulsed effect makes it so; steady improvement through a cycle works against it. Each
p-value stands beside the one corrected for the number of measures tested (Holm), which is said too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import polars as pl

from heliotrope.estimate import wording
from heliotrope.estimate.inputs import Inputs
from heliotrope.estimate.rows import Figure, Row, Topic
from heliotrope.estimate.timing.permutation import Block, Draws, Shuffled, estimate_shuffled
from heliotrope.estimate.timing.phases import CYCLE, CycleValues
from heliotrope.estimate.timing.pulse_curves import Scale, list_scales
from heliotrope.estimate.wording import worded

NO_CONTRAST = worded(
    "no child was measured both on days 1 to {early} and from day {trough} on of one infusion "
    "cycle, so the two cannot be compared within a child"
)

NOTHING_CAN_SHOW = worded(
    "the cycles are so few that even the strongest contrast would have p = {least:.2f}"
)


TIMES = worded("{number} times at the trough")

WORSE = worded("{number} worse at the trough")

ALL_WAYS = worded("{p_value} (all)")

DRAWN = worded("{p_value} (drawn)")


@dataclass(frozen=True)
class _Tested:
    """A measure with what the test found."""

    scale: Scale
    found: Shuffled


def estimate_phase_test(inputs: Inputs, cycles: CycleValues) -> list[Row]:
    """Give each measure's contrast and p-values, and how many measures were tested."""
    topic = inputs.topic("phase_test", inputs.model_free.id)
    phases, shuffling = inputs.model_free.phases, inputs.model_free.shuffling
    draws = Draws(shuffling.most_listed, shuffling.drawn, shuffling.seed)
    early = max(window.last_day for window in phases.windows if window.part == "early")
    reason = NO_CONTRAST.format(early=early, trough=phases.trough_day)
    tested: list[_Tested] = []
    refused: list[Row] = []
    blocks = _make_blocks(cycles)
    for scale in list_scales(cycles):
        found = estimate_shuffled(blocks.get(scale.measure, []), draws)
        if found is None:
            refused.append(topic.refuse(scale.measure, "contrast", reason))
        else:
            tested.append(_Tested(scale, found))
    rows = [topic.count("measures_tested", len(tested), len(tested) + len(refused))]
    if not tested and not refused:
        return [*rows, topic.refuse("any", "contrast", reason)]
    corrected = compute_holm([item.found.p_value for item in tested])
    for item, p_holm in zip(tested, corrected, strict=True):
        rows += _rows_of(topic, item, p_holm)
    return rows + refused


def _make_blocks(cycles: CycleValues) -> dict[str, list[Block]]:
    """Give each measure's cycles with values on both sides, oriented so that higher is worse."""
    worse = pl.when("is_low_better").then(pl.col("value")).otherwise(-pl.col("value"))
    sides = (
        cycles.values.with_columns(worse=worse)
        .group_by("measure", *CYCLE, maintain_order=True)
        .agg(
            early=pl.col("worse").filter(pl.col("part") == "early"),
            trough=pl.col("worse").filter(pl.col("part") == "trough"),
        )
        .filter((pl.col("early").list.len() > 0) & (pl.col("trough").list.len() > 0))
    )
    blocks: dict[str, list[Block]] = {}
    for measure, child, early, trough in sides.select(
        "measure", "patient_id", "early", "trough"
    ).iter_rows():
        blocks.setdefault(measure, []).append(Block(child, tuple(early), tuple(trough)))
    return blocks


def compute_holm(p_values: Sequence[float]) -> list[float]:
    """Correct p-values for their number, the smallest most (Holm, Scand J Stat 1979;6:65-70).

    >>> [round(p, 3) for p in compute_holm([0.01, 0.04, 0.03])]
    [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    corrected, highest = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(order):
        highest = max(highest, min(1.0, (len(p_values) - rank) * p_values[place]))
        corrected[place] = highest
    return corrected


def _rows_of(topic: Topic, item: _Tested, p_holm: float) -> list[Row]:
    found, measure = item.found, item.scale.measure
    contrast = item.scale.back(found.statistic)
    said = TIMES if item.scale.is_ratio else WORSE
    ways = ALL_WAYS if found.is_exact else DRAWN
    p_value = topic.figure(
        measure,
        "p_value",
        Figure(found.p_value, ways.format(p_value=wording.p_value(found.p_value)), found.children),
    )
    if found.is_exact and found.least > 1 - topic.level:
        reason = NOTHING_CAN_SHOW.format(least=found.least)
        p_value = replace(topic.refuse(measure, "p_value", reason), n_evaluable=found.children)
        p_holm_row = replace(
            topic.refuse(measure, "p_value_holm", reason), n_evaluable=found.children
        )
    else:
        p_holm_row = topic.figure(
            measure, "p_value_holm", Figure(p_holm, wording.p_value(p_holm), found.children)
        )
    rows = [
        topic.count(f"{measure}:cycles", found.blocks, found.children),
        topic.figure(
            measure,
            "contrast",
            Figure(contrast, said.format(number=wording.number(contrast)), found.children),
        ),
        p_value,
        p_holm_row,
    ]
    if not found.is_exact:
        rows.append(
            topic.figure(
                measure,
                "monte_carlo_error",
                Figure(found.error, f"{found.error:.4f}", found.children),
            )
        )
    return rows
