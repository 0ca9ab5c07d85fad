"""Haemolysis by its case definition: how many courses could be asked about, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from heliotrope.report.find_results import Results, Share
from heliotrope.report.words import say_flag

ANALYSIS = "haemolysis"
OPEN = "courses:not_evaluable:"


@dataclass(frozen=True)
class HaemolysisCounts:
    """Courses asked about of all courses, what they came to, and the children with a case."""

    asked: int
    courses: int
    cases: int
    excluded: int
    undecided: int
    reasons: Sequence[tuple[str, int]]
    recorded: int
    children: Share


def read_haemolysis(results: Results) -> HaemolysisCounts | None:
    """Read the counts; None where the run has no course at all."""
    row = results.row(ANALYSIS, "courses_asked", "n")
    if row is None or not row["n_evaluable"]:
        return None
    return HaemolysisCounts(
        asked=int(row["value"]),
        courses=int(row["n_evaluable"]),
        cases=results.count(ANALYSIS, "courses:met") or 0,
        excluded=results.count(ANALYSIS, "courses:not_met") or 0,
        undecided=results.count(ANALYSIS, "courses:not_evaluable") or 0,
        reasons=[
            (say_flag(name.removeprefix(OPEN)), results.count(ANALYSIS, name) or 0)
            for name in results.variables(ANALYSIS)
            if name.startswith(OPEN)
        ],
        recorded=results.count(ANALYSIS, "courses_recorded_as_haemolysis") or 0,
        children=results.share(ANALYSIS, "children"),
    )
