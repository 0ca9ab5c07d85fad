"""How a cohort was selected from a source that holds everyone, as the boxes of a flow chart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class FlowStep:
    """One box: how many persons are left, in whose words, and how many this step left out."""

    words: str
    persons: int
    left_out: int


def list_flow(manifest: dict[str, Any]) -> Sequence[Sequence[FlowStep]]:
    """Return the boxes of each source's flow chart, as the manifest has them; a chart a source.

    A chart begins where the persons of a source are counted.
    """
    charts: list[list[FlowStep]] = []
    for entry in manifest.get("cohort") or []:
        persons = int(entry["persons"])
        if entry["step"] == "persons" or not charts:
            charts.append([])
        before = charts[-1][-1].persons if charts[-1] else persons
        charts[-1].append(FlowStep(str(entry["words"]), persons, before - persons))
    return charts
