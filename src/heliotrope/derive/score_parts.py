"""The components of all scores as tables, so that every score is graded in one pass."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from heliotrope.definitions.score import Candidate, Component, ScoreDefinition
from heliotrope.definitions.settings import Settings

MOST_ABNORMAL = "most_abnormal_at_baseline"


def make_candidates(definitions: Sequence[ScoreDefinition], settings: Settings) -> pl.DataFrame:
    """List, for every score, which measure may stand for which component, and its denominator.

    ``part`` numbers the components of all scores; ``units`` or ``limits`` (multiples of the upper
    limit of normal) is the denominator, and ``refused`` the reason for having neither.
    """
    rows = [
        _describe_candidate(part, rank, candidate, component, settings)
        for part, (_, component) in enumerate(list_parts(definitions))
        for rank, candidate in enumerate(component.candidates)
    ]
    return pl.DataFrame(
        rows,
        schema={
            "part": pl.Int32,
            "rank": pl.Int32,
            "measure": pl.String,
            "is_low_better": pl.Boolean,
            "is_by_abnormality": pl.Boolean,
            "units": pl.Float64,
            "limits": pl.Float64,
            "refused": pl.String,
            "candidate_mark": pl.String,
            "floor_mark": pl.String,
        },
        orient="row",
    ).join(make_components(definitions).select("part", "definition_id"), on="part")


def _describe_candidate(
    part: int, rank: int, candidate: Candidate, component: Component, settings: Settings
) -> tuple[object, ...]:
    scale = candidate.scale(settings.measures.get(candidate.measure))
    return (
        part,
        rank,
        candidate.measure,
        candidate.better == "low",
        component.choice == MOST_ABNORMAL,
        scale.denominator,
        scale.upper_limits,
        scale.refused,
        candidate.mark,
        component.floor_mark,
    )


def make_components(definitions: Sequence[ScoreDefinition]) -> pl.DataFrame:
    """List the components of every score with their maximum and the bands as columns."""
    bands = count_bands(definitions)
    rows = [
        {
            "part": part,
            "definition_id": definition.id,
            "component": component.id,
            "maximum": component.maximum,
            "is_required": component.required,
            "points_0": component.points[0],
            **{f"edge_{n}": _nth(component.edges, n) for n in range(bands)},
            **{f"points_{n + 1}": _nth(component.points, n + 1) for n in range(bands)},
        }
        for part, (definition, component) in enumerate(list_parts(definitions))
    ]
    return pl.DataFrame(rows, schema_overrides={"part": pl.Int32}, infer_schema_length=None)


def list_parts(definitions: Sequence[ScoreDefinition]) -> list[tuple[ScoreDefinition, Component]]:
    """List the components of all scores, each with its score, in order."""
    return [(definition, part) for definition in definitions for part in definition.components]


def count_bands(definitions: Sequence[ScoreDefinition]) -> int:
    """Count the edges of the component that has most."""
    return max((len(component.edges) for _, component in list_parts(definitions)), default=0)


def _nth(numbers: Sequence[float], n: int) -> float | None:
    return numbers[n] if n < len(numbers) else None
