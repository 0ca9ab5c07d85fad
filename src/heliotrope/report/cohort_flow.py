"""How a cohort was selected from a source that holds everyone, as the boxes of a flow chart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from heliotrope.report.language import _


@dataclass(frozen=True)
class FlowStep:
    """One box: how many persons are left, in whose words, and how many this step left out."""

    words: str
    persons: int
    left_out: int

    @property
    def is_emptying(self) -> bool:
        """Say whether this is the step that left nobody."""
        return not self.persons and self.left_out > 0


def say_emptied(chart: Sequence[FlowStep]) -> str | None:
    """Say which step of a chart left nobody; None where somebody is left.

    >>> say_emptied([FlowStep("persons in the source", 3, 0), FlowStep("under 18 years", 0, 3)])
    'Nobody is left after the step "under 18 years": 3 before it, 0 after.'
    """
    if not chart or chart[-1].persons:
        return None
    step = next((step for step in chart if step.is_emptying), None)
    if step is None:
        return _("No person is in the source.")
    return _('Nobody is left after the step "{words}": {left_out:,} before it, 0 after.').format(
        words=step.words, left_out=step.left_out
    )


def list_flow(manifest: dict[str, Any]) -> Sequence[Sequence[FlowStep]]:
    """Return the boxes of each source's flow chart, as the manifest has them; a chart a source.

    A chart begins where the persons of a source are counted.
    """
    return list_charts(
        [
            (str(entry["step"]), str(entry["words"]), int(entry["persons"]))
            for entry in manifest.get("cohort") or []
        ]
    )


def list_charts(steps: Sequence[tuple[str, str, int]]) -> Sequence[Sequence[FlowStep]]:
    """Part (step, words, persons left) into the charts of each source."""
    charts: list[list[FlowStep]] = []
    for step, words, persons in steps:
        if step == "persons" or not charts:
            charts.append([])
        before = charts[-1][-1].persons if charts[-1] else persons
        charts[-1].append(FlowStep(words, persons, before - persons))
    return charts
